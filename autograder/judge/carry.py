"""Error carried forward: what the reference's formula gives from the student's own values."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from types import FunctionType

import torch

from autograder.config import Tolerance
from autograder.judge.compare import terms
from autograder.judge.finding import CheckFailed
from autograder.judge.seen import Broken, Seen, View
from autograder.values import ArrayValue, TensorValue, Value

__all__ = ["carry", "draws_from"]

MAX_WORK = 1_000_000
ROOM = 3
"""In tolerances. Up to twice the tolerance between two results, one number could pass for both."""
LEAST = 0.1
"""How much of the reference's change between trials, each relative to the values, is a change."""
FACTORS = (2, 4, 10)
"""By what a value is multiplied to see whether a result depends on it."""
GROWTH = 16
MAX_KEPT, MAX_KEPT_NUMEL = 256, 10_000
_given: OrderedDict[Hashable, tuple[object, torch.Tensor]] = OrderedDict()
Formula = Callable[..., torch.Tensor]
Values = list[torch.Tensor]


def carry(
    formula: Formula,
    student: View,
    reference: View,
    *names: str,
    trained: bool = False,
    lenient: bool = False,
) -> Seen | torch.Tensor:
    """``formula`` applied to ``names``, each the student's value where it may be carried forward.

    A value is carried if it is of the reference's kind, finite, not all equal (unless the
    reference's is, or it has one element) and moved between trials where the reference's moved;
    else the reference's stands in its place. A formula that the student's shapes or dtypes do not
    fit, or whose values are out of all proportion, is applied to the reference's values; so is one
    that the student's values leave nothing to compute of: its result has to depend on them, and to
    move between trials, where the reference's does, by more than a comparison forgives (``trained``
    as in ``assert_matches``); ``lenient`` asks for neither, where the result can only cost points.
    Only plain tensors reach the formula, on the trusted side.
    """
    # What is only carried forward is not what the check is about.
    student = replace(student, touched=set())
    if all(_is_identical(student, reference, name) for name in names):
        return _applied(formula, [_plain(reference[name].value) for name in names])
    theirs, mixed = _mixed(student, reference, names)
    if mixed is not theirs:
        try:
            expected = _applied(formula, mixed)
            if all(map(_agree, mixed, theirs)):
                return expected
            room, places = _room(expected, trained), range(len(names))
            moving = [place for place in places if _moves(reference, names[place])] or places
            if lenient or (
                _depends(formula, mixed, theirs, moving, room)
                and _moved(formula, student, reference, names, room)
            ):
                terms.get().notes.add("carried")
                return expected
        except (RuntimeError, ValueError, IndexError, TypeError):
            # The student's values do not go together: nothing can be carried forward from them.
            pass
    return _applied(formula, theirs)


def _mixed(student: View, reference: View, names: Sequence[str]) -> tuple[Values, Values]:
    """The reference's values of ``names``, and the student's where they may be carried forward."""
    theirs = [_plain(reference[name].value) for name in names]
    own = [_carried(student, reference, name) for name in names]
    mixed = [other if one is None else one for one, other in zip(own, theirs, strict=True)]
    # No product of the values is larger than this, whatever shapes the student gave them.
    bearable = _work(mixed) <= max(MAX_WORK, GROWTH * _work(theirs))
    return theirs, mixed if bearable and any(one is not None for one in own) else theirs


def _room(expected: torch.Tensor, trained: bool) -> Tolerance:
    """By how much results have to differ for nobody to have one for both."""
    kind = "trained" if trained else str(expected.dtype).removeprefix("torch.")
    forgiven = terms.get().tolerance(kind, None)
    return Tolerance(rtol=ROOM * forgiven.rtol, atol=ROOM * forgiven.atol)


def _depends(
    formula: Formula, mixed: Values, theirs: Values, moving: Sequence[int], room: Tolerance
) -> bool:
    """Whether the result from ``mixed`` depends on any of the values at the places ``moving``, if
    that from ``theirs`` does.

    With biases of 1000 a layer of sigmoids gives ones: nothing would have to be computed. (Not on
    each of them: of small weights an honest network's output depends too little to be told.)
    """

    def depends(values: Values) -> bool:
        given = _applied(formula, values)
        return any(
            _apart(_applied(formula, other), given, room)
            for place in moving
            if values[place].dtype is not torch.bool  # twice True is 2: another dtype
            for other in (
                [*values[:place], by * values[place], *values[place + 1 :]] for by in FACTORS
            )
        )

    return depends(mixed) or not depends(theirs)


def _moved(
    formula: Formula, student: View, reference: View, names: Sequence[str], room: Tolerance
) -> bool:
    """Whether the values moved since trial 0 as much as the reference's, or at least their result.

    Own values with a little noise move, but what follows from them could be written down.
    """
    if student.trial == 0:
        return True
    (theirs, mixed), (theirs_then, mixed_then) = (
        _mixed(replace(student, trial=trial), replace(reference, trial=trial), names)
        for trial in (student.trial, 0)
    )
    own, asked = map(_change, mixed, mixed_then), map(_change, theirs, theirs_then)
    if all(one >= LEAST * other for one, other in zip(own, asked, strict=True)):
        return True
    return _apart(_applied(formula, mixed), _applied(formula, mixed_then), room) or not _apart(
        _applied(formula, theirs), _applied(formula, theirs_then), room
    )


def _change(one: torch.Tensor, other: torch.Tensor) -> float:
    """The largest difference of two values, as a share of their largest element."""
    if one.shape != other.shape:
        return math.inf
    both = torch.stack([one.to(torch.complex128), other.to(torch.complex128)])  # bools, too
    largest = both.abs().max().item()
    return (both[0] - both[1]).abs().max().item() / largest if largest else 0.0


def _apart(one: torch.Tensor, other: torch.Tensor, room: Tolerance) -> bool:
    """Whether any element differs by more than ``room``."""
    if one.shape != other.shape:
        return True
    close = torch.isclose(one, other, rtol=room.rtol, atol=room.atol, equal_nan=True)
    return not bool(close.all())


def _applied(formula: Formula, values: Sequence[torch.Tensor]) -> torch.Tensor:
    """What ``formula`` gives; it may change its arguments, which are observations.

    Most students of a batch have the same values, and a formula may be a hundred epochs.
    """
    key = _key(formula, values)
    if key is not None and key in _given:
        _given.move_to_end(key)
        return _given[key][1].clone()
    with torch.no_grad():
        given = formula(*(one.clone() for one in values))
    if key is not None and isinstance(given, torch.Tensor):
        # The formula's globals are kept with it: another module's could get their address.
        _given[key] = formula.__globals__, given.clone()
        if len(_given) > MAX_KEPT:
            _given.popitem(last=False)
    return given


def _key(formula: Formula, values: Sequence[torch.Tensor]) -> Hashable | None:
    """By what a formula and its arguments are known again; ``None`` where they cannot be."""
    if not isinstance(formula, FunctionType) or sum(map(torch.numel, values)) > MAX_KEPT_NUMEL:
        return None
    if formula.__kwdefaults__:
        return None
    content = tuple((one.dtype, tuple(one.shape), _raw(one)) for one in values)
    try:
        cells = tuple(cell.cell_contents for cell in formula.__closure__ or ())
        made = formula.__code__, id(formula.__globals__), formula.__defaults__, cells
        hash(made)
    except (TypeError, ValueError):  # it holds what has no hash, or a name without a value yet
        return None
    return made, content


def _raw(tensor: torch.Tensor) -> bytes:
    if tensor.dtype is torch.bfloat16:  # which NumPy does not know
        tensor = tensor.view(torch.int16)
    # Views as bytes are torch's affair, and take longer than all the rest.
    return tensor.numpy().tobytes()


def _work(values: Sequence[torch.Tensor]) -> int:
    return math.prod(one.numel() for one in values)


def draws_from(
    student: View, exercise: str, draw: Callable[[torch.Generator], torch.Tensor]
) -> torch.Tensor | None:
    """What ``draw`` gives from the student's global generator as ``exercise`` left it.

    ``None`` if there is no such state, none that torch takes, or one that gives the same in every
    trial.
    """
    # As in `carry`: a generator of the student's own is another way to the same draws.
    student = replace(student, touched=set())
    drawn = _drawn(student, exercise, draw)
    if drawn is not None and student.trial:
        early = _drawn(replace(student, trial=0), exercise, draw)
        if early is not None and _same(drawn, early):
            # Whoever puts the generator into one and the same state could write its draws down.
            return None
    return drawn


def _drawn(
    student: View, exercise: str, draw: Callable[[torch.Generator], torch.Tensor]
) -> torch.Tensor | None:
    state, generator = student.generator(exercise), torch.Generator()
    if state is None or state.dtype != torch.uint8:
        return None
    try:
        generator.set_state(state)
    except (RuntimeError, TypeError):
        return None
    return draw(generator)


def _plain(value: Value) -> torch.Tensor:
    found = value.value if isinstance(value, TensorValue | ArrayValue) else None
    if found is None:
        raise Broken("a value that is carried forward is not a tensor on the reference's side")
    return found


def _carried(student: View, reference: View, name: str) -> torch.Tensor | None:
    """The student's value of ``name`` if it may be carried forward."""
    try:
        value, model = student[name].value, reference[name].value
    except CheckFailed:
        return None
    if type(value) is not type(model) or not isinstance(value, TensorValue | ArrayValue):
        return None
    found = value.value
    if found is None or found.numel() == 0 or not torch.isfinite(found).all():
        return None
    all_equal = found.numel() > 1 and bool((found == found.flatten()[0]).all())
    if all_equal and not _all_equal(_plain(model)):
        return None
    return found if _moves(student, name) or not _moves(reference, name) else None


def _is_identical(student: View, reference: View, name: str) -> bool:
    """Whether the value of ``name`` is the reference's to the last bit."""
    try:
        own, model = student[name].tensor, _plain(reference[name].value)
    except CheckFailed:
        return False
    return own is not None and _same(own, model) and _raw(own) == _raw(model)


def _all_equal(tensor: torch.Tensor) -> bool:
    return bool((tensor == tensor.flatten()[0]).all())


def _moves(view: View, name: str) -> bool:
    """Whether the value of ``name`` differs between any later trial and trial 0."""
    values = [
        one.value if isinstance(one, TensorValue | ArrayValue) else None
        for one in view.trials_of(name)
    ]
    first = values[0]
    return any(
        one is not None and first is not None and not _same(one, first) for one in values[1:]
    )


def _agree(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether a check that compares the two would find them alike."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    tolerance = terms.get().tolerance(str(one.dtype).removeprefix("torch."), None)
    return torch.allclose(one, other, rtol=tolerance.rtol, atol=tolerance.atol)


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and one.dtype == other.dtype and torch.equal(one, other)
