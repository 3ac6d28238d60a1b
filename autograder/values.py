"""The values that observations carry, and the parser that makes them from untrusted data.

Every claim that is kept is checked; whatever does not hold raises ``ObservationError``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from autograder.sandbox import TooMuch

__all__ = [
    "MAX_RANK",
    "ArrayValue",
    "CallValue",
    "Error",
    "FunctionValue",
    "ListValue",
    "MappingValue",
    "ModuleValue",
    "NoValue",
    "ObjectValue",
    "ObservationError",
    "ObservationTooLarge",
    "PlainValue",
    "TensorValue",
    "Tensors",
    "Value",
    "as_count",
    "as_error",
    "as_int",
    "as_list",
    "as_text",
    "as_texts",
    "as_values",
    "kind_of",
    "parse_value",
    "sound",
]

MAX_DEPTH = 64
MAX_TEXT = 20_000
MAX_RANK = 64
MAX_SIZE = 2**63 - 1
MAX_DIGITS = 300
"""An integer with more digits would be no float, and losses may be integers."""
MAX_COUNT = 10**9
"""Of lines and of cells: what names a place is shown to people."""
MAX_ERROR_NAME, MAX_ERROR_MESSAGE = 200, 2_000
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float16,
        torch.bfloat16,
        torch.float32,
        torch.float64,
        torch.uint8,
        torch.int8,
        torch.int16,
        torch.int32,
        torch.int64,
        torch.bool,
        torch.complex64,
    )
}
"""The dtypes whose values an observation carries, by torch's name."""
PLAIN = frozenset({"none", "bool", "int", "float", "str", "dtype", "device", "size"})
"""The kinds of plain values."""


class ObservationError(ValueError):
    """These bytes are not an observation. The message is one sentence for a log."""


class ObservationTooLarge(ObservationError, TooMuch):
    """They may be an observation, but are more than one may hold."""


@dataclass(frozen=True)
class Error:
    """An exception of the student's code: type name, message, line of the cell if known."""

    name: str
    message: str
    line: int | None


@dataclass(frozen=True)
class TensorValue:
    """A plain tensor or parameter. ``value`` lies on the CPU; ``None`` if it was too large."""

    type: str
    shape: tuple[int, ...]
    dtype: str
    device: str
    requires_grad: bool
    leaf: bool
    value: torch.Tensor | None
    grad: TensorValue | None = None


@dataclass(frozen=True)
class ArrayValue:
    """A NumPy array, or one of NumPy's numbers (then ``type`` says so). ``value`` as a tensor."""

    type: str
    shape: tuple[int, ...]
    dtype: str
    value: torch.Tensor | None


@dataclass(frozen=True)
class PlainValue:
    """A number, string, dtype, device, size or None: ``kind`` says which.

    dtypes and devices are strings (``"float32"``, ``"cpu"``), a size is a tuple.
    """

    kind: str
    value: int | float | bool | str | tuple[int, ...] | None


@dataclass(frozen=True)
class ListValue:
    """A list or a tuple."""

    kind: str
    items: tuple[Value, ...]


@dataclass(frozen=True)
class MappingValue:
    """A dictionary; keys that are not strings are kept as their Python text."""

    items: Mapping[str, Value]


@dataclass(frozen=True)
class FunctionValue:
    """A function, by its signature."""

    name: str
    parameters: tuple[str, ...]


@dataclass(frozen=True)
class ModuleValue:
    """A ``torch.nn.Module`` by its structure and state."""

    type: str
    training: bool
    attributes: Mapping[str, Value]
    state: Mapping[str, Value]
    children: Mapping[str, ModuleValue]


@dataclass(frozen=True)
class ObjectValue:
    """Anything else: its exact type and nothing more."""

    type: str


@dataclass(frozen=True)
class CallValue:
    """One call of a student's function by a probe."""

    function: str
    value: Value
    error: Error | None
    printed: str
    changed: tuple[str, ...]
    operators: tuple[str, ...]


@dataclass(frozen=True)
class NoValue:
    """No value: ``why`` is ``missing``, ``interrupted``, ``failure`` (of a probe) or ``cut``."""

    why: str
    name: str = ""
    error: Error | None = None


Value = (
    TensorValue
    | ArrayValue
    | PlainValue
    | ListValue
    | MappingValue
    | FunctionValue
    | ModuleValue
    | ObjectValue
    | CallValue
    | NoValue
)
Tensors = Mapping[str, torch.Tensor]


OWN_KINDS = frozenset(
    {
        *("tensor", "array", "scalar", "int", "float", "bool", "str", "none", "list", "tuple"),
        *("dict", "function", "module", "size", "dtype", "device"),
        *("missing", "interrupted", "failure", "cut"),
    }
)


def kind_of(value: Value) -> str:
    """The kind of a value, as messages name it: a key of ``autograder.words.KINDS`` or a type."""
    match value:
        case TensorValue():
            return "tensor"
        case ArrayValue():
            return "array" if value.type == "numpy.ndarray" else "scalar"
        case PlainValue() | ListValue():
            return value.kind
        case MappingValue():
            return "dict"
        case FunctionValue():
            return "function"
        case ModuleValue():
            return "module"
        case ObjectValue():
            # A student's class may be called ``list``.
            return f"?.{value.type}" if value.type in OWN_KINDS else value.type
        case CallValue():
            return "function"
        case NoValue():
            return value.why


def as_int(value: Any) -> int:
    if type(value) is not int:
        raise ObservationError("a number was expected")
    return value


def as_count(value: Any) -> int:
    """A number of something that somebody may be told."""
    if not 0 <= as_int(value) <= MAX_COUNT:
        raise ObservationError("a number that can be counted to was expected")
    return int(value)


def as_text(value: Any, limit: int = MAX_TEXT) -> str:
    if type(value) is not str or len(value) > limit:
        raise ObservationError("a short text was expected")
    return value if value.isascii() else sound(value)


def sound(text: str) -> str:
    """``text`` without lone surrogates, which JSON lets through and no file can hold."""
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")


def as_list(value: Any) -> list[Any]:
    if type(value) is not list:
        raise ObservationError("a list was expected")
    return value


def as_texts(value: Any) -> tuple[str, ...]:
    return tuple(as_text(one) for one in as_list(value))


def as_error(value: Any) -> Error | None:
    if value is None:
        return None
    line = value["line"]
    return Error(
        as_text(value["name"], MAX_ERROR_NAME),
        as_text(value["message"], MAX_ERROR_MESSAGE),
        None if line is None else as_count(line),
    )


def as_values(value: Mapping[str, Any], tensors: Tensors, depth: int = 0) -> dict[str, Value]:
    return {as_text(name): parse_value(tree, tensors, depth) for name, tree in value.items()}


def _shape(value: Any) -> tuple[int, ...]:
    shape = as_list(value)
    if len(shape) > MAX_RANK:
        raise ObservationError("a shape is impossible")
    for one in shape:
        if not 0 <= as_int(one) <= MAX_SIZE:
            raise ObservationError("a shape is impossible")
    return tuple(shape)


def _stored(
    tree: Mapping[str, Any], shape: tuple[int, ...], tensors: Tensors
) -> torch.Tensor | None:
    """The tensor of this ``shape`` that ``tree`` points at, if it is what ``tree`` says."""
    if tree["value"] is None:
        return None
    stored = tensors[as_text(tree["value"])]
    if stored.shape != shape or stored.dtype != DTYPES[tree["dtype"]]:
        raise ObservationError("a tensor is not what its description says")
    return stored


def parse_value(tree: Mapping[str, Any], tensors: Tensors, depth: int = 0) -> Value:
    """The value that ``tree`` describes, its tensors taken from ``tensors``."""
    if depth > MAX_DEPTH:
        raise ObservationError("a value is nested too deep")
    kind = tree["kind"]
    if type(kind) is str and kind in PLAIN:  # as half of them are
        return _plain(kind, tree)
    deeper = depth + 1
    match kind:
        case "tensor":
            return _tensor(tree, tensors)
        case "array" | "scalar":
            shape, dtype = _shape(tree["shape"]), as_text(tree["dtype"])
            return ArrayValue(as_text(tree["type"]), shape, dtype, _stored(tree, shape, tensors))
        case "list" | "tuple":
            items = as_list(tree["items"])
            return ListValue(kind, tuple([parse_value(one, tensors, deeper) for one in items]))
        case "dict":
            return MappingValue(
                {
                    _key(parse_value(key, tensors, deeper)): parse_value(item, tensors, deeper)
                    for key, item in map(_pair, as_list(tree["items"]))
                }
            )
        case "function":
            return FunctionValue(as_text(tree["name"]), as_texts(tree["parameters"]))
        case "module":
            return _module(tree, tensors, deeper)
        case "call":
            return CallValue(
                as_text(tree["function"]),
                parse_value(tree["value"], tensors, deeper),
                as_error(tree["error"]),
                as_text(tree["printed"]),
                as_texts(tree["changed"]),
                as_texts(tree["operators"]),
            )
        case "missing":
            return NoValue(kind, name=as_text(tree["name"]))
        case "interrupted" | "cut":
            return NoValue(kind)
        case "failure":
            return NoValue(kind, error=as_error(tree["error"]))
        case "object":
            return ObjectValue(as_text(tree["type"]))
        case _:
            raise ObservationError(f"there is no kind of value {str(kind)[:40]!r}")


def _tensor(tree: Mapping[str, Any], tensors: Tensors) -> TensorValue:
    gradient = tree.get("grad")
    if gradient is not None and (gradient["kind"] != "tensor" or "grad" in gradient):
        raise ObservationError("a gradient is not a plain tensor")
    shape = _shape(tree["shape"])
    return TensorValue(
        as_text(tree["type"]),
        shape,
        as_text(tree["dtype"]),
        as_text(tree["device"]),
        tree["requires_grad"] is True,
        tree["leaf"] is True,
        _stored(tree, shape, tensors),
        None if gradient is None else _tensor(gradient, tensors),
    )


def _module(tree: Mapping[str, Any], tensors: Tensors, depth: int) -> ModuleValue:
    if depth > MAX_DEPTH:
        raise ObservationError("a module is nested too deep")
    return ModuleValue(
        as_text(tree["type"]),
        tree["training"] is True,
        as_values(tree["attributes"], tensors, depth + 1),
        as_values(tree["state"], tensors, depth + 1),
        {
            as_text(name): _module(child, tensors, depth + 1)
            for name, child in tree["children"].items()
        },
    )


def _plain(kind: str, tree: Mapping[str, Any]) -> PlainValue:
    value = tree.get("value")
    match kind:
        case "float":
            return PlainValue(kind, _float(as_text(value)))
        case "none":
            return PlainValue(kind, None)
        case "bool":
            return PlainValue(kind, value is True)
        case "int":
            return PlainValue(kind, None if value is None else _integer(as_text(value)))
        case "size":
            return PlainValue(kind, _shape(value))
        case _:
            return PlainValue(kind, as_text(value))


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS or not text.removeprefix("-").isdecimal():
        raise ObservationError("an integer is malformed")
    return int(text)


def _float(text: str) -> float:
    try:
        return float.fromhex(text)
    except (ValueError, OverflowError) as error:
        raise ObservationError("a float is malformed") from error


def _pair(value: Any) -> tuple[Any, Any]:
    if len(as_list(value)) != 2:
        raise ObservationError("an item of a dictionary is no pair")
    return value[0], value[1]


def _key(value: Value) -> str:
    return str(value.value) if isinstance(value, PlainValue) else type(value).__name__
