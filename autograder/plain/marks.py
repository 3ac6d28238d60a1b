"""What the graded cells of a notebook get, by nbgrader's rules except that stderr costs nothing.

Pure: from the source, a few facts about what was handed in, and what was observed of it.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autograder.judge.finding import Finding
from autograder.plain.assignment import PlainNotebook, grade_id, mark_of, points_of
from autograder.submission import Submission

if TYPE_CHECKING:
    from autograder.observation import CellRun, Observation

__all__ = ["Handed", "Mark", "credit", "handed_of", "marks"]

ROUNDING = 1e-9
SHOWN = 40
"""Characters of a value that an author is told."""
TIMED_OUT = ("timed_out", "out_of_cpu")


@dataclass(frozen=True)
class Handed:
    """What marks have to know of a submitted notebook besides its observation.

    ``tests`` has, by grade cell, which of the cells that run it is. ``untouched`` are the answers
    that are as they were released. ``unreadable`` is why it is no notebook.
    """

    tests: Mapping[str, int]
    untouched: frozenset[str]
    unreadable: str | None = None


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


def handed_of(notebook: PlainNotebook, submission: Submission) -> Handed:
    """The facts about a submission of ``notebook``."""
    cells = submission.notebook.cells
    graded = {grade_id(cell) for cell in notebook.graded}
    return Handed(
        {
            grade_id(cells[cell.index]): number
            for number, cell in enumerate(submission.cells)
            if grade_id(cells[cell.index]) in graded
        },
        frozenset(grade_id(cell) for cell in cells if notebook.is_untouched(cell)),
        submission.unreadable,
    )


def marks(
    notebook: PlainNotebook, handed: Handed, seen: Observation | None, cut: str
) -> list[Mark]:
    """What each graded cell got, in the source's order.

    ``seen`` is what was observed of the notebook; ``cut`` ends outputs that were too long.
    """
    found = []
    for cell in notebook.graded:
        id, points = grade_id(cell), points_of(cell)
        if mark_of(cell).get("task"):
            found.append(Mark(id, points, None, "not_run", task=True))
        elif handed.unreadable:
            found.append(Mark(id, points, 0.0, "errored"))
        elif mark_of(cell).get("solution"):
            found.append(_by_hand(id, points, id in handed.untouched))
        elif cell.cell_type != "code":
            found.append(Mark(id, points, None, "not_run"))
        elif seen is None or id not in handed.tests:
            # Nothing was run, or the test is an empty cell: nothing speaks against it.
            found.append(Mark(id, points, points, "passed"))
        else:
            found.append(_tested(id, points, cell.source, handed.tests[id], seen, cut))
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
        outcome = "timed_out" if how in TIMED_OUT else "errored"
        return Mark(id, points, 0.0, outcome, Finding(f"run_{how}"))
    if run.status != "ok":
        return _raised(id, points, run)
    outputs = seen.outputs(number)
    error = next((one for one in outputs if one["output_type"] == "error"), None)
    if error is not None:
        # What the test ran by other means (`%run`) has failed, and the cell went on.
        told = {"error": error["ename"], "message": error["evalue"], "line": None}
        return Mark(id, points, 0.0, "failed", Finding("raised_here", told))
    if _value(outputs) is None and _has_value(source) and _is_cut(number, seen, cut):
        return Mark(id, points, 0.0, "errored", Finding("points_cut"))
    try:
        score, doubt = credit(outputs, points)
    except ValueError as refused:
        why = Finding("broken", {"why": f"{id}: {refused}"})
        return Mark(id, points, 0.0, "broken", why, doubt=f"{id}: {refused}")
    outcome = "passed" if score >= points else "failed"
    return Mark(id, points, score, outcome, doubt=f"{id}: {doubt}" if doubt else "")


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
    ``ValueError`` for a number above ``points`` and a value without a text, which nbgrader refuses
    as well.
    """
    text = _value(outputs)
    if text is None:
        return points, ""
    if not text:
        raise ValueError("its value has no text")
    shown = text[:SHOWN]
    try:
        score = float(text)
    except ValueError:
        return points, f"its value {shown!r} is no number, which counts as all points"
    if score > points * (1 + ROUNDING):
        raise ValueError(f"its value {score:g} is more than its {points:g} points")
    if score >= 0:
        return min(score, points), ""
    return points, f"its value {shown!r} is no number from 0 on, which counts as all points"


def _value(outputs: Sequence[Mapping[str, Any]]) -> str | None:
    """The text of the last value that a cell has shown. Of several only the last can be the
    cell's own: whatever came before was shown by what it called."""
    for one in reversed(outputs):
        if one["output_type"] == "execute_result":
            return str(one["data"].get("text/plain", ""))
    return None


def _is_cut(number: int, seen: Observation, cut: str) -> bool:
    """Whether outputs of a cell are missing: there were too many of them."""
    return seen.is_cut(number) or any(
        one.get("name") == "stderr" and one["text"].endswith(cut) for one in seen.outputs(number)
    )


def _has_value(source: str) -> bool:
    """Whether the last statement of a cell is an expression, so that it may give points."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return True
    return bool(body) and isinstance(body[-1], ast.Expr)
