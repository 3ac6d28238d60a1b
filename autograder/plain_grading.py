"""Grade an assignment without checks of ours: observe its notebooks, mark them by nbgrader's rules
and record that, for whatever has changed."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbformat import NotebookNode

from autograder.basis import code_digest
from autograder.config import Assignment as Policy
from autograder.errors import MachineError
from autograder.grading import Grader, digest_of, write_json
from autograder.judge.finding import Finding
from autograder.plain import (
    Mark,
    PlainAssignment,
    PlainNotebook,
    grade_id,
    marks,
    read_plain,
    without_exercises,
)
from autograder.record.plain import load_plain, register
from autograder.render.comment import escape
from autograder.render.json import report_json
from autograder.report import CheckResult, ExerciseResult, Report
from autograder.submission import Submission, as_submission
from autograder.words import Words

if TYPE_CHECKING:
    from autograder.observation import Observation
    from autograder.record.gradebook import NotebookResult

__all__ = ["grade_plain", "tests_that_fail"]

log = logging.getLogger(__name__)
Json = dict[str, Any]
ENVIRONMENT = {"NBGRADER_EXECUTION": "autograde"}
"""What nbgrader sets for notebooks that ask where they run."""
UNSEEN = (
    "blocked",
    "points_cut",
    *(f"run_{how}" for how in ("timed_out", "out_of_memory", "died", "too_large", "garbled")),
)
"""Findings that the outputs of a test do not show."""


@dataclass(frozen=True)
class Bundle:
    """What one student handed in for an assignment: a submission for each of its notebooks."""

    student: str
    parts: Mapping[str, Submission]

    @property
    def digest(self) -> str:
        """Hash of all that was handed in: what is not code, too, for people grade that."""
        hashed = hashlib.sha256()
        for name, part in sorted(self.parts.items()):
            cells = [[cell.cell_type, cell.source] for cell in part.notebook.cells]
            hashed.update(json.dumps([name, cells, part.digest, part.timestamp]).encode())
        return hashed.hexdigest()

    @property
    def timestamp(self) -> str | None:
        return next((one.timestamp for one in self.parts.values()), None)


@dataclass
class Marked:
    """A bundle that was observed and marked, by notebook; ``broken`` is what went wrong with us."""

    bundle: Bundle
    seen: dict[str, Observation | None] = field(default_factory=dict)
    marks: dict[str, list[Mark]] = field(default_factory=dict)
    digests: list[str] = field(default_factory=list)
    broken: str | None = None


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
    prints = {student: digest_of([marked_by, one.digest]) for student, one in bundles.items()}
    reports = grader.unchanged(name, prints, notebooks)
    changed = [one for student, one in bundles.items() if student not in reports]
    if changed:
        results = _mark_all(grader, assignment, changed)
        for doubt in sorted({one for result in results for one in _doubts(result)}):
            grader.notice(f"{name}: {doubt}.")
        for report in _record(grader, assignment, results, prints):
            reports[report["student"]] = report
    return reports, assignment.max_score


def _bundle(grader: Grader, assignment: PlainAssignment, student: str) -> Bundle:
    """What ``student`` handed in."""
    folder = grader.course.submitted(student, assignment.name)
    return Bundle(
        student,
        {one.name: read_plain(folder, student, assignment, one) for one in assignment.notebooks},
    )


def _mark_all(
    grader: Grader, assignment: PlainAssignment, bundles: Sequence[Bundle]
) -> list[Marked]:
    """Observe ``bundles``, several at a time, and mark them; one that fails fails alone."""
    sandbox, words = grader.sandbox, Words(grader.course.config.language)
    policy = _policy(grader, assignment)
    cut = words.other("cut")
    texts = {
        "question": words.other("question"),
        "late": words.other("late", seconds=policy.seconds_per_cell),
        "cut": cut,
    }
    from autograder.observe import Observer

    observers = {
        one.name: Observer(
            one.source,
            policy,
            grader.course.key,
            grader.course.observations,
            sandbox,
            (),
            texts,
            environment=ENVIRONMENT,
        )
        for one in assignment.notebooks
    }

    def mark(bundle: Bundle) -> Marked:
        result = Marked(bundle)
        for notebook in assignment.notebooks:
            part = bundle.parts[notebook.name]
            trials = observers[notebook.name].observe(part, fresh=grader.options.force)
            seen = trials[0].load() if trials else None
            result.digests += [trial.digest for trial in trials]
            result.seen[notebook.name] = seen
            result.marks[notebook.name] = marks(notebook, part, seen, cut)
        return result

    results = {}
    grader.progress(0, len(bundles))
    with ThreadPoolExecutor(max_workers=grader.options.jobs) as pool:
        waiting = {pool.submit(mark, one): one for one in bundles}
        try:
            for done, future in enumerate(as_completed(waiting), 1):
                bundle = waiting[future]
                try:
                    results[bundle.student] = future.result()
                except (MachineError, ValueError, OSError) as error:
                    log.exception("%s of %s was not observed", assignment.name, bundle.student)
                    results[bundle.student] = Marked(bundle, broken=str(error))
                grader.progress(done, len(bundles))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [results[one.student] for one in bundles]


def tests_that_fail(grader: Grader, name: str) -> tuple[int, list[str]]:
    """How many tests assignment ``name`` has, and sentences about those that its own solutions do
    not pass in the sandbox."""
    assignment = load_plain(grader.course, name)
    parts = {
        one.name: replace(
            without_exercises(as_submission(one.source, _solved(assignment, one))),
            files=assignment.files,
        )
        for one in assignment.notebooks
    }
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


def _solved(assignment: PlainAssignment, notebook: PlainNotebook) -> NotebookNode:
    """The source as its author wrote it, solutions included."""
    return nbformat.read(assignment.folder / f"{notebook.name}.ipynb", as_version=4)


def _policy(grader: Grader, assignment: PlainAssignment) -> Policy:
    """One trial: its tests know the seeds that the statement names."""
    return grader.course.policy(assignment.name).model_copy(update={"trials": 1})


def _marked_by(grader: Grader, assignment: PlainAssignment) -> str:
    """Hash of all that a report depends on besides the submission."""
    packages = ("autograder", "nbgrader", "torch", "numpy", "ipython")
    config = grader.course.config
    return digest_of(
        [
            {package: version(package) for package in packages},
            code_digest(),
            [[one.name, one.source.notebook, one.stubs] for one in assignment.notebooks],
            _policy(grader, assignment).model_dump(mode="json"),
            [config.language, config.sandbox, config.db_url],
        ]
    )


def _doubts(result: Marked) -> Iterator[str]:
    """What authors of tests should know, by notebook."""
    for notebook, found in result.marks.items():
        for mark in found:
            if mark.doubt:
                yield f"{notebook}: {mark.doubt}"


def _record(
    grader: Grader,
    assignment: PlainAssignment,
    results: Sequence[Marked],
    prints: Mapping[str, str],
) -> list[Json]:
    """Write what is not broken into the gradebook and beside it."""
    from autograder.record.gradebook import Gradebook
    from autograder.record.notebook import executed, write_autograded

    course, name, written = grader.course, assignment.name, []
    language = course.config.language
    with Gradebook(course.db_url) as book:
        for change in register(book, assignment):
            grader.notice(f"{name}: {change}; scores given by hand are kept.")
        for result in results:
            bundle, student = result.bundle, result.bundle.student
            kept = _report(grader, assignment, result)
            written.append(kept)
            if kept["status"] == "broken":
                continue
            path = course.report_path(student, name)
            answers = {
                one.name: _answers(one, bundle.parts[one.name]) for one in assignment.notebooks
            }
            notebooks = {
                one: executed(part, result.seen[one], language)
                for one, part in bundle.parts.items()
            }
            first = next(iter(bundle.parts.values()))
            write_autograded(course.autograded(student, name), first, notebooks)
            book.record_notebooks(
                student, name, bundle.timestamp, _results(grader, assignment, result, answers)
            )
            grader.compare(name, student, path, kept)
            write_json(path, {**kept, "fingerprint": prints[student], "answers": answers})
            grader.recorded.append((name, student))
    return written


def _report(grader: Grader, assignment: PlainAssignment, result: Marked) -> Json:
    """The report of one bundle."""
    bundle, facts = result.bundle, grader.sandbox.facts
    words = Words(grader.course.config.language)
    unreadable = [one.unreadable for one in bundle.parts.values()]
    report = Report(
        bundle.student,
        assignment.name,
        tuple(
            _exercise(assignment.label(notebook.name, mark.cell), mark)
            for notebook in assignment.notebooks
            for mark in result.marks.get(notebook.name, ())
        ),
        "cpu",
        unreadable[0] if all(unreadable) else None,
        result.broken,
        {
            "isolation": facts["isolation"],
            "versions": {name: facts[name] for name in ("python", "torch", "numpy")},
            "trials": result.digests,
        },
    )
    kept = {**report_json(report, words), "max_score": assignment.max_score}
    return (
        kept if report.status == "broken" else {**kept, "message": _message(result, facts, words)}
    )


def _exercise(label: str, mark: Mark) -> ExerciseResult:
    if mark.score is None or (mark.finding is None and mark.outcome == "errored"):
        # Nobody has looked at it yet, or there is nothing to look at.
        return ExerciseResult(label, mark.points, (), mark.outcome)
    check = CheckResult(label, label, mark.points, mark.score, mark.outcome, mark.finding)
    return ExerciseResult(label, mark.points, (check,))


def _message(result: Marked, facts: Mapping[str, Any], words: Words) -> str:
    """What there is to say of the bundle as a whole."""
    said = [
        words.unreadable(part.unreadable, f"{name}.ipynb")
        for name, part in result.bundle.parts.items()
        if part.unreadable
    ]
    waiting = sum(mark.score is None for found in result.marks.values() for mark in found)
    if waiting:
        said.append(words.other("by_hand", count=waiting))
    if facts["isolation"] == "none":
        said.append(words.other("unprotected"))
    return " ".join(said)


def _answers(notebook: PlainNotebook, part: Submission) -> dict[str, str]:
    """The answers that somebody grades by hand, by cell, as hashes."""
    return {
        grade_id(cell): hashlib.sha256(cell.source.encode()).hexdigest()
        for cell in part.notebook.cells
        if grade_id(cell) in notebook.stubs
    }


def _results(
    grader: Grader,
    assignment: PlainAssignment,
    result: Marked,
    answers: Mapping[str, Mapping[str, str]],
) -> dict[str, NotebookResult]:
    """What is written into the gradebook, by notebook."""
    from autograder.record.gradebook import NotebookResult

    course = grader.course
    words = Words(course.config.language, escape)
    before = _answers_before(course.report_path(result.bundle.student, assignment.name))
    made = {}
    for notebook in assignment.notebooks:
        found, known = result.marks[notebook.name], before.get(notebook.name, {})
        part = result.bundle.parts[notebook.name]
        by_hand = [mark.cell for mark in found if mark.score is None and not mark.task]
        made[notebook.name] = NotebookResult(
            {mark.cell: mark.score for mark in found if mark.score is not None},
            by_hand,
            [id for id in by_hand if known.get(id, "") != answers[notebook.name].get(id)],
            _comments(notebook, part, found, words),
        )
    return made


def _answers_before(path: Path) -> Json:
    """The answers that were recorded last."""
    try:
        return dict(json.loads(path.read_text("utf-8"))["answers"])
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def _comments(
    notebook: PlainNotebook, part: Submission, found: Sequence[Mark], words: Words
) -> dict[str, str]:
    """What is said under answers: nbgrader's "No response.", and what no output shows."""
    if part.unreadable:
        sentence = words.unreadable(part.unreadable, f"{notebook.name}.ipynb")
        return dict.fromkeys(notebook.stubs, sentence)
    by_cell = {mark.cell: mark for mark in found}
    said: dict[str, list[str]] = {}
    answer = ""
    for cell in part.notebook.cells:
        id = grade_id(cell)
        if id in notebook.stubs:
            answer = id
            if part.damage.get(id) == "missing":
                said.setdefault(id, []).append(words.finding_of("solution_missing"))
            elif notebook.is_untouched(cell):
                said.setdefault(id, []).append(words.page()["no_response"])
        finding = by_cell[id].finding if id in by_cell else None
        if answer and finding is not None and finding.kind in UNSEEN:
            said.setdefault(answer, []).append(f"- ✗ {escape(id)}: {words.finding(finding)}")
    return {id: "\n\n".join(lines) for id, lines in said.items()}
