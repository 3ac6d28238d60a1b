"""Answer for a result: log it with all that it rests on, and judge it again from just that.

What a log entry names is enough: neither the sandbox nor the assignment as it is now is asked.
"""

from __future__ import annotations

import json
import platform
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.assignment import Assignment, load_assignment
from autograder.basis import CONVERTED, Basis, Observations, code_digest, versions
from autograder.changes import Cause, Difference, differences, rested
from autograder.config import Assignment as Policy
from autograder.course import Course
from autograder.database import scores_by_hand
from autograder.errors import AuthorError, MachineError
from autograder.exam import REFERENCE, Exam, explain, solution_places
from autograder.history import Entry, History
from autograder.misconceptions import Misconception, load_misconceptions
from autograder.store import find
from autograder.submission import Submission, reference
from autograder.words import Words

if TYPE_CHECKING:
    from autograder.judge.seen import Observed
    from autograder.observe import Trial

__all__ = ["Replayed", "log_results", "replay"]

Json = dict[str, Any]
SCHEMA = 1
TIMESTAMP_CHARACTERS = 100
"""Of the time of handing in, which the student's side writes and may be any text."""


def log_results(
    exam: Exam,
    texts: Mapping[str, bytes],
    submissions: Sequence[Submission],
    reports: Mapping[str, Json],
) -> dict[str, str]:
    """Log those of ``reports`` (JSON, by student) that are new, with what they rest on.

    ``texts`` are the assignment's (``texts_of``). Gives when they were judged (``at``) and the
    digest of what they rest on (``basis``).
    """
    course, name = exam.course, exam.assignment.name
    history = History(course.history, name)
    facts = exam.sandbox.facts
    basis = Basis(
        {file: history.kept.put(text) for file, text in texts.items()},
        exam.policy.model_dump(mode="json"),
        course.config.language,
        exam.devices,
        course.key.id,
        facts["isolation"],
        {
            **{one: facts[one] for one in ("python", "torch", "numpy")},
            **versions(),
            **({} if exam.gpu is None else exam.gpu.facts),
        },
        code_digest(),
        _names(exam.models[REFERENCE]),
        {one.id: _names(exam.models[one.id]) for one in _compared(exam)},
    )
    digest = history.kept.put(basis.text())
    given = scores_by_hand(course.db_url, name)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    history.append(
        [
            Entry(
                one.student,
                now,
                digest,
                _submitted(one, course.submitted(one.student, name) / f"{name}.ipynb"),
                _names(exam.trials.get(one.student, [])),
                solution_places(one),
                dict(one.damage),
                one.unreadable,
                given.get(one.student, {}),
                reports[one.student],
            )
            for one in submissions
            if one.student in reports
        ]
    )
    return {"at": now, "basis": digest}


def _compared(exam: Exam) -> list[Misconception]:
    return [one for one in exam.misconceptions if one.id in exam.models]


def _names(trials: Sequence[Trial]) -> Observations:
    return tuple((one.digest, one.content) for one in trials)


def _submitted(submission: Submission, path: Path) -> Json:
    try:
        seconds = path.lstat().st_mtime
        modified = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (OSError, ValueError, OverflowError):
        modified = None
    return {
        "digest": submission.digest,
        "notebook": submission.file_digest,
        "modified": modified,
        "timestamp": submission.timestamp and submission.timestamp[:TIMESTAMP_CHARACTERS],
    }


@dataclass(frozen=True)
class Replayed:
    """A result judged again: the report (JSON) that came out, and what it says differently.

    ``others`` are the versions that it was judged by now and that are not those of then.
    """

    student: str
    assignment: str
    at: str
    report: Json
    differences: list[Difference]
    others: list[Cause]

    @property
    def same(self) -> bool:
        return not self.differences

    def json(self) -> Json:
        return {"schema": SCHEMA, "same": self.same, **asdict(self)}


def replay(course: Course, name: str, entry: Entry) -> Replayed:
    """Judge ``entry`` of assignment ``name`` again, from its observations and by its checks.

    ``MachineError`` if something that it rests on is gone or is not what it was.
    """
    from autograder.judge.batch import Batch, judge, observed
    from autograder.render.json import report_json
    from autograder.report import Report

    history = History(course.history, name)
    basis = history.kept.basis(entry.basis)
    if CONVERTED in basis.files:
        from autograder.plain.appeal import marked_again

        made = marked_again(course, course.root / "solutions" / name, entry, history)
        return _replayed(name, entry, basis, made)
    with tempfile.TemporaryDirectory(prefix="autograder-replay-") as scratch:
        folder = Path(scratch) / name
        folder.mkdir()
        for file, digest in basis.files.items():
            (folder / Path(file).name).write_bytes(history.kept.get(digest))
        try:
            assignment = load_assignment(folder)
            policy = Policy.model_validate_json(json.dumps(basis.settings))
            store = course.observations
            model = _seen(store, reference(assignment), assignment, basis.reference, model=True)
            found = [
                (one, _seen(store, wrong, assignment, basis.misconceptions[one.id]))
                for one in load_misconceptions(assignment)
                if one.id in basis.misconceptions
                for wrong in [reference(assignment, {one.exercise: one.cell})]
            ]
            seen: dict[str, Observed] = {REFERENCE: model}
            if entry.trials:
                loaded = _loaded(store, entry.trials)
                seen[entry.student] = observed(loaded, assignment, entry.solutions, entry.damage)
            batch = Batch(assignment, policy, model, seen, basis.devices)
            judge(batch)
            explain(batch, found)
        except (AuthorError, ValueError) as error:
            raise MachineError(
                f"{name} as it was then cannot be judged by this version: {error}"
            ) from error
    report = Report(
        entry.student,
        name,
        batch.exercises(entry.student),
        entry.report["device"],
        entry.unreadable,
        None,
        entry.report["made_from"],
    )
    return _replayed(name, entry, basis, report_json(report, Words(basis.language)))


def _replayed(name: str, entry: Entry, basis: Basis, report: Json) -> Replayed:
    # As it was written: what JSON has no kind for came back as another.
    made = json.loads(json.dumps(report))
    now = replace(basis, versions={**basis.versions, **_versions()}, code=code_digest())
    others = list(rested(basis, now))
    return Replayed(entry.student, name, entry.at, made, differences(entry.report, made), others)


def _versions() -> dict[str, str]:
    """Of what judges: this process imports what the sandbox tells of itself."""
    import numpy
    import torch

    python = platform.python_version()
    return {"python": python, "torch": torch.__version__, "numpy": numpy.__version__, **versions()}


def _seen(
    store: Path,
    submission: Submission,
    assignment: Assignment,
    trials: Observations,
    *,
    model: bool = False,
) -> Observed:
    from autograder.judge.batch import observed

    loaded = _loaded(store, trials)
    places = solution_places(submission)
    return observed(loaded, assignment, places, submission.damage, is_reference=model)


def _loaded(store: Path, trials: Observations) -> list[Any]:
    from autograder.observation import Observation, joined

    return joined(Observation.load(find(store, digest, content)) for digest, content in trials)
