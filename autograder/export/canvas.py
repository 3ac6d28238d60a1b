"""A CSV file for Canvas's gradebook (Grades → Import).

By the guide "How do I import grades in the Gradebook?" (https://community.canvaslms.com) and the
importer's own rules (``lib/gradebook_importer.rb`` in Canvas's source):

- The columns ``Student``, ``ID``, ``SIS User ID``, ``SIS Login ID`` and ``Section`` come first, in
  this order; then one an assignment. Its heading is the title, or the title with Canvas's number
  in parentheses; for one that it does not know Canvas asks which assignment is meant, or makes it.
- A line whose first field has ``Points Possible`` in it holds the assignments' points.
- A student is found by Canvas's own number (``ID``), then by SIS user id, by SIS login id, by
  name. What is no number of Canvas's must not stand under ``ID``: it could be another student's.
- An empty cell is no score.
- The first three lines tell the separator, so no field has a line end in it.
"""

from __future__ import annotations

from autograder.export.grades import Exported, Grades, Mark, Person
from autograder.export.table import is_formula, table

__all__ = ["as_canvas"]

STUDENT = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
POINTS = "Points Possible"


def as_canvas(grades: Grades) -> Exported:
    """A line a student who has a score, a column an assignment."""
    people = grades.scored
    rows: list[list[str | float]] = [
        [*STUDENT, *(work.name for work in grades.works)],
        [f"    {POINTS}", "", "", "", "", *(work.max_score for work in grades.works)],
    ]
    for person in people:
        rows.append([*_identity(person), *map(_cell, grades.of(person))])
    return Exported({"": table(rows)}, tuple(_notes(people)))


def _identity(person: Person) -> list[str]:
    own = person.lms_user_id
    numbered = own.isascii() and own.isdecimal()
    return [_name(person), own if numbered else "", "" if numbered else own, person.id, ""]


def _name(person: Person) -> str:
    """The sortable name; never one that Canvas takes for the line with the points."""
    name = ", ".join(one for one in (person.last_name, person.first_name) if one)
    return person.id if not name or POINTS in name else name


def _cell(mark: Mark) -> str | float:
    return mark.score if mark.scored else ""


def _notes(people: tuple[Person, ...]) -> list[str]:
    strange = sorted(one.id for one in people if is_formula(one.id) and not one.lms_user_id)
    if not strange:
        return []
    return [f"written with an apostrophe, which Canvas will not find: {', '.join(strange)}."]
