"""What one run of a notebook was seen to do: data from the untrusted side, parsed with suspicion.

This parser is the whole attack surface of the trusted side. It takes JSON and safetensors only,
checks every claim that it keeps, and raises ``ObservationError`` (a ``ValueError``) for the rest.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save

__all__ = [
    "ArrayValue",
    "CallValue",
    "CellRun",
    "Ending",
    "Error",
    "FunctionValue",
    "ListValue",
    "MappingValue",
    "ModuleValue",
    "NoValue",
    "ObjectValue",
    "Observation",
    "ObservationError",
    "PlainValue",
    "Snapshot",
    "TensorValue",
    "Value",
    "kind_of",
    "parse_value",
]

SCHEMA = 1
MAX_DEPTH = 64
MAX_TEXT = 20_000
MAX_RANK = 64
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


class ObservationError(ValueError):
    """These bytes are not an observation. The message is one sentence for a log."""


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
            return value.type
        case CallValue():
            return "function"
        case NoValue():
            return value.why


@dataclass(frozen=True)
class CellRun:
    """How one cell ran: ``status`` is ``ok``, ``error`` or ``interrupted``."""

    status: str
    error: Error | None
    seconds: float


@dataclass(frozen=True)
class Snapshot:
    """The names of one exercise right after its cell.

    ``elsewhere`` are names that exist but that this cell did not make; ``also`` are values that
    the exercise does not ask for but later ones are judged from; ``generator`` is the state of
    torch's global CPU generator (uint8).
    """

    names: Mapping[str, Value]
    also: Mapping[str, Value]
    elsewhere: tuple[str, ...]
    memory: tuple[tuple[str, ...], ...]
    generator: torch.Tensor | None


@dataclass(frozen=True)
class Ending:
    """How the process ended; ``finished`` or one of the ways in which the sandbox ends it."""

    how: str
    detail: str


@dataclass
class Observation:
    """All that one trial saw. Filled frame by frame, then saved; never changed afterwards.

    ``cells`` are the cells that ended, by index; ``probes`` by exercise, name and device.
    """

    cells: dict[int, CellRun] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    probes: dict[str, dict[str, dict[str, Value]]] = field(default_factory=dict)
    ending: Ending = Ending("died", "")
    _frames: list[dict[str, Any]] = field(default_factory=list)
    _outputs: dict[str, Any] = field(default_factory=dict)
    _tensors: dict[str, torch.Tensor] = field(default_factory=dict)

    def accept(self, frame: Mapping[str, Any], payload: bytes) -> None:
        """Take one frame from the sandbox; ``ObservationError`` if it is not one of ours."""
        tensors: dict[str, torch.Tensor] = {}
        if payload:
            try:
                tensors = load(payload)
            except (SafetensorError, ValueError, TypeError, KeyError, RuntimeError) as error:
                raise ObservationError("the tensors of a frame are not safetensors") from error
        if tensors.keys() & self._tensors.keys():
            raise ObservationError("a frame repeats the key of a tensor")
        kept = {key: value for key, value in frame.items() if key != "outputs"}
        self._read(kept, tensors)
        if kept["frame"] == "cell":
            self._outputs[str(kept["index"])] = _outputs(frame.get("outputs"))
        self._tensors.update(tensors)
        self._frames.append(kept)

    def _read(self, frame: Mapping[str, Any], tensors: Tensors) -> None:
        try:
            match frame.get("frame"):
                case "cell":
                    self._read_cell(frame)
                case "snapshot":
                    self._read_snapshot(frame, tensors)
                case "probe":
                    self._read_probe(frame, tensors)
                case other:
                    raise ObservationError(f"there is no frame {str(other)[:40]!r}")
        except (KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            raise ObservationError(f"a frame is malformed ({type(error).__name__})") from error

    def _read_cell(self, frame: Mapping[str, Any]) -> None:
        index = _int(frame["index"])
        if index != len(self.cells):
            raise ObservationError("a frame speaks of a cell out of turn")
        if frame["status"] not in ("ok", "error", "interrupted"):
            raise ObservationError("a cell has an unknown status")
        seconds = float(frame["seconds"])
        self.cells[index] = CellRun(frame["status"], _error(frame["error"]), seconds)

    def _read_snapshot(self, frame: Mapping[str, Any], tensors: Tensors) -> None:
        exercise = _text(frame["exercise"])
        if exercise in self.snapshots:
            raise ObservationError("an exercise has two snapshots")
        state = frame["generator"]
        self.snapshots[exercise] = Snapshot(
            _values(frame["names"], tensors),
            _values(frame["also"], tensors),
            _texts(frame["elsewhere"]),
            tuple(_texts(group) for group in _list(frame["memory"])),
            None if state is None else tensors[_text(state)],
        )

    def _read_probe(self, frame: Mapping[str, Any], tensors: Tensors) -> None:
        by_name = self.probes.setdefault(_text(frame["exercise"]), {})
        by_device = by_name.setdefault(_text(frame["probe"]), {})
        device = _text(frame["device"])
        if device in by_device:
            raise ObservationError("a probe has two results")
        by_device[device] = parse_value(frame["seen"], tensors)

    def save(self, path: Path) -> None:
        """Write the file at ``path``, whole or not at all."""
        kept = {"schema": SCHEMA, "ending": vars(self.ending), "frames": self._frames}
        metadata = {"observation": json.dumps(kept), "outputs": json.dumps(self._outputs)}
        # A header alone is not a file that every reader of safetensors takes.
        tensors = self._tensors or {"empty": torch.zeros(0)}
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(save(tensors, metadata=metadata))
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    @classmethod
    def load(cls, path: Path) -> Observation:
        """Read a saved observation; ``ObservationError`` says what is wrong with the file."""
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
            kept = _loads(metadata["observation"])
            if kept["schema"] != SCHEMA:
                raise ObservationError(f"{path.name}: written by another version")
            made = cls()
            for frame in kept["frames"]:
                made._read(frame, tensors)
            ending = kept["ending"]
            made.ending = Ending(_text(ending["how"]), _text(ending["detail"]))
            made._frames = kept["frames"]
            made._outputs = _loads(metadata["outputs"])
            made._tensors = tensors
        except (SafetensorError, OSError, KeyError, TypeError, RuntimeError) as error:
            raise ObservationError(f"{path.name}: not an observation ({error})") from error
        return made

    def outputs(self, index: int) -> list[dict[str, Any]]:
        """The outputs of cell ``index`` as nbformat has them."""
        return self._outputs.get(str(index), [])  # type: ignore[no-any-return]


def _loads(text: str) -> dict[str, Any]:
    loaded = json.loads(text)
    if not isinstance(loaded, dict):
        raise ObservationError("an observation is a JSON object")
    return loaded


def _int(value: Any) -> int:
    if type(value) is not int:
        raise ObservationError("a number was expected")
    return value


def _text(value: Any) -> str:
    if type(value) is not str or len(value) > MAX_TEXT:
        raise ObservationError("a short text was expected")
    return _sound(value)


def _sound(text: str) -> str:
    """``text`` without lone surrogates, which JSON lets through and no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _list(value: Any) -> list[Any]:
    if type(value) is not list:
        raise ObservationError("a list was expected")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(_text(one) for one in _list(value))


def _error(value: Any) -> Error | None:
    if value is None:
        return None
    line = value["line"]
    return Error(
        _text(value["name"]), _text(value["message"]), None if line is None else _int(line)
    )


def _values(value: Mapping[str, Any], tensors: Tensors) -> dict[str, Value]:
    return {_text(name): parse_value(tree, tensors) for name, tree in value.items()}


def _shape(value: Any) -> tuple[int, ...]:
    shape = tuple(_int(one) for one in _list(value))
    if len(shape) > MAX_RANK or any(one < 0 for one in shape):
        raise ObservationError("a shape is impossible")
    return shape


def _stored(tree: Mapping[str, Any], tensors: Tensors) -> torch.Tensor | None:
    """The tensor that ``tree`` points at, if it is what ``tree`` says."""
    if tree["value"] is None:
        return None
    stored = tensors[_text(tree["value"])]
    if tuple(stored.shape) != _shape(tree["shape"]) or stored.dtype != DTYPES[tree["dtype"]]:
        raise ObservationError("a tensor is not what its description says")
    return stored


def parse_value(tree: Mapping[str, Any], tensors: Tensors, depth: int = 0) -> Value:
    """The value that ``tree`` describes, its tensors taken from ``tensors``."""
    if depth > MAX_DEPTH:
        raise ObservationError("a value is nested too deep")
    kind = tree["kind"]
    deeper = depth + 1
    match kind:
        case "tensor":
            return _tensor(tree, tensors)
        case "array" | "scalar":
            shape, dtype = _shape(tree["shape"]), _text(tree["dtype"])
            return ArrayValue(_text(tree["type"]), shape, dtype, _stored(tree, tensors))
        case "list" | "tuple":
            items = _list(tree["items"])
            return ListValue(kind, tuple(parse_value(one, tensors, deeper) for one in items))
        case "dict":
            return MappingValue(
                {
                    _key(parse_value(key, tensors, deeper)): parse_value(item, tensors, deeper)
                    for key, item in _list(tree["items"])
                }
            )
        case "function":
            return FunctionValue(_text(tree["name"]), _texts(tree["parameters"]))
        case "module":
            return _module(tree, tensors, deeper)
        case "call":
            return CallValue(
                _text(tree["function"]),
                parse_value(tree["value"], tensors, deeper),
                _error(tree["error"]),
                _text(tree["printed"]),
                _texts(tree["changed"]),
                _texts(tree["operators"]),
            )
        case "missing":
            return NoValue(kind, name=_text(tree["name"]))
        case "interrupted" | "cut":
            return NoValue(kind)
        case "failure":
            return NoValue(kind, error=_error(tree["error"]))
        case "object":
            return ObjectValue(_text(tree["type"]))
        case _:
            return _plain(kind, tree)


def _tensor(tree: Mapping[str, Any], tensors: Tensors) -> TensorValue:
    gradient = tree.get("grad")
    if gradient is not None and (gradient["kind"] != "tensor" or "grad" in gradient):
        raise ObservationError("a gradient is not a plain tensor")
    return TensorValue(
        _text(tree["type"]),
        _shape(tree["shape"]),
        _text(tree["dtype"]),
        _text(tree["device"]),
        tree["requires_grad"] is True,
        tree["leaf"] is True,
        _stored(tree, tensors),
        None if gradient is None else _tensor(gradient, tensors),
    )


def _module(tree: Mapping[str, Any], tensors: Tensors, depth: int) -> ModuleValue:
    if depth > MAX_DEPTH:
        raise ObservationError("a module is nested too deep")
    return ModuleValue(
        _text(tree["type"]),
        tree["training"] is True,
        _values(tree["attributes"], tensors),
        _values(tree["state"], tensors),
        {
            _text(name): _module(child, tensors, depth + 1)
            for name, child in tree["children"].items()
        },
    )


def _plain(kind: Any, tree: Mapping[str, Any]) -> PlainValue:
    value = tree.get("value")
    match kind:
        case "none":
            return PlainValue(kind, None)
        case "bool":
            return PlainValue(kind, value is True)
        case "int":
            return PlainValue(kind, None if value is None else _integer(_text(value)))
        case "float":
            return PlainValue(kind, _float(_text(value)))
        case "str" | "dtype" | "device":
            return PlainValue(kind, _text(value))
        case "size":
            return PlainValue(kind, _shape(value))
        case _:
            raise ObservationError(f"there is no kind of value {str(kind)[:40]!r}")


def _integer(text: str) -> int:
    if len(text) > 1_000 or not text.removeprefix("-").isdecimal():
        raise ObservationError("an integer is malformed")
    return int(text)


def _float(text: str) -> float:
    try:
        return float.fromhex(text)
    except (ValueError, OverflowError) as error:
        raise ObservationError("a float is malformed") from error


def _key(value: Value) -> str:
    return str(value.value) if isinstance(value, PlainValue) else type(value).__name__


def _outputs(value: Any) -> list[dict[str, Any]]:
    """Outputs of a cell, of the four kinds of nbformat, with nothing in them but text."""
    clean: list[dict[str, Any]] = []
    for one in _list(value):
        try:
            match one["output_type"]:
                case "stream":
                    name = "stderr" if one["name"] == "stderr" else "stdout"
                    clean.append(
                        {"output_type": "stream", "name": name, "text": _sound(str(one["text"]))}
                    )
                case "error":
                    clean.append(
                        {
                            "output_type": "error",
                            "ename": _sound(str(one["ename"])),
                            "evalue": _sound(str(one["evalue"])),
                            "traceback": [_sound(str(line)) for line in _list(one["traceback"])],
                        }
                    )
                case "display_data" | "execute_result" as kind:
                    output = {"output_type": kind, "data": _bundle(one["data"]), "metadata": {}}
                    if kind == "execute_result":
                        output["execution_count"] = _int(one["execution_count"])
                    clean.append(output)
                case _:
                    raise ObservationError("an output is of no kind that nbformat has")
        except (KeyError, TypeError, AttributeError) as error:
            raise ObservationError("an output is malformed") from error
    return clean


def _bundle(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        _sound(str(mime)): json.loads(_sound(json.dumps(value, ensure_ascii=False)))
        if str(mime).endswith("json")
        else _joined(value)
        for mime, value in data.items()
    }


def _joined(value: Any) -> str:
    return _sound("".join(map(str, value)) if isinstance(value, Sequence) else str(value))
