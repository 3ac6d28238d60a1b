"""What one run of a notebook was seen to do: data from the untrusted side, parsed with suspicion.

This parser, with that of ``autograder.values``, is the whole attack surface of the trusted side.
It takes JSON and safetensors only, and raises ``ObservationError`` (a ``ValueError``) for the rest.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

import torch
from safetensors import SafetensorError

from autograder.packing import packed
from autograder.sandbox.contract import How
from autograder.sandbox.temporary import written
from autograder.unpacking import unpacked
from autograder.values import (
    MAX_RANK,
    Error,
    ObservationError,
    ObservationTooLarge,
    Tensors,
    Value,
    as_count,
    as_error,
    as_int,
    as_list,
    as_text,
    as_texts,
    as_values,
    parse_value,
    sound,
)

__all__ = ["CellRun", "Ending", "Observation", "ObservationError", "Snapshot", "joined"]

SCHEMA = 2
HEAD = 8
"""Bytes at the beginning of safetensors that tell how long the JSON behind them is."""
WIDGET = "application/vnd.jupyter.widget-view+json"
"""A view on a state that only a running notebook has; nbconvert fails on one that is malformed."""
MAX_NESTING = 250
"""Levels of JSON in one frame. Values need at most three for each of theirs; Python's own parser
and writer give up somewhere below a thousand."""

MAX_JSON_BYTES = 40 * 2**20
"""Of all frames without their tensors. It goes into the head of a safetensors file, which may
have 100 MB, as JSON within JSON: at worst every byte doubles."""

MAX_PARTS = 1_000_000
"""Values and keys in the JSON of all frames. Each takes up to some hundred bytes once it is read,
and an observation is kept for as long as its batch is judged."""

MAX_TENSORS, MAX_HEAD_BYTES, MAX_KEY = 20_000, 4 * 2**20, 64
"""Of all frames: a head of safetensors can name a million tensors of no size, which take a minute
to make and a gigabyte to keep."""

MAX_STATE = 2**16
"""Bytes of a generator's state; torch's has some 5000."""

Room = tuple[int, int]
ROOM: Room = (5_000, 50_000)
"""Outputs of all cells, and the lines of their tracebacks and kinds of their bundles. What is over
is left out, and which cells it is missing from is kept."""

MAX_DETAIL = 20_000
"""Characters of what is told of an ending."""


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
    """All that one run of a trial saw. Filled frame by frame, then saved; never changed afterwards.

    ``cells`` are the cells that ended, by index; ``probes`` by exercise, name and device.
    ``device`` is where its probes ran. A trial that was run on other devices too has those runs
    ``beside`` it, by device, and what their probes saw among its own (``joined``).
    """

    cells: dict[int, CellRun] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    probes: dict[str, dict[str, dict[str, Value]]] = field(default_factory=dict)
    ending: Ending = Ending("died", "")
    device: str = "cpu"
    beside: Mapping[str, Observation] = field(default_factory=dict)
    _frames: list[str] = field(default_factory=list)
    """As JSON: what was read of them is kept above, in less room."""
    _outputs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _cut: list[int] = field(default_factory=list)
    """The cells of whose outputs some were left out."""
    _tensors: dict[str, torch.Tensor] = field(default_factory=dict)
    _size: int = 0
    _parts: int = 0
    _heads: int = 0
    _room: Room = ROOM

    def accept(self, frame: Mapping[str, Any], payload: bytes) -> None:
        """Take one frame from the sandbox; ``ObservationError`` if it is not one of ours."""
        parts = self._parts + _parts(frame)
        if parts > MAX_PARTS:
            raise ObservationTooLarge("the frames hold too many values")
        heads = self._heads + min(int.from_bytes(payload[:HEAD], "little"), len(payload))
        if heads > MAX_HEAD_BYTES:
            raise ObservationTooLarge("the frames describe too many tensors")
        tensors = _tensors(payload)
        if len(tensors) + len(self._tensors) > MAX_TENSORS:
            raise ObservationTooLarge("the frames hold too many tensors")
        if tensors.keys() & self._tensors.keys():
            raise ObservationError("a frame repeats the key of a tensor")
        kept = {key: value for key, value in frame.items() if key != "outputs"}
        is_cell = kept.get("frame") == "cell"
        given = frame.get("outputs")
        outputs, room = _outputs(given, self._room) if is_cell else ([], self._room)
        text = json.dumps(kept)
        size = self._size + len(text) + len(_dumps(outputs).encode())
        if size > MAX_JSON_BYTES:
            raise ObservationTooLarge("the frames hold too much besides tensors")
        self._read(kept, tensors)
        # From here on nothing raises: a frame that was refused has left no trace.
        if is_cell:
            self._outputs[str(kept["index"])] = outputs
            self._cut += [int(kept["index"])] if len(outputs) < len(given or ()) else []
        self._size, self._parts, self._heads, self._room = size, parts, heads, room
        self._tensors.update(tensors)
        self._frames.append(text)

    def end(self, how: How, detail: str) -> None:
        """Say how the run ended; ``detail`` may be the child's own words."""
        self.ending = Ending(how, sound(detail[-MAX_DETAIL:]))

    def _read(self, frame: Mapping[str, Any], tensors: Tensors) -> None:
        with _suspicion("a frame"):
            match frame.get("frame"):
                case "cell":
                    self._read_cell(frame)
                case "snapshot":
                    self._read_snapshot(frame, tensors)
                case "probe":
                    self._read_probe(frame, tensors)
                case other:
                    raise ObservationError(f"there is no frame {str(other)[:40]!r}")

    def _read_cell(self, frame: Mapping[str, Any]) -> None:
        index = as_int(frame["index"])
        if index != len(self.cells):
            raise ObservationError("a frame speaks of a cell out of turn")
        if frame["status"] not in ("ok", "error", "interrupted"):
            raise ObservationError("a cell has an unknown status")
        seconds = _seconds(frame["seconds"])
        self.cells[index] = CellRun(frame["status"], as_error(frame["error"]), seconds)

    def _read_snapshot(self, frame: Mapping[str, Any], tensors: Tensors) -> None:
        exercise = as_text(frame["exercise"])
        if exercise in self.snapshots:
            raise ObservationError("an exercise has two snapshots")
        self.snapshots[exercise] = Snapshot(
            as_values(frame["names"], tensors),
            as_values(frame["also"], tensors),
            as_texts(frame["elsewhere"]),
            tuple(as_texts(group) for group in as_list(frame["memory"])),
            _state(frame["generator"], tensors),
        )

    def _read_probe(self, frame: Mapping[str, Any], tensors: Tensors) -> None:
        exercise, name = as_text(frame["exercise"]), as_text(frame["probe"])
        device = as_text(frame["device"])
        if device in self.probes.get(exercise, {}).get(name, {}):
            raise ObservationError("a probe has two results")
        seen = parse_value(frame["seen"], tensors)
        self.probes.setdefault(exercise, {}).setdefault(name, {})[device] = seen

    def save(self, path: Path) -> None:
        """Write the file at ``path``, whole or not at all."""
        head = {"schema": SCHEMA, "device": self.device, "ending": vars(self.ending)}
        kept = json.dumps({**head, "frames": []})
        observation = f"{kept.removesuffix(']}')}{', '.join(self._frames)}]}}"
        metadata = {"observation": observation, "outputs": _dumps(self._outputs)}
        if self._cut:
            metadata["cut"] = json.dumps(self._cut)
        # A header alone is not a file that every reader of safetensors takes.
        tensors = self._tensors or {"empty": torch.zeros(0)}
        metadata["seal"] = _seal(metadata, tensors)
        with written(path) as file:
            file.write(packed(tensors, metadata))

    @classmethod
    def load(cls, path: Path) -> Observation:
        """Read a saved observation; ``ObservationError`` says what is wrong with the file."""
        with _suspicion(path.name):
            content = path.read_bytes()
            tensors = dict(sorted(unpacked(content).items()))
            head = content[HEAD : HEAD + int.from_bytes(content[:HEAD], "little")]
            metadata = json.loads(head).get("__metadata__", {})
            kept = _loads(metadata["observation"])
            if kept["schema"] != SCHEMA:
                raise ObservationError(f"{path.name}: written by another version")
            made = cls(device=as_text(kept.get("device", "cpu")))
            for frame in as_list(kept["frames"]):
                made._read(frame, tensors)
            ending = kept["ending"]
            if ending["how"] not in get_args(How):
                raise ObservationError("an ending is of no kind that there is")
            made.ending = Ending(ending["how"], as_text(ending["detail"], MAX_DETAIL))
            # As `save` has put it together: no text in it has quotes that are not escaped.
            inner = metadata["observation"].partition('"frames": [')[2]
            made._frames = [inner.removesuffix("]}")]
            outputs = _loads(metadata["outputs"])
            made._outputs = {index: _outputs(value)[0] for index, value in outputs.items()}
            made._cut = [as_int(one) for one in as_list(json.loads(metadata.get("cut", "[]")))]
            made._tensors = tensors
            # A machine that stopped may leave a file whose end is zeros, which are tensors, too.
            if metadata.pop("seal", "") != _seal(metadata, tensors):
                raise ObservationError(f"{path.name}: not as it was written")
        return made

    def outputs(self, index: int) -> list[dict[str, Any]]:
        """The outputs of cell ``index`` as nbformat has them."""
        return self._outputs.get(str(index), [])

    def is_cut(self, index: int) -> bool:
        """Whether some outputs of cell ``index`` were left out: all together were too many."""
        return index in self._cut


def joined(runs: Iterable[Observation]) -> list[Observation]:
    """The trials: those on the CPU, each with its runs on other devices, which follow in the same
    order. A run's probes count for its own device only, whatever its frames say."""
    by_device: dict[str, list[Observation]] = {"cpu": []}
    for run in runs:
        by_device.setdefault(run.device, []).append(run)
    own = by_device.pop("cpu")
    return [
        _beside(one, {device: them[i] for device, them in by_device.items() if i < len(them)})
        for i, one in enumerate(own)
    ]


def _beside(own: Observation, others: Mapping[str, Observation]) -> Observation:
    probes: dict[str, dict[str, dict[str, Value]]] = {}
    for run in (own, *others.values()):
        for exercise, by_name in run.probes.items():
            for name, by_device in by_name.items():
                if run.device in by_device:
                    found = probes.setdefault(exercise, {}).setdefault(name, {})
                    found[run.device] = by_device[run.device]
    return replace(own, probes=probes, beside=others)


@contextlib.contextmanager
def _suspicion(what: str) -> Iterator[None]:
    """Whatever reading ``what`` raises is an ``ObservationError``."""
    try:
        yield
    except ObservationError:
        raise
    except (
        SafetensorError,
        ArithmeticError,
        AttributeError,
        LookupError,
        OSError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        raise ObservationError(
            f"{what}: not an observation ({type(error).__name__}: {str(error)[:200]})"
        ) from error


def _seal(metadata: Mapping[str, str], tensors: Tensors) -> str:
    """Hash of all that a file has."""
    hashed = hashlib.sha256(json.dumps(dict(metadata), sort_keys=True).encode())
    hashed.update(packed(tensors))
    return hashed.hexdigest()


def _parts(frame: Mapping[str, Any]) -> int:
    """How many values and keys a frame has, in all that it holds.

    Refuses what is nested deeper than can be written and read again; a loop, for recursion would
    raise itself.
    """
    count = 0
    level: list[Any] = [frame]
    for _ in range(MAX_NESTING):
        if not level:
            return count
        count += sum(2 * len(one) if isinstance(one, dict) else len(one) for one in level)
        level = [
            part
            for one in level
            for part in (one.values() if isinstance(one, dict) else one)
            if isinstance(part, dict | list)
        ]
    if level:
        raise ObservationError("a frame is nested too deep")
    return count


def _tensors(payload: bytes) -> dict[str, torch.Tensor]:
    """The tensors of a frame, each one that could be a value's. Its head is known to be small."""
    with _suspicion("the tensors of a frame"):
        tensors = unpacked(payload) if payload else {}
    for key, tensor in tensors.items():
        if len(key) > MAX_KEY or tensor.dim() > MAX_RANK:
            raise ObservationError("a tensor has an impossible key or shape")
    return tensors


def _state(key: Any, tensors: Tensors) -> torch.Tensor | None:
    """What stands at ``key`` for the state of a generator."""
    if key is None:
        return None
    state = tensors[as_text(key)]
    if state.dtype is not torch.uint8 or state.dim() != 1 or state.numel() > MAX_STATE:
        raise ObservationError("a generator's state is none")
    return state


def _seconds(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ObservationError("a finite number of seconds was expected")
    return float(value)


def _loads(text: str) -> dict[str, Any]:
    loaded = json.loads(text)
    if not isinstance(loaded, dict):
        raise ObservationError("an observation is a JSON object")
    return loaded


def _dumps(outputs: Any) -> str:
    """Outputs as JSON, in few bytes: unlike frames as they came, they hold no lone surrogates."""
    return json.dumps(outputs, ensure_ascii=False)


def _outputs(value: Any, room: Room = ROOM) -> tuple[list[dict[str, Any]], Room]:
    """Outputs of a cell, of the four kinds of nbformat, with nothing in them but text; and the
    room for outputs and lines that they leave of ``room``. What does not fit is left out."""
    outputs: list[dict[str, Any]] = []
    left, lines = room
    with _suspicion("an output"):
        for one in as_list(value):
            left -= 1
            lines -= len(one.get("traceback", ())) + len(one.get("data", ()))
            if left < 0 or lines < 0:
                return outputs, (0, 0)
            outputs.append(_output(one))
    return outputs, (left, lines)


def _output(one: Mapping[str, Any]) -> dict[str, Any]:
    match one["output_type"]:
        case "stream":
            name = "stderr" if one["name"] == "stderr" else "stdout"
            return {"output_type": "stream", "name": name, "text": sound(str(one["text"]))}
        case "error":
            return {
                "output_type": "error",
                "ename": sound(str(one["ename"])),
                "evalue": sound(str(one["evalue"])),
                "traceback": [sound(str(line)) for line in as_list(one["traceback"])],
            }
        case "display_data" | "execute_result" as kind:
            output = {"output_type": kind, "data": _bundle(one["data"]), "metadata": {}}
            if kind == "execute_result":
                output["execution_count"] = as_count(one["execution_count"])
            return output
        case _:
            raise ObservationError("an output is of no kind that nbformat has")


def _bundle(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        sound(str(mime)): json.loads(sound(json.dumps(value, ensure_ascii=False)))
        if str(mime).endswith("json")
        else _joined(value)
        for mime, value in data.items()
        if mime != WIDGET
    }


def _joined(value: Any) -> str:
    return sound("".join(map(str, value)) if isinstance(value, list) else str(value))
