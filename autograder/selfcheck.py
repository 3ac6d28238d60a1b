"""The student's own check: run the notebook from top to bottom in a fresh process and say, in
their language, what does not hold. Uses public asserts and the notebook's own marks; no hidden
check, no reference and no sandbox."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.judge.finding import Finding
from autograder.submission import Unreadable, parse_notebook, source_text
from autograder.words import Words

__all__ = ["NotANotebook", "Problem", "Result", "check_notebook"]

LIMITS = {
    "output_characters": 1 << 20,
    "all_output_characters": 8 << 20,
    "tensor_bytes": 1 << 20,
    "total_bytes": 1 << 20,
}
Cell = dict[str, Any]


class NotANotebook(Exception):
    """The file cannot be read as a notebook; ``why`` is a key of ``autograder.words``."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class Problem:
    """One thing that does not hold, in a sentence; ``cell`` counts all cells from 1."""

    cell: int
    sentence: str


@dataclass
class Result:
    """What was found, by exercise in the notebook's order; ``elsewhere`` is in other cells."""

    exercises: dict[str, list[Problem]] = field(default_factory=dict)
    elsewhere: list[Problem] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.elsewhere and not any(self.exercises.values())


def check_notebook(path: Path, language: str, seconds: float) -> Result:
    """Run the notebook at ``path`` and say what does not hold. ``seconds`` bounds each cell."""
    cells = _cells(path)
    words = Words(language)
    code = [place for place, cell in enumerate(cells) if cell.get("cell_type") == "code"]
    frames = _run(path, cells, code, words, seconds)
    ran = {code[one["index"]]: one for one in frames if one["frame"] == "cell"}
    seen = {one["exercise"]: one for one in frames if one["frame"] == "snapshot"}
    result = Result({id: [] for place in code if (id := _solution(cells[place]))})
    solved = {id: place for place in code if (id := _solution(cells[place]))}
    unfinished = next((place for place in code if place not in ran), None)
    for place in code:
        problem = _problem(place, cells[place], ran.get(place), words, place == unfinished)
        exercise = _solution(cells[place]) or _checked(cells[place])
        if problem is not None and _checked(cells[place]) == exercise and exercise in solved:
            error = ran[place]["error"] if place in ran else None
            if error and error["name"] == "NotImplementedError":
                # A function that nobody wrote raises where it is tried; it is to be written above.
                problem = Problem(solved[exercise] + 1, problem.sentence)
        if problem is not None:
            into = result.exercises.get(exercise or "", result.elsewhere)
            into.append(problem)
    for place in code:
        id = _solution(cells[place])
        if id is not None and id in seen:
            names = _asked(cells[place])
            stopped = place in ran and ran[place]["status"] != "ok"
            found = _names(names, seen[id], words, missing=not stopped)
            result.exercises[id] = _joined(place + 1, found, result.exercises[id])
    result.hints = list(_hints(cells, code, ran, words))
    return result


def _cells(path: Path) -> list[Cell]:
    """The notebook's cells, each with the parts that are asked for, whatever the file holds."""
    try:
        notebook = parse_notebook(path)
    except Unreadable as error:
        raise NotANotebook(str(error)) from None
    cells = [cell for cell in notebook["cells"] if isinstance(cell, dict)]
    return [
        {**cell, "source": source_text(cell), "metadata": _mapping(cell.get("metadata"))}
        for cell in cells
    ]


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _marks(cell: Cell) -> Mapping[str, Any]:
    return _mapping(cell["metadata"].get("nbgrader"))


def _asked(cell: Cell) -> dict[str, dict[str, Any]]:
    """The names that the exercise of this cell asks for, as the notebook's own marks say."""
    names = _mapping(_mapping(cell["metadata"].get("autograder")).get("names"))
    return {name: spec for name, spec in names.items() if isinstance(spec, dict) and "kind" in spec}


def _solution(cell: Cell) -> str | None:
    """The exercise whose solution this cell is."""
    marks = _marks(cell)
    return str(marks["grade_id"]) if marks.get("solution") and marks.get("grade_id") else None


def _checked(cell: Cell) -> str | None:
    """The exercise whose public asserts this cell holds."""
    marks = _marks(cell)
    return str(marks.get("grade_id", "")).removesuffix("-check") if marks.get("grade") else None


def _run(
    path: Path, cells: Sequence[Cell], code: Sequence[int], words: Words, seconds: float
) -> list[dict[str, Any]]:
    """The frames of a run in a fresh process whose folder is the notebook's."""
    names = {id: list(_asked(cells[place])) for place in code if (id := _solution(cells[place]))}
    job: dict[str, Any] = {
        "cells": [
            {"source": cells[place]["source"], "exercise": _solution(cells[place])}
            for place in code
        ],
        "names": names,
        "also": {id: [] for id in names},
        "probes": "",
        "devices": [],
        "threads": None,
        "start": 0,
        "gpu_mb": None,
        "shown": True,
        "shift": 0,
        "key": "",
        "limits": {"cell_seconds": seconds, **LIMITS},
        "texts": {
            "question": words.other("question"),
            "late": words.other("late", seconds=seconds),
            "cut": words.other("cut"),
        },
    }
    with tempfile.TemporaryDirectory() as folder:
        job_file, frames = Path(folder) / "job.json", Path(folder) / "frames.jsonl"
        job_file.write_text(json.dumps(job), encoding="utf-8")
        environment = {
            **os.environ,
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "PYTHONIOENCODING": "utf-8",
        }
        # Where cells cannot be interrupted one by one, the whole run ends at the time-out.
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                [sys.executable, "-m", "autograder.inside.alone", str(job_file), str(frames)],
                cwd=path.resolve().parent,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=seconds * (len(code) + 2) + 60,
                check=False,
            )
        text = frames.read_text(encoding="utf-8") if frames.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    return [json.loads(line) for line in whole.splitlines()]


def _problem(
    place: int, cell: Cell, ran: Mapping[str, Any] | None, words: Words, culprit: bool
) -> Problem | None:
    """What there is to say of one code cell, if anything. The ``culprit`` ended the run."""
    if ran is None:
        return Problem(place + 1, words.own("ended_here" if culprit else "never_ran"))
    error = ran["error"]
    tags = cell["metadata"].get("tags")
    if error is None or (isinstance(tags, list) and "raises-exception" in tags):
        return None
    if error["name"] == "NotImplementedError":
        return Problem(place + 1, words.finding_of("unsolved", name=""))
    if error["name"] == "AssertionError" and _checked(cell):
        return Problem(place + 1, error["message"] or words.finding_of("assertion"))
    if ran["status"] == "interrupted":
        return Problem(place + 1, error["message"])
    line = {"line": error["line"]}
    told = {"error": error["name"], "message": error["message"], **line}
    return Problem(place + 1, words.finding(Finding("raised_here", told)))


def _joined(cell: int, found: Mapping[str, str], told: Sequence[Problem]) -> list[Problem]:
    """Sentences about names and what cells said, without saying one thing twice."""
    rest = [one for one in told if not any(f"`{name}`" in one.sentence for name in found)]
    if told and told[0].cell == cell:
        # The solution cell itself failed: what the asserts behind it miss is only that again.
        rest = [told[0]]
    return [*rest, *(Problem(cell, sentence) for sentence in found.values())]


def _names(
    names: Mapping[str, Any], seen: Mapping[str, Any], words: Words, *, missing: bool
) -> dict[str, str]:
    """By name, what is of another kind, shape or dtype than asked, or (if asked) missing."""
    found: dict[str, str] = {}
    for name, asked in names.items():
        tree, said = seen["names"].get(name), None
        if tree is None:
            if missing:
                kind = "elsewhere" if name in seen["elsewhere"] else "undefined"
                said = words.finding_of(kind, name=name)
        elif asked["kind"] in ("tensor", "array", "function", "list"):
            said = _unlike(name, asked, tree, words)
        if said is not None:
            found[name] = said
    return found


def _unlike(
    name: str, asked: Mapping[str, Any], tree: Mapping[str, Any], words: Words
) -> str | None:
    if tree["kind"] != asked["kind"]:
        return words.finding_of("kind", name=name, got=tree["kind"], asked=asked["kind"])
    for part in ("shape", "dtype"):
        if part in asked and tree.get(part) != asked[part]:
            return words.finding_of(part, name=name, got=tree.get(part), expected=asked[part])
    return None


def _hints(
    cells: Sequence[Cell], code: Sequence[int], ran: Mapping[int, Mapping[str, Any]], words: Words
) -> Iterator[str]:
    """Why it may have worked on the student's own machine."""
    for place in code:
        now = ran.get(place)
        saved = cells[place].get("outputs") or []
        worked = cells[place].get("execution_count") is not None and not any(
            one.get("output_type") == "error" for one in saved if isinstance(one, dict)
        )
        if now and now["error"] and now["error"]["name"] == "NameError" and worked:
            yield words.own("works_for_me", cell=place + 1, message=now["error"]["message"])
            return
    counts = [cells[place].get("execution_count") for place in code]
    numbers = [one for one in counts if isinstance(one, int)]
    if numbers != sorted(numbers) and any(one["error"] for one in ran.values()):
        yield words.own("out_of_order")
