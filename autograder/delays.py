"""Bring due dates and late penalties in the gradebook up to date, and tell who was late.

Done at the end of every grading, by ``autograder grade`` and nbgrader's autograde alike: an
extension, a score given by hand or another due date counts without anything being judged again.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from autograder import moment
from autograder.course import Course
from autograder.database import Handed, due_dates, handed
from autograder.late import Delay, Lateness, delay, extended, utc

__all__ = ["Standing", "doubts", "due_change", "settle", "standings"]

TIMESTAMP = "timestamp.txt"
MAX_TIMESTAMP = 200
SECRET = "submission_secret.txt"
"""nbgrader's submit leaves it beside a notebook: the files came through the exchange, which keeps
the times that they had."""
SLACK = timedelta(minutes=1)
"""Between the moment that submit notes and those at which it writes files."""
KEPT = 1e-5
NAMED = 10
DOUBTS = {
    "unread": "no timestamp.txt that can be read, so counted as on time",
    "touched": "late by the times of the files, but not so late by timestamp.txt, which counts",
    "misread": "nbgrader reads timestamp.txt as another moment than it names, which counts; keep "
    "the exchange's timezone at UTC, its default",
}


@dataclass(frozen=True)
class Standing:
    """One student's submission: how late, what that costs, and whether its time is doubtful.

    ``late`` is ``None`` for one that was on time. ``score`` is before the penalty. ``doubt`` is
    empty or a key of ``DOUBTS``.
    """

    student: str
    late: Delay | None
    score: float
    penalty: float
    doubt: str = ""


def settle(course: Course, name: str, only: Collection[str] = ()) -> tuple[list[Standing], str]:
    """Write what is not yet so: the config's due date, and the penalties of ``only``, or all.

    Gives the standings of those who are late or in doubt, and a sentence where a due date of the
    gradebook's was replaced. Where nothing differs, nothing is written and nbgrader not imported.
    """
    change = due_change(course, name)
    due, rows = _due(course, name), handed(course.db_url, name)
    rows = [row for row in rows if not only or row.student in only]
    found = {row.id: _standing(course, name, due, row) for row in rows}
    wanted = {id: one.penalty or None for id, one in found.items()}
    penalties = {row.id: wanted[row.id] for row in rows if _differ(row.penalty, wanted[row.id])}
    if change is not None or penalties:
        from autograder.record.gradebook import Gradebook

        with Gradebook(course.db_url) as book:
            book.settle(name, course.config.due(name), penalties)
    return _by_student([*found.values()]), change or ""


def standings(course: Course, name: str, student: str) -> list[Standing]:
    """The same for one student, nothing written."""
    due, rows = _due(course, name), handed(course.db_url, name)
    mine = [row for row in rows if row.student == student]
    return _by_student([_standing(course, name, due, row) for row in mine])


def due_change(course: Course, name: str) -> str | None:
    """What to say where the config's due date is not the gradebook's: nothing where that has none.

    ``None`` where they agree, or the config has none, or the gradebook does not know ``name`` yet.
    """
    wanted, dates = course.config.due(name), due_dates(course.db_url)
    present = utc(dates.get(name))
    if wanted is None or name not in dates or wanted == present:
        return None
    if present is None:
        return ""
    zone = course.config.zone
    return (
        f"{name} is due {moment.local(wanted, zone)}, as grading_config.yaml says, instead of "
        f"{moment.local(present, zone)}."
    )


def doubts(name: str, found: Sequence[Standing]) -> list[str]:
    """A sentence for each kind of doubt, with the students."""
    sentences = []
    for doubt, said in DOUBTS.items():
        students = [one.student for one in found if one.doubt == doubt]
        if students:
            more = f" and {len(students) - NAMED} more" if len(students) > NAMED else ""
            sentences.append(f"{name}: {said}: {', '.join(students[:NAMED])}{more}.")
    return sentences


def _due(course: Course, name: str) -> datetime | None:
    return course.config.due(name) or utc(due_dates(course.db_url).get(name))


def _standing(course: Course, name: str, due: datetime | None, row: Handed) -> Standing:
    folder = course.submitted(row.student, name)
    text = _timestamp(folder)
    read = utc(row.timestamp)
    submitted = read if text is None else moment.handed_in(text, course.config.zone)
    if due is None:
        return Standing(row.student, None, row.score, 0.0)
    late = None if submitted is None else _delay(course, name, due, row, submitted)
    percent = late.percent if late else 0.0
    doubt = ""
    if course.policy(name).late is not None:
        touched = _touched(folder, submitted)
        if submitted is None:
            doubt = "unread"
        elif read is not None and abs(read - submitted) > SLACK:
            doubt = "misread"
        elif touched and _delay(course, name, due, row, touched).percent > percent:
            doubt = "touched"
    kept = late if late and late.lateness.seconds else None
    return Standing(row.student, kept, row.score, late.penalty(row.score) if late else 0.0, doubt)


def _delay(course: Course, name: str, due: datetime, row: Handed, submitted: datetime) -> Delay:
    moved = extended(due, row.extension)
    assert moved is not None
    zero = extended(course.config.zero_after(name), row.extension)
    return delay(Lateness(submitted, moved, zero), course.policy(name).late)


def _timestamp(folder: Path) -> str | None:
    """The text of ``timestamp.txt``; ``None`` where there is none."""
    path = folder / TIMESTAMP
    if path.is_symlink() or not path.is_file():
        return None
    with path.open("rb") as file:
        return file.read(MAX_TIMESTAMP).decode("utf-8", "replace").strip() or None


def _touched(folder: Path, submitted: datetime | None) -> datetime | None:
    """The newest time of a file that came through the exchange, if it is past ``submitted``."""
    if submitted is None or not (folder / SECRET).is_file():
        return None
    times = [
        entry.stat(follow_symlinks=False).st_mtime
        for entry in os.scandir(folder)
        if entry.is_file(follow_symlinks=False)
    ]
    newest = datetime.fromtimestamp(max(times), UTC)
    return newest if newest > submitted + SLACK else None


def _differ(present: float | None, wanted: float | None) -> bool:
    """Whether the gradebook's penalty is another one, not only in digits that it cannot keep."""
    if present is None or wanted is None:
        return present is not wanted
    return abs(present - wanted) > KEPT


def _by_student(found: Sequence[Standing]) -> list[Standing]:
    """One standing a student, of all notebooks; only those that there is something to say of."""
    joined: dict[str, Standing] = {}
    for one in found:
        other = joined.get(one.student)
        if other is not None:
            score, penalty = one.score + other.score, one.penalty + other.penalty
            late, doubt = one.late or other.late, one.doubt or other.doubt
            joined[one.student] = Standing(one.student, late, score, penalty, doubt)
            continue
        joined[one.student] = one
    return [one for one in joined.values() if one.late or one.doubt]
