"""Comparison: the first difference is the finding, and only what may be shown is shown."""

from __future__ import annotations

import contextlib
import math

import pytest
import torch
from handmade import array, call, listed, model, number, observed, seen, tensor, trial, view

from autograder import (
    assert_avoids,
    assert_loss_reduced,
    assert_matches,
    assert_ran,
    assert_requires_grad,
    assert_same_trajectory,
    assert_shares_memory,
)
from autograder.config import Tolerance
from autograder.judge.compare import TOLERANCES, Terms, terms
from autograder.judge.finding import CheckFailed, Finding
from autograder.judge.seen import Broken
from autograder.values import (
    Error,
    FunctionValue,
    MappingValue,
    ModuleValue,
    NoValue,
    ObjectValue,
    PlainValue,
)


def found(check, *args, **kwargs):
    """The finding of an assertion that has to fail."""
    with pytest.raises(CheckFailed) as caught:
        check(*args, **kwargs)
    assert caught.value.outcome == "failed"
    return caught.value.finding


def differs(got, expected, **kwargs):
    return found(assert_matches, got, expected, **kwargs)


def matches(got, expected, **kwargs):
    with contextlib.suppress(CheckFailed):
        assert_matches(got, expected, **kwargs)
        return True
    return False


@contextlib.contextmanager
def under(**kwargs):
    token = terms.set(Terms(**kwargs))
    try:
        yield
    finally:
        terms.reset(token)


# --- the order: kind, shape, dtype, device, values ----------------------------------------------

RIGHT = torch.tensor([[1.0, 2.0]])


@pytest.mark.parametrize(
    ("got", "finding"),
    [
        (
            array([1.0], torch.float64),
            Finding("kind", {"name": "x", "got": "array", "asked": "tensor"}),
        ),
        (
            tensor([9.0], torch.float64, device="cuda"),
            Finding("shape", {"name": "x", "got": [1], "expected": [1, 2]}),
        ),
        (
            tensor([[9.0, 9.0]], torch.float64, device="cuda"),
            Finding("dtype", {"name": "x", "got": "float64", "expected": "float32"}),
        ),
        (
            tensor([[9.0, 9.0]], device="cuda"),
            Finding("device", {"name": "x", "got": "cuda", "expected": "cpu"}),
        ),
        (
            tensor([[math.nan, 9.0]]),
            Finding("not_finite", {"name": "x", "shape": [1, 2]}),
        ),
        (
            tensor([[9.0, 9.0]]),
            Finding("values", {"name": "x", "shape": [1, 2], "dtype": "float32"}),
        ),
    ],
    ids=lambda one: one.kind if isinstance(one, Finding) else "",
)
def test_the_first_difference_in_order_is_the_finding(got, finding):
    assert differs(seen(got), model(tensor(RIGHT))) == finding


def test_equal_tensors_match():
    assert_matches(seen(tensor(RIGHT)), model(tensor(RIGHT)))


def test_a_parameter_counts_as_a_tensor():
    parameter = tensor(RIGHT, type="torch.nn.parameter.Parameter", requires_grad=True)
    assert_matches(seen(parameter), model(tensor(RIGHT)))


def test_an_expected_tensor_of_ours_says_no_device():
    assert_matches(seen(tensor(RIGHT, device="cuda")), RIGHT)


def test_a_value_that_was_not_stored_is_too_large():
    got = seen(tensor(RIGHT, value=None))
    assert differs(got, model(tensor(RIGHT))) == Finding("too_large", {"name": "x"})


def test_the_shape_of_a_value_that_was_not_stored_is_still_looked_at():
    got = seen(tensor(RIGHT, value=None, shape=(10**9,)))
    assert differs(got, model(tensor(RIGHT))).kind == "shape"


def test_a_reference_without_values_is_our_fault():
    with pytest.raises(Broken):
        assert_matches(seen(tensor(RIGHT)), model(tensor(RIGHT, value=None)))


# --- tolerances ---------------------------------------------------------------------------------

EDGES = [
    # at |expected| = 1: atol + rtol
    (torch.float64, 1.0, 1e-7 + 1e-9),
    (torch.float64, 0.0, 1e-9),
    (torch.float64, 1000.0, 1e-4 + 1e-9),
    (torch.float32, 0.0, 1e-5),
    (torch.float32, 1.0, 1.1e-4),
    (torch.float16, 0.0, 1e-3),
    (torch.float16, 1.0, 1.1e-2),
    (torch.bfloat16, 0.0, 1e-2),
    (torch.complex64, 0.0, 1e-5),
]


@pytest.mark.parametrize(("dtype", "base", "width"), EDGES)
@pytest.mark.parametrize("factor", [1, 10])
@pytest.mark.parametrize("sign", [1, -1])
def test_values_match_up_to_the_tolerance_of_their_dtype_ten_times_wider_on_cuda(
    dtype, base, width, factor, sign
):
    with under(device="cuda" if factor == 10 else "cpu"):
        expected = model(tensor([base], dtype))
        inner, outer = (base + sign * width * factor * part for part in (0.93, 1.08))
        assert matches(seen(tensor([inner], dtype)), expected)
        assert not matches(seen(tensor([outer], dtype)), expected)


@pytest.mark.parametrize(
    ("device", "own", "held"), [("cuda", 0, 0.5), ("cpu", 0, 0), ("cuda", 2, 20)]
)
def test_a_tolerance_for_cuda_holds_there_as_it_is_but_not_above_the_checks_own(device, own, held):
    laid = {"float32": Tolerance(rtol=0.0, atol=0.5)}
    mine = Tolerance(rtol=0.0, atol=own) if own else None
    with under(device=device, cuda=laid, own=mine):
        expected = model(tensor([100.0]))
        assert matches(seen(tensor([100.0 + 0.97 * held])), expected)
        assert not matches(seen(tensor([100.0 + 1.05 * held + 0.1])), expected)


@pytest.mark.parametrize("factor", [1, 10])
def test_what_was_trained_has_a_tolerance_of_its_own(factor):
    with under(device="cuda" if factor == 10 else "cpu"):
        expected = model(tensor([100.0], torch.float64))
        assert matches(
            seen(tensor([100.09 + (factor - 1) / 10], torch.float64)), expected, trained=True
        )
        assert not matches(
            seen(tensor([100.11 + (factor - 1) / 10], torch.float64)), expected, trained=True
        )
        assert not matches(seen(tensor([100.09], torch.float64)), expected)


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool, torch.int32])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_integers_are_exact(dtype, device):
    with under(device=device, own=Tolerance(rtol=1.0, atol=5.0)):
        assert matches(seen(tensor([1, 0], dtype)), model(tensor([1, 0], dtype)))
        assert not matches(seen(tensor([1, 1], dtype)), model(tensor([1, 0], dtype)))


def test_large_integers_are_exact():
    one = tensor([2**60], torch.int64)
    assert not matches(seen(tensor([2**60 + 1], torch.int64)), model(one))


def test_the_config_of_a_check_goes_before_the_checks_own_and_that_before_the_dtypes():
    got, expected = seen(tensor([1.5])), model(tensor([1.0]))
    given = Tolerance(rtol=0.0, atol=0.6)
    assert matches(got, expected, tolerance=given)
    with under(tolerances={"float32": Tolerance(rtol=0.0, atol=0.6)}):
        assert matches(got, expected)
        assert not matches(got, expected, tolerance=Tolerance(rtol=0.0))
    with under(own=Tolerance(rtol=0.0, atol=0.4)):
        assert not matches(got, expected, tolerance=given)
    with under(tolerances={"trained": Tolerance(rtol=0.0, atol=0.6)}):
        assert matches(got, expected, trained=True)
        assert not matches(got, expected)


def test_a_dtype_without_a_tolerance_is_exact():
    with under(tolerances={}):
        assert matches(seen(tensor([1.0])), model(tensor([1.0])))
        assert not matches(seen(tensor([1.0 + 2e-7])), model(tensor([1.0])))


def test_the_defaults_are_those_of_the_contract():
    assert TOLERANCES["float32"] == Tolerance(rtol=1e-4, atol=1e-5)
    assert TOLERANCES["float64"] == Tolerance(rtol=1e-7, atol=1e-9)
    assert TOLERANCES["trained"].rtol == 1e-3


def test_a_nan_of_the_references_is_matched_by_a_nan_alone():
    expected = model(tensor([math.nan, 1.0]))
    assert matches(seen(tensor([math.nan, 1.0])), expected)
    assert differs(seen(tensor([1.0, 1.0])), expected).kind == "values"
    assert differs(seen(tensor([math.nan, math.nan])), expected).kind == "values"


def test_an_infinity_of_the_references_is_matched_by_its_like():
    expected = model(tensor([math.inf]))
    assert matches(seen(tensor([math.inf])), expected)
    assert not matches(seen(tensor([-math.inf])), expected)
    assert not matches(seen(tensor([1e30])), expected)


def test_empty_tensors_match():
    assert matches(seen(tensor([])), model(tensor([])))


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (tensor([3.9]), tensor([3], torch.int64)),
        (tensor([1 + 5j], torch.complex64), tensor([1.0])),
        (tensor([0.3]), tensor([False], torch.bool)),
        (tensor([2.0], torch.float64), tensor([True], torch.bool)),
    ],
    ids=["float for int", "complex for float", "float for bool", "two for true"],
)
@pytest.mark.filterwarnings("ignore:Casting complex values")
def test_another_dtype_that_is_allowed_must_have_the_values_all_the_same(got, expected):
    assert not matches(seen(got), model(expected), dtype=False)


def test_another_dtype_that_is_allowed_matches_with_the_right_values():
    assert matches(seen(tensor([3.0])), model(tensor([3], torch.int64)), dtype=False)
    assert matches(seen(tensor([3], torch.int64)), model(tensor([3.0])), dtype=False)


# --- what a difference shows --------------------------------------------------------------------


def test_a_difference_is_not_shown_where_nothing_is_published():
    finding = differs(seen(tensor([1.0])), model(tensor([2.0])))
    assert finding.details == {"name": "x", "shape": [1], "dtype": "float32"}


def test_a_published_value_is_shown_in_trial_0():
    finding = differs(seen(tensor([[1.23456]])), model(tensor([[2.0]])), published=0.3171)
    assert finding.details["got"] == [1.2346]
    assert finding.details["expected"] == [0.3171]


def test_a_published_list_is_shown_and_cut():
    finding = differs(seen(tensor(range(10))), model(tensor([2.0] * 10)), published=[2.0] * 10)
    assert finding.details["got"] == [0, 1, 2, 3, 4, 5]
    assert finding.details["expected"] == [2.0] * 6


@pytest.mark.parametrize("earlier", [None, tensor([7.0]), tensor([1.0])])
def test_a_published_value_is_not_shown_in_a_later_trial(earlier):
    got = seen(tensor([1.0]), trial=1, earlier=earlier)
    details = differs(got, model(tensor([2.0])), published=2.0).details
    assert not {"got", "expected"} & details.keys()


def test_a_published_value_is_not_shown_where_the_inputs_are_hidden():
    got = seen(tensor([1.0]), public=False)
    details = differs(got, model(tensor([2.0])), published=2.0).details
    assert not {"got", "expected"} & details.keys()


def test_a_value_that_did_not_move_between_trials_is_unmoved():
    got = seen(tensor([1.0]), trial=1, earlier=tensor([1.0]))
    assert differs(got, model(tensor([2.0]))).kind == "unmoved"
    assert differs(got.named("v"), model(tensor([2.0]))).kind == "unmoved"


def test_a_value_that_moved_elsewhere_belongs_to_another_seed():
    got = seen(tensor([1.0]), trial=1, earlier=tensor([3.0]))
    assert differs(got, model(tensor([2.0]))).kind == "other_seed"


def test_trial_0_knows_nothing_of_other_trials():
    got = seen(tensor([1.0]), trial=0, earlier=tensor([1.0]))
    assert differs(got, model(tensor([2.0]))).kind == "values"


@pytest.mark.parametrize("earlier", [tensor([4.0], torch.float64), tensor([[1.0]])])
def test_a_value_that_had_another_dtype_or_shape_before_is_compared_all_the_same(earlier):
    got = seen(tensor([1.0]), trial=1, earlier=earlier)
    assert differs(got, model(tensor([2.0])), dtype=False).kind == "other_seed"


@pytest.mark.filterwarnings("ignore:Casting complex values")
def test_a_complex_value_where_any_dtype_is_allowed_is_a_finding_and_no_crash():
    got = seen(tensor([1 + 5j], torch.complex64))
    assert differs(got, torch.tensor([9.0]), published=9.0, dtype=False)


# --- calls --------------------------------------------------------------------------------------


def test_calls_are_compared_by_what_they_return():
    expected = model(call(tensor([1.0])))
    assert matches(seen(call(tensor([1.0]))), expected)
    assert differs(seen(call(tensor([2.0]))), expected).kind == "values"


def test_a_call_that_raised_is_errored_and_told_with_its_line():
    got = seen(call(number(None), error=Error("ValueError", "no", 4)))
    with pytest.raises(CheckFailed) as caught:
        assert_matches(got, model(call(tensor([1.0]))))
    assert caught.value.outcome == "errored"
    assert caught.value.finding == Finding(
        "call_raised", {"name": "f", "error": "ValueError", "message": "no", "line": 4}
    )


def test_an_untouched_stub_is_unsolved():
    got = seen(call(number(None), error=Error("NotImplementedError", "", 1)))
    with pytest.raises(CheckFailed) as caught:
        assert_matches(got, model(call(tensor([1.0]))))
    assert caught.value.finding.kind == "unsolved"


def test_a_return_that_is_missing_is_named():
    finding = differs(seen(call(number(None))), model(call(tensor([1.0]))))
    assert finding == Finding("kind", {"name": "x", "got": "none", "asked": "tensor"})


def test_a_changed_argument_is_told_after_the_values():
    got = seen(call(tensor([1.0]), changed=("0",)))
    assert differs(got, model(call(tensor([1.0])))).kind == "changed_argument"
    assert matches(got, model(call(tensor([1.0]), changed=("0", "1"))))
    wrong = seen(call(tensor([2.0]), changed=("0",)))
    assert differs(wrong, model(call(tensor([1.0])))).kind == "values"


def test_lists_of_calls_are_compared_one_by_one():
    expected = model(listed(call(tensor([1.0])), call(tensor([2.0]))))
    assert matches(seen(listed(call(tensor([1.0])), call(tensor([2.0])))), expected)
    assert not matches(seen(listed(call(tensor([1.0])), call(tensor([3.0])))), expected)


def test_what_is_no_call_is_told():
    finding = differs(seen(tensor([1.0])), model(call(tensor([1.0]))))
    assert (finding.kind, finding.details["asked"]) == ("kind", "function")


def test_a_reference_that_raised_is_our_fault():
    expected = model(call(number(None), error=Error("ValueError", "", None)))
    with pytest.raises(Broken):
        assert_matches(seen(call(tensor([1.0]))), expected)


def test_a_reference_without_value_is_our_fault():
    with pytest.raises(Broken):
        assert_matches(seen(tensor([1.0])), model(NoValue("cut")))


# --- other kinds --------------------------------------------------------------------------------


def test_arrays_and_tensors_are_told_apart():
    assert matches(seen(array([1.0])), model(array([1.0])))
    assert differs(seen(tensor([1.0], torch.float64)), model(array([1.0]))).details == {
        "name": "x",
        "got": "tensor",
        "asked": "array",
    }
    scalar = array(1.0, type="numpy.float64")
    assert differs(seen(scalar), model(array(1.0))).details["got"] == "scalar"
    assert matches(seen(array([1.0])), torch.tensor([1.0], dtype=torch.float64), kind="array")
    assert not matches(seen(array([1.0])), torch.tensor([1.0], dtype=torch.float64))


@pytest.mark.parametrize("value", [3, True, "a", None])
def test_plain_values_match_by_kind_and_value(value):
    assert matches(seen(number(value)), model(number(value)))


@pytest.mark.parametrize(
    ("got", "expected", "kind"),
    [
        (number(1), number(1.0), "kind"),
        (number(True), number(1), "kind"),
        (number(2), number(3), "values"),
        (number("a"), number("b"), "values"),
        (PlainValue("dtype", "float64"), PlainValue("dtype", "float32"), "values"),
        (number("float32"), PlainValue("dtype", "float32"), "kind"),
        (PlainValue("size", (1, 2)), PlainValue("size", (2, 1)), "values"),
        (listed(number(1), kind="tuple"), PlainValue("size", (1,)), "kind"),
        (number(math.nan), number(1.0), "not_finite"),
        (number(math.inf), number(1.0), "not_finite"),
        (number(1.0), number(math.inf), "values"),
        (tensor([1.0]), number(1.0), "kind"),
    ],
)
def test_plain_values_that_differ_say_how(got, expected, kind):
    assert differs(seen(got), model(expected)).kind == kind


def test_a_float_has_the_tolerance_of_a_tensor_of_its_kind():
    """``|got - expected| <= atol + rtol · |expected|``, whatever the value is kept in."""
    for expected, got in [(1.0, 1.000105), (0.0, 0.9e-5), (1.0, 1.00012), (-1.0, -1.000105)]:
        as_tensor = matches(seen(tensor([got])), model(tensor([expected])))
        assert matches(seen(number(got)), model(number(expected))) is as_tensor


def test_a_float_that_is_nan_on_both_sides_matches():
    assert matches(seen(number(math.nan)), model(number(math.nan)))


def test_an_integer_that_was_too_large_to_record_matches_nothing():
    large = PlainValue("int", None)
    assert not matches(seen(large), model(number(3)))
    with pytest.raises((Broken, CheckFailed)):
        assert_matches(seen(large), model(large))


def test_lists_are_compared_by_length_and_items():
    expected = model(listed(number(1), number(2)))
    assert matches(seen(listed(number(1), number(2))), expected)
    assert matches(seen(listed(number(1), number(2), kind="tuple")), expected)
    assert differs(seen(listed(number(1))), expected).details == {
        "name": "x",
        "got": 1,
        "expected": 2,
    }
    assert differs(seen(number(1)), expected).details["asked"] == "list"


def test_dictionaries_are_compared_by_keys_and_items():
    expected = model(MappingValue({"a": number(1)}))
    assert matches(seen(MappingValue({"a": number(1)})), expected)
    assert differs(seen(MappingValue({"a": number(2)})), expected).kind == "values"
    assert differs(seen(listed()), expected).details["asked"] == "dict"


def test_a_dictionary_with_other_keys_is_not_called_a_wrong_kind():
    finding = differs(seen(MappingValue({"b": number(1)})), model(MappingValue({"a": number(1)})))
    assert finding.details.get("got") != finding.details.get("asked") or finding.kind != "kind"


def test_functions_modules_and_objects_are_compared_by_kind():
    function = FunctionValue("f", ("x",))
    assert matches(seen(FunctionValue("g", ())), model(function))
    assert differs(seen(number(1)), model(function)).details["asked"] == "function"
    linear = ModuleValue("torch.nn.Linear", True, {}, {}, {})
    assert matches(seen(linear), model(linear))
    assert not matches(seen(ModuleValue("torch.nn.ReLU", True, {}, {}, {})), model(linear))
    assert not matches(seen(ObjectValue("torch.nn.Linear")), model(linear))
    assert matches(seen(ObjectValue("a.B")), model(ObjectValue("a.B")))
    assert not matches(seen(ObjectValue("a.C")), model(ObjectValue("a.B")))


def test_a_value_that_was_cut_is_too_large():
    for expected in (number(1), tensor([1.0]), listed(), call(number(1)), FunctionValue("f", ())):
        assert differs(seen(NoValue("cut")), model(expected)).kind == "too_large"


# --- the other assertions -----------------------------------------------------------------------


def side(memory):
    names = {"a": tensor([1.0]), "b": tensor([1.0]), "c": tensor([1.0])}
    all_trials = observed(trial({"uno": names}, memory=memory), names={"uno": [*names, "d"]})
    return view(all_trials)


def test_names_share_memory_if_one_group_has_them_all():
    assert_shares_memory(side([["a", "b", "c"]]), "a", "b")
    finding = found(assert_shares_memory, side([["a", "b"]]), "a", "c")
    assert finding == Finding("not_shared", {"names": ["a", "c"]})
    assert found(assert_shares_memory, side([["a", "b"], ["b", "c"]]), "a", "c")


def test_a_missing_name_shares_no_memory_because_it_is_missing():
    assert found(assert_shares_memory, side([]), "a", "d").kind == "undefined"


def test_an_operator_that_is_to_be_avoided_is_named():
    got = seen(call(number(1), operators=("exp", "sigmoid")))
    assert_avoids(got, "relu", "tanh")
    assert found(assert_avoids, got, "expit", "sigmoid") == Finding(
        "built_in", {"name": "f", "operator": "sigmoid"}
    )
    assert found(assert_avoids, seen(number(1)), "sigmoid").kind == "kind"


def test_an_untouched_stub_has_avoided_nothing_and_loses_no_penalty():
    got = seen(call(number(None), error=Error("NotImplementedError", "", 1)))
    with pytest.raises(CheckFailed) as caught:
        assert_avoids(got, "sigmoid")
    assert (caught.value.outcome, caught.value.finding.kind) == ("errored", "unsolved")


def test_of_several_calls_none_may_use_an_operator_that_is_to_be_avoided():
    used, raised = (
        call(number(1), operators=("expit",)),
        call(number(None), error=Error("E", "", 1)),
    )
    assert_avoids(seen(listed(call(number(1)), call(number(1), operators=("exp",)))), "expit")
    for calls in ((call(number(1)), used), (raised, used), (used, raised)):
        assert found(assert_avoids, seen(listed(*calls)), "expit").kind == "built_in"
    with pytest.raises(CheckFailed) as caught:
        assert_avoids(seen(listed(call(number(1)), raised)), "expit")
    assert caught.value.outcome == "errored"
    assert found(assert_avoids, seen(listed(number(1))), "expit").kind == "kind"


def test_a_call_ran_if_it_came_back():
    assert_ran(seen(call(number(None))))
    with pytest.raises(CheckFailed) as caught:
        assert_ran(seen(call(number(None), error=Error("E", "", None))))
    assert caught.value.outcome == "errored"


@pytest.mark.parametrize("value", [number(None), NoValue("cut"), listed()])
def test_a_student_whose_call_is_no_call_is_not_our_fault(value):
    """Frames come from the student's process: a probe's result may be anything."""
    with pytest.raises(CheckFailed):
        assert_ran(seen(value))
    with pytest.raises(CheckFailed):
        assert_matches(seen(value).returned, model(call(number(1))).returned)


def test_a_tensor_requires_grad_or_the_finding_says_so():
    assert_requires_grad(seen(tensor([1.0], requires_grad=True)))
    assert found(assert_requires_grad, seen(tensor([1.0]))).kind == "no_gradient"
    assert found(assert_requires_grad, seen(number(1.0))).kind == "no_gradient"


LOSSES = [
    listed(number(10.0), number(5.0), number(2.0)),
    tensor([10.0, 5.0, 2.0]),
    array([10.0, 5.0, 2.0]),
    listed(number(10), number(5), number(2)),
]


@pytest.mark.parametrize("losses", LOSSES)
def test_losses_may_be_a_list_a_tensor_or_an_array(losses):
    assert_loss_reduced(seen(losses), by=0.7)
    assert found(assert_loss_reduced, seen(losses), by=0.9) == Finding(
        "not_reduced", {"name": "x", "by": 0.9}
    )
    assert_same_trajectory(seen(losses), model(LOSSES[0]))
    assert_same_trajectory(seen(losses), [10.0, 5.0, 2.0])


def test_a_loss_that_falls_exactly_as_asked_is_reduced():
    assert_loss_reduced(seen(listed(number(10.0), number(1.0))), by=0.9)


@pytest.mark.parametrize(
    "losses",
    [
        number(1.0),
        listed(number("a")),
        listed(number(1.0), listed()),
        tensor([[1.0]]),
        tensor(1.0),
        tensor([1.0], value=None),
        tensor([1j, 2j], torch.complex64),
        NoValue("cut"),
    ],
)
def test_what_holds_no_losses_is_told_by_kind(losses):
    assert found(assert_loss_reduced, seen(losses), by=0.9).kind == "kind"
    assert found(assert_same_trajectory, seen(losses), [1.0]).kind == "kind"


def test_an_integer_that_no_float_holds_is_the_students_affair():
    losses = listed(number(10**400), number(1))
    assert found(assert_loss_reduced, seen(losses), by=0.5)
    assert found(assert_same_trajectory, seen(losses), [1.0, 1.0])


@pytest.mark.parametrize("values", [[], [1.0], [1.0, math.nan], [math.inf, 1.0]])
def test_losses_that_tell_nothing_are_not_reduced(values):
    losses = listed(*map(number, values))
    assert found(assert_loss_reduced, seen(losses), by=0.5).kind == "not_finite"


def test_the_step_where_losses_part_is_named_from_1():
    got = listed(number(10.0), number(5.009), number(1.0))
    assert_same_trajectory(seen(listed(number(10.0), number(5.004), number(1.0))), [10, 5, 1])
    assert found(assert_same_trajectory, seen(got), [10, 5, 1]) == Finding(
        "trajectory", {"name": "x", "step": 2}
    )
    with under(device="cuda"):
        assert_same_trajectory(seen(got), [10, 5, 1])


def test_a_trajectory_of_another_length_is_told_by_length():
    got = seen(listed(number(1.0)))
    assert found(assert_same_trajectory, got, [1.0, 2.0]).details == {
        "name": "x",
        "got": 1,
        "expected": 2,
    }


def test_a_loss_that_is_nan_parts_there():
    got = seen(listed(number(1.0), number(math.nan)))
    assert found(assert_same_trajectory, got, [1.0, 2.0]).details["step"] == 2


EXACT = Tolerance(rtol=0.0)


@pytest.mark.parametrize(
    ("got", "expected", "tolerance", "distance"),
    [
        ([1.0, 2.0], [1.0, 2.0], Tolerance(rtol=0.0, atol=0.5), 0.0),
        ([1.0, 2.25], [1.0, 2.0], Tolerance(rtol=0.0, atol=0.5), 0.5),
        ([1.5, 2.25], [1.0, 2.0], Tolerance(rtol=0.25, atol=0.25), 1.0),
        ([3.0, 2.25], [1.0, 2.0], Tolerance(rtol=0.0, atol=0.5), 4.0),
        ([math.nan, math.inf], [math.nan, math.inf], Tolerance(rtol=0.5), 0.0),
        ([0.0, 2.0], [0.0, 2.0], EXACT, 0.0),
        ([1.0, 2.0], [0.0, 2.0], EXACT, math.inf),
        ([], [], EXACT, 0.0),
    ],
)
def test_a_comparison_notes_how_far_off_it_was_in_tolerances(got, expected, tolerance, distance):
    distances = []
    with under(distances=distances):
        within = matches(seen(tensor(got)), model(tensor(expected)), tolerance=tolerance)

    assert distances == [distance]
    assert within == (distance <= 1)


def test_floats_and_the_steps_of_a_trajectory_note_their_distances_too():
    distances = []
    with under(distances=distances, tolerances={"float32": EXACT, "trained": Tolerance(rtol=0.25)}):
        assert_matches(seen(number(2.0)), model(number(2.0)))
        found(assert_matches, seen(number(3.0)), model(number(2.0)))
        found(assert_same_trajectory, seen(listed(number(1.0), number(3.0))), [1.0, 2.0])

    assert distances == [0.0, math.inf, 0.0, 2.0]


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool])
def test_what_is_exact_has_no_distance(dtype):
    distances = []
    with under(distances=distances):
        found(assert_matches, seen(tensor([1, 0], dtype)), model(tensor([0, 0], dtype)))

    assert distances == []
