"""Seeds and orders of draws: told where they are sure, and nowhere else."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.diagnosis.draws import SEEDS, explain_draws

SHAPES = {"x": (1, 3), "W": (3, 2), "v": (2, 1), "b": (1, 1)}


def drawn(seed=7, shapes=SHAPES, order=None, draw=torch.randn):
    """Tensors of ``shapes``, drawn in ``order``, by name in the order of ``shapes``."""
    generator = torch.Generator().manual_seed(seed)
    found = {name: draw(shapes[name], generator=generator) for name in order or shapes}
    return {name: found[name] for name in shapes}


def why(name, got, expected=None):
    found = explain_draws(name, got, drawn() if expected is None else expected)
    return found and (found.kind, dict(found.details))


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("seed", [0, 42, 100, 1234, 2026])
def test_another_seed_is_named(name, seed):
    assert why(name, drawn(seed)) == ("other_seed_drawn", {"seed": seed})


@pytest.mark.parametrize("name", SHAPES)
def test_a_seed_that_nobody_writes_is_not_found(name):
    assert 987_654 not in SEEDS
    assert why(name, drawn(987_654)) is None


@pytest.mark.parametrize("name", ["x", "W", "v"])
def test_another_distribution_is_named(name):
    told = ("other_distribution", {"got": "rand", "expected": "randn"})

    assert why(name, drawn(draw=torch.rand)) == told


def test_a_reference_that_draws_uniformly_is_known_too():
    told = ("other_distribution", {"got": "randn", "expected": "rand"})

    assert why("W", drawn(), drawn(draw=torch.rand)) == told


@pytest.mark.parametrize("name", ["v", "b"])
def test_another_order_is_named_in_the_students_own_order(name):
    got = drawn(order=["x", "W", "b", "v"])

    assert why(name, got) == ("draw_order", {"order": "x, W, b, v"})


def test_an_earlier_tensor_of_another_shape_shifts_what_follows():
    got = drawn(shapes={**SHAPES, "W": (3, 4)})

    assert why("v", got) == ("draw_shifted", {"order": "x, W, v, b"})
    assert why("b", got) == ("draw_shifted", {"order": "x, W, v, b"})


def test_a_tensor_of_another_shape_is_not_said_to_be_shifted_by_an_earlier_one():
    assert why("W", drawn(shapes={**SHAPES, "W": (3, 4)})) is None


def test_what_the_reference_computes_is_no_draw():
    def with_output(drawn):
        return {**drawn, "y": torch.sigmoid(drawn["x"] @ drawn["W"] @ drawn["v"] + drawn["b"])}

    expected = with_output(drawn())

    assert why("W", with_output(drawn(42)), expected) == ("other_seed_drawn", {"seed": 42})
    assert why("y", with_output(drawn(42)), expected) is None
    assert why("y", {**drawn(), "y": drawn(42)["b"]}, expected) is None


def test_a_reference_that_does_not_begin_with_a_seed_tells_nothing():
    first = {"h": torch.tensor([[0.25, 0.5]])}

    assert why("x", {**first, **drawn(42)}, {**first, **drawn()}) is None
    assert why("x", drawn(42), drawn(987_654)) is None


def test_missing_names_and_no_names_tell_nothing():
    assert why("x", {}) is None
    assert why("nadie", drawn(42)) is None
    assert explain_draws("x", {}, {}) is None


def test_a_draw_that_was_scaled_has_no_seed():
    got = {name: 2 * one for name, one in drawn(42).items()}

    assert [why(name, got) for name in SHAPES] == [None] * len(SHAPES)


def test_large_tensors_are_left_alone():
    shapes = {"x": (101, 100)}

    assert why("x", drawn(42, shapes), drawn(7, shapes)) is None


def test_a_single_number_is_not_a_seeds_by_chance():
    """Of two hundred numbers drawn from elsewhere, none is said to come from a common seed."""
    named = []
    for value in torch.randn(200, generator=torch.Generator().manual_seed(987_654)):
        told = why("b", {**drawn(), "b": value.reshape(1, 1)})
        named += [told] if told else []

    assert named == []


def test_a_single_number_of_the_references_is_not_taken_for_a_draw():
    """Else a computed scalar would make seeds of everything after it."""
    told = [
        why("b", {"b": torch.tensor([0.1])}, {"b": torch.tensor([value / 1000 + 0.0005])})
        for value in range(-60, 60)
    ]

    assert told == [None] * len(told)


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.lists(st.integers(0, 3), max_size=3)),
    st.integers(0, 10**6),
    st.sampled_from([0.0, 1.0, float("nan"), float("inf"), 1e30]),
)
@settings(max_examples=20, deadline=None)
def test_nothing_that_a_student_may_show_makes_it_raise(shapes, seed, scale):
    generator = torch.Generator().manual_seed(seed)
    got = {name: scale * torch.randn(shape, generator=generator) for name, shape in shapes.items()}

    for name in [*got, "x"]:
        for expected in (drawn(), got, {**got, **drawn()}):
            found = explain_draws(name, {**drawn(42), **got}, expected)
            assert found is None or set(found.details) <= {"seed", "order", "got", "expected"}
