"""Notebooks, assignments, frames and observations made by hand, in memory, for the tests here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
import torch
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from safetensors.torch import save

from autograder.assignment import Assignment, load_assignment
from autograder.judge.seen import Observed, Seen, View
from autograder.observation import CellRun, Ending, Observation, Snapshot
from autograder.values import (
    ArrayValue,
    CallValue,
    Error,
    ListValue,
    PlainValue,
    TensorValue,
    Value,
)

Json = dict[str, Any]
GENERATOR = torch.zeros(16, dtype=torch.uint8)


# --- notebooks -----------------------------------------------------------------------------------


def marks(id: str, kind: str, points: float | None = None, cell_type: str = "code") -> Json:
    """nbgrader's marks of a cell that is a ``solution``, a ``grade`` or a ``locked`` one."""
    made: Json = {
        "grade_id": id,
        "solution": kind in ("solution", "manual"),
        "grade": kind in ("grade", "manual"),
        "locked": kind in ("grade", "locked"),
        "schema_version": 3,
        "task": False,
        "cell_type": cell_type,
    }
    if points is not None:
        made["points"] = points
    return made


def solution(id: str, source: str = "", names: Mapping[str, Any] | None = None) -> Any:
    ours = {"autograder": {"names": dict(names)}} if names else {}
    return new_code_cell(source, metadata={"nbgrader": marks(id, "solution"), **ours}, id=id)


def grade(id: str, source: str = "assert True", points: float = 1) -> Any:
    metadata = {"nbgrader": marks(f"{id}-check", "grade", points)}
    return new_code_cell(source, metadata=metadata, id=f"{id}-check")


def locked(id: str, source: str, cell_type: str = "code") -> Any:
    make = new_code_cell if cell_type == "code" else new_markdown_cell
    metadata = {"nbgrader": marks(id, "locked", cell_type=cell_type)}
    return make(source, metadata=metadata, id=id)


TENSOR = {"kind": "tensor", "shape": [1, 3], "dtype": "float32"}


def source_cells() -> list[Any]:
    """A small assignment: two exercises, a locked code cell, a locked text, a free text."""
    return [
        new_markdown_cell("# Título", id="titulo"),
        locked("enunciado", "Calcula `x`.", "markdown"),
        locked("datos", "import torch\ndatos = 1"),
        solution("uno", "x = datos + 1", {"x": TENSOR}),
        grade("uno", "assert x == 2", 2),
        solution("dos", "y = x * 2", {"y": TENSOR}),
        grade("dos", "assert y == 4", 3),
    ]


def assignment(
    folder: Path, cells: Sequence[Any] | None = None, name: str = "tarea", minor: int = 5
) -> Assignment:
    """Write the source notebook of an assignment below ``folder`` and load it."""
    home = folder / "solutions" / name
    home.mkdir(parents=True, exist_ok=True)
    notebook = new_notebook(cells=list(source_cells() if cells is None else cells))
    notebook.nbformat_minor = minor
    (home / f"{name}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    return load_assignment(home)


def raw(notebook_or_cells: Any) -> Json:
    """A notebook as plain JSON data."""
    if isinstance(notebook_or_cells, list):
        # Not nbformat's `new_notebook`: it mends what a student may have spoilt.
        notebook_or_cells = {
            "cells": notebook_or_cells,
            "metadata": {},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    made: Json = json.loads(json.dumps(notebook_or_cells))
    return made


def hand_in(folder: Path, content: Any, name: str = "tarea") -> Path:
    """Put a notebook (JSON data, cells, text or bytes) where a student's submission lies."""
    home = folder / "submitted" / "ana" / name
    home.mkdir(parents=True, exist_ok=True)
    if isinstance(content, list):
        content = raw(content)
    if isinstance(content, dict):
        content = json.dumps(content)
    if isinstance(content, str):
        content = content.encode()
    (home / f"{name}.ipynb").write_bytes(content)
    return home


def ids_of(notebook: nbformat.NotebookNode) -> list[str | None]:
    """nbgrader's ids of a notebook's cells, in order."""
    return [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells]


# --- frames, as the sandbox sends them -----------------------------------------------------------


def cell_frame(index: int = 0, **changes: Any) -> Json:
    return {
        "frame": "cell",
        "index": index,
        "status": "ok",
        "error": None,
        "outputs": [],
        "seconds": 0.5,
        **changes,
    }


def snapshot_frame(exercise: str = "uno", **changes: Any) -> Json:
    return {
        "frame": "snapshot",
        "exercise": exercise,
        "names": {},
        "also": {},
        "elsewhere": [],
        "memory": [],
        "generator": None,
        **changes,
    }


def probe_frame(seen: Any, exercise: str = "uno", probe: str = "p", device: str = "cpu") -> Json:
    return {"frame": "probe", "exercise": exercise, "probe": probe, "device": device, "seen": seen}


def tensor_tree(key: str | None = "t0", **changes: Any) -> Json:
    return {
        "kind": "tensor",
        "type": "torch.Tensor",
        "shape": [2],
        "dtype": "float32",
        "device": "cpu",
        "requires_grad": False,
        "leaf": True,
        "value": key,
        **changes,
    }


def call_tree(value: Json | None = None, **changes: Any) -> Json:
    return {
        "kind": "call",
        "function": "f",
        "value": value or {"kind": "none"},
        "error": None,
        "printed": "",
        "changed": [],
        "operators": [],
        **changes,
    }


def payload(**tensors: torch.Tensor) -> bytes:
    return save(tensors)


# --- parsed values, and what a check sees --------------------------------------------------------


def tensor(
    values: Any, dtype: torch.dtype | None = torch.float32, device: str = "cpu", **changes: Any
) -> TensorValue:
    made = values if isinstance(values, torch.Tensor) else torch.tensor(values, dtype=dtype)
    fields: Json = {
        "type": "torch.Tensor",
        "shape": tuple(made.shape),
        "dtype": str(made.dtype).removeprefix("torch."),
        "device": device,
        "requires_grad": False,
        "leaf": True,
        "value": made,
    }
    return TensorValue(**{**fields, **changes})


def array(values: Any, dtype: torch.dtype = torch.float64, type: str = "numpy.ndarray") -> Value:
    made = torch.tensor(values, dtype=dtype)
    name = str(made.dtype).removeprefix("torch.")
    return ArrayValue(type, tuple(made.shape), name, made)


def number(value: float) -> PlainValue:
    kind = "none" if value is None else type(value).__name__
    return PlainValue(kind, value)


def listed(*items: Value, kind: str = "list") -> ListValue:
    return ListValue(kind, items)


def call(value: Value, function: str = "f", **changes: Any) -> CallValue:
    fields: Json = {"error": None, "printed": "", "changed": (), "operators": ()}
    return CallValue(function, value, **{**fields, **changes})


def seen(value: Value, label: str = "x", **changes: Any) -> Seen:
    return Seen(value, label, False, **changes)


def model(value: Value, label: str = "x") -> Seen:
    """The same, on the reference's side."""
    return Seen(value, label, True)


def trial(
    names: Mapping[str, Mapping[str, Value]],
    probes: Mapping[str, Mapping[str, Mapping[str, Value]]] | None = None,
    elsewhere: Sequence[str] = (),
    memory: Sequence[Sequence[str]] = (),
    errors: Mapping[int, Error | None] | None = None,
    ending: str = "finished",
) -> Observation:
    """One trial: values by exercise and name; one cell an exercise, in order."""
    errors = errors or {}
    groups = tuple(tuple(group) for group in memory)
    return Observation(
        cells={
            place: CellRun("error" if errors.get(place) else "ok", errors.get(place), 0.1)
            for place in range(len(names))
        },
        snapshots={
            exercise: Snapshot(dict(values), {}, tuple(elsewhere), groups, GENERATOR)
            for exercise, values in names.items()
        },
        probes={
            exercise: {name: dict(by_device) for name, by_device in by_name.items()}
            for exercise, by_name in (probes or {}).items()
        },
        ending=Ending(ending, ""),
    )


def observed(
    *trials: Observation,
    names: Mapping[str, Sequence[str]],
    is_reference: bool = False,
    damage: Mapping[str, str] | None = None,
) -> Observed:
    places = {exercise: (place,) for place, exercise in enumerate(names)}
    return Observed(trials, names, places, damage or {}, is_reference)


def view(all_trials: Observed, exercise: str = "uno", trial: int = 0, device: str = "cpu") -> View:
    return View(all_trials, exercise, trial, device)


# --- other processes -----------------------------------------------------------------------------


def in_own_process(code: str) -> Json:
    """What ``code`` prints as JSON, run in a process that it may patch as it likes."""
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said: Json = json.loads(done.stdout.splitlines()[-1])
    return said
