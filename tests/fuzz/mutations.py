"""Change the frames of a real run, as a program of bytes says; knows nothing of who reads them.

Every input, also an empty one, is a program: what it does not say is 0. So a coverage-guided
fuzzer, hypothesis and a file of the corpus all speak the same language.
"""

from __future__ import annotations

import copy
import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from safetensors.torch import load, save

Json = Any
HEADER = struct.Struct("!IQ")
BIG = "@big@"
DEEP = {f"@deep{levels}@": levels for levels in (30, 260, 900, 5000)}
"""What stands for what no writer of JSON would write: a number of 100 000 digits, deep nesting."""


@dataclass
class Frame:
    """One frame on its way: JSON, and the bytes behind it."""

    body: Json
    payload: bytes = b""

    def packed(self) -> bytes:
        text = json.dumps(self.body, separators=(",", ":")).encode("utf-8", "surrogatepass")
        text = text.replace(f'"{BIG}"'.encode(), b"9" * 100_000)
        for mark, levels in DEEP.items():
            text = text.replace(f'"{mark}"'.encode(), b"[" * levels + b"]" * levels)
        return HEADER.pack(len(text), len(self.payload)) + text + self.payload


def unpack(stream: bytes) -> list[Frame]:
    """The frames of a stream that is known to be whole."""
    frames, at = [], 0
    while at < len(stream):
        text, payload = HEADER.unpack_from(stream, at)
        at += HEADER.size
        body = json.loads(stream[at : at + text])
        frames.append(Frame(body, stream[at + text : at + text + payload]))
        at += text + payload
    return frames


class Choices:
    """Numbers from bytes; zeros behind their end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def below(self, count: int) -> int:
        """A number from 0 to ``count - 1``."""
        if count <= 1:
            return 0
        size = 1 if count <= 256 else 2
        taken = self._data[self._at : self._at + size].ljust(size, b"\0")
        self._at += size
        return int.from_bytes(taken, "little") % count

    def one(self, options: Any) -> Any:
        return options[self.below(len(options))]

    @property
    def over(self) -> bool:
        return self._at >= len(self._data)


# --- anything at all -----------------------------------------------------------------------------


ANYTHING: tuple[Json, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 0.5, -0.0, 1e308, 2**31, 2**63, -(2**63), 10**400),
    *(
        math.nan,
        math.inf,
        -math.inf,
        BIG,
        "",
        "a",
        "t0",
        "t1",
        "t2",
        "\x00",
        "\ud800",
        "\U0001f600",
    ),
    *("x" * 19_000, "x" * 21_000, "9" * 299, "9" * 301, "-" + "9" * 200, "٣", "nan", "inf"),
    *("-inf", "0x1p1023", "0x1p99999", "1e5", "<script>", "`*_{}", "%s{0}{name}", "\x1b[31m"),
    *("tensor", "array", "scalar", "list", "tuple", "dict", "function", "module", "call"),
    *("missing", "interrupted", "cut", "failure", "object", "none", "bool", "int", "float"),
    *("str", "dtype", "device", "size", "float32", "float64", "int64", "bool", "uint8"),
    *("complex64", "bfloat16", "float16", "cpu", "cuda", "meta", "torch.Tensor"),
    *("numpy.ndarray", "NotImplementedError", "MemoryError", "ok", "error", "interrupted"),
    *("cell", "snapshot", "probe", "stream", "display_data", "execute_result", "a/json"),
    *([], {}, [[]], [{}], {"": 0}, {"kind": "none"}, [0], [2**62, 0], [2**63], [-1], [1] * 70),
    *(*DEEP, ["x"] * 3000, {str(i): i for i in range(2000)}),
    {"name": "E", "message": "m" * 3000, "line": 10**9},
    {"name": "E", "message": "", "line": 1},
    {"output_type": "stream", "name": "stdout", "text": {"a": ["\x00"]}},
)


def places(
    tree: Json, before: tuple[Any, ...] = (), limit: int = 2000
) -> Iterator[tuple[Any, ...]]:
    """The paths of the parts of ``tree``, the first of many."""
    waiting = [(before, tree)]
    for _ in range(limit):
        if not waiting:
            return
        path, part = waiting.pop(0)
        yield path
        if isinstance(part, dict | list):
            items = part.items() if isinstance(part, dict) else enumerate(part)
            waiting += [((*path, key), one) for key, one in items]


def put(tree: Json, path: tuple[Any, ...], value: Json) -> Json:
    if not path:
        return value
    tree[path[0]] = put(tree[path[0]], path[1:], value)
    return tree


def at(tree: Json, path: tuple[Any, ...]) -> Json:
    for key in path:
        tree = tree[key]
    return tree


# --- values that a parser takes ------------------------------------------------------------------

NAMES_OF_TYPES = ("torch.Tensor", "torch.nn.parameter.Parameter", "numpy.ndarray", "x" * 19_000)
FLOATS = ("nan", "inf", "-inf", "0x0p0", "0x1.fp1023")
INTEGERS = ("0", "9" * 300, "-" + "9" * 299, None, "7")
TEXTS = ("", "x" * 20_000, "\ud800\x00\x1b[2J", "<b>`*")
ERRORS = ("NotImplementedError", "ValueError", "MemoryError", "<b>")
PRINTED = ("", "Epoch [10/100], Loss: " + "9" * 400, "1e999 nan" * 500)
NUMBERS = (0.0, 1.0, -1.0, 0.5, math.nan, math.inf, -math.inf, 1e-45, 3e38, 1e30, -1e30)
SHAPES = ((), (1,), (0,), (2,), (1, 1), (3, 2), (2, 3), (1, 3), (5, 3), (5, 2), (0, 3), (3, 0, 2))
SHAPES += ((1,) * 64, (4, 3), (21,), (100,), (1000,), (7, 1), (6,), (1, 6))
DTYPES = (
    *(torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32),
    *(torch.int16, torch.int8, torch.uint8, torch.bool, torch.complex64),
)


def _tensor(choices: Choices, tensors: dict[str, torch.Tensor]) -> Json:
    dtype, shape, number = choices.one(DTYPES), choices.one(SHAPES), choices.one(NUMBERS)
    whole = not (dtype.is_floating_point or dtype.is_complex)
    if whole:
        number = (
            2**62 if number == math.inf else 0 if not math.isfinite(number) else int(number % 7)
        )
    made = torch.full(shape, number, dtype=torch.int64 if whole else torch.float64).to(dtype)
    if choices.below(2) and made.numel() > 1 and dtype is not torch.bool:
        made = torch.arange(made.numel()).reshape(shape).to(dtype)
    key = f"m{len(tensors)}"
    kept = choices.below(5) != 1
    if kept:
        tensors[key] = made
    kind = choices.one(("tensor", "tensor", "tensor", "array", "scalar"))
    tree = {
        "kind": kind,
        "type": choices.one(NAMES_OF_TYPES),
        "shape": list(shape),
        "dtype": str(dtype).removeprefix("torch."),
        "value": key if kept else None,
    }
    if kind == "tensor":
        tree |= {
            "device": choices.one(("cpu", "cpu", "cuda", "meta", "x" * 5000)),
            "requires_grad": bool(choices.below(2)),
            "leaf": bool(choices.below(2)),
        }
        if kept and choices.below(3) == 1:
            tree["grad"] = {**tree, "value": key}
    return tree


def _value(choices: Choices, tensors: dict[str, torch.Tensor], depth: int = 0) -> Json:
    """The tree of a value of any kind, its tensors put into ``tensors``."""
    kind = choices.below(14 if depth < 3 else 9)
    inner = lambda: _value(choices, tensors, depth + 1)  # noqa: E731
    match kind:
        case 0 | 1 | 2:
            return _tensor(choices, tensors)
        case 3:
            return {
                "kind": "float",
                "value": choices.one(FLOATS),
            }
        case 4:
            return {
                "kind": "int",
                "value": choices.one(INTEGERS),
            }
        case 5:
            return {
                "kind": "str",
                "value": choices.one(TEXTS),
            }
        case 6:
            return choices.one(
                (
                    {"kind": "none"},
                    {"kind": "bool", "value": True},
                    {"kind": "dtype", "value": "float32"},
                    {"kind": "device", "value": "cuda"},
                    {"kind": "size", "value": [2**62] * 64},
                    {"kind": "object", "type": choices.one(("tensor", "list", "module", "int"))},
                    {"kind": "object", "type": "x" * 20_000},
                    {"kind": "function", "name": "x" * 20_000, "parameters": ["\x00"] * 60},
                )
            )
        case 7:
            error = choices.one(ERRORS)
            told = {
                "name": error,
                "message": choices.one(("", "x" * 2000, "\x1b]0;")),
                "line": 10**9,
            }
            return {"kind": "failure", "error": choices.one((told, None))}
        case 8:
            return choices.one(
                ({"kind": "missing", "name": "x"}, {"kind": "interrupted"}, {"kind": "cut"})
            )
        case 9 | 10:
            kind = choices.one(("list", "tuple"))
            return {"kind": kind, "items": [inner() for _ in range(choices.below(5))]}
        case 11:
            items = [[inner(), inner()] for _ in range(choices.below(4))]
            return {"kind": "dict", "items": items}
        case 12:
            return {
                "kind": "module",
                "type": choices.one(("torch.nn.modules.linear.Linear", "x")),
                "training": True,
                "attributes": {},
                "state": {"weight": inner(), "bias": inner()},
                "children": {},
            }
        case _:
            error = {"name": "RuntimeError", "message": "x", "line": None}
            return {
                "kind": "call",
                "function": choices.one(("f", "", "x" * 20_000)),
                "value": inner(),
                "error": choices.one((None, None, error)),
                "printed": choices.one(PRINTED),
                "changed": choices.one(([], ["0"], ["x" * 20_000])),
                "operators": choices.one(([], ["sigmoid", "linear"])),
            }


# --- the program ---------------------------------------------------------------------------------


def change(frames: list[Frame], choices: Choices, sound: bool) -> None:
    """Carry out one step on ``frames``, in place; mostly a ``sound`` one, if so asked."""
    if sound:
        frames = [one for one in frames if '"kind"' in json.dumps(one.body)]
    if not frames:
        return
    index = choices.below(len(frames))
    frame = frames[index]
    match choices.one((0,) * 30 + (7, 8)) if sound else choices.below(12):
        case 0 | 1 | 2 | 3 | 4:
            _replace_value(frame, choices)
        case 5 | 6:
            path = choices.one(list(places(frame.body)))
            frame.body = put(frame.body, path, copy.deepcopy(choices.one(ANYTHING)))
        case 7:
            path = choices.one(list(places(frame.body)))
            if path:
                parent = at(frame.body, path[:-1])
                del parent[path[-1]]
        case 8:
            source = choices.one(frames).body
            part = copy.deepcopy(at(source, choices.one(list(places(source)))))
            frame.body = put(frame.body, choices.one(list(places(frame.body))), part)
        case 9:
            _spoil_payload(frame, choices)
        case 10:
            frames.insert(choices.below(len(frames) + 1), copy.deepcopy(frame))
        case _:
            del frames[index]


def _replace_value(frame: Frame, choices: Choices) -> None:
    """Another value of any kind, sound in itself, in the place of one that is there."""
    found = [
        path
        for path in places(frame.body)
        if path and isinstance(one := at(frame.body, path), dict) and "kind" in one
    ]
    if not found:
        return
    try:
        tensors = load(frame.payload) if frame.payload else {}
    except Exception:
        return
    tree = _value(choices, tensors)
    frame.body = put(frame.body, choices.one(found), tree)
    frame.payload = save(tensors) if tensors else b""


def _spoil_payload(frame: Frame, choices: Choices) -> None:
    """Another head, or other bytes, of the tensors."""
    size = int.from_bytes(frame.payload[:8], "little")
    head, data = frame.payload[8 : 8 + size], frame.payload[8 + size :]
    kind = choices.below(4)
    if kind < 2 and head:
        try:
            tree = json.loads(head)
        except ValueError:
            return
        tree = put(tree, choices.one(list(places(tree))), copy.deepcopy(choices.one(ANYTHING)))
        head = json.dumps(tree).encode("utf-8", "surrogatepass")
        frame.payload = struct.pack("<Q", len(head)) + head + data
    elif kind == 2:
        frame.payload = frame.payload[: choices.below(len(frame.payload) + 1)]
    else:
        at_ = choices.below(len(frame.payload) + 1)
        frame.payload = frame.payload[:at_] + bytes([choices.below(256)]) + frame.payload[at_ + 1 :]


def changed(
    frames: list[Frame], program: bytes, *, steps: int = 12, sound: bool = False
) -> list[Frame]:
    """A copy of ``frames``, changed as ``program`` says; where ``sound``, so that most of what
    comes out is an observation."""
    made, choices = copy.deepcopy(frames), Choices(program)
    for _ in range(steps):
        if choices.over:
            break
        change(made, choices, sound)
    return made
