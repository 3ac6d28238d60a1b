"""A CSV file for Moodle's grade import (Grades → Import → CSV file).

By https://docs.moodle.org/en/Grade_import and the importer's own rules
(``grade/import/csv/classes/load_data.php`` in Moodle's source):

- The first line names the columns; whoever imports chooses the one that identifies students, and
  the grade item that each other column goes to.
- All lines have as many columns as the first.
- A decimal point is understood in every language; there are no thousands separators.
- ``-`` is "no grade". It also empties a grade that Moodle has.
- A line whose identifying field is empty is not refused: its grades go to the student of the line
  above. A column that is empty for anybody can therefore not identify, and is left out.
- One student whom Moodle does not know ends the whole import.
"""

from __future__ import annotations

from autograder.export.grades import Exported, Grades, Mark
from autograder.export.table import is_formula, table
from autograder.words import plain

__all__ = ["as_moodle"]

NO_GRADE = "-"
USUAL_LIMIT = 100.0


def as_moodle(grades: Grades) -> Exported:
    """A line a student who has a score, a column an assignment."""
    people = grades.scored
    identifying = {
        "Username": [one.id for one in people],
        "ID number": [one.lms_user_id for one in people],
        "Email address": [one.email for one in people],
    }
    # `empty("0")` holds in PHP.
    whole = {
        name: values
        for name, values in identifying.items()
        if all(plain(value) not in ("", "0") for value in values)
    }
    rows: list[list[str | float]] = [
        ["First name", "Last name", *whole, *(work.name for work in grades.works)]
    ]
    for place, person in enumerate(people):
        rows.append(
            [
                person.first_name,
                person.last_name,
                *(values[place] for values in whole.values()),
                *map(_cell, grades.of(person)),
            ]
        )
    return Exported({"": table(rows)}, tuple(_notes(grades, identifying, whole)))


def _cell(mark: Mark) -> str | float:
    return mark.score if mark.scored else NO_GRADE


def _notes(
    grades: Grades, identifying: dict[str, list[str]], whole: dict[str, list[str]]
) -> list[str]:
    notes = []
    left_out = [name for name in identifying if name not in whole]
    if left_out:
        notes.append(
            f"no column for {' and '.join(left_out)}: some students have none, and Moodle would "
            "give their grades to others."
        )
    strange = sorted({one for values in whole.values() for one in values if is_formula(one)})
    if strange:
        notes.append(
            f"written with an apostrophe, which Moodle will not find: {', '.join(strange)}."
        )
    if len(grades.works) > 1 and any(
        not mark.scored for person in grades.scored for mark in grades.of(person)
    ):
        notes.append(
            f"where there is no score stands {NO_GRADE!r}, which empties a grade that Moodle has; "
            "one assignment a file leaves those students out."
        )
    large = [work.name for work in grades.works if work.max_score > USUAL_LIMIT]
    if large:
        notes.append(
            f"more than {USUAL_LIMIT:g} points, which Moodle takes only if its settings allow it: "
            f"{', '.join(large)}."
        )
    return notes
