"""The assertions of checks: compare what was seen with what the reference shows.

Kind, shape, dtype and device are looked at before values, and the first difference is the
finding. Values are compared by ``torch.testing`` under the tolerances of the running check.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

import torch

from autograder.config import Tolerance
from autograder.judge.finding import CheckFailed, Evidence, Finding
from autograder.judge.seen import Broken, Seen, raised
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
    kind_of,
)

__all__ = [
    "TOLERANCES",
    "Terms",
    "assert_avoids",
    "assert_loss_reduced",
    "assert_matches",
    "assert_ran",
    "assert_requires_grad",
    "assert_same_trajectory",
    "assert_shares_memory",
    "terms",
]

TOLERANCES = {
    "float16": Tolerance(rtol=1e-2, atol=1e-3),
    "bfloat16": Tolerance(rtol=2e-2, atol=1e-2),
    "float32": Tolerance(rtol=1e-4, atol=1e-5),
    "complex64": Tolerance(rtol=1e-4, atol=1e-5),
    "float64": Tolerance(rtol=1e-7, atol=1e-9),
    "trained": Tolerance(rtol=1e-3, atol=1e-5),
}
CUDA_FACTOR = 10
MAX_SHOWN = 6


@dataclass(frozen=True)
class Terms:
    """The terms on which the running check compares: tolerances by dtype, and the device."""

    tolerances: dict[str, Tolerance] = field(default_factory=lambda: dict(TOLERANCES))
    own: Tolerance | None = None
    device: str = "cpu"
    notes: set[str] = field(default_factory=set)
    """What happened on the way that the report mentions: ``carried``."""
    distances: list[float] = field(default_factory=list)
    """How far each comparison was from exact, in tolerances: above 1 it fails."""
    cuda: dict[str, Tolerance] = field(default_factory=dict)
    """Those for values from CUDA that the config lays down."""

    def tolerance(self, kind: str, given: Tolerance | None) -> Tolerance:
        if self.device == "cuda" and not (self.own or given) and kind in self.cuda:
            return self.cuda[kind]
        chosen = self.own or given or self.tolerances.get(kind) or Tolerance(rtol=0.0)
        factor = CUDA_FACTOR if self.device == "cuda" else 1
        return Tolerance(rtol=chosen.rtol * factor, atol=chosen.atol * factor)


terms: ContextVar[Terms] = ContextVar("terms", default=Terms())  # noqa: B039 (frozen)
"""Set around each check, so that an author does not hand tolerances through every call."""


def assert_matches(
    got: Seen,
    expected: Seen | torch.Tensor,
    *,
    trained: bool = False,
    tolerance: Tolerance | None = None,
    published: Sequence[float] | float | None = None,
    kind: Literal["tensor", "array"] = "tensor",
    dtype: bool = True,
) -> None:
    """``got`` is what ``expected`` is: kind, shape, dtype, device and values.

    ``expected`` is the reference's value, or a plain tensor that was computed from the student's
    own values (``kind`` then says what was asked for). ``trained`` takes the tolerance of losses
    and trained values. ``published`` is the value that the statement shows: only then is a
    difference shown to the student.
    """
    _Comparison(got, trained, tolerance, published, dtype).run(expected, kind)


@dataclass(frozen=True)
class _Comparison:
    got: Seen
    trained: bool
    tolerance: Tolerance | None
    published: Sequence[float] | float | None
    with_dtype: bool

    def run(self, expected: Seen | torch.Tensor, kind: str) -> None:
        if isinstance(expected, torch.Tensor):
            self._tensor(self.got.value, expected, kind, None)
        else:
            self._value(self.got.value, expected.value)

    def _fail(self, kind: str, **details: Any) -> NoReturn:
        raise CheckFailed(Finding(kind, {"name": self.got.label, **details}))

    def _value(self, got: Value, expected: Value) -> None:
        match expected:
            case CallValue():
                self._call(got, expected)
            case TensorValue() | ArrayValue():
                if expected.value is None:
                    raise Broken(f"the reference's {self.got.label} carries no value")
                device = expected.device if isinstance(expected, TensorValue) else None
                self._tensor(got, expected.value, kind_of(expected), device)
            case ListValue():
                if not isinstance(got, ListValue):
                    self._kind(got, expected.kind)
                if len(got.items) != len(expected.items):
                    self._fail("length", got=len(got.items), expected=len(expected.items))
                for one, other in zip(got.items, expected.items, strict=True):
                    self._value(one, other)
            case MappingValue():
                if not isinstance(got, MappingValue):
                    self._kind(got, "dict")
                if got.items.keys() != expected.items.keys():
                    self._fail("keys")
                for key, other in expected.items.items():
                    self._value(got.items[key], other)
            case PlainValue():
                self._plain(got, expected)
            case FunctionValue():
                if not isinstance(got, FunctionValue):
                    self._kind(got, "function")
            case ModuleValue() | ObjectValue():
                if type(got) is not type(expected) or got.type != expected.type:
                    self._kind(got, expected.type)
            case NoValue():
                raise Broken(f"the reference's {self.got.label} has no value ({expected.why})")

    def _kind(self, got: Value, asked: str) -> NoReturn:
        if isinstance(got, NoValue):
            self._fail("too_large")
        self._fail("kind", got=kind_of(got), asked=asked)

    def _call(self, got: Value, expected: CallValue) -> None:
        if not isinstance(got, CallValue):
            self._kind(got, "function")
        if expected.error is not None:
            raise Broken(f"the reference's {expected.function} raised {expected.error.name}")
        if got.error is not None:
            raise raised("call_raised", got.function, got.error)
        self._value(got.value, expected.value)
        if set(got.changed) - set(expected.changed):
            self._fail("changed_argument")

    def _tensor(self, got: Value, values: torch.Tensor, kind: str, device: str | None) -> None:
        try:
            self._alike(got, values, kind, device)
        except CheckFailed as failed:
            if isinstance(got, TensorValue | ArrayValue) and got.value is not None:
                failed.evidence = Evidence(self.got.label, got.value, values)
            raise

    def _alike(self, got: Value, values: torch.Tensor, kind: str, device: str | None) -> None:
        wanted = TensorValue if kind == "tensor" else ArrayValue
        if not isinstance(got, wanted) or kind_of(got) != kind:
            self._kind(got, kind)
        if got.shape != tuple(values.shape):
            self._fail("shape", got=list(got.shape), expected=list(values.shape))
        asked_dtype = str(values.dtype).removeprefix("torch.")
        if self.with_dtype and got.dtype != asked_dtype:
            self._fail("dtype", got=got.dtype, expected=asked_dtype)
        if isinstance(got, TensorValue) and device is not None and got.device != device:
            self._fail("device", got=got.device, expected=device)
        if got.value is None:
            self._fail("too_large")
        self._close(got.value, values, got.shape)

    def _close(self, got: torch.Tensor, expected: torch.Tensor, shape: Sequence[int]) -> None:
        kind = "trained" if self.trained else str(expected.dtype).removeprefix("torch.")
        tolerance = terms.get().tolerance(kind, self.tolerance)
        exact = not (expected.dtype.is_floating_point or expected.dtype.is_complex)
        if got.dtype == expected.dtype and torch.equal(got, expected):
            # As most are; what follows takes ten times as long.
            terms.get().distances.extend([] if exact else [0.0])
            return
        if torch.isfinite(expected).all() and not torch.isfinite(got).all():
            self._fail("not_finite", shape=list(shape))
        # In the dtype that holds both: 3.9 is not 3, whichever of them was asked for.
        common = torch.promote_types(got.dtype, expected.dtype)
        one, other = got.to(common), expected.to(common)
        if not exact:
            terms.get().distances.append(_distance(one, other, tolerance))
        close = (
            torch.equal(one, other)
            if exact
            else torch.isclose(
                one, other, rtol=tolerance.rtol, atol=tolerance.atol, equal_nan=True
            ).all()
        )
        if not close:
            self._differs(got, shape)

    def _differs(self, got: torch.Tensor, shape: Sequence[int]) -> NoReturn:
        details: dict[str, Any] = {"shape": list(shape)}
        details["dtype"] = str(got.dtype).removeprefix("torch.")
        early = self.got.earlier
        if self.got.trial and isinstance(early, TensorValue | ArrayValue):
            before = early.value
            same = before is not None and before.dtype == got.dtype and torch.equal(before, got)
            self._fail("unmoved" if same else "other_seed", **details)
        first = self.got.public and self.got.trial == 0
        if first and self.published is not None and not got.is_complex():
            details["got"] = _few(got.flatten().tolist())
            published = self.published if isinstance(self.published, Sequence) else [self.published]
            details["expected"] = _few(list(published))
        self._fail("values", **details)

    def _plain(self, got: Value, expected: PlainValue) -> None:
        if not isinstance(got, PlainValue) or got.kind != expected.kind:
            self._kind(got, expected.kind)
        if expected.value is None and expected.kind != "none":
            raise Broken(f"the reference's {self.got.label} is too large to compare")
        if got.value is None and expected.kind != "none":
            self._fail("too_large")
        if expected.kind == "float" and isinstance(got.value, float):
            assert isinstance(expected.value, float)
            tolerance = terms.get().tolerance(
                "trained" if self.trained else "float32", self.tolerance
            )
            if not math.isfinite(got.value) and math.isfinite(expected.value):
                self._fail("not_finite")
            close = _near(got.value, expected.value, tolerance)
        else:
            close = got.value == expected.value
        if not close:
            self._fail("values")


def _distance(got: torch.Tensor, expected: torch.Tensor, tolerance: Tolerance) -> float:
    """The largest difference, in tolerances; infinite where a value is not finite on one side."""
    same = (got == expected) | (got.isnan() & expected.isnan())
    allowed = tolerance.atol + tolerance.rtol * expected.abs()
    ratios = ((got - expected).abs() / allowed).nan_to_num(nan=math.inf, posinf=math.inf)
    return float(ratios[~same].max()) if not same.all() else 0.0


def _near(got: float, expected: float, tolerance: Tolerance) -> bool:
    """What ``torch.isclose`` says of tensors; ``math.isclose`` measures otherwise."""
    if not (math.isfinite(got) and math.isfinite(expected)):
        return got == expected or (math.isnan(got) and math.isnan(expected))
    allowed = tolerance.atol + tolerance.rtol * abs(expected)
    off = abs(got - expected)
    terms.get().distances.append(off / allowed if allowed else (math.inf if off else 0.0))
    return off <= allowed


def _few(values: Sequence[float]) -> list[float]:
    return [round(float(one), 4) for one in values[:MAX_SHOWN]]


def assert_ran(got: Seen) -> None:
    """The call that ``got`` observed came back, whatever it returned."""
    call = got.call
    if call.error is not None:
        raise raised("call_raised", call.function, call.error)


def assert_requires_grad(got: Seen) -> None:
    """``got`` is a tensor that gradients are computed for."""
    if not (isinstance(got.value, TensorValue) and got.value.requires_grad):
        raise CheckFailed(Finding("no_gradient", {"name": got.label}))


def assert_shares_memory(student: Any, *names: str) -> None:
    """All ``names`` of the exercise look at the same memory."""
    for name in names:
        # A name that is missing or of another kind is that name's own check's affair.
        student[name]
    if not student.shares_memory(*names):
        raise CheckFailed(Finding("not_shared", {"names": list(names)}))


def assert_avoids(got: Seen, *operators: str) -> None:
    """The call that ``got`` observed, or the list of calls, used none of torch's ``operators``.

    Let a probe watch the very calls whose values earn points: a function could do otherwise where
    it is only watched.
    """
    places = range(len(got.value.items)) if isinstance(got.value, ListValue) else ()
    calls = [got[place].call for place in places] or [got.call]
    for call in calls:
        used = sorted(set(operators) & set(call.operators))
        if used:
            raise CheckFailed(Finding("built_in", {"name": call.function, "operator": used[0]}))
    for call in calls:
        if call.error is not None:
            # A stub has avoided nothing. Without a penalty: what does not run earns nothing anyway.
            raise raised("call_raised", call.function, call.error)


def _numbers(seen: Seen) -> list[float]:
    """The losses in a list of floats or a 1-D tensor or array."""
    value = seen.value
    if isinstance(value, ListValue) and all(
        isinstance(one, PlainValue) and isinstance(one.value, int | float) for one in value.items
    ):
        return [_float(one.value) for one in value.items]  # type: ignore[union-attr, arg-type]
    if seen.tensor is not None and seen.tensor.dim() == 1 and not seen.tensor.is_complex():
        return [float(one) for one in seen.tensor.tolist()]
    raise CheckFailed(Finding("kind", {"name": seen.label, "got": kind_of(value), "asked": "list"}))


def _float(value: float) -> float:
    """A loss; an integer may be larger than any float."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def assert_loss_reduced(got: Seen, *, by: float) -> None:
    """The last loss of ``got`` is at least the fraction ``by`` below its first."""
    losses = _numbers(got)
    if len(losses) < 2 or not all(map(math.isfinite, losses)):
        raise CheckFailed(Finding("not_finite", {"name": got.label}))
    # Not `<= losses[0] * (1 - by)`: from 10 to 1 is a fall by 0.9, but 10 * (1 - 0.9) is below 1.
    if not losses[0] - losses[-1] >= losses[0] * by:
        raise CheckFailed(Finding("not_reduced", {"name": got.label, "by": by}))


def assert_same_trajectory(got: Seen, expected: Seen | Sequence[float]) -> None:
    """The losses of ``got`` follow ``expected`` step by step, within the trained tolerance."""
    losses = _numbers(got)
    wanted = _numbers(expected) if isinstance(expected, Seen) else list(expected)
    if len(losses) != len(wanted):
        details = {"name": got.label, "got": len(losses), "expected": len(wanted)}
        raise CheckFailed(Finding("length", details))
    tolerance = terms.get().tolerance("trained", None)
    for step, (one, other) in enumerate(zip(losses, wanted, strict=True)):
        if not _near(one, other, tolerance):
            raise CheckFailed(Finding("trajectory", {"name": got.label, "step": step + 1}))
