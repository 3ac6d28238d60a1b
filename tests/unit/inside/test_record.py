"""Recording: exact types decide what carries a value, and nothing that a student makes raises."""

from __future__ import annotations

import enum
import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load

from autograder.inside.record import (
    MAX_ALL_NODES,
    MAX_NODES,
    MAX_TENSORS,
    Recorder,
    bounds_of,
)
from autograder.values import NoValue, TensorValue, Value, parse_value

MEGABYTE = 2**20


def record(value, max_bytes=MEGABYTE, total_bytes=4 * MEGABYTE):
    """The tree of ``value`` and its tensors, as they cross to the other side."""
    recorder = Recorder(max_bytes, total_bytes)
    tree = recorder.tree(value)
    content = recorder.take()
    return json.loads(json.dumps(tree, allow_nan=False)), load(content) if content else {}


def crossed(value, **limits) -> Value:
    """What the trusted side makes of ``value``."""
    tree, tensors = record(value, **limits)
    return parse_value(tree, tensors)


# --- how much -----------------------------------------------------------------------------------


def test_values_beyond_number_are_cut_in_each_frame_and_in_all():
    recorder = Recorder(MEGABYTE, MEGABYTE)
    counts = []
    for _ in range(7):
        items = recorder.tree(list(range(2 * MAX_NODES))).get("items", ())
        counts.append(sum(one["kind"] == "int" for one in items))
        recorder.take()
    assert counts[0] == MAX_NODES - 1
    assert sum(counts) < MAX_ALL_NODES
    assert counts[-1] == 0


def test_tensors_beyond_number_have_no_value():
    recorder = Recorder(MEGABYTE, MEGABYTE)
    ones = [torch.ones(1)] * (MAX_TENSORS // 2 + 1)
    first, second = recorder.tree(ones), recorder.tree(ones)
    assert all(one["value"] for one in first["items"])
    assert second["items"][-1]["value"] is None


def test_a_tensor_of_more_dimensions_than_are_read_is_an_object():
    assert record(torch.ones([1] * 65))[0]["kind"] == "object"
    assert record(torch.Size([1] * 65))[0]["kind"] == "object"
    assert record(torch.ones([1] * 64))[0]["kind"] == "tensor"


def test_of_a_modules_attributes_a_hundred_are_recorded():
    module = torch.nn.Linear(1, 1)
    for number in range(300):
        setattr(module, f"own_{number}", number)
    assert len(record(module)[0]["attributes"]) == 100


# --- tensors ------------------------------------------------------------------------------------


def test_a_plain_tensor_carries_its_values():
    got = crossed(torch.tensor([[1.0, 2.0]]))
    assert isinstance(got, TensorValue)
    assert torch.equal(got.value, torch.tensor([[1.0, 2.0]]))
    assert (got.type, got.shape, got.dtype, got.device) == (
        "torch.Tensor",
        (1, 2),
        "float32",
        "cpu",
    )
    assert (got.requires_grad, got.leaf, got.grad) == (False, True, None)


@pytest.mark.parametrize(
    "dtype",
    [
        torch.float16,
        torch.bfloat16,
        torch.float64,
        torch.uint8,
        torch.int8,
        torch.int16,
        torch.int64,
        torch.bool,
        torch.complex64,
    ],
)
def test_the_dtypes_of_the_contract_carry_their_values(dtype):
    value = torch.tensor([0, 1, 1]).to(dtype)
    got = crossed(value)
    assert got.dtype == str(dtype).removeprefix("torch.")
    assert torch.equal(got.value, value)


@pytest.mark.parametrize("dtype", [torch.complex128, torch.float8_e5m2, torch.uint16])
def test_other_dtypes_are_named_without_values(dtype):
    got = crossed(torch.zeros(2, dtype=dtype))
    assert (got.dtype, got.value) == (str(dtype).removeprefix("torch."), None)


def test_a_parameter_is_recorded_with_its_gradient():
    parameter = torch.nn.Parameter(torch.tensor([2.0]))
    (parameter**2).sum().backward()
    got = crossed(parameter)
    assert got.type == "torch.nn.parameter.Parameter"
    assert (got.requires_grad, got.leaf) == (True, True)
    assert torch.equal(got.grad.value, torch.tensor([4.0]))


def test_a_result_of_a_computation_is_no_leaf_and_has_no_gradient():
    weight = torch.ones(2, requires_grad=True)
    got = crossed(weight * 3)
    assert (got.requires_grad, got.leaf, got.grad) == (True, False, None)


class Liar(torch.Tensor):
    """A subclass that says what its author likes."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return torch.tensor([42.0])

    @property
    def shape(self):
        return (1, 1)


def test_a_subclass_of_a_tensor_carries_no_value():
    tree, tensors = record(torch.ones(3).as_subclass(Liar))
    assert tree == {"kind": "object", "type": f"{__name__}.Liar"}
    assert tensors == {}


def test_a_gradient_of_a_subclass_is_not_recorded():
    weight = torch.ones(3, requires_grad=True)
    weight.grad = torch.ones(3).as_subclass(Liar)
    assert "grad" not in record(weight)[0]


def test_a_tensor_of_stride_0_that_claims_terabytes_is_not_copied():
    got = crossed(torch.zeros(1).expand(10**12))
    assert (got.value, got.shape) == (None, (10**12,))


def test_tensors_over_either_limit_are_named_without_values():
    values = [torch.zeros(100) for _ in range(3)]
    assert crossed(values[0], max_bytes=399).value is None
    assert crossed(values[0], max_bytes=400).value is not None
    stored = [one.value is not None for one in crossed(values, total_bytes=800).items]
    assert stored == [True, True, False]
    small = crossed([*values, torch.zeros(1)], total_bytes=404).items
    assert [one.value is not None for one in small] == [True, False, False, True]


def quantised():
    return torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)


def under_inference():
    with torch.inference_mode():
        return torch.ones(2)


SORTS = {
    "sparse": lambda: torch.eye(2).to_sparse(),
    "sparse by rows": lambda: torch.eye(2).to_sparse_csr(),
    "meta": lambda: torch.zeros(2, device="meta"),
    "conjugated": lambda: torch.zeros(2, 3, dtype=torch.complex64).conj(),
    "transposed": lambda: torch.zeros(2, 3).t(),
    "strided": lambda: torch.zeros(4)[::2],
    "0-dim": lambda: torch.tensor(1.0),
    "empty": lambda: torch.zeros(0, 3),
    "nested": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    "quantised": quantised,
    "inference": under_inference,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", SORTS.values(), ids=SORTS.keys())
def test_tensors_of_every_sort_are_recorded_without_raising(make):
    value = make()
    got = crossed(value)
    assert got.type == "torch.Tensor"
    stored = getattr(got, "value", None)
    assert stored is None or torch.equal(stored, value.resolve_conj())


def test_sparse_and_meta_tensors_carry_no_value():
    assert crossed(torch.eye(2).to_sparse()).value is None
    assert crossed(torch.zeros(2, device="meta")).value is None


def test_a_sparse_gradient_carries_no_value():
    layer = torch.nn.Embedding(3, 2, sparse=True)
    layer(torch.tensor([1])).sum().backward()
    got = crossed(layer.weight)
    assert got.value is not None
    assert got.grad.value is None


def test_what_is_recorded_is_a_copy():
    value = torch.ones(2)
    recorder = Recorder(MEGABYTE, MEGABYTE)
    recorder.tree(value)
    value.zero_()
    assert torch.equal(load(recorder.take())["t0"], torch.ones(2))


def test_views_of_one_memory_can_be_recorded_together():
    base = torch.arange(6.0)
    got = crossed([base, base.view(2, 3), base[2:4]])
    assert [one.value.tolist() for one in got.items] == [
        [0, 1, 2, 3, 4, 5],
        [[0, 1, 2], [3, 4, 5]],
        [2, 3],
    ]


def test_keys_are_unique_in_a_process_and_tensors_are_taken_once():
    recorder = Recorder(MEGABYTE, MEGABYTE)
    first = recorder.tree(torch.ones(1))["value"]
    assert load(recorder.take()).keys() == {first}
    second = recorder.tree(torch.ones(1))["value"]
    assert load(recorder.take()).keys() == {second}
    assert first != second
    assert recorder.take() == b""


# --- NumPy --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        np.array([1.0, 2.0]),
        np.array([1, 2]),
        np.array([True]),
        np.array(3.5, dtype=np.float32),
        np.array([1.0, 2.0], dtype=">f8"),
        np.arange(6)[::-2],
        np.asfortranarray(np.ones((2, 3))),
        np.array([1j], dtype=np.complex64),
    ],
)
def test_an_array_carries_its_values(value):
    got = crossed(value)
    assert (got.type, got.shape) == ("numpy.ndarray", value.shape)
    assert np.array_equal(got.value.numpy(), value)


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64, np.bool_])
def test_a_number_of_numpys_is_named_as_one(kind):
    got = crossed(kind(1))
    assert (got.type, got.shape) == (f"numpy.{kind.__name__}", ())
    assert got.value.item() == 1


@pytest.mark.parametrize(
    "value",
    [
        np.array([object()]),
        np.array(["a"]),
        np.array(["2020-01-01"], dtype="M8[D]"),
        np.zeros(2, dtype=[("a", "i4")]),
        np.longdouble(1),
        np.zeros(2, dtype=np.uint64),
        np.zeros(2, dtype=np.complex128),
        np.broadcast_to(np.zeros(1), 10**12),
        np.str_("a"),
    ],
    ids=lambda value: str(value.dtype),
)
def test_other_arrays_are_named_without_values(value):
    got = crossed(value)
    assert got.value is None
    assert got.shape == value.shape


class MyArray(np.ndarray):
    pass


def test_a_subclass_of_an_array_carries_no_value():
    assert record(np.ones(2).view(MyArray))[0] == {
        "kind": "object",
        "type": f"{__name__}.MyArray",
    }


class MyNumber(np.float64):
    @property
    def dtype(self):
        raise RuntimeError("no")


def test_a_subclass_of_a_number_of_numpys_carries_no_value():
    assert record(MyNumber(3.0))[0] == {"kind": "object", "type": f"{__name__}.MyNumber"}


# --- plain values -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (None, "none", None),
        (True, "bool", True),
        (False, "bool", False),
        (1, "int", 1),
        (-(2**200), "int", -(2**200)),
        (10**1000, "int", None),
        (0.1, "float", 0.1),
        (math.inf, "float", math.inf),
        (-0.0, "float", -0.0),
        (5e-324, "float", 5e-324),
        ("año", "str", "año"),
        ("x" * 5000, "str", "x" * 4000),
        ("\ud800", "str", "?"),
        (torch.float32, "dtype", "float32"),
        (torch.device("cuda:1"), "device", "cuda"),
        (torch.Size([2, 3]), "size", (2, 3)),
    ],
)
def test_plain_values_cross_exactly(value, kind, expected):
    got = crossed(value)
    assert (got.kind, got.value) == (kind, expected)
    assert type(got.value) is type(expected)


def test_nan_crosses():
    assert math.isnan(crossed(math.nan).value)


class Colour(enum.IntEnum):
    RED = 1


class MyInt(int):
    pass


class MyStr(str):
    pass


class MyList(list):
    pass


class MyDict(dict):
    pass


class Claims:
    """Says that it is a tensor."""

    __class__ = torch.Tensor


class ClaimsModule:
    __slots__ = ()
    __class__ = torch.nn.Module


class Refuses:
    """Raises whatever is asked of it."""

    def __getattribute__(self, name):
        raise ValueError(name)

    def __eq__(self, other):
        raise ValueError("eq")

    def __hash__(self):
        raise ValueError("hash")

    def __repr__(self):
        raise ValueError("repr")


class Meta(type):
    def __eq__(cls, other):
        return True

    def __hash__(cls):
        return hash(torch.Tensor)


class ClaimsType(metaclass=Meta):
    pass


OTHERS = {
    "IntEnum": lambda: Colour.RED,
    "MyInt": lambda: MyInt(3),
    "MyStr": lambda: MyStr("a"),
    "MyList": lambda: MyList([1]),
    "MyDict": lambda: MyDict(a=1),
    "set": lambda: {1, 2},
    "frozenset": frozenset,
    "bytes": lambda: b"bytes",
    "range": lambda: range(3),
    "complex": lambda: 3j,
    "object": object,
    "built-in": lambda: print,
    "torch's function": lambda: torch.sigmoid,
    "type": lambda: torch.nn.Linear,
    "claims to be a tensor": Claims,
    "claims to be a module": ClaimsModule,
    "raises whatever is asked": Refuses,
    "Python's module": lambda: math,
    "generator": lambda: (one for one in ()),
}


@pytest.mark.parametrize("make", OTHERS.values(), ids=OTHERS.keys())
def test_anything_else_is_named_by_its_exact_type_and_nothing_more(make):
    value = make()
    tree, tensors = record(value)
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    assert (tree, tensors) == ({"kind": "object", "type": name}, {})


def test_a_type_that_claims_to_be_every_type_raises_nothing():
    assert record(ClaimsType())[0]["kind"] == "object"


def test_a_type_without_a_module_raises_nothing():
    scope = {"__name__": "x"}
    exec("def make(): return type('Lost', (), {})()\ndel __name__", scope)
    assert record(scope["make"]())[0] == {"kind": "object", "type": "?.Lost"}


def test_functions_are_recorded_by_their_signature():
    def perceptron(x, w, *rest, b=1, **more):
        return x

    assert record(perceptron)[0] == {
        "kind": "function",
        "type": "function",
        "name": "perceptron",
        "parameters": ["x", "w", "rest", "b", "more"],
    }
    assert record(lambda: 1)[0]["name"] == "<lambda>"


def test_a_function_that_lies_about_its_signature_raises_nothing():
    def lying():
        pass

    lying.__signature__ = 3
    lying.__name__ = "x" * 100_000
    tree, _ = record(lying)
    assert tree["parameters"] == []
    assert len(tree["name"]) <= 4000


# --- containers ---------------------------------------------------------------------------------


def test_containers_are_recorded_with_their_items():
    got = crossed({"a": [1, (2.0,)], 3: torch.ones(1)})
    assert list(got.items) == ["a", "3"]
    assert got.items["a"].items[0].value == 1
    assert got.items["a"].items[1].kind == "tuple"
    assert got.items["3"].value.tolist() == [1.0]


def myself(kind):
    if kind == "list":
        value = []
        value += [value, value, value]
    elif kind == "dict":
        value = {}
        value.update(a=value, b=value)
    else:
        value = torch.nn.Module()
        value.other = torch.nn.Module()
        value.other.back = value
    return value


@pytest.mark.parametrize("kind", ["list", "dict", "module"])
def test_a_value_that_contains_itself_is_cut(kind):
    assert len(json.dumps(record(myself(kind))[0])) < 5_000_000


def test_a_module_deeper_than_the_other_side_takes_is_cut():
    module = torch.nn.Linear(1, 1)
    for _ in range(100):
        module = torch.nn.Sequential(module)
    crossed(module)


def test_too_many_values_are_cut():
    tree, _ = record([[0] * 1000] * 1000)
    nodes = json.dumps(tree).count('"kind": "int"')
    assert nodes <= MAX_NODES
    assert isinstance(parse_value(tree, {}).items[-1], NoValue)


def test_a_frame_that_follows_has_its_own_bound():
    recorder = Recorder(MEGABYTE, MEGABYTE)
    recorder.tree([0] * MAX_NODES)
    recorder.take()
    assert recorder.tree(1)["kind"] == "int"


# --- modules ------------------------------------------------------------------------------------


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = torch.nn.Linear(3, 2)
        self.norm = torch.nn.BatchNorm1d(2)
        self.width = 2
        self.names = ["a"]

    def __getattr__(self, name):
        raise RuntimeError("no attributes for you")

    def state_dict(self, *args, **kwargs):
        raise RuntimeError("no state for you")


def test_a_module_is_recorded_by_structure_and_state_without_asking_it():
    got = crossed(Net().eval())
    assert got.type == f"{__name__}.Net"
    assert not got.training
    assert got.attributes["width"].value == 2
    assert "names" not in got.attributes
    hidden = got.children["hidden"]
    assert hidden.type == "torch.nn.modules.linear.Linear"
    assert hidden.attributes["in_features"].value == 3
    assert hidden.state["weight"].shape == (2, 3)
    assert "running_mean" in got.children["norm"].state


def test_a_module_that_was_spoilt_raises_nothing():
    module = torch.nn.Linear(1, 1)
    module.training = torch.ones(3)
    module._modules["x"] = 3
    module._parameters["y"] = "text"
    module.__dict__[5] = 6
    crossed(module)


def test_a_module_whose_parts_are_gone_raises_nothing():
    module = torch.nn.Linear(1, 1)
    module.__dict__.clear()
    assert crossed(module).state == {}


# --- memory -------------------------------------------------------------------------------------


def overlap(one, other):
    (low, high), (start, end) = bounds_of(one), bounds_of(other)
    return start < high and low < end


def test_views_have_the_bounds_of_their_base():
    base = torch.arange(6)
    for view in (base.view(2, 3), base[2:3], base[::2], base.detach(), base.numpy()):
        assert overlap(base, view)
    array = np.arange(6)
    for view in (array[1:2], array[::-1], array.reshape(2, 3), torch.from_numpy(array)):
        assert overlap(array, view)


def test_copies_do_not_overlap():
    base = torch.arange(6)
    for other in (base.clone(), base.reshape(2, 3).contiguous() + 0, base.numpy().copy()):
        assert not overlap(base, other)


def test_an_array_that_claims_terabytes_does_not_overlap_everything():
    one = np.zeros(1)
    wide = np.lib.stride_tricks.as_strided(one, (10**12,), (0,))
    assert overlap(one, wide)
    low, high = bounds_of(wide)
    assert high - low <= 8


@pytest.mark.parametrize(
    "value",
    [
        3,
        [1],
        torch.zeros(0),
        np.zeros(0),
        torch.zeros(2, device="meta"),
        torch.eye(2).to_sparse(),
        torch.ones(3).as_subclass(Liar),
        np.ones(2).view(MyArray),
        np.float64(1.0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_plain_memory_has_no_bounds(value):
    assert bounds_of(value) is None


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.bool, torch.complex64])
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_mere_bytes_are_those_of_each_tensor(dtype, shape):
    recorder = Recorder(1 << 20, 1 << 20)
    recorder.tree([torch.ones(shape).to(dtype), 1.5, torch.zeros(2)])
    one, other = recorder.raw()
    assert len(one) == torch.ones(shape, dtype=dtype).nbytes
    assert other == bytes(8)
    assert recorder.raw() == []
    assert recorder.take() == b""


REPLACED = {
    # What a student's code may put in the place of torch's own, for all tensors.
    **dict.fromkeys(["detach", "clone", "cpu", "contiguous"], lambda self, *_: torch.zeros(7)),
    **dict.fromkeys(["resolve_conj", "resolve_neg"], lambda self: torch.zeros(7)),
    **dict.fromkeys(["dim", "numel", "element_size"], lambda self: 2**40),
    "data_ptr": lambda self: 0,
    **dict.fromkeys(["is_contiguous", "is_conj", "is_neg"], lambda self, *_: not self),
    "shape": property(lambda self: torch.Size([7])),
    "dtype": property(lambda self: torch.complex128),
    "device": property(lambda self: torch.device("meta")),
    "layout": property(lambda self: torch.sparse_coo),
    "requires_grad": property(lambda self: False),
    "is_leaf": property(lambda self: False),
    "is_cpu": property(lambda self: False),
    "is_meta": property(lambda self: True),
    "nbytes": property(lambda self: 0),
    "grad": property(lambda self: torch.zeros(7)),
}


@pytest.mark.parametrize("name", sorted(REPLACED))
def test_what_is_replaced_in_torch_does_not_change_what_is_recorded(name, monkeypatch):
    value = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    (value * value).sum().backward()
    recorder = Recorder(MEGABYTE, MEGABYTE)
    with monkeypatch.context() as patch:
        patch.setattr(torch.Tensor, name, REPLACED[name])
        tree = recorder.tree(value)
        content = recorder.take()

    seen = parse_value(tree, load(content))
    assert (seen.shape, seen.dtype, seen.device) == ((2, 2), "float32", "cpu")
    assert (seen.requires_grad, seen.leaf) == (True, True)
    assert seen.value.tolist() == [[1, 2], [3, 4]]
    assert seen.grad.value.tolist() == [[2, 4], [6, 8]]
