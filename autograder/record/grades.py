"""Read the grades of nbgrader's gradebook for an export; nothing of nbgrader's comes out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from nbgrader.api import (
    Assignment,
    Comment,
    Grade,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from sqlalchemy.orm import selectinload

from autograder.export.grades import ExerciseGrade, Grades, Mark, Person, Status, Work

__all__ = ["exercise_of", "read_grades"]

CHECK = "-check"
DECIMALS = 6
"""As many as scores are recorded with."""


def read_grades(
    db: Any,
    *,
    handed_in: Callable[[str], Collection[str]],
    assignments: Sequence[str] = (),
    students: Sequence[str] = (),
    orders: Mapping[str, Sequence[str]] | None = None,
    language: str = "es",
) -> Grades:
    """The grades in the session ``db`` of ``assignments`` and ``students``: by default of all.

    ``handed_in`` tells who handed in something for an assignment, graded or not. ``orders`` has,
    by assignment, the exercises (of several notebooks, ``<notebook>/<cell>``) as they stand there;
    others follow by name. Assignments
    that the gradebook does not know are left out.
    """
    works, marks = [], {}
    people = sorted(
        (_person(row) for row in db.query(Student) if not students or row.id in students),
        key=lambda one: (one.last_name, one.first_name, one.id),
    )
    rows = {row.name: row for row in db.query(Assignment).order_by(Assignment.name)}
    for name in assignments or rows:
        if name not in rows:
            continue
        works.append(Work(name, rows[name].max_score, rows[name].duedate))
        found = _marks(db, rows[name], list((orders or {}).get(name, ())))
        waiting = handed_in(name)
        for person in people:
            status: Status = "not_graded" if person.id in waiting else "missing"
            marks[person.id, name] = found.get(person.id) or Mark(person.id, name, status)
    return Grades(tuple(people), tuple(works), marks, language)


def _person(row: Student) -> Person:
    return Person(
        row.id,
        row.first_name or "",
        row.last_name or "",
        row.email or "",
        row.lms_user_id or "",
    )


def _marks(db: Any, assignment: Assignment, order: list[str]) -> dict[str, Mark]:
    """The marks of all who have a submission in the gradebook, by student."""
    notebooks = selectinload(SubmittedAssignment.notebooks)
    submissions = (
        db.query(SubmittedAssignment)
        .filter(SubmittedAssignment.assignment_id == assignment.id)
        .options(
            notebooks.selectinload(SubmittedNotebook.grades).joinedload(Grade.cell),
            notebooks.selectinload(SubmittedNotebook.comments).joinedload(Comment.cell),
        )
    )
    several = len(assignment.notebooks) > 1
    return {row.student_id: _mark(row, assignment.name, order, several) for row in submissions}


def _mark(row: SubmittedAssignment, name: str, order: list[str], several: bool) -> Mark:
    grades = [one for notebook in row.notebooks for one in notebook.grades]
    exercises = [
        one
        for notebook in sorted(row.notebooks, key=lambda one: one.name)
        for one in _exercises(notebook, order, f"{notebook.name}/" if several else "")
    ]
    return Mark(
        row.student_id,
        name,
        _status(grades),
        round(sum(one.score for one in grades), DECIMALS),
        round(sum(one.late_submission_penalty or 0.0 for one in row.notebooks), DECIMALS),
        row.timestamp,
        tuple(exercises),
    )


def _status(grades: Sequence[Grade]) -> Status:
    if all(one.auto_score is None and one.manual_score is None for one in grades):
        return "not_graded"
    return "needs_manual_grade" if any(one.needs_manual_grade for one in grades) else "graded"


def _exercises(notebook: SubmittedNotebook, order: list[str], prefix: str) -> list[ExerciseGrade]:
    comments = {one.cell.name: one.comment for one in notebook.comments}
    names = {one.cell.name for one in notebook.grades}
    found = {exercise_of(one.cell.name, comments, names): one for one in notebook.grades}
    return [
        ExerciseGrade(
            f"{prefix}{name}",
            grade.score,
            grade.cell.max_score,
            comments.get(name) or "",
            grade.manual_score is not None,
        )
        for name, grade in sorted(found.items(), key=lambda item: _place(prefix + item[0], order))
    ]


def exercise_of(cell: str, answers: Collection[str], graded: Collection[str]) -> str:
    """The exercise that a grade cell is the check of; itself where there is none such among the
    ``answers``, or where that is ``graded`` by itself."""
    name = cell.removesuffix(CHECK)
    return name if name in answers and name not in graded else cell


def _place(name: str, order: list[str]) -> tuple[int, str]:
    return (order.index(name) if name in order else len(order), name)
