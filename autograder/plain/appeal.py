"""Log results of assignments without checks of ours; mark them again from what the log names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

from autograder.basis import CONVERTED, Basis, code_digest, versions
from autograder.config import Assignment as Policy
from autograder.course import Course
from autograder.database import given_scores
from autograder.errors import AuthorError, MachineError
from autograder.history import Entry, History
from autograder.plain.assignment import PlainAssignment, plain_assignment
from autograder.plain.bundle import Bundle, Marked
from autograder.plain.marks import Handed, marks
from autograder.plain.report import plain_report
from autograder.store import find
from autograder.words import Words

if TYPE_CHECKING:
    from autograder.observation import Observation

__all__ = ["log_plain", "marked_again"]

Json = dict[str, Any]
UNTOUCHED = "untouched"
TIMESTAMP_CHARACTERS = 100
"""Of the time of handing in, which the student's side writes and may be any text."""


def log_plain(
    course: Course,
    facts: Mapping[str, Any],
    policy: Policy,
    assignment: PlainAssignment,
    results: Sequence[Marked],
    reports: Mapping[str, Json],
) -> dict[str, str]:
    """Log those of ``reports`` (JSON, by student) that are new, with what they rest on.

    ``facts`` are the sandbox's. Gives when they were judged (``at``) and the digest of what they
    rest on (``basis``).
    """
    history = History(course.history, assignment.name)
    data = {file: sha256(content).hexdigest() for file, content in assignment.files.items()}
    basis = Basis(
        # Data are named by their hash only: nothing is marked by them, and they may be large.
        {**{file: history.kept.put(text) for file, text in assignment.texts.items()}, **data},
        policy.model_dump(mode="json"),
        course.config.language,
        ("cpu",),
        course.key.id,
        facts["isolation"],
        {**{one: facts[one] for one in ("python", "torch", "numpy")}, **versions()},
        code_digest(),
        (),
        {},
    )
    digest = history.kept.put(basis.text())
    given = _by_hand(course, assignment)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    history.append(
        [
            Entry(
                one.bundle.student,
                now,
                digest,
                _submitted(one, course.submitted(one.bundle.student, assignment.name)),
                tuple((trial.digest, trial.content) for trial in one.trials.values()),
                _tests(assignment, one),
                dict(_damage(assignment, one)),
                _unreadable(one),
                given.get(one.bundle.student, {}),
                reports[one.bundle.student],
            )
            for one in results
            if one.bundle.student in reports
        ]
    )
    return {"at": now, "basis": digest}


def marked_again(course: Course, folder: Path, entry: Entry, history: History) -> Json:
    """The report that comes out when ``entry`` is marked again from its observations.

    ``folder`` is called as the assignment. ``MachineError`` if something is gone.
    """
    basis = history.kept.basis(entry.basis)
    made = json.loads(history.kept.get(basis.files[CONVERTED]))["notebooks"]
    try:
        assignment = plain_assignment(
            folder,
            {
                name: [nbformat.from_dict(version) for version in versions]
                for name, versions in made.items()
            },
        )
        seen = dict(_seen(course.observations, entry))
        handed = {one.name: _handed(assignment, one.name, entry) for one in assignment.notebooks}
        cut = Words(basis.language).other("cut")
        found = {
            one.name: marks(one, handed[one.name], seen.get(one.name), cut)
            for one in assignment.notebooks
        }
    except (AuthorError, ValueError, LookupError) as error:
        raise MachineError(
            f"{folder.name} as it was then cannot be judged by this version: {error}"
        ) from error
    return plain_report(
        entry.student, assignment, found, handed, entry.report["made_from"], basis.language
    )


def _submitted(result: Marked, folder: Path) -> Json:
    bundle = result.bundle
    return {
        "digest": bundle.own_digest,
        "notebook": bundle.first.file_digest if len(bundle.parts) == 1 else None,
        "modified": _modified(folder, bundle),
        "timestamp": bundle.timestamp and bundle.timestamp[:TIMESTAMP_CHARACTERS],
        "notebooks": {f"{name}.ipynb": part.file_digest for name, part in bundle.parts.items()},
        "observed": list(result.trials),
    }


def _modified(folder: Path, bundle: Bundle) -> str | None:
    """When the newest of the notebooks was written."""
    times = []
    for name in bundle.parts:
        try:
            seconds = (folder / f"{name}.ipynb").lstat().st_mtime
            times.append(datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds"))
        except (OSError, ValueError, OverflowError):
            continue
    return max(times, default=None)


def _unreadable(result: Marked) -> str | None:
    """Why there is no notebook at all, if none can be read."""
    found = [one.unreadable for one in result.handed.values()]
    return found[0] if all(found) else None


def _by_hand(course: Course, assignment: PlainAssignment) -> dict[str, dict[str, float]]:
    """The scores that assistants gave, by student and cell."""
    found: dict[str, dict[str, float]] = {}
    for one in given_scores(course.db_url, assignment.name):
        if one.by_hand is not None:
            label = assignment.label(one.notebook, one.cell)
            found.setdefault(one.student, {})[label] = one.by_hand
    return found


def _tests(assignment: PlainAssignment, result: Marked) -> dict[str, list[int]]:
    return {
        assignment.label(name, cell): [number]
        for name, handed in result.handed.items()
        for cell, number in handed.tests.items()
    }


def _damage(assignment: PlainAssignment, result: Marked) -> Iterator[tuple[str, str]]:
    """By cell that it is untouched, by file why it is no notebook. No cell is called as a file."""
    for name, handed in result.handed.items():
        if handed.unreadable:
            yield f"{name}.ipynb", handed.unreadable
        for cell in sorted(handed.untouched):
            yield assignment.label(name, cell), UNTOUCHED


def _handed(assignment: PlainAssignment, name: str, entry: Entry) -> Handed:
    """What ``_tests`` and ``_damage`` made of it."""
    notebook = next(one for one in assignment.notebooks if one.name == name)
    labels = {id: assignment.label(name, id) for id in (*notebook.source.cells, *notebook.stubs)}
    return Handed(
        {id: entry.solutions[label][0] for id, label in labels.items() if label in entry.solutions},
        frozenset(id for id, label in labels.items() if entry.damage.get(label) == UNTOUCHED),
        entry.damage.get(f"{name}.ipynb"),
    )


def _seen(store: Path, entry: Entry) -> Iterator[tuple[str, Observation]]:
    from autograder.observation import Observation

    for name, (digest, content) in zip(entry.submission["observed"], entry.trials, strict=True):
        yield name, Observation.load(find(store, digest, content))
