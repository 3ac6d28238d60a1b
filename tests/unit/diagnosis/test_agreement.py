"""Whether two observed values show the same to whoever looks for a cause."""

from __future__ import annotations

import pytest
import torch
from handmade import array, call, listed, number, tensor

from autograder.diagnosis.agreement import agree, close
from autograder.judge.finding import Finding
from autograder.values import (
    Error,
    FunctionValue,
    MappingValue,
    ModuleValue,
    NoValue,
    ObjectValue,
    PlainValue,
)


def error(name="ValueError", message="no", line=3):
    return Error(name, message, line)


def raised(**changes):
    details = {"name": "x", "error": "ValueError", "message": "no", "line": 3, **changes}
    return Finding("cell_raised", details)


SAME = {
    "tensors within rounding": (tensor([1.0, 2.0]), tensor([1.0001, 2.0])),
    "tensors just within a thousandth": (tensor([100.0]), tensor([100.09])),
    "tensors near zero": (tensor([0.0]), tensor([0.9e-5])),
    "tensors that are not finite": (tensor([float("nan")]), tensor([float("nan")])),
    "infinities beside numbers within rounding": (
        tensor([float("inf"), 1.0]),
        tensor([float("inf"), 1.0001]),
    ),
    "no numbers beside numbers within rounding": (
        tensor([float("nan"), 1.0]),
        tensor([float("nan"), 1.0001]),
    ),
    "half precision": (
        tensor([1.0], dtype=torch.bfloat16),
        tensor([1.0], dtype=torch.bfloat16),
    ),
    "complex numbers within rounding": (
        tensor([1.0 + 1j], dtype=torch.complex64),
        tensor([1.0 + 1.0001j], dtype=torch.complex64),
    ),
    "a gradient of zero and none": (tensor([1.0], grad=tensor([0.0])), tensor([1.0])),
    "tensors without values": (tensor([1.0], value=None), tensor([1.0], value=None)),
    "arrays": (array([1.0, 2.0]), array([1.0, 2.0 + 1e-9])),
    "floats within rounding": (number(2.0), number(2.0005)),
    "floats that are not finite": (number(float("inf")), number(float("inf"))),
    "no numbers": (number(float("nan")), number(float("nan"))),
    "texts": (PlainValue("str", "a"), PlainValue("str", "a")),
    "lists": (listed(number(1.0), number(2)), listed(number(1.0), number(2))),
    "mappings": (MappingValue({"a": number(1)}), MappingValue({"a": number(1)})),
    "functions": (FunctionValue("f", ()), FunctionValue("g", ())),
    "errors of one kind": (
        call(number(None), error=error()),
        call(number(None), error=error(message="other", line=9)),
    ),
    "what operators ran": (call(number(1.0), operators=("mm",)), call(number(1.0))),
    "printed numbers within rounding": (
        call(number(1.0), printed="Loss: 12.3456"),
        call(number(1.0), printed="pérdida 12.3457"),
    ),
    "findings of other lines": (raised(), raised(line=8)),
}
OTHER = {
    "values": (tensor([1.0, 2.0]), tensor([1.0, 2.1])),
    "shapes": (tensor([1.0]), tensor([[1.0]])),
    "dtypes": (tensor([1.0]), tensor([1.0], dtype=torch.float64)),
    "devices": (tensor([1.0]), tensor([1.0], device="cuda:0")),
    "values more than a thousandth apart": (tensor([100.0]), tensor([100.11])),
    "values near zero": (tensor([0.0]), tensor([1.1e-5])),
    "finite and infinite": (tensor([1.0, 2.0]), tensor([1.0, float("inf")])),
    "infinities of tensors": (tensor([float("inf")]), tensor([-float("inf")])),
    "a number and none": (tensor([1.0, 2.0]), tensor([1.0, float("nan")])),
    "half precision": (tensor([1.0], dtype=torch.float16), tensor([1.1], dtype=torch.float16)),
    "complex numbers": (
        tensor([1.0 + 1j], dtype=torch.complex64),
        tensor([1.0 + 2j], dtype=torch.complex64),
    ),
    "gradients asked for": (tensor([1.0]), tensor([1.0], requires_grad=True)),
    "gradients": (tensor([1.0], grad=tensor([2.0])), tensor([1.0])),
    "gradients of other values": (
        tensor([1.0], grad=tensor([2.0])),
        tensor([1.0], grad=tensor([3.0])),
    ),
    "a value and none": (tensor([1.0]), tensor([1.0], value=None)),
    "array and tensor": (array([1.0]), tensor([1.0], dtype=torch.float64)),
    "arrays' dtypes": (array([1.0]), array([1.0], dtype=torch.float32)),
    "floats": (number(2.0), number(2.1)),
    "finite and not": (number(float("inf")), number(2.0)),
    "infinities": (number(float("inf")), number(-float("inf"))),
    "integers": (number(1000), number(1001)),
    "integer and float": (number(2), number(2.0)),
    "lengths": (listed(number(1)), listed(number(1), number(2))),
    "list and tuple": (listed(number(1)), listed(number(1), kind="tuple")),
    "keys": (MappingValue({"a": number(1)}), MappingValue({"b": number(1)})),
    "errors": (call(number(None), error=error()), call(number(None), error=error("TypeError"))),
    "error and result": (call(number(None), error=error()), call(number(None))),
    "results": (call(number(1.0)), call(number(2.0))),
    "arguments changed": (call(number(1.0), changed=("x",)), call(number(1.0))),
    "printed numbers": (
        call(number(1.0), printed="Loss: 12.3456"),
        call(number(1.0), printed="Loss: 13.3456"),
    ),
    "printed lines": (
        call(number(1.0), printed="1 2"),
        call(number(1.0), printed="1 2 3"),
    ),
    "types": (ObjectValue("a.B"), ObjectValue("a.C")),
    "finding and value": (raised(), tensor([1.0])),
    "kinds of findings": (raised(), Finding("undefined", {"name": "x"})),
    "findings of other errors": (raised(), raised(error="TypeError")),
    "findings of other messages": (raised(), raised(message="yes")),
}


@pytest.mark.parametrize("case", SAME)
def test_the_same_in_other_words_agrees(case):
    one, other = SAME[case]

    assert agree(one, other)
    assert agree(other, one)


@pytest.mark.parametrize("case", OTHER)
def test_what_differs_does_not_agree(case):
    one, other = OTHER[case]

    assert not agree(one, other)
    assert not agree(other, one)
    assert agree(one, one)
    assert agree(other, other)


def test_modules_agree_by_type_state_and_mode():
    def linear(weight=1.0, training=True, type="torch.nn.Linear"):
        return ModuleValue(type, training, {}, {"weight": tensor([weight])}, {})

    def net(child):
        return ModuleValue("torch.nn.Sequential", True, {}, {}, {"0": child})

    assert agree(net(linear()), net(linear()))
    for other in (linear(2.0), linear(training=False), linear(type="mine.Linear")):
        assert not agree(linear(), other)
        assert not agree(net(linear()), net(other))


def test_no_value_agrees_with_no_value_of_the_same_cause():
    one = NoValue("failure", "f", error())

    assert agree(one, NoValue("failure", "g", error(message="other")))
    assert not agree(one, NoValue("failure", "f", error("TypeError")))
    assert not agree(one, NoValue("missing", "f", None))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (torch.tensor([1, 2]), torch.tensor([1, 2], dtype=torch.int8), True),
        (torch.tensor([1, 2]), torch.tensor([1.0, 2.0]), True),
        (torch.tensor([True]), torch.tensor([1]), True),
        (torch.tensor([1, 2]), torch.tensor([1, 3]), False),
        (torch.tensor([1j]), torch.tensor([1j + 1e-7]), True),
        (torch.tensor([1.0]), torch.tensor([1.0005]), True),
        (torch.tensor([1.0]).double(), torch.tensor([1.0005]).double(), False),
        (torch.tensor([1.0]), torch.tensor([1.0005]).double(), True),
        (torch.tensor([1.0]), torch.tensor([1.01]), False),
        (torch.zeros(2), torch.zeros(3), False),
        (torch.zeros(0), torch.zeros(0), True),
    ],
)
def test_tensors_are_close_in_the_dtype_that_holds_both(one, other, same):
    assert close(one, other) is same
    assert close(other, one) is same


@pytest.mark.parametrize("other", [2.0, 3.0])
def test_tensors_that_a_check_computed_with_gradients_are_compared(other):
    """What a check expects may come from a formula that keeps its graph, or a view that negates."""
    own, graph = torch.tensor([other]), torch.tensor([2.0], requires_grad=True) * 1
    negated = torch.tensor([1 - 2j]).conj().imag

    assert close(own, graph) == close(graph, own) == close(own, negated) == (other == 2.0)
