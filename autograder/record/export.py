"""Gather a course's grades for an export: who and what was asked for, penalties up to date."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Sequence

from autograder.course import Course
from autograder.database import due_dates, known_students
from autograder.delays import settle
from autograder.errors import AuthorError
from autograder.export.grades import Grades
from autograder.plain.assignment import PlainAssignment, grade_id
from autograder.record.gradebook import Gradebook
from autograder.record.grades import exercise_of, read_grades
from autograder.record.plain import load_plain

__all__ = ["course_grades"]


def course_grades(
    course: Course,
    assignments: Sequence[str],
    students: Sequence[str],
    notice: Callable[[str], None],
) -> Grades:
    """The grades of ``assignments`` and ``students``; by default all.

    ``AuthorError`` for a name that the gradebook does not know. ``notice`` gets what whoever reads
    the grades should know.
    """
    _refuse_unknown("assignment", assignments, due_dates(course.db_url).keys())
    wanted = list(assignments or course.config.assignments)
    ours = [name for name in wanted if name in course.config.assignments]
    for name in ours:
        _, change = settle(course, name)
        if change:
            notice(change)
    if not due_dates(course.db_url):
        raise AuthorError("the gradebook has no assignment yet; release or grade one first.")
    with Gradebook(course.db_url) as book:
        if course.roster():
            book.enrol(course.roster())
        _refuse_unknown("student", students, known_students(course.db_url))
        grades = read_grades(
            book.session,
            handed_in=course.students,
            assignments=wanted,
            students=students,
            orders={name: _order(course, name) for name in ours},
            language=course.config.language,
        )
    for work in grades.works:
        marks = [grades.mark(person, work) for person in grades.people]
        waiting = sum(mark.status == "not_graded" for mark in marks)
        if waiting:
            notice(f"{work.name}: {waiting} handed in and not graded; run `autograder grade`.")
        unfinished = sum(mark.status == "needs_manual_grade" for mark in marks)
        if unfinished:
            notice(f"{work.name}: {unfinished} with a score that a person has still to look at.")
    return grades


def _order(course: Course, name: str) -> list[str]:
    """The exercises in the notebooks' order; grades can be exported without a source, too."""
    try:
        if course.is_plain(name):
            return _plain_order(load_plain(course, name))
        return [one.id for one in course.assignment(name).exercises]
    except AuthorError:
        return []


def _plain_order(assignment: PlainAssignment) -> list[str]:
    """The graded cells as exports call them."""
    found = []
    for notebook in assignment.notebooks:
        names = [grade_id(cell) for cell in notebook.graded]
        found += [
            assignment.label(notebook.name, exercise_of(one, notebook.stubs, names))
            for one in names
        ]
    return found


def _refuse_unknown(noun: str, asked: Sequence[str], known: Collection[str]) -> None:
    for name in asked:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1)
            hint = f"did you mean {near[0]!r}?" if near else "release or grade it first."
            raise AuthorError(f"the gradebook has no {noun} {name!r}; {hint}")
