"""An assignment of plain nbgrader's: its own grade cells are the tests, and nbgrader's rules hold.

Knows no nbgrader: what its converter makes of the sources comes in as notebooks. Tests run in the
sandbox beside the student's code here, which can forge what they say if it means to; nothing else
of what the sandbox keeps apart is weaker.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbformat import NotebookNode

from autograder.assignment import Assignment, source_cells
from autograder.errors import AuthorError
from autograder.judge.finding import Finding
from autograder.submission import Submission, read_submission

if TYPE_CHECKING:
    from autograder.observation import CellRun, Observation

__all__ = [
    "Mark",
    "PlainAssignment",
    "PlainNotebook",
    "credit",
    "grade_id",
    "marks",
    "plain_assignment",
    "read_plain",
    "without_exercises",
]

LANGUAGES = {"", "python", "ipython", "python3"}
ROUNDING = 1e-9


@dataclass(frozen=True)
class PlainNotebook:
    """One notebook of such an assignment.

    ``source`` has the cells as the tests need them, hidden tests included. ``stubs`` are what
    releases have in the cells that students answer, by nbgrader id: ours, and the one that
    nbgrader makes where nobody has told it to write other words.
    """

    name: str
    source: Assignment
    stubs: Mapping[str, tuple[str, ...]]

    def is_untouched(self, cell: NotebookNode) -> bool:
        """Whether ``cell``, an answer, is as it was released."""
        return cell.source in self.stubs.get(grade_id(cell), ())

    @property
    def max_score(self) -> float:
        """Of all cells that carry points, those graded by hand included."""
        return sum(_points(cell) for cell in self.source.notebook.cells if _is_graded(cell))


@dataclass(frozen=True)
class PlainAssignment:
    """Notebooks without checks of ours, and the files that lie beside them for every student."""

    name: str
    folder: Path
    notebooks: tuple[PlainNotebook, ...]
    files: Mapping[str, bytes]

    @cached_property
    def max_score(self) -> float:
        return sum(one.max_score for one in self.notebooks)

    @property
    def uses(self) -> set[str]:
        return {use for one in self.notebooks for use in one.source.uses}

    def label(self, notebook: str, cell: str) -> str:
        """A cell's name among those of the whole assignment."""
        return cell if len(self.notebooks) == 1 else f"{notebook}/{cell}"


@dataclass(frozen=True)
class Mark:
    """What one graded cell got. ``score`` is ``None`` where somebody has to grade it by hand."""

    cell: str
    points: float
    score: float | None
    outcome: str
    finding: Finding | None = None
    task: bool = False
    doubt: str = ""
    """What its author should know, in a sentence: its value is no number of points."""


def plain_assignment(
    folder: Path, made: Mapping[str, Sequence[NotebookNode]], files: Mapping[str, bytes]
) -> PlainAssignment:
    """The assignment in ``folder``, from what nbgrader makes of each of its notebooks: the one
    whose cells it saves, and releases. ``AuthorError`` for what cannot be graded here."""
    notebooks = []
    for name, (saved, *releases) in sorted(made.items()):
        path = folder / f"{name}.ipynb"
        _refuse_language(path, saved)
        cells = {
            cell.id: cell
            for cell in source_cells(path, saved).values()
            if _is_marked(saved.cells[cell.index])
        }
        source = Assignment(folder.name, folder, saved, cells, (), retypes=True)
        stubs: dict[str, tuple[str, ...]] = {}
        for cell in (cell for released in releases for cell in released.cells):
            if grade_id(cell) and _mark(cell).get("solution"):
                stubs[grade_id(cell)] = (*stubs.get(grade_id(cell), ()), cell.source)
        notebooks.append(PlainNotebook(name, source, stubs))
    assignment = PlainAssignment(folder.name, folder, tuple(notebooks), files)
    if not any(_is_graded(cell) for one in notebooks for cell in one.source.notebook.cells):
        raise AuthorError(
            f"{folder}: no checks of ours (test_{folder.name}.py), and no grade cell in any "
            "notebook: there is nothing to grade by."
        )
    return assignment


def _refuse_language(path: Path, notebook: NotebookNode) -> None:
    spec = notebook.metadata.get("kernelspec", {})
    info = notebook.metadata.get("language_info", {})
    language = str(spec.get("language") or info.get("name") or "").lower()
    if language not in LANGUAGES or (not language and spec.get("name") in ("ir", "julia")):
        raise AuthorError(
            f"{path}: written for the kernel {spec.get('name', language)!r}; only notebooks in "
            "Python are graded here."
        )


def read_plain(
    folder: Path, student: str, assignment: PlainAssignment, notebook: PlainNotebook
) -> Submission:
    """What ``student`` handed in for ``notebook``, with the cells and files of the source's.

    Answers of another cell type get theirs back, as nbgrader does it.
    """
    read = read_submission(folder, student, notebook.source, f"{notebook.name}.ipynb")
    return replace(without_exercises(read), files={**read.files, **assignment.files})


def without_exercises(submission: Submission) -> Submission:
    """The same with no cell that is an exercise of ours: nothing is read of its names."""
    cells = tuple(replace(cell, exercise=None) for cell in submission.cells)
    return replace(submission, cells=cells)


def marks(
    notebook: PlainNotebook, submission: Submission, seen: Observation | None, cut: str
) -> list[Mark]:
    """What each graded cell of the submission got, in order.

    ``seen`` is what was observed of it; ``cut`` ends outputs that were too long.
    """
    runs = {cell.index: number for number, cell in enumerate(submission.cells)}
    found = []
    for index, cell in enumerate(submission.notebook.cells):
        if not _is_graded(cell):
            continue
        id, points = grade_id(cell), _points(cell)
        if _mark(cell).get("task"):
            found.append(Mark(id, points, None, "not_run", task=True))
        elif submission.unreadable:
            found.append(Mark(id, points, 0.0, "errored"))
        elif _mark(cell).get("solution"):
            found.append(_by_hand(id, points, notebook.is_untouched(cell)))
        elif cell.cell_type != "code":
            found.append(Mark(id, points, None, "not_run"))
        elif seen is None or index not in runs:
            # Nothing was run, or the test is an empty cell: nothing speaks against it.
            found.append(Mark(id, points, points, "passed"))
        else:
            found.append(_tested(id, points, cell.source, runs[index], seen, cut))
    return found


def _by_hand(id: str, points: float, untouched: bool) -> Mark:
    if untouched:
        return Mark(id, points, 0.0, "failed", Finding("unsolved"))
    return Mark(id, points, None, "not_run")


def _tested(id: str, points: float, source: str, number: int, seen: Observation, cut: str) -> Mark:
    run = seen.cells.get(number)
    if run is None:
        how = seen.ending.how
        if number > len(seen.cells):
            return Mark(id, points, 0.0, "blocked", Finding("blocked", {"how": how}))
        outcome = "timed_out" if how == "timed_out" else "errored"
        return Mark(id, points, 0.0, outcome, Finding(f"run_{how}"))
    if run.status != "ok":
        return _raised(id, points, run)
    outputs = seen.outputs(number)
    was_cut = any(one.get("name") == "stderr" and one["text"].endswith(cut) for one in outputs)
    if was_cut and _value(outputs) is None and _has_value(source):
        return Mark(id, points, 0.0, "errored", Finding("points_cut"))
    try:
        score, doubt = credit(outputs, points)
    except ValueError as error:
        why = Finding("broken", {"why": f"{id}: {error}"})
        return Mark(id, points, 0.0, "broken", why, doubt=f"{id}: {error}")
    return Mark(id, points, score, "passed" if score >= points else "failed", doubt=doubt)


def _raised(id: str, points: float, run: CellRun) -> Mark:
    error = run.error
    if run.status == "interrupted" or error is None:
        return Mark(id, points, 0.0, "timed_out", Finding("run_timed_out"))
    told = {"error": error.name, "message": error.message, "line": error.line}
    outcome = "failed" if error.name == "AssertionError" else "errored"
    return Mark(id, points, 0.0, outcome, Finding("raised_here", told))


def credit(outputs: Sequence[Mapping[str, Any]], points: float) -> tuple[float, str]:
    """The points of a test cell that ran to its end, by nbgrader's rule, and a doubt about them.

    The value of its last expression, if it has one: a number from 0 to ``points`` is the score.
    What is no such number gives all points, as nbgrader has it; its author should know.
    ``ValueError`` for a number above ``points``, which nbgrader refuses as well.
    """
    text = _value(outputs)
    if text is None:
        return points, ""
    try:
        score = float(text)
    except ValueError:
        return points, f"its value {text[:40]!r} is no number, which counts as all points"
    if score > points * (1 + ROUNDING):
        raise ValueError(f"its value {score:g} is more than its {points:g} points")
    if score >= 0:
        return min(score, points), ""
    return points, f"its value {text[:40]!r} is no number from 0 on, which counts as all points"


def _value(outputs: Sequence[Mapping[str, Any]]) -> str | None:
    """The text of the last value that a cell has shown. Of several only the last can be the
    cell's own: whatever came before was shown by what it called."""
    for one in reversed(outputs):
        if one["output_type"] == "execute_result":
            return str(one["data"].get("text/plain", ""))
    return None


def _has_value(source: str) -> bool:
    """Whether the last statement of a cell is an expression, so that it may give points."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return True
    return bool(body) and isinstance(body[-1], ast.Expr)


def grade_id(cell: NotebookNode) -> str:
    """The cell's nbgrader id; empty if it has none."""
    return str(_mark(cell).get("grade_id") or "")


def _mark(cell: NotebookNode) -> Mapping[str, Any]:
    mark: Mapping[str, Any] = cell.metadata.get("nbgrader") or {}
    return mark


def _is_marked(cell: NotebookNode) -> bool:
    """Whether nbgrader knows the cell for anything."""
    return any(_mark(cell).get(key) for key in ("grade", "solution", "locked", "task"))


def _is_graded(cell: NotebookNode) -> bool:
    mark = _mark(cell)
    return bool(grade_id(cell)) and bool(mark.get("grade") or mark.get("task"))


def _points(cell: NotebookNode) -> float:
    return float(_mark(cell).get("points") or 0)
