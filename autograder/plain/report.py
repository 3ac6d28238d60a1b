"""Reports and comments of assignments without checks of ours, from their marks. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from autograder.plain.assignment import PlainAssignment, PlainNotebook, grade_id
from autograder.plain.marks import Handed, Mark
from autograder.render.comment import escape
from autograder.render.json import report_json
from autograder.report import CheckResult, ExerciseResult, Report
from autograder.sandbox.contract import How
from autograder.submission import Submission
from autograder.words import Words

__all__ = ["comments", "plain_report"]

Json = dict[str, Any]
UNSEEN = {"blocked", "points_cut", *(f"run_{how}" for how in get_args(How))}
"""Findings that the outputs of a test do not show."""


def plain_report(
    student: str,
    assignment: PlainAssignment,
    marks: Mapping[str, Sequence[Mark]],
    handed: Mapping[str, Handed],
    made_from: Mapping[str, Any],
    language: str,
    broken: str | None = None,
) -> Json:
    """The report (JSON) of one student; ``marks`` and ``handed`` by notebook.

    ``broken`` is what went wrong on our side; it may have no marks then.
    """
    words = Words(language)
    unreadable = [one.unreadable for one in handed.values()]
    report = Report(
        student,
        assignment.name,
        tuple(
            _exercise(assignment.label(notebook.name, mark.cell), mark)
            for notebook in assignment.notebooks
            for mark in marks.get(notebook.name, ())
        ),
        "cpu",
        unreadable[0] if unreadable and all(unreadable) else None,
        broken,
        made_from,
    )
    made = {**report_json(report, words), "max_score": assignment.max_score}
    if report.status == "broken":
        return made
    return {**made, "message": _message(marks, handed, made_from, words)}


def _exercise(label: str, mark: Mark) -> ExerciseResult:
    if mark.score is None or (mark.finding is None and mark.outcome == "errored"):
        # Nobody has looked at it yet, or there is nothing to look at.
        return ExerciseResult(label, mark.points, (), mark.outcome)
    check = CheckResult(label, label, mark.points, mark.score, mark.outcome, mark.finding)
    return ExerciseResult(label, mark.points, (check,))


def _message(
    marks: Mapping[str, Sequence[Mark]],
    handed: Mapping[str, Handed],
    made_from: Mapping[str, Any],
    words: Words,
) -> str:
    """What there is to say of the whole."""
    said = [
        words.unreadable(one.unreadable, f"{name}.ipynb")
        for name, one in handed.items()
        if one.unreadable
    ]
    waiting = sum(mark.score is None for found in marks.values() for mark in found)
    if waiting:
        said.append(words.other("by_hand", count=waiting))
    if made_from["isolation"] == "none":
        said.append(words.other("unprotected"))
    return " ".join(said)


def comments(
    notebook: PlainNotebook,
    part: Submission,
    marks: Sequence[Mark],
    language: str,
    isolation: str,
) -> dict[str, str]:
    """What is said under the answers of a notebook, by cell: that there is none, and what no
    output shows."""
    words = Words(language, escape)
    unprotected = [words.other("unprotected")] if isolation == "none" else []
    said: dict[str, list[str]] = {id: [*unprotected] for id in notebook.stubs}
    if part.unreadable:
        sentence = words.unreadable(part.unreadable, f"{notebook.name}.ipynb")
        return {id: "\n\n".join([*lines, sentence]) for id, lines in said.items()}
    by_cell = {mark.cell: mark for mark in marks}
    answer = ""
    for cell in part.notebook.cells:
        id = grade_id(cell)
        if id in notebook.stubs:
            answer = id
            if part.damage.get(id) == "missing":
                said[id].append(words.finding_of("solution_missing"))
            elif notebook.is_untouched(cell):
                said[id].append(words.page()["no_response"])
        finding = by_cell[id].finding if id in by_cell else None
        if answer and finding is not None and finding.kind in UNSEEN:
            said[answer].append(f"- ✗ {escape(id)}: {words.finding(finding)}")
    return {id: "\n\n".join(lines) for id, lines in said.items() if lines}
