"""Whether two observed values are the same to whoever looks for the cause of a difference."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from autograder.config import Tolerance
from autograder.judge.finding import Finding
from autograder.judge.seen import Looked
from autograder.values import (
    ArrayValue,
    CallValue,
    FunctionValue,
    ListValue,
    MappingValue,
    ModuleValue,
    NoValue,
    ObjectValue,
    PlainValue,
    TensorValue,
    Value,
)

__all__ = ["agree", "close"]

NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
ERROR_PARTS = ("error", "message")
LOOSE = Tolerance(rtol=1e-3, atol=1e-5)
TIGHT = Tolerance(rtol=1e-7, atol=1e-9)
"""The same mistake in other words differs by rounding, which training makes larger."""


def agree(one: Looked, other: Looked) -> bool:
    """Whether both show the same: values within rounding, or the same lack of one."""
    if isinstance(one, Finding) or isinstance(other, Finding):
        return isinstance(one, Finding) and isinstance(other, Finding) and _same_lack(one, other)
    return _same(one, other)


def close(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors of one shape hold the same values, of whatever dtypes."""
    if one.shape != other.shape:
        return False
    common = torch.promote_types(one.dtype, other.dtype)
    if not (common.is_floating_point or common.is_complex):
        return torch.equal(one.to(common), other.to(common))
    narrow = {one.dtype, other.dtype} <= {torch.float64, torch.int64}
    limit = TIGHT if narrow else LOOSE
    return _is_close(one.to(common), other.to(common), limit)


def _is_close(one: torch.Tensor, other: torch.Tensor, limit: Tolerance) -> bool:
    """``torch.allclose`` with equal NaNs, which takes six times as long for a handful of numbers;
    most pairs of a batch hold no more, and many are equal."""
    if torch.equal(one, other):
        return True
    if one.dtype in (torch.float32, torch.float64):
        theirs = other.numpy(force=True)
        with np.errstate(all="ignore"):
            off = np.abs(one.numpy(force=True) - theirs)
            if np.isfinite(off).all():
                return bool((off <= limit.atol + limit.rtol * np.abs(theirs)).all())
    return torch.allclose(one, other, rtol=limit.rtol, atol=limit.atol, equal_nan=True)


def _same_lack(one: Finding, other: Finding) -> bool:
    """The line of an error may differ: another's code has other lines."""
    return one.kind == other.kind and all(
        one.details.get(part) == other.details.get(part) for part in ERROR_PARTS
    )


def _same(one: Value, other: Value) -> bool:
    if type(one) is not type(other):
        return False
    match one, other:
        case (TensorValue(), TensorValue()):
            return _same_tensor(one, other)
        case (ArrayValue(), ArrayValue()):
            alike = one.shape == other.shape and one.dtype == other.dtype
            return alike and _same_content(one.value, other.value)
        case (PlainValue(), PlainValue()):
            return one.kind == other.kind and _same_plain(one.value, other.value)
        case (ListValue(), ListValue()):
            return one.kind == other.kind and _all(one.items, other.items)
        case (MappingValue(), MappingValue()):
            return _all_named(one.items, other.items)
        case (ModuleValue(), ModuleValue()):
            alike = one.type == other.type and one.training == other.training
            return (
                alike
                and _all_named(one.state, other.state)
                and _all_named(one.children, other.children)
            )
        case (CallValue(), CallValue()):
            return _same_call(one, other)
        case (FunctionValue(), FunctionValue()):
            return True
        case (NoValue(), NoValue()):
            errors = [None if each.error is None else each.error.name for each in (one, other)]
            return one.why == other.why and errors[0] == errors[1]
        case (ObjectValue(), ObjectValue()):
            return one.type == other.type
    raise AssertionError(f"a kind of value that is not known here: {type(one).__name__}")


def _same_tensor(one: TensorValue, other: TensorValue) -> bool:
    alike = (one.shape, one.dtype, one.device, one.requires_grad) == (
        other.shape,
        other.dtype,
        other.device,
        other.requires_grad,
    )
    return (
        alike
        and _same_content(one.value, other.value)
        and _same_content(_gradient(one), _gradient(other))
    )


def _gradient(value: TensorValue) -> torch.Tensor | None:
    """A gradient that is zero has been put back, like one that is not there."""
    found = None if value.grad is None else value.grad.value
    return found if found is not None and bool((found != 0).any()) else None


def _same_content(one: torch.Tensor | None, other: torch.Tensor | None) -> bool:
    if one is None or other is None:
        return one is other
    return close(one, other)


def _same_plain(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other)) or _near(one, other)
    return one == other


def _near(one: float, other: float) -> bool:
    if not (math.isfinite(one) and math.isfinite(other)):
        return False
    return abs(one - other) <= LOOSE.atol + LOOSE.rtol * abs(other)


def _same_call(one: CallValue, other: CallValue) -> bool:
    """Which operators ran is left out: there are many ways to one mistake."""
    if one.error is not None or other.error is not None:
        return (
            one.error is not None and other.error is not None and one.error.name == other.error.name
        )
    return (
        set(one.changed) == set(other.changed)
        and _same(one.value, other.value)
        and _same_text(one.printed, other.printed)
    )


def _same_text(one: str, other: str) -> bool:
    numbers, others = ([float(found) for found in NUMBER.findall(text)] for text in (one, other))
    return len(numbers) == len(others) and all(map(_near, numbers, others))


def _all(some: Sequence[Value], others: Sequence[Value]) -> bool:
    return len(some) == len(others) and all(map(_same, some, others))


def _all_named(some: Mapping[str, Value], others: Mapping[str, Value]) -> bool:
    return some.keys() == others.keys() and all(_same(some[key], others[key]) for key in some)
