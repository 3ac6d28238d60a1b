"""The parser of untrusted values: what it takes, and that it takes nothing else."""

from __future__ import annotations

import math

import pytest
import torch
from handmade import call_tree, probe_frame, tensor_tree

from autograder.observation import Observation
from autograder.values import (
    ArrayValue,
    CallValue,
    Error,
    FunctionValue,
    ListValue,
    MappingValue,
    ModuleValue,
    NoValue,
    ObjectValue,
    ObservationError,
    PlainValue,
    TensorValue,
    kind_of,
    parse_value,
)

T0 = torch.tensor([1.0, 2.0])
HUGE = 10**4000


def parse(tree, **tensors):
    """Through a frame, as everything from the sandbox comes."""
    got = Observation()
    got._read(probe_frame(tree), {"t0": T0, **tensors})
    return got.probes["uno"]["p"]["cpu"]


def refused(tree, **tensors):
    with pytest.raises(ObservationError) as caught:
        parse(tree, **tensors)
    assert type(caught.value) is ObservationError
    return str(caught.value)


PLAIN = {
    "none": ({"kind": "none"}, None),
    "true": ({"kind": "bool", "value": True}, True),
    "false": ({"kind": "bool", "value": False}, False),
    "one is not true": ({"kind": "bool", "value": 1}, False),
    "int": ({"kind": "int", "value": "-12"}, -12),
    "int too large to record": ({"kind": "int", "value": None}, None),
    "float": ({"kind": "float", "value": (0.1).hex()}, 0.1),
    "inf": ({"kind": "float", "value": "inf"}, math.inf),
    "minus inf": ({"kind": "float", "value": "-inf"}, -math.inf),
    "str": ({"kind": "str", "value": "año"}, "año"),
    "dtype": ({"kind": "dtype", "value": "float32"}, "float32"),
    "device": ({"kind": "device", "value": "cpu"}, "cpu"),
    "size": ({"kind": "size", "value": [2, 3]}, (2, 3)),
}


@pytest.mark.parametrize(("tree", "value"), PLAIN.values(), ids=PLAIN.keys())
def test_plain_values_are_parsed_to_exact_types(tree, value):
    got = parse(tree)
    assert got == PlainValue(tree["kind"], value)
    assert type(got.value) is type(value)


def test_not_a_number_is_a_float():
    assert math.isnan(parse({"kind": "float", "value": "nan"}).value)


def test_a_tensor_is_parsed_with_its_values_and_gradient():
    gradient = tensor_tree("t1")
    tree = tensor_tree(requires_grad=True, leaf=True, grad=gradient, device="cuda")
    got = parse(tree, t1=torch.zeros(2))
    assert isinstance(got, TensorValue)
    assert got.value is T0
    assert (got.shape, got.dtype, got.device) == ((2,), "float32", "cuda")
    assert (got.requires_grad, got.leaf) == (True, True)
    assert got.grad is not None
    assert torch.equal(got.grad.value, torch.zeros(2))


def test_a_tensor_without_stored_values_keeps_its_description():
    got = parse(tensor_tree(None, shape=[10**12], dtype="qint8"))
    assert (got.value, got.shape, got.dtype) == (None, (10**12,), "qint8")


@pytest.mark.parametrize("kind", ["array", "scalar"])
def test_an_array_is_parsed(kind):
    tree = tensor_tree(kind=kind, type="numpy.ndarray")
    got = parse(tree)
    assert isinstance(got, ArrayValue)
    assert (got.type, got.shape, got.dtype) == ("numpy.ndarray", (2,), "float32")
    assert got.value is T0


def test_containers_functions_modules_and_objects_are_parsed():
    none = {"kind": "none"}
    pair = [{"kind": "int", "value": "1"}, none]
    module = {
        "kind": "module",
        "type": "torch.nn.Linear",
        "training": True,
        "attributes": {"in_features": {"kind": "int", "value": "3"}},
        "state": {"weight": tensor_tree()},
        "children": {},
    }
    assert parse({"kind": "tuple", "items": [none]}) == ListValue(
        "tuple", (PlainValue("none", None),)
    )
    assert parse({"kind": "dict", "items": [pair]}) == MappingValue({"1": PlainValue("none", None)})
    function = {"kind": "function", "name": "f", "parameters": ["x"]}
    assert parse(function) == FunctionValue("f", ("x",))
    assert parse({"kind": "object", "type": "a.B"}) == ObjectValue("a.B")
    got = parse({**module, "children": {"0": module}})
    assert isinstance(got, ModuleValue)
    assert got.children["0"].attributes == {"in_features": PlainValue("int", 3)}
    assert got.state["weight"].value is T0


def test_a_call_is_parsed():
    error = {"name": "ValueError", "message": "no", "line": 3}
    tree = call_tree(error=error, printed="hola", changed=["0"], operators=["exp"])
    assert parse(tree) == CallValue(
        "f", PlainValue("none", None), Error("ValueError", "no", 3), "hola", ("0",), ("exp",)
    )


def test_no_value_says_why():
    assert parse({"kind": "missing", "name": "f"}) == NoValue("missing", "f")
    assert parse({"kind": "interrupted"}) == NoValue("interrupted")
    assert parse({"kind": "cut"}) == NoValue("cut")
    error = {"name": "E", "message": "", "line": None}
    assert parse({"kind": "failure", "error": error}) == NoValue(
        "failure", "", Error("E", "", None)
    )


def test_every_kind_has_a_name_for_messages():
    trees = {
        "tensor": tensor_tree(),
        "array": tensor_tree(kind="array", type="numpy.ndarray"),
        "scalar": tensor_tree(kind="scalar", type="numpy.float32"),
        "tuple": {"kind": "tuple", "items": []},
        "list": {"kind": "list", "items": []},
        "dict": {"kind": "dict", "items": []},
        "function": {"kind": "function", "name": "f", "parameters": []},
        "float": {"kind": "float", "value": "nan"},
        "mi.Tipo": {"kind": "object", "type": "mi.Tipo"},
        "cut": {"kind": "cut"},
    }
    assert [kind_of(parse(tree)) for tree in trees.values()] == list(trees)
    assert kind_of(parse(call_tree())) == "function"


WRONG = [None, True, 3, 1.5, math.nan, HUGE, "x", "x" * 20_001, [], [[]], {}, {"kind": "none"}]
"""Something of every type that JSON has; each field takes one of these types at most."""

FIELDS = {
    "tensor": (tensor_tree(), ["type", "shape", "dtype", "device", "value", "grad"]),
    "array": (tensor_tree(kind="array"), ["type", "shape", "dtype", "value"]),
    "list": ({"kind": "list", "items": [{"kind": "none"}]}, ["items"]),
    "dict": ({"kind": "dict", "items": []}, ["items"]),
    "function": ({"kind": "function", "name": "f", "parameters": ["x"]}, ["name", "parameters"]),
    "module": (
        {
            "kind": "module",
            "type": "m",
            "training": True,
            "attributes": {},
            "state": {},
            "children": {},
        },
        ["type", "attributes", "state", "children"],
    ),
    "call": (
        call_tree(),
        ["function", "value", "error", "printed", "changed", "operators"],
    ),
    "missing": ({"kind": "missing", "name": "f"}, ["name"]),
    "failure": ({"kind": "failure", "error": None}, ["error"]),
    "object": ({"kind": "object", "type": "t"}, ["type"]),
    "bool": ({"kind": "bool", "value": True}, []),
    "int": ({"kind": "int", "value": "1"}, ["value"]),
    "float": ({"kind": "float", "value": "0x1p1"}, ["value"]),
    "str": ({"kind": "str", "value": "a"}, ["value"]),
    "size": ({"kind": "size", "value": [1]}, ["value"]),
}
PLACES = [(kind, field) for kind, (_, fields) in FIELDS.items() for field in fields]


@pytest.mark.parametrize(("kind", "field"), PLACES)
def test_a_field_of_a_wrong_type_is_an_observation_error_and_nothing_else(kind, field):
    tree = FIELDS[kind][0]
    parse(tree)
    took = []
    for wrong in WRONG:
        try:
            parse({**tree, field: wrong})
            took.append(wrong)
        except ObservationError:
            pass
    assert len({type(one) for one in took}) <= 2, took
    assert HUGE not in took
    assert not any(isinstance(one, float) for one in took)


@pytest.mark.parametrize(("kind", "field"), PLACES)
def test_a_missing_field_is_an_observation_error(kind, field):
    tree = {key: value for key, value in FIELDS[kind][0].items() if key != field}
    if field == "grad" or (kind, field) == ("int", "value"):
        parse(tree)
    else:
        refused(tree)


@pytest.mark.parametrize("kind", [None, 3, True, [], {}, "", "Tensor", "x" * 100_000, ["tensor"]])
def test_an_unknown_kind_is_an_observation_error_with_a_short_message(kind):
    assert len(refused({"kind": kind})) < 100


@pytest.mark.parametrize("tree", [None, 3, "tensor", [], [["kind", "none"]], {}, {"Kind": "none"}])
def test_what_is_no_value_at_all_is_an_observation_error(tree):
    refused(tree)


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": [3]},
        {"shape": [2, 1]},
        {"shape": [-2]},
        {"shape": [True, 2]},
        {"shape": [2.0]},
        {"shape": ["2"]},
        {"shape": [1] * 65},
        {"shape": [HUGE]},
        {"shape": "2"},
        {"dtype": "float64"},
        {"dtype": "qint8"},
        {"dtype": "torch.float32"},
        {"dtype": ["float32"]},
        {"value": "t9"},
        {"value": 0},
        {"value": ["t0"]},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["tensor", "array"])
def test_claims_that_do_not_fit_the_stored_tensor_are_refused(kind, changes):
    refused(tensor_tree(kind=kind, **changes))


@pytest.mark.parametrize("shape", [[-1], [1] * 65, [True], [2**63], [HUGE], None, {"0": 1}])
def test_a_shape_that_no_tensor_has_is_refused_though_nothing_is_stored(shape):
    refused(tensor_tree(None, shape=shape))


def test_a_stored_tensor_of_rank_65_is_refused():
    refused(tensor_tree(shape=[1] * 65), t0=torch.zeros([1] * 65))


def test_only_true_is_true():
    got = parse(tensor_tree(requires_grad=1, leaf="yes"))
    assert (got.requires_grad, got.leaf) == (False, False)


def test_a_gradient_is_one_plain_tensor():
    refused(tensor_tree(grad={"kind": "none"}))
    refused(tensor_tree(grad=tensor_tree("t0", grad=tensor_tree("t0"))))
    refused(tensor_tree(grad=tensor_tree("t0", grad=None)))


@pytest.mark.parametrize("text", ["", "-", "--1", "1.0", "0x1", "1" * 1_001, " 1", "1\n", "1_0"])
def test_a_malformed_integer_is_refused(text):
    refused({"kind": "int", "value": text})


@pytest.mark.parametrize("text", ["", "uno", "0x", "0x1p99999", "1,5", "0x1.g"])
def test_a_malformed_float_is_refused(text):
    refused({"kind": "float", "value": text})


@pytest.mark.parametrize("pair", [[], [{"kind": "none"}], [{"kind": "none"}] * 3, "ab", None, 3])
def test_an_item_of_a_dictionary_is_a_pair(pair):
    refused({"kind": "dict", "items": [pair]})


def test_keys_of_dictionaries_may_be_of_every_kind():
    pairs = [
        [key, {"kind": "none"}]
        for key in (tensor_tree(), {"kind": "list", "items": []}, {"kind": "float", "value": "nan"})
    ]
    got = parse({"kind": "dict", "items": pairs})
    assert list(got.items) == ["TensorValue", "ListValue", "nan"]


def test_an_integer_that_is_parsed_can_be_used_as_a_number():
    """Judging turns losses into floats: an integer that overflows would be our error."""
    try:
        got = parse({"kind": "int", "value": "9" * 1_000})
    except ObservationError:
        return
    float(got.value)


def nested(kind, depth):
    tree = {"kind": "none"}
    for _ in range(depth):
        if kind == "call":
            tree = call_tree(tree)
        elif kind == "dict":
            tree = {"kind": "dict", "items": [[{"kind": "none"}, tree]]}
        elif kind == "key":
            tree = {"kind": "dict", "items": [[tree, {"kind": "none"}]]}
        elif kind == "module":
            inner = {} if tree["kind"] == "none" else {"0": tree}
            parts = {"attributes": {}, "state": {}, "children": inner}
            tree = {"kind": "module", "type": "m", "training": True, **parts}
        elif kind == "state":
            parts = {"attributes": {}, "state": {"a": tree}, "children": {}}
            tree = {"kind": "module", "type": "m", "training": True, **parts}
        else:
            tree = {"kind": kind, "items": [tree]}
    return tree


@pytest.mark.parametrize("kind", ["list", "tuple", "dict", "key", "call", "module", "state"])
def test_nesting_is_bounded(kind):
    parse(nested(kind, 10))
    refused(nested(kind, 200))
    refused(nested(kind, 20_000))


def test_lone_surrogates_do_not_pass():
    parse({"kind": "str", "value": "\ud800"}).value.encode("utf-8")


def test_a_value_needs_no_frame_to_be_parsed():
    assert parse_value({"kind": "none"}, {}) == PlainValue("none", None)


@pytest.mark.parametrize("name", ["list", "module", "tensor", "int", "missing"])
def test_a_class_that_is_called_like_a_kind_is_not_of_that_kind(name):
    """A check that asks for a list would look for the items of one."""
    assert kind_of(parse({"kind": "object", "type": name})) == f"?.{name}"
    assert kind_of(parse({"kind": "object", "type": "collections.deque"})) == "collections.deque"
