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
MAX_SIZE = 1e100
"""Larger numbers have no squares."""
RELATED, MOVED = 1e-3, 1e-5
"""How far values may be off, beside what they vary by: computed in another way, or only moved."""


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
    if close(got, expected):
        return None  # almost right: every relation that changes little would seem to hold
    square = got.dim() == 2 and got.shape[0] == got.shape[1]
    if square and close(got.t(), expected):
        return Finding("transposed", {"got": list(got.shape), "expected": list(expected.shape)})
    if torch.bool in (got.dtype, expected.dtype) or not _tells(expected):
        return None
    if got.is_signed() and close(-got, expected) and bool((expected.abs() > 1e-3).any()):
        return Finding("sign")
    found = _activation(got, expected)
    if found is not None or expected.numel() == 1:
        return found
    return _of_many_values(got, expected)


def _tells(values: torch.Tensor) -> bool:
    """Whether ``values`` are not all alike: a constant can be had in too many ways."""
    return values.numel() == 1 or bool((values != values.flatten()[0]).any())


def _activation(got: torch.Tensor, expected: torch.Tensor) -> Finding | None:
    if not (got.dtype.is_floating_point and expected.dtype.is_floating_point):
        return None
    for name, function in ACTIVATIONS.items():
        if name == "softmax" and (got.dim() == 0 or got.shape[-1] == 1):
            continue  # every softmax of one value is 1
        if close(function(got), expected) and _is_unclipped(expected, name):
            return Finding("activation_missing", {"activation": name})
        if close(function(expected), got) and _is_unclipped(got, name):
            return Finding("activation_extra", {"activation": name})
    return None


def _is_unclipped(result: torch.Tensor, activation: str) -> bool:
    """Whether ``result`` holds a value that says what it comes from: 0 may be the ReLU of much,
    and 1 the sigmoid."""
    if activation == "relu":
        return bool((result > 1e-3).any())
    return bool(((result.abs() > 0.01) & (result.abs() < 0.99)).any())


def _of_many_values(got: torch.Tensor, expected: torch.Tensor) -> Finding | None:
    one, other = got.double(), expected.double()
    if max(one.abs().max(), other.abs().max()) > MAX_SIZE:
        return None
    factor = (one * other).sum() / (other * other).sum()
    if abs(factor) > 1e-6 and _fits(one, other * factor, RELATED):
        return Finding("factor")
    if _fits(one, other + (one - other).mean(), RELATED):
        return Finding("offset")
    for dim, kind in enumerate(("rows_permuted", "columns_permuted")):
        if (
            got.dim() == 2
            and got.shape[dim] > 1
            and _fits(_sorted(one, dim), _sorted(other, dim), MOVED)
        ):
            return Finding(kind)
    flat = other.flatten()
    # Of few different values, such as zeros and ones, nearly everything is a rearrangement.
    if 2 * len(set(flat.tolist())) > len(flat) and _fits(
        one.flatten().sort()[0], flat.sort()[0], MOVED
    ):
        return Finding("rearranged")
    return None


def _fits(one: torch.Tensor, other: torch.Tensor, limit: float) -> bool:
    """Whether the two differ by little beside what ``other`` varies by itself: what hardly varies
    is near anything."""
    return bool((one - other).abs().max() <= limit * (other.max() - other.min()))


def _sorted(values: torch.Tensor, dim: int) -> torch.Tensor:
    """The rows (or columns) in the order of their first values."""
    rows = values if dim == 0 else values.t()
    return rows[torch.argsort(rows[:, 0])]
