"""The whole gradebook as one CSV table or one JSON document."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from autograder.export.grades import Exported, Grades, Mark, Person, Work
from autograder.export.table import Excel, table

__all__ = ["SCHEMA", "as_csv", "as_json"]

SCHEMA = 1
# nbgrader's own columns in nbgrader's order, so that what reads its file reads ours; then ours.
COLUMNS = (
    "assignment",
    "duedate",
    "timestamp",
    "student_id",
    "last_name",
    "first_name",
    "email",
    "raw_score",
    "late_submission_penalty",
    "score",
    "max_score",
    "status",
)


def as_csv(grades: Grades, excel: Excel | None = None) -> Exported:
    """A line for each assignment and student: the columns of ``nbgrader export`` and ``status``.

    Moments are in UTC, as nbgrader writes them. Who handed in nothing has 0 points.
    """
    rows: list[list[str | float]] = [list(COLUMNS)]
    for work in grades.works:
        for person in grades.people:
            mark = grades.mark(person, work)
            rows.append(
                [
                    work.name,
                    _naive(work.due),
                    _naive(mark.timestamp),
                    person.id,
                    person.last_name,
                    person.first_name,
                    person.email,
                    mark.raw_score,
                    mark.penalty,
                    mark.score,
                    work.max_score,
                    mark.status,
                ]
            )
    return Exported({"": table(rows, excel)})


def as_json(grades: Grades) -> Exported:
    """Assignments, students, and each score with its exercises and comments. Moments in UTC."""
    document = {
        "schema": SCHEMA,
        "assignments": [_work(one) for one in grades.works],
        "students": [_person(one) for one in grades.people],
        "grades": [
            _mark(grades.mark(person, work)) for work in grades.works for person in grades.people
        ],
    }
    return Exported({"": f"{json.dumps(document, ensure_ascii=False, indent=1)}\n".encode()})


def _work(work: Work) -> dict[str, Any]:
    return {"name": work.name, "due": _iso(work.due), "max_score": work.max_score}


def _person(person: Person) -> dict[str, str]:
    return {
        "id": person.id,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "email": person.email,
        "lms_user_id": person.lms_user_id,
    }


def _mark(mark: Mark) -> dict[str, Any]:
    return {
        "student": mark.student,
        "assignment": mark.assignment,
        "status": mark.status,
        "timestamp": _iso(mark.timestamp),
        "raw_score": mark.raw_score,
        "late_submission_penalty": mark.penalty,
        "score": mark.score,
        "exercises": [
            {
                "name": one.name,
                "score": one.score,
                "max_score": one.max_score,
                "by_hand": one.by_hand,
                "comment": one.comment,
            }
            for one in mark.exercises
        ],
    }


def _naive(moment: datetime | None) -> str:
    return "" if moment is None else str(moment)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.isoformat()}Z"
