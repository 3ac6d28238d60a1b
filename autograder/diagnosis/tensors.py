"""What one tensor is to another: the wrong one to the right one, by what everyone gets wrong.

Tells relations only, never a number: with the student's own value a number would give away the
right one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from autograder.diagnosis.agreement import close
from autograder.judge.finding import Finding

__all__ = ["explain"]

ACTIVATIONS: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "sigmoid": torch.sigmoid,
    "softmax": lambda values: torch.softmax(values, -1),
    "tanh": torch.tanh,
    "relu": torch.relu,
}
MAX_NUMEL = 100_000


def explain(got: torch.Tensor, expected: torch.Tensor) -> Finding | None:
    """How ``got`` comes from ``expected``, if it does so in a way that has a name.

    Both lie on the CPU. The finding lacks the name of the value; the shapes may differ.
    """
    if got.numel() == 0 or max(got.numel(), expected.numel()) > MAX_NUMEL:
        return None
    if not (torch.isfinite(got).all() and torch.isfinite(expected).all()):
        return None
    if got.is_complex() or expected.is_complex():
        return None
    if got.shape != expected.shape:
        return _of_another_shape(got, expected)
    return _of_the_same_shape(got, expected)


def _of_another_shape(got: torch.Tensor, expected: torch.Tensor) -> Finding | None:
    shapes = {"got": list(got.shape), "expected": list(expected.shape)}
    if got.dim() == expected.dim() == 2 and close(got.t(), expected):
        return Finding("transposed", shapes)
    if got.numel() == expected.numel() and close(got.flatten(), expected.flatten()):
        return Finding("reshaped", shapes)
    if got.numel() > expected.numel() > 1 and _is_broadcast(got, expected):
        return Finding("broadcast", shapes)
    return None


def _is_broadcast(got: torch.Tensor, expected: torch.Tensor) -> bool:
    """A row met a column: the right values stand on the diagonal of a square, or repeat."""
    flat = expected.flatten()
    if got.dim() == 2 and got.shape[0] == got.shape[1] == len(flat) and close(got.diagonal(), flat):
        return True
    try:
        return close(got, expected.expand(got.shape))
    except RuntimeError:
        return False


def _of_the_same_shape(got: torch.Tensor, expected: torch.Tensor) -> Finding | None:
    square = got.dim() == 2 and got.shape[0] == got.shape[1]
    if square and close(got.t(), expected):
        return Finding("transposed", {"got": list(got.shape), "expected": list(expected.shape)})
    if _varies(expected) or expected.numel() == 1:
        if close(-got, expected) and bool((expected.abs() > 1e-3).any()):
            return Finding("sign")
        found = _activation(got, expected)
        if found is not None:
            return found
    return _of_many_values(got, expected) if _varies(expected) else None


def _activation(got: torch.Tensor, expected: torch.Tensor) -> Finding | None:
    if not (got.dtype.is_floating_point and expected.dtype.is_floating_point) or got.dim() == 0:
        pairs = {name: one for name, one in ACTIVATIONS.items() if name != "softmax"}
    else:
        pairs = dict(ACTIVATIONS)
    if not (got.dtype.is_floating_point and expected.dtype.is_floating_point):
        return None
    for name, function in pairs.items():
        if name == "softmax" and got.shape[-1] == 1:
            continue  # every softmax of one value is 1
        if close(function(got), expected):
            return Finding("activation_missing", {"activation": name})
        if close(function(expected), got):
            return Finding("activation_extra", {"activation": name})
    return None


def _of_many_values(got: torch.Tensor, expected: torch.Tensor) -> Finding | None:
    one, other = got.double(), expected.double()
    scale = other.abs().amax()
    large = other.abs() > 1e-3 * scale
    factor = (one[large] / other[large]).mean()
    if abs(factor) > 1e-6 and close(other * factor, one):
        return Finding("factor")
    if close((one - other) / scale, ((one - other) / scale).mean().expand(one.shape)):
        return Finding("offset")
    for dim, kind in enumerate(("rows_permuted", "columns_permuted")):
        if got.dim() == 2 and got.shape[dim] > 1 and close(_sorted(one, dim), _sorted(other, dim)):
            return Finding(kind)
    if close(one.flatten().sort().values, other.flatten().sort().values):
        return Finding("rearranged")
    return None


def _sorted(values: torch.Tensor, dim: int) -> torch.Tensor:
    """The rows (or columns) in the order of their first values."""
    rows = values if dim == 0 else values.t()
    return rows[torch.argsort(rows[:, 0])]


def _varies(values: torch.Tensor) -> bool:
    return values.numel() > 1 and bool((values != values.flatten()[0]).any())
