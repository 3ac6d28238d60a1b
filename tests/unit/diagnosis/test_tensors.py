"""What one tensor is to another: relations that have a name, and those that only seem to hold."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.diagnosis.tensors import explain
from autograder.values import DTYPES

FLOATS = (torch.float32, torch.float64)
SHAPES = ((2, 3), (3, 3), (4, 1), (1, 5), (7,), (2, 3, 2))


def drawn(*shape, dtype=torch.float32, seed=11):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def kind(got, expected):
    found = explain(got, expected)
    return found and found.kind


def told(got, expected):
    found = explain(got, expected)
    return found and (found.kind, found.details.get("activation"))


# --- the relations -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*FLOATS, torch.int64])
@pytest.mark.parametrize("shape", [(2, 3), (3, 3), (4, 1), (1, 5)])
def test_a_transposed_matrix_is_named_with_both_shapes(shape, dtype):
    expected = (100 * drawn(*shape)).to(dtype)

    found = explain(expected.t(), expected)

    assert found.kind == "transposed"
    assert dict(found.details) == {"got": list(shape)[::-1], "expected": list(shape)}


@pytest.mark.parametrize(
    ("got", "expected"),
    [((6,), (2, 3)), ((3, 2), (2, 3)), ((), (1, 1)), ((1,), (1, 1)), ((4, 1), (4,))],
)
def test_the_same_values_in_another_shape_are_reshaped(got, expected):
    values = drawn(*expected)

    assert kind(values.reshape(got), values) == "reshaped"
    assert kind((values + 1).reshape(got), values) is None


@pytest.mark.parametrize("shape", [(3, 1), (3,), (1, 3)])
def test_a_row_that_met_a_column_is_broadcast(shape):
    column, row = drawn(3, 1), drawn(1, 3, seed=12)
    expected = (column.flatten() + row.flatten()).reshape(shape)

    assert kind(column + row, expected) == "broadcast"
    assert kind(drawn(3, 3), expected) is None


def test_values_that_were_repeated_are_broadcast():
    assert kind(drawn(1, 4).repeat(3, 1), drawn(1, 4)) == "broadcast"
    assert kind(drawn(3, 4), drawn(1, 4)) is None


@pytest.mark.parametrize("dtype", [*FLOATS, torch.int32, torch.float16])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_opposite_sign_is_named(shape, dtype):
    expected = (10 * drawn(*shape)).to(dtype)

    assert kind(-expected, expected) == "sign"


def test_a_single_number_may_have_the_opposite_sign():
    assert kind(torch.tensor([[-2.5]]), torch.tensor([[2.5]])) == "sign"
    assert kind(torch.tensor(0.0), torch.tensor(-0.0)) is None


def test_numbers_without_a_sign_have_no_opposite():
    got, expected = torch.tensor([255, 254], dtype=torch.uint8), torch.tensor([1, 2])

    assert kind(got, expected.to(torch.uint8)) != "sign"


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [*SHAPES, (1, 1), ()])
@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_an_activation_that_is_missing_or_too_many_is_named(name, shape, dtype):
    before = drawn(*shape, dtype=dtype)
    after = getattr(torch, name)(before)

    assert told(before, after) == ("activation_missing", name)
    assert told(getattr(torch, name)(after), after) == ("activation_extra", name)


def test_a_relu_is_named_where_some_values_passed_it_and_some_did_not():
    before = drawn(3, 4)

    assert told(before, torch.relu(before)) == ("activation_missing", "relu")
    assert told(torch.relu(before), before) == ("activation_extra", "relu")


@pytest.mark.parametrize("shape", [(2, 3), (1, 6), (4,)])
def test_a_softmax_over_the_last_dimension_is_named(shape):
    before = drawn(*shape)
    after = torch.softmax(before, -1)

    assert told(before, after) == ("activation_missing", "softmax")
    assert told(torch.softmax(after, -1), after) == ("activation_extra", "softmax")


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("factor", [5.0, 1 / 3, -0.7, 1e4])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_constant_factor_is_named_within_rounding(shape, factor, dtype):
    expected = drawn(*shape, dtype=dtype)

    assert kind(expected * factor, expected) == "factor"
    assert kind(expected / 7 * (7 * factor), expected) == "factor"


def test_a_sum_in_place_of_a_mean_is_a_factor():
    values = drawn(6, 5)

    assert kind(values.sum(dim=0), values.mean(dim=0)) == "factor"
    assert kind(torch.tensor([2, 4, 6]), torch.tensor([1, 2, 3])) == "factor"


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("offset", [1.0, -0.25, 30.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_constant_offset_is_named_within_rounding(shape, offset, dtype):
    expected = drawn(*shape, dtype=dtype)

    assert kind(expected + offset, expected) == "offset"
    assert kind((expected * 3 + offset * 3) / 3, expected) == "offset"


def test_rows_and_columns_in_another_order_are_told_apart():
    expected = drawn(4, 3)

    assert kind(expected[[2, 0, 3, 1]], expected) == "rows_permuted"
    assert kind(expected[:, [2, 0, 1]], expected) == "columns_permuted"
    assert kind(expected[[2, 0, 3, 1]][:, [2, 0, 1]], expected) == "rearranged"


def test_a_view_in_place_of_a_transpose_is_a_rearrangement():
    before = torch.arange(1, 7).reshape(2, 3)

    assert kind(before.view(3, 2), before.t()) == "rearranged"


# --- near misses ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [*SHAPES, (1, 1), ()])
@pytest.mark.parametrize("dtype", FLOATS)
def test_what_is_almost_right_has_no_other_relation(shape, dtype):
    """Off by a little more than the check bears: nearly equal is also nearly everything else."""
    expected = drawn(*shape, dtype=dtype).abs() + 0.5

    assert kind(expected * 1.0005, expected) is None or dtype is torch.float64
    assert kind(expected, expected) is None


def test_one_value_that_does_not_fit_is_enough():
    expected = drawn(3, 4)
    for relation in (
        -expected,
        2 * expected,
        expected + 1,
        expected[[1, 0, 2]],
        torch.sigmoid(expected),
        torch.relu(expected),
    ):
        assert kind(relation, expected)
        spoilt = relation.clone()
        spoilt[2, 3] += 0.1

        assert kind(spoilt, expected) is None


def test_a_large_offset_does_not_hide_that_the_values_have_nothing_in_common():
    assert kind(1000 + drawn(4, 3, seed=1), drawn(4, 3, seed=2)) is None
    assert kind(1000 + 0.3 * drawn(4, 3, seed=1), 1000 + drawn(4, 3, seed=2)) is None


def test_values_that_hardly_vary_are_no_multiple_of_each_other():
    got, expected = torch.tensor([57.0, 57.0, 57.01]), torch.tensor([100.0, 100.05, 99.95])

    assert kind(got, expected) is None


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        ([[-3.7]], [[0.0]]),
        ([[0.0]], [[-1.6]]),
        ([-3.7, -1.0], [0.0, 0.0]),
        ([[25.0]], [[1.0]]),
        ([[1.0]], [[40.0]]),
        ([-30.0, 30.0], [0.0, 1.0]),
        ([[0.0, 0.0]], [[-0.5, -2.0]]),
    ],
)
def test_a_zero_or_a_one_may_come_from_anywhere(got, expected):
    """A ReLU gives 0 for much, and a sigmoid 1: neither says where the student's value is from."""
    assert kind(torch.tensor(got), torch.tensor(expected)) is None


def test_a_constant_is_had_in_too_many_ways():
    for value in (-1.0, 0.0, 0.5, 3.0):
        assert kind(torch.full((2, 3), value), torch.ones(2, 3)) is None
    assert kind(drawn(2, 3), torch.ones(2, 3)) is None
    assert kind(torch.zeros(2, 3), drawn(2, 3)) is None


def test_zeros_and_ones_in_other_places_are_no_rearrangement():
    got, expected = torch.tensor([1, 0, 1, 0, 0, 1]), torch.tensor([1, 1, 1, 0, 0, 0])

    assert kind(got, expected) is None


def test_one_softmax_of_one_value_is_no_softmax():
    assert kind(drawn(3, 1), torch.tensor([[1.0], [1.0], [1.0]])) is None


def test_small_values_that_only_lie_close_together_are_not_rearranged():
    got, expected = 1e-4 * drawn(1000, seed=1), 1e-4 * drawn(1000, seed=2)

    assert kind(got, expected) is None


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_not_finite_have_no_relation(bad):
    spoilt = drawn(3, 3)
    spoilt[0, 1] = bad

    assert kind(spoilt.t(), spoilt) is None
    assert kind(-spoilt, spoilt) is None


def test_tensors_that_are_too_large_are_left_alone():
    assert kind(-torch.arange(100_001), torch.arange(100_001)) is None


# --- all others ----------------------------------------------------------------------------------

shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)
seeds = st.integers(0, 2**32 - 1)
SPECIAL = (0.0, -0.0, 1.0, -1.0, float("nan"), float("inf"), -float("inf"), 1e-45, 3e38, 1e-300)


@st.composite
def tensors(draw, shape=shapes):
    """Any tensor that an observation can carry."""
    dtype = DTYPES[draw(st.sampled_from(sorted(DTYPES)))]
    size = draw(shape)
    generator = torch.Generator().manual_seed(draw(seeds))
    values = torch.randn(size, generator=generator, dtype=torch.float64)
    values *= draw(st.sampled_from([1e-300, 1e-6, 1.0, 100.0, 1e30, 1e300]))
    if values.numel() and draw(st.booleans()):
        flat = values.view(-1)
        flat[draw(st.integers(0, len(flat) - 1))] = draw(st.sampled_from(SPECIAL))
    if draw(st.booleans()):
        values = values.sign()
    if not dtype.is_floating_point:
        values = values.nan_to_num(0).clamp(-100, 100)
    return values.to(dtype)


@given(tensors(), tensors())
@settings(max_examples=120, deadline=None)
def test_nothing_that_a_student_may_show_makes_it_raise(got, expected):
    explain(got, expected)


@given(st.data(), shapes)
@settings(max_examples=120, deadline=None)
def test_nothing_of_the_same_shape_makes_it_raise(data, shape):
    same = tensors(st.just(shape))

    explain(data.draw(same), data.draw(same))


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=3).filter(
        lambda shape: torch.Size(shape).numel() >= 4
    ),
    st.integers(0, 10**6),
    st.sampled_from(FLOATS),
    st.sampled_from([0.01, 1.0, 300.0]),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_unrelated_tensors_have_no_relation(shape, seed, dtype, scale):
    got, expected = (scale * drawn(*shape, dtype=dtype, seed=seed + one) for one in (0, 10**7))

    assert kind(got, expected) is None
    assert kind(got.flatten()[:-1], expected) is None


@pytest.mark.parametrize("shape", [(3, 3), (4, 1), (1, 4), (2, 3), (6,)])
@pytest.mark.parametrize("dtype", FLOATS)
def test_a_finding_holds_names_and_shapes_and_no_number_of_the_tensors(shape, dtype):
    """With the student's own value, a factor or an offset would give the right one away."""
    expected = drawn(*shape, dtype=dtype)
    related = [
        -expected,
        3.3 * expected,
        expected + 0.7,
        torch.sigmoid(expected),
        torch.softmax(expected, -1),
        expected.flatten().flip(0).reshape(shape),
        expected.t() if expected.dim() == 2 else expected[None],
        expected[None].expand(3, *shape),
    ]
    found = [one for one in (explain(got, expected) for got in related) if one is not None]

    assert len({one.kind for one in found}) >= 5
    for one in found:
        details = json.loads(json.dumps(dict(one.details)))
        assert set(details) <= {"got", "expected", "activation"}
        assert details.get("expected", list(shape)) == list(shape)
        assert all(isinstance(size, int) for size in details.get("got", ()))
        assert details.get("activation", "relu") in ("relu", "sigmoid", "softmax", "tanh")
