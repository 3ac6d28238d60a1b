"""Grade an assignment without checks of ours: observe its notebooks, mark them by nbgrader's rules
and record that, for whatever has changed."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

from autograder.basis import code_digest
from autograder.config import Assignment as Policy
from autograder.errors import MachineError, MachineStopped
from autograder.grading import Grader, write_json
from autograder.history import History
from autograder.judge.finding import Finding
from autograder.plain.appeal import log_plain
from autograder.plain.assignment import (
    PlainAssignment,
    PlainNotebook,
    grade_id,
    read_plain,
    without_exercises,
)
from autograder.plain.bundle import Bundle, Marked
from autograder.plain.marks import handed_of, marks
from autograder.plain.report import comments, plain_report
from autograder.reading import digest_of
from autograder.record.plain import load_plain, refuse_changed, register
from autograder.submission import Submission, as_submission
from autograder.words import Words

if TYPE_CHECKING:
    from autograder.observe import Observer
    from autograder.record.gradebook import NotebookResult

__all__ = ["grade_plain", "tests_that_fail"]

log = logging.getLogger(__name__)
Json = dict[str, Any]
ENVIRONMENT = {"NBGRADER_EXECUTION": "autograde"}
"""What nbgrader sets for notebooks that ask where they run."""


def grade_plain(
    grader: Grader, name: str, students: Sequence[str]
) -> tuple[dict[str, Json], float]:
    """The reports of what ``students`` handed in for assignment ``name``, by student, and the
    points that there are."""
    course = grader.course
    assignment = load_plain(course, name)
    notebooks = [one.name for one in assignment.notebooks]
    grader.notice(
        f"{name}: no checks of ours (test_{name}.py), so graded by the test cells of its "
        f"{'notebook' if len(notebooks) == 1 else f'{len(notebooks)} notebooks'}, as nbgrader does."
    )
    bundles = {student: _bundle(grader, assignment, student) for student in students}
    marked_by = _marked_by(grader, assignment)
    prints = {
        student: digest_of([marked_by, one.digest, one.timestamp])
        for student, one in bundles.items()
    }
    reports = grader.stored(
        name,
        prints,
        lambda student, report: bool(report.get("fingerprint") == prints[student]),
        notebooks,
    )
    changed = [one for student, one in bundles.items() if student not in reports]
    if changed:
        results = _mark_all(grader, assignment, changed)
        refuse_changed(course, assignment)
        for doubt in _doubts(results):
            grader.notice(f"{name}: {doubt}.")
        for report in _Recording(grader, assignment, prints).record(results):
            reports[report["student"]] = grader.sharing.of(report)
    return reports, assignment.max_score


def _bundle(grader: Grader, assignment: PlainAssignment, student: str) -> Bundle:
    """What ``student`` handed in."""
    folder = grader.course.submitted(student, assignment.name)
    parts = {one.name: read_plain(folder, student, one) for one in assignment.notebooks}
    return Bundle(student, parts)


def _mark_all(
    grader: Grader, assignment: PlainAssignment, bundles: Sequence[Bundle]
) -> list[Marked]:
    """Observe ``bundles``, several at a time, and mark them; one that fails fails alone."""
    cut = Words(grader.course.config.language).other("cut")
    observers = _observers(grader, assignment, cut)

    def mark(bundle: Bundle) -> Marked:
        result = Marked(bundle)
        for notebook in assignment.notebooks:
            part = bundle.parts[notebook.name]
            observer = observers[notebook.name]
            trials = observer.observe(assignment.placed(part), fresh=grader.options.force)
            if trials:
                result.trials[notebook.name] = trials[0]
            handed = result.handed[notebook.name] = handed_of(notebook, part)
            seen = result.seen(notebook.name)
            result.marks[notebook.name] = marks(notebook, handed, seen, cut)
        return result

    results = {one.student: Marked(one, broken=one.fault) for one in bundles if one.fault}
    for student, result in results.items():
        log.error("%s of %s cannot be read: %s", assignment.name, student, result.broken)
    grader.progress(0, len(bundles))
    with ThreadPoolExecutor(max_workers=grader.options.jobs) as pool:
        waiting = {pool.submit(mark, one): one for one in bundles if not one.fault}
        try:
            for done, future in enumerate(as_completed(waiting), 1):
                bundle = waiting[future]
                results[bundle.student] = _taken(assignment, bundle, future)
                grader.progress(done, len(bundles))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [results[one.student] for one in bundles]


def _taken(assignment: PlainAssignment, bundle: Bundle, future: Future[Marked]) -> Marked:
    try:
        return future.result()
    except MachineStopped:
        raise
    except Exception as error:
        # Whatever it is: it stays this submission's.
        log.exception("%s of %s could not be observed", assignment.name, bundle.student)
        return Marked(bundle, broken=str(error))


def _observers(grader: Grader, assignment: PlainAssignment, cut: str) -> dict[str, Observer]:
    """What observes each notebook."""
    from autograder.observe import Observer

    course, policy = grader.course, _policy(grader, assignment)
    words = Words(course.config.language)
    texts = {
        "question": words.other("question"),
        "late": words.other("late", seconds=policy.seconds_per_cell),
        "cut": cut,
    }
    force = grader.options.force
    referred = History(course.history, assignment.name).referred() if force else frozenset[str]()
    return {
        one.name: Observer(
            one.source,
            policy,
            course.key,
            course.observations,
            grader.sandbox,
            (),
            texts,
            referred,
            environment=ENVIRONMENT,
        )
        for one in assignment.notebooks
    }


def tests_that_fail(grader: Grader, name: str) -> tuple[int, list[str]]:
    """How many tests assignment ``name`` has, and sentences about those that its own solutions do
    not pass in the sandbox."""
    assignment = load_plain(grader.course, name)
    parts = {one.name: _solved(assignment, one) for one in assignment.notebooks}
    (result,) = _mark_all(grader, assignment, [Bundle("", parts)])
    if result.broken is not None:
        raise MachineError(result.broken)
    words = Words("en")
    tests = [
        (assignment.label(notebook, mark.cell), mark)
        for notebook, found in result.marks.items()
        for mark in found
        if mark.score is not None and mark.finding != Finding("unsolved")
    ]
    return len(tests), [
        f"{label}: {words.finding(mark.finding) if mark.finding else 'not all points.'}"
        for label, mark in tests
        if mark.outcome != "passed"
    ]


def _solved(assignment: PlainAssignment, notebook: PlainNotebook) -> Submission:
    """The source as its author wrote it, solutions included."""
    source = nbformat.read(assignment.folder / f"{notebook.name}.ipynb", as_version=4)
    return without_exercises(as_submission(notebook.source, source))


def _policy(grader: Grader, assignment: PlainAssignment) -> Policy:
    """One trial: its tests know the seeds that the statement names."""
    return grader.course.policy(assignment.name).model_copy(update={"trials": 1})


def _marked_by(grader: Grader, assignment: PlainAssignment) -> str:
    """Hash of all that a report depends on besides the submission."""
    packages = ("autograder", "nbgrader", "torch", "numpy", "ipython")
    config = grader.course.config
    files = {**assignment.texts, **assignment.files}
    return digest_of(
        [
            {package: version(package) for package in packages},
            code_digest(),
            {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
            _policy(grader, assignment).model_dump(mode="json"),
            [config.language, config.sandbox, config.db_url],
        ]
    )


def _doubts(results: Sequence[Marked]) -> Iterator[str]:
    """What authors of tests should know, once for each of them."""
    found: dict[tuple[str, str], list[str]] = {}
    for result in results:
        for notebook, marked in result.marks.items():
            for mark in marked:
                if mark.doubt:
                    found.setdefault((notebook, mark.cell), []).append(mark.doubt)
    for (notebook, _), doubts in sorted(found.items()):
        more = f" ({len(doubts) - 1} more like it)" if len(doubts) > 1 else ""
        yield f"{notebook}: {doubts[0]}{more}"


@dataclass
class _Recording:
    """Logs what is not broken, then writes it into the gradebook and beside it."""

    grader: Grader
    assignment: PlainAssignment
    prints: Mapping[str, str]
    _language: str = field(init=False)
    _isolation: str = field(init=False)

    def __post_init__(self) -> None:
        self._language = self.grader.course.config.language
        self._isolation = self.grader.sandbox.facts["isolation"]

    def record(self, results: Sequence[Marked]) -> list[Json]:
        """The reports of ``results``: of those whose submission is still what was marked."""
        from autograder.record.gradebook import Gradebook

        grader, name, written = self.grader, self.assignment.name, []
        made = {one.bundle.student: self._report(one) for one in results}
        sound = {student: one for student, one in made.items() if one["status"] != "broken"}
        policy = _policy(grader, self.assignment)
        judged = log_plain(
            grader.course, grader.sandbox.facts, policy, self.assignment, results, sound
        )
        with Gradebook(grader.course.db_url) as book:
            for change in register(book, self.assignment):
                grader.notice(f"{name}: {change}; scores given by hand are kept.")
            for result in results:
                student = result.bundle.student
                if result.bundle.has_changed():
                    grader.notice(
                        f"{name}: {student}'s submission was changed while this ran; it is left "
                        "for the next run."
                    )
                    continue
                written.append(made[student])
                if student in sound:
                    self._write(book, result, {**sound[student], "judged": judged})
        return written

    def _report(self, result: Marked) -> Json:
        facts = self.grader.sandbox.facts
        made_from = {
            "isolation": self._isolation,
            "versions": {name: facts[name] for name in ("python", "torch", "numpy")},
            "trials": [one.digest for one in result.trials.values()],
        }
        return plain_report(
            result.bundle.student,
            self.assignment,
            result.marks,
            result.handed,
            made_from,
            self._language,
            result.broken,
        )

    def _write(self, book: Any, result: Marked, kept: Json) -> None:
        from autograder.record.notebook import executed, write_autograded

        bundle, name, course = result.bundle, self.assignment.name, self.grader.course
        path, known = course.report_path(bundle.student, name), self.assignment.notebooks
        before = _answers_before(path)
        answers = {one.name: _answers(one, bundle.parts[one.name]) for one in known}
        self.grader.compare(name, bundle.student, path, kept)
        # It vouches for what is recorded, so it goes first and comes last; which answers somebody
        # has seen holds meanwhile, too.
        write_json(path, {"answers": before})
        notebooks = {
            one: executed(part, result.seen(one), self._language, self._isolation)
            for one, part in bundle.parts.items()
        }
        folder = course.autograded(bundle.student, name)
        write_autograded(folder, self.assignment.placed(bundle.first), notebooks)
        rows = {
            one.name: self._row(one, result, before.get(one.name, {}), answers[one.name])
            for one in known
        }
        book.record_notebooks(bundle.student, name, bundle.timestamp, rows)
        fingerprint = self.prints[bundle.student]
        write_json(path, {**kept, "fingerprint": fingerprint, "answers": answers}, indent=None)
        self.grader.recorded.append((name, bundle.student))

    def _row(
        self,
        notebook: PlainNotebook,
        result: Marked,
        before: Mapping[str, str],
        answers: Mapping[str, str],
    ) -> NotebookResult:
        """What is written of one notebook into the gradebook."""
        from autograder.record.gradebook import NotebookResult

        found, part = result.marks[notebook.name], result.bundle.parts[notebook.name]
        by_hand = [mark.cell for mark in found if mark.score is None and not mark.task]
        return NotebookResult(
            {mark.cell: mark.score for mark in found if mark.score is not None},
            by_hand,
            [id for id in by_hand if before.get(id, "") != answers.get(id)],
            comments(notebook, part, found, self._language, self._isolation),
        )


def _answers(notebook: PlainNotebook, part: Submission) -> dict[str, str]:
    """The answers of a notebook, by cell, as hashes."""
    return {
        grade_id(cell): hashlib.sha256(cell.source.encode()).hexdigest()
        for cell in part.notebook.cells
        if grade_id(cell) in notebook.stubs
    }


def _answers_before(path: Path) -> Json:
    """The answers that were recorded last."""
    try:
        return dict(json.loads(path.read_text("utf-8"))["answers"])
    except (OSError, ValueError, LookupError, TypeError):
        return {}
