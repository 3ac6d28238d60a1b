"""Error carried forward: a student's own value counts where it was computed, and only there."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from handmade import array, number, observed, tensor, trial, view

from autograder import assert_matches, carry, draws_from
from autograder.judge.carry import _moves
from autograder.judge.compare import Terms, terms
from autograder.judge.finding import CheckFailed
from autograder.judge.seen import Broken

OURS = ([1.0, 2.0], [4.0, 8.0])
"""The reference's values of ``a`` in trials 0 and 1."""


def sides(*own, ours=OURS, make=tensor):
    """Student's and reference's views of ``a``, of which one value a trial is given."""
    names = {"uno": ["a"]}

    def side(values, is_reference):
        trials = [
            trial({"uno": {} if value is None else {"a": wrapped(value, make)}}) for value in values
        ]
        return view(observed(*trials, names=names, is_reference=is_reference))

    return side(own, False), side(ours, True)


def wrapped(value, make):
    return value if hasattr(value, "__dataclass_fields__") else make(value)


def double(a):
    return a * 2


def carried(*own, formula=double, **kwargs):
    """What ``formula`` gives in trial 0, and whether the student's value went in."""
    notes = set()
    token = terms.set(Terms(notes=notes))
    try:
        student, reference = sides(*own, **kwargs)
        return carry(formula, student, reference, "a").tolist(), "carried" in notes
    finally:
        terms.reset(token)


def test_a_wrong_value_that_moves_is_carried():
    assert carried([3.0, 5.0], [7.0, 1.0]) == ([6.0, 10.0], True)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.complex64, torch.bool])
def test_values_of_every_dtype_are_told_apart(dtype):
    def make(values):
        return tensor(torch.tensor(values).to(dtype))

    def given(own):
        return carried(own, own, ours=([1.0, 0.0], [1.0, 0.0]), make=make, formula=torch.clone)

    assert given([1.0, 0.0]) == ([1.0, 0.0], False)
    assert given([0.0, 1.0]) == ([0.0, 1.0], True)


def test_the_right_value_is_not_noted_as_carried():
    assert carried(*OURS) == ([2.0, 4.0], False)


def test_a_value_that_is_right_but_for_its_rounding_is_not_noted_as_carried():
    rounded = [[one * (1 + 1e-6) for one in trial] for trial in OURS]
    expected, noted = carried(*rounded)
    assert expected == pytest.approx([2.0, 4.0], rel=1e-5)
    assert not noted


def test_a_literal_is_not_carried():
    assert carried([3.0, 5.0], [3.0, 5.0]) == ([2.0, 4.0], False)


def test_a_literal_is_carried_where_the_references_does_not_move_either():
    same = ([1.0, 2.0], [1.0, 2.0])
    assert carried([3.0, 5.0], [3.0, 5.0], ours=same) == ([6.0, 10.0], True)


def saturated(a):
    return torch.sigmoid(a)


def test_a_value_that_leaves_nothing_to_compute_is_not_carried():
    """Where the result no longer depends on the value, it could be written down."""
    expected = torch.sigmoid(torch.tensor(OURS[0])).tolist()
    for own in ([[100.0, 200.0], [300.0, 150.0]], [[1e-9, 2e-9], [3e-9, 1e-9]]):
        assert carried(*own, formula=saturated) == (expected, False)
    own = [[-1.0, 100.0], [2.0, 100.0]]
    assert carried(*own, formula=saturated)[1], "one element is left to compute"


def test_what_can_only_cost_points_may_be_lenient():
    views = sides([1e-9, 2e-9], [3e-9, 1e-9])
    assert carry(saturated, *views, "a").tolist() != [0.5, 0.5]
    assert carry(saturated, *views, "a", lenient=True).tolist() == [0.5, 0.5]


def test_a_value_whose_result_hardly_moves_is_not_carried():
    views = sides([3.0, 5.0], [3.0003, 5.0004])
    assert carry(double, *views, "a").tolist() == [6.0, 10.0]
    later = (replace(one, trial=1) for one in views)
    assert carry(double, *later, "a").tolist() == [8.0, 16.0]


def test_a_value_that_moves_like_the_references_is_carried_though_its_result_hardly_moves():
    def flat(a):
        return torch.where(a > 2, 100 + 0.002 * a, 100 * a)

    student, reference = (replace(one, trial=1) for one in sides([3.0, 5.0], [7.0, 9.0]))
    assert carry(flat, student, reference, "a").tolist() == pytest.approx([100.014, 100.018])


def test_a_value_whose_result_hardly_moves_is_carried_where_the_references_does_neither():
    views = sides([3.0, 5.0], [3.0003, 5.0004], ours=([1.0, 2.0], [1.0001, 2.0002]))
    student, reference = (replace(one, trial=1) for one in views)
    assert carry(double, student, reference, "a").tolist() == pytest.approx([6.0006, 10.0008])


def test_what_the_references_result_does_not_depend_on_is_carried_whatever_it_is():
    def first(a):
        return a[:1] * 0

    assert carried([1e-9, 3e-9], [3e-9, 1e-9], formula=first) == ([0.0], True)


def test_a_value_that_one_trial_lacks_has_not_moved():
    assert carried([3.0, 5.0], None) == ([2.0, 4.0], False)


def test_a_missing_value_is_not_carried():
    assert carried(None, None) == ([2.0, 4.0], False)


@pytest.mark.parametrize(
    "values",
    [
        ([math.nan, 1.0], [1.0, 2.0]),
        ([math.inf, 1.0], [1.0, 2.0]),
        ([3.0, 3.0], [5.0, 5.0]),
        ([], [1.0]),
    ],
    ids=["nan", "inf", "all equal", "empty"],
)
def test_a_value_that_tells_nothing_is_not_carried(values):
    assert carried(*values) == ([2.0, 4.0], False)


def test_a_value_that_was_not_stored_is_not_carried():
    assert carried(tensor([3.0, 5.0], value=None), [7.0, 1.0]) == ([2.0, 4.0], False)


@pytest.mark.parametrize("own", [array([3.0, 5.0]), number(3.0)])
def test_a_value_of_another_kind_is_not_carried(own):
    assert carried(own, array([7.0, 1.0])) == ([2.0, 4.0], False)


def test_equal_elements_are_carried_where_the_references_are_equal_or_there_is_one():
    flat = ([1.0, 1.0], [2.0, 2.0])
    assert carried([3.0, 3.0], [5.0, 5.0], ours=flat) == ([6.0, 6.0], True)
    assert carried([3.0], [5.0]) == ([6.0], True)


def test_another_shape_is_carried_if_the_formula_takes_it():
    assert carried([3.0, 5.0, 7.0], [1.0, 2.0, 3.0]) == ([6.0, 10.0, 14.0], True)


def picky(a):
    if a.shape != (2,):
        raise error_of_formula
    return a * 2


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes"), ValueError("v"), IndexError("i"), TypeError("t")], ids=repr
)
def test_a_shape_that_the_formula_does_not_take_falls_back_to_the_references(error):
    global error_of_formula
    error_of_formula = error
    assert carried([3.0, 5.0, 7.0], [1.0, 2.0, 3.0], formula=picky) == ([2.0, 4.0], False)


error_of_formula: Exception = RuntimeError("set by the test")


def test_arrays_are_carried_as_tensors():
    assert carried([3.0, 5.0], [7.0, 1.0], make=array) == ([6.0, 10.0], True)


def test_a_formula_that_changes_its_arguments_changes_no_observation():
    def spoil(a):
        return a.mul_(100)

    student, reference = sides([3.0, 5.0], [7.0, 1.0])
    for _ in range(2):
        assert carry(spoil, student, reference, "a").tolist() == [300.0, 500.0]
    assert student["a"].tensor.tolist() == [3.0, 5.0]
    student, reference = sides(None, None)
    for _ in range(2):
        assert carry(spoil, student, reference, "a").tolist() == [100.0, 200.0]


def test_a_reference_that_carries_no_value_is_our_fault():
    student, reference = sides([1.0, 2.0], [3.0, 4.0], ours=(number(1.0), number(2.0)))
    with pytest.raises(Broken):
        carry(double, student, reference, "a")


def test_a_student_whose_tensors_are_huge_makes_no_huge_work():
    """A product of two vectors of megabytes would take terabytes on the trusted side."""
    sizes = []

    def formula(a):
        sizes.append(a.numel())
        return a * 2

    student, reference = sides(torch.arange(4e6), torch.arange(4e6) + 1)
    carry(formula, student, reference, "a")
    assert max(sizes) <= 1_000_000


# --- the real notebook with four hidden units ---------------------------------------------------

SHAPES = {"features": (1, 3), "W1": (3, 2), "W2": (2, 1), "B1": (1, 2), "B2": (1, 1)}


def layer(values, weights, bias):
    return torch.sigmoid(values @ weights + bias)


def network(hidden_units, seed, *, sigmoid):
    """All names of ``actividad-1`` of somebody who took ``hidden_units``."""
    shapes = {
        **SHAPES,
        "W1": (3, hidden_units),
        "W2": (hidden_units, 1),
        "B1": (1, hidden_units),
    }
    torch_generator = torch.Generator().manual_seed(seed)
    values = {name: torch.randn(shape, generator=torch_generator) for name, shape in shapes.items()}
    values["hidden"] = layer(values["features"], values["W1"], values["B1"])
    values["output"] = values["hidden"] @ values["W2"] + values["B2"]
    if sigmoid:
        values["output"] = torch.sigmoid(values["output"])
    return {name: tensor(value) for name, value in values.items()}


def test_four_hidden_units_and_no_last_sigmoid_lose_what_they_should_and_no_more():
    names = {"uno": [*SHAPES, "hidden", "output"]}
    theirs = [network(4, seed, sigmoid=False) for seed in (7, 1007)]
    ours = [network(2, seed, sigmoid=True) for seed in (7, 1007)]
    lost = {}
    for number_ in (0, 1):
        student = view(
            observed(*(trial({"uno": one}) for one in theirs), names=names), trial=number_
        )
        all_ours = (trial({"uno": one}) for one in ours)
        reference = view(observed(*all_ours, names=names, is_reference=True), trial=number_)
        expected = {
            **{name: reference[name] for name in SHAPES},
            "hidden": carry(layer, student, reference, "features", "W1", "B1"),
            "output": carry(layer, student, reference, "hidden", "W2", "B2"),
        }
        for name, value in expected.items():
            try:
                assert_matches(student[name], value)
            except CheckFailed as failed:
                lost[name] = failed.finding.kind
    assert lost.keys() == {"W1", "W2", "B1", "B2", "output"}
    assert (lost["W1"], lost["W2"], lost["B1"]) == ("shape", "shape", "shape")


def test_the_output_of_four_hidden_units_with_its_sigmoid_would_be_right():
    names = {"uno": [*SHAPES, "hidden", "output"]}
    theirs = [network(4, seed, sigmoid=True) for seed in (7, 1007)]
    ours = [network(2, seed, sigmoid=True) for seed in (7, 1007)]
    student = view(observed(*(trial({"uno": one}) for one in theirs), names=names))
    all_ours = (trial({"uno": one}) for one in ours)
    reference = view(observed(*all_ours, names=names, is_reference=True))
    assert_matches(student["output"], carry(layer, student, reference, "hidden", "W2", "B2"))


def test_moving_needs_two_trials():
    student, reference = sides([1.0, 2.0], ours=([1.0, 2.0],))
    assert not _moves(student, "a")
    assert not _moves(reference, "a")


# --- the generator's state ----------------------------------------------------------------------


def with_state(*states):
    """The view of trial 0, of as many as there are ``states``."""
    trials = [trial({"uno": {}}) for _ in states]
    for one, state in zip(trials, states, strict=True):
        snapshot = one.snapshots["uno"]
        one.snapshots["uno"] = type(snapshot)({}, {}, (), (), state)
    return view(observed(*trials, names={"uno": []}))


def draw(generator):
    return torch.randn(3, generator=generator)


def test_draws_follow_the_students_generator():
    generator = torch.Generator().manual_seed(26)
    torch.randn(3, generator=generator)
    student = with_state(generator.get_state())
    expected = draw(generator)
    for _ in range(2):
        assert torch.equal(draws_from(student, "uno", draw), expected)


def test_a_state_that_gives_the_same_in_every_trial_draws_nothing():
    same = torch.Generator().manual_seed(7).get_state()
    student = with_state(same, same)
    assert draws_from(student, "uno", draw) is not None
    assert draws_from(replace(student, trial=1), "uno", draw) is None
    moved = with_state(torch.Generator().manual_seed(8).get_state(), same)
    assert torch.equal(
        draws_from(replace(moved, trial=1), "uno", draw), draw(torch.Generator().manual_seed(7))
    )


STATE = torch.Generator().get_state()


STATES = {
    "none": None,
    "short": torch.zeros(16, dtype=torch.uint8),
    "empty": torch.zeros(0, dtype=torch.uint8),
    "0-dim": torch.tensor(1, dtype=torch.uint8),
    "ones": torch.full_like(STATE, 255),
    "zeros": torch.zeros_like(STATE),
    "floats": STATE.float(),
    "int8": STATE.to(torch.int8),
    "cut": STATE[:-1],
    "twice": STATE.repeat(2),
}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES.keys())
def test_a_state_that_torch_does_not_take_draws_nothing(state):
    assert draws_from(with_state(state), "uno", draw) is None


# --- results of formulas are kept ---------------------------------------------------------------


def test_a_formula_is_worked_out_once_for_the_same_values_and_its_result_is_nobodys_to_change():
    calls = []

    def formula(a):
        calls.append(1)
        return a * 3

    def carried():
        student, reference = sides([1.0, 3.0], [5.0, 9.0])
        return carry(formula, student, reference, "a")

    # A list is no key: what a formula holds on to like this may change under it.
    carried()
    once = len(calls)
    carried()
    assert len(calls) == 2 * once

    carry(thrice, *sides([1.0, 3.0], [5.0, 9.0]), "a").zero_()
    once = WORKED
    carry(thrice, *sides([1.0, 3.0], [5.0, 9.0]), "a").zero_()
    assert carry(thrice, *sides([1.0, 3.0], [5.0, 9.0]), "a").tolist() == [3.0, 9.0]
    assert once == WORKED


WORKED = 0


def thrice(a):
    global WORKED
    WORKED += 1
    return a * 3


@pytest.mark.parametrize(
    "other", [[1.0, 4.0], [[1.0, 3.0]], torch.tensor([1.0, 3.0]).view(torch.int32)]
)
def test_another_value_shape_or_dtype_has_a_result_of_its_own(other):
    carry(double, *sides([1.0, 3.0], [5.0, 9.0]), "a")

    got = carry(double, *sides(other, torch.as_tensor(other) + 1), "a")

    assert torch.equal(got, torch.as_tensor(other) * 2)
    assert got.dtype == torch.as_tensor(other).dtype


def test_formulas_of_the_same_text_with_other_names_around_them_are_told_apart():
    def times(factor):
        return lambda a: a * factor

    modules = [{}, {}]
    for module, rate in zip(modules, (10, 100), strict=True):
        exec(f"RATE = {rate}\ndef formula(a): return a * RATE", module)
    made = [times(5), times(7), *(module["formula"] for module in modules)]

    given = [carry(one, *sides([1.0, 3.0], [5.0, 9.0]), "a").tolist() for one in made]

    assert given == [[5.0, 15.0], [7.0, 21.0], [10.0, 30.0], [100.0, 300.0]]
