"""What one run of a notebook was seen to do: data from the untrusted side, parsed with suspicion.

This parser, with that of ``autograder.values``, is the whole attack surface of the trusted side.
It takes JSON and safetensors only, and raises ``ObservationError`` (a ``ValueError``) for the rest.
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

from autograder.values import (
    Error,
    ObservationError,
    Tensors,
    Value,
    as_error,
    as_int,
    as_list,
    as_text,
    as_texts,
    as_values,
    parse_value,
    sound,
)

__all__ = ["CellRun", "Ending", "Observation", "ObservationError", "Snapshot"]

SCHEMA = 1


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
        index = as_int(frame["index"])
        if index != len(self.cells):
            raise ObservationError("a frame speaks of a cell out of turn")
        if frame["status"] not in ("ok", "error", "interrupted"):
            raise ObservationError("a cell has an unknown status")
        seconds = float(frame["seconds"])
        self.cells[index] = CellRun(frame["status"], as_error(frame["error"]), seconds)

    def _read_snapshot(self, frame: Mapping[str, Any], tensors: Tensors) -> None:
        exercise = as_text(frame["exercise"])
        if exercise in self.snapshots:
            raise ObservationError("an exercise has two snapshots")
        state = frame["generator"]
        self.snapshots[exercise] = Snapshot(
            as_values(frame["names"], tensors),
            as_values(frame["also"], tensors),
            as_texts(frame["elsewhere"]),
            tuple(as_texts(group) for group in as_list(frame["memory"])),
            None if state is None else tensors[as_text(state)],
        )

    def _read_probe(self, frame: Mapping[str, Any], tensors: Tensors) -> None:
        by_name = self.probes.setdefault(as_text(frame["exercise"]), {})
        by_device = by_name.setdefault(as_text(frame["probe"]), {})
        device = as_text(frame["device"])
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
            made.ending = Ending(as_text(ending["how"]), as_text(ending["detail"]))
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


def _outputs(value: Any) -> list[dict[str, Any]]:
    """Outputs of a cell, of the four kinds of nbformat, with nothing in them but text."""
    clean: list[dict[str, Any]] = []
    for one in as_list(value):
        try:
            match one["output_type"]:
                case "stream":
                    name = "stderr" if one["name"] == "stderr" else "stdout"
                    clean.append(
                        {"output_type": "stream", "name": name, "text": sound(str(one["text"]))}
                    )
                case "error":
                    clean.append(
                        {
                            "output_type": "error",
                            "ename": sound(str(one["ename"])),
                            "evalue": sound(str(one["evalue"])),
                            "traceback": [sound(str(line)) for line in as_list(one["traceback"])],
                        }
                    )
                case "display_data" | "execute_result" as kind:
                    output = {"output_type": kind, "data": _bundle(one["data"]), "metadata": {}}
                    if kind == "execute_result":
                        output["execution_count"] = as_int(one["execution_count"])
                    clean.append(output)
                case _:
                    raise ObservationError("an output is of no kind that nbformat has")
        except (KeyError, TypeError, AttributeError) as error:
            raise ObservationError("an output is malformed") from error
    return clean


def _bundle(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        sound(str(mime)): json.loads(sound(json.dumps(value, ensure_ascii=False)))
        if str(mime).endswith("json")
        else _joined(value)
        for mime, value in data.items()
    }


def _joined(value: Any) -> str:
    return sound("".join(map(str, value)) if isinstance(value, Sequence) else str(value))
