"""Gradebooks that are filled by the adapter itself, without observing anything."""

from __future__ import annotations

from pathlib import Path

import nbformat

from autograder.course import Course
from autograder.delays import settle
from autograder.record.gradebook import Gradebook
from autograder.report import CheckResult, ExerciseResult, Report

T = "tarea"
CONFIG = """\
timezone: America/Bogota
language: es
defaults:
  late:
    grace_minutes: 15
    percent_per_day: 10
    cap_percent: 50
assignments:
  tarea:
    due: 2026-03-01 23:59
"""


def released() -> nbformat.NotebookNode:
    cells = []
    for id, points in (("suma", None), ("suma-check", 4.0), ("doble", None), ("doble-check", 6.0)):
        marks = {"grade_id": id, "grade": bool(points), "solution": not points, "locked": False}
        marks |= {"schema_version": 3, "task": False, **({"points": points} if points else {})}
        cells.append(nbformat.v4.new_code_cell("", id=id, metadata={"nbgrader": marks}))
    return nbformat.v4.new_notebook(cells=cells)


def report(student: str, suma: float = 4.0, doble: float = 6.0) -> Report:
    return Report(
        student,
        T,
        tuple(
            ExerciseResult(id, most, (CheckResult("t", "t", most, score, "passed"),))
            for id, score, most in (("suma", suma, 4.0), ("doble", doble, 6.0))
        ),
        "cpu",
    )


class Handmade:
    """A course whose gradebook is filled by the adapter itself: nothing is observed or judged."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def course(self) -> Course:
        return Course.at(self.root)

    def change(self, old: str, new: str) -> None:
        path = self.root / "grading_config.yaml"
        assert old in path.read_text("utf-8")
        path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")

    def hand_in(self, student: str, timestamp: str | None, **scores: float) -> Path:
        folder = self.root / "submitted" / student / T
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{T}.ipynb").write_text("{}")
        if timestamp is not None:
            (folder / "timestamp.txt").write_text(timestamp)
        with Gradebook(self.course.db_url) as book:
            book.record(report(student, **scores), {}, timestamp)
        return folder

    def settle(self, *only: str):
        return settle(self.course, T, only)

    def nbgrader(self):
        from nbgrader.api import Gradebook as Book

        return Book(self.course.db_url)

    def penalties(self) -> dict[str, float | None]:
        with self.nbgrader() as book:
            rows = book.find_assignment(T).submissions
            return {
                row.student.id: row.notebooks[0].late_submission_penalty
                for row in sorted(rows, key=lambda row: row.student.id)
            }

    @classmethod
    def at(cls, root: Path) -> Handmade:
        """A new one, whose gradebook knows the assignment; making one takes a while."""
        root.mkdir()
        (root / "grading_config.yaml").write_text(CONFIG, "utf-8")
        with Gradebook(f"sqlite:///{root}/gradebook.db") as book:
            book.register(T, released())
        return cls(root)
