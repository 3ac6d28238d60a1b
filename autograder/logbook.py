"""What the log tells of one student's results, as data: each result, what changed, what holds now.

Reads only. What it gives is what ``log --json`` writes; ``autograder.render.log`` prints it.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from autograder.basis import Basis
from autograder.changes import causes, differences, files_of, parts_of, rested
from autograder.config import nearest
from autograder.course import Course
from autograder.database import GivenScore, given_scores, known_students
from autograder.errors import AuthorError, MachineError
from autograder.history import Entry, History

__all__ = ["SCHEMA", "chosen", "logged", "refuse_unknown", "told"]

SCHEMA = 1
Json = dict[str, Any]


def told(course: Course, name: str, student: str) -> Json:
    """All that is known of the results of ``student`` in assignment ``name``, oldest first.

    ``since`` is the last time when it was judged without another result, ``submitted`` what lies
    in the folder now (``same``, ``other`` or ``none``), ``gradebook`` what the gradebook has now.
    """
    history = History(course.history, name)
    entries, notes = history.entries(student)
    bases = {one.basis: _basis(history, one.basis, notes) for one in entries}
    return {
        "schema": SCHEMA,
        "student": student,
        "assignment": name,
        "entries": [
            _entry(number, one, entries[number - 2] if number > 1 else None, bases)
            for number, one in enumerate(entries, 1)
        ],
        "since": _since(course, history, name, entries[-1], bases) if entries else None,
        "submitted": _submitted(course, name, entries[-1]) if entries else "none",
        "gradebook": _gradebook(course, name, student, entries),
        "notes": notes,
    }


def logged(course: Course, names: Sequence[str] | None) -> list[str]:
    """Those of ``names`` (by default all) that the config or the log has; ``AuthorError`` for one
    that neither does. An assignment that was given up keeps its log."""
    in_log = sorted(path.stem for path in course.history.glob("*.jsonl"))
    known = [*course.config.assignments, *in_log]
    for name in names or ():
        if name not in known:
            raise AuthorError(f"there is no assignment {name!r}{nearest(name, known)}")
    return list(dict.fromkeys(names or known))


def refuse_unknown(course: Course, names: Sequence[str], student: str) -> None:
    """``AuthorError`` if ``student`` has nothing to do with the course."""
    known = {*course.roster(), *known_students(course.db_url)}
    known.update(one for name in names for one in course.students(name))
    if student in known or any(History(course.history, one).entries(student)[0] for one in names):
        return
    near = difflib.get_close_matches(student, known, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise AuthorError(
        f"--student {student}: nobody of this name has handed in anything, stands in students.csv, "
        f"in the gradebook or in the log{hint}."
    )


def chosen(course: Course, name: str, student: str, number: int | None) -> tuple[int, int, Entry]:
    """Entry ``number`` (by default the newest) of a student's: its number, of how many, itself."""
    entries, _ = History(course.history, name).entries(student)
    if not entries:
        raise AuthorError(f"the log has no result of {student!r} in {name}.")
    at = len(entries) if number is None else number
    if not 1 <= at <= len(entries):
        raise AuthorError(f"--entry {at}: the last entry of {student} in {name} is {len(entries)}.")
    return at, len(entries), entries[at - 1]


def _basis(history: History, digest: str, notes: list[str]) -> Basis | None:
    try:
        return history.kept.basis(digest)
    except MachineError as error:
        notes.append(str(error))
        return None


def _entry(number: int, entry: Entry, before: Entry | None, bases: dict[str, Basis | None]) -> Json:
    basis, report = bases[entry.basis], entry.report
    return {
        "number": number,
        "at": entry.at,
        "score": report["score"],
        "max_score": report["max_score"],
        "status": report["status"],
        "submission": entry.submission,
        "trials": [list(one) for one in entry.trials],
        "by_hand": entry.by_hand,
        "basis": entry.basis,
        "rests_on": None if basis is None else _facts(basis),
        "causes": []
        if before is None
        else [asdict(one) for one in causes(before, entry, bases[before.basis], basis)],
        "differences": []
        if before is None
        else [asdict(one) for one in differences(before.report, report)],
        "report": report,
    }


def _facts(basis: Basis) -> Json:
    """What a result rests on, as far as a reader can use it."""
    called = parts_of(basis.files)
    return {
        "texts": {called[file].removeprefix("the "): one for file, one in basis.files.items()},
        "settings": dict(basis.settings),
        "versions": dict(basis.versions),
        "code": basis.code,
        "key": basis.key,
        "devices": list(basis.devices),
        "isolation": basis.isolation,
        "language": basis.language,
    }


def _since(
    course: Course, history: History, name: str, last: Entry, bases: dict[str, Basis | None]
) -> Json | None:
    """The last judging, if it is not that of the ``last`` entry, and what was another one then."""
    try:
        kept = json.loads(course.report_path(last.student, name).read_text("utf-8"))
        judged = kept["judged"]
        at, digest = str(judged["at"]), str(judged["basis"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    if digest == last.basis or at < last.at:
        return None
    old, new = bases[last.basis], _basis(history, digest, [])
    found = [] if old is None or new is None else rested(old, new)
    return {"at": at, "basis": digest, "causes": [asdict(one) for one in found]}


def _submitted(course: Course, name: str, last: Entry) -> str:
    folder = course.submitted(last.student, name)
    then = files_of(last.submission)
    now = {file: _digest(folder / (file or f"{name}.ipynb")) for file in then}
    if not any(now.values()):
        return "none"
    return "same" if now == then else "other"


def _digest(path: Path) -> str | None:
    """The SHA-256 of a file; nothing where there is none."""
    if path.is_symlink() or not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _gradebook(course: Course, name: str, student: str, entries: Sequence[Entry]) -> Json | None:
    """What stands in the gradebook now, in the order of the exercises; ``None`` if nothing does.

    ``agrees`` tells whether its automatic scores are those of the last entry.
    """
    rows = [one for one in given_scores(course.db_url, name) if one.student == student]
    if not rows:
        return None
    judged = {
        one["id"]: None if _waits(one) else one["score"]
        for one in (entries[-1].report["exercises"] if entries else ())
    }
    order = list(judged)
    named = [(_label(one, judged), one) for one in rows]
    named.sort(key=lambda one: order.index(one[0]) if one[0] in judged else len(order))
    automatic = {id: one.automatic for id, one in named}
    late = {one.notebook: one.late for one in rows}
    return {
        "score": round(sum(one.score for one in rows), 6),
        "max_score": round(sum(one.max_score for one in rows), 6),
        "late_penalty": round(sum(late.values()), 6),
        "agrees": all(automatic.get(id) == score for id, score in judged.items()),
        "exercises": [
            {
                "id": id,
                "score": one.score,
                "max_score": one.max_score,
                "automatic": one.automatic,
                "by_hand": one.by_hand,
                "extra": one.extra,
            }
            for id, one in named
        ],
    }


def _label(given: GivenScore, judged: Collection[str]) -> str:
    """What a report calls the cell: by notebook and cell, by its cell or by its exercise."""
    for name in (f"{given.notebook}/{given.cell}", given.cell):
        if name in judged:
            return name
    return given.exercise


def _waits(exercise: Json) -> bool:
    """Whether a person gives the score of an exercise of a report: there is no automatic one."""
    return exercise["outcome"] == "not_run" and not exercise["checks"]
