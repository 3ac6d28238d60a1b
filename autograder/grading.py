"""Grade an assignment: observe, judge, record, for whatever has changed. Joins the three parts."""

from __future__ import annotations

import difflib
import gc
import importlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from autograder.assignment import Assignment
from autograder.basis import code_digest, refuse_changed, texts_of
from autograder.config import Assignment as Policy
from autograder.course import ODD_FOLDER, Course
from autograder.database import known_students, recorded_students
from autograder.delays import doubts, settle
from autograder.errors import AuthorError, MachineError
from autograder.exam import REFERENCE, Exam, Models, Options, refuse_wrong_checks
from autograder.garbage import uncollected
from autograder.gpu import is_there
from autograder.history import History
from autograder.isolation import USES, Starting
from autograder.reading import Reading, digest_of
from autograder.render.json import Sharing, missing_json
from autograder.render.late import late_json
from autograder.sandbox.temporary import written
from autograder.submission import Submission
from autograder.turn import turn
from autograder.words import Words, plain

if TYPE_CHECKING:
    from autograder.cluster.cluster import Cluster, Kind
    from autograder.cluster.shares import Shared
    from autograder.report import Report
    from autograder.sandbox import Sandbox

    Judgement = tuple[Exam, Sequence[Submission], Mapping[str, Report]]

__all__ = ["Grader", "write_json"]

log = logging.getLogger(__name__)
OURS = ("fingerprint", "handed", "judged", "answers")
"""What stands in a kept report besides the report: by what it is known that it still holds (by what
the submission says, and by its bytes, which are compared sooner), when and by what it was last
judged, and what people have to grade."""
BATCH, SMALL_BATCH, CLUSTER_BATCH = 64, 16, 256
"""How many submissions at most are judged and recorded together, while as many more are observed;
how many a third of them has to be to be a batch; and a batch of a cluster, which is to have work
for all of its workers."""
Json = dict[str, Any]


@dataclass
class Grader:
    """Grades assignments of one course; holds the warm sandbox between them. A context manager.

    ``names`` are the assignments that are going to be graded (none: those of the config).
    ``progress`` is told, for every submission that was observed, how many are done and of how
    many; ``notice`` gets sentences that an assistant should read. ``recorded`` fills with the
    assignments and students whose results were written; ``before`` has, by them, the scores that
    this run replaced by others. ``sharing`` has the parts that an assignment's reports have in
    common. ``keeps`` what submissions are compared with in memory, for who grades one small batch
    after the other. ``starting`` is the sandbox where it has been begun with already; the grader
    closes it.
    """

    course: Course
    options: Options = field(default_factory=Options)
    names: tuple[str, ...] = ()
    progress: Callable[[int, int], None] = lambda done, total: None
    notice: Callable[[str], None] = lambda sentence: None
    before: dict[tuple[str, str], float] = field(default_factory=dict)
    recorded: list[tuple[str, str]] = field(default_factory=list)
    sharing: Sharing = field(default_factory=Sharing)
    keeps: bool = False
    starting: Starting | None = None
    _models: dict[str, Models] = field(default_factory=dict)
    _cluster: Cluster | None = None

    def __enter__(self) -> Grader:
        return self

    def __exit__(self, *_: object) -> None:
        starting, self.starting = self.starting, None
        if starting is not None:
            starting.close()
        cluster, self._cluster = self._cluster, None
        if cluster is not None:
            cluster.close()

    @property
    def cluster(self) -> Cluster:
        """The cluster that was asked for, connected to on first use."""
        from autograder.cluster.opening import open_cluster

        assert self.options.cluster is not None
        if self._cluster is None:
            uses = tuple(sorted(self._uses()))
            self._cluster = open_cluster(self.options.cluster, self.course, uses, self.notice)
            _import_observing()  # meanwhile its workers warm up
        return self._cluster

    @property
    def sandbox(self) -> Sandbox | Kind:
        """The sandbox, started on first use: a run with nothing to do needs none. Of a cluster, its
        largest kind of workers."""
        from autograder.sandbox import SandboxBroken, SandboxUnavailable

        if self.options.cluster is not None:
            return self.cluster.kinds(cuda=self.options.device != "cpu")[0]
        self._warm_up()
        assert self.starting is not None
        if not self.starting.is_up:
            _import_observing()
        try:
            return self.starting.sandbox()
        except (SandboxUnavailable, SandboxBroken) as error:
            raise MachineError(str(error)) from error

    def _warm_up(self) -> None:
        """Begin to start the sandbox. It warms up in a process of its own, which leaves time for
        reading and for our own slow imports."""
        if self.options.cluster is not None:
            return
        if self.starting is None:
            self.starting = Starting(self.course.config.sandbox)
        if not self.starting.knows_uses:
            self.starting.warm_for(self._uses())

    def _uses(self) -> set[str]:
        """What the sandbox has to be warm for: what an assignment itself uses, and what some of its
        submissions do. For one in a hundred that imports it by itself, all the others' forks are
        cheaper without."""
        found: set[str] = set()
        for name in self.names or self.course.config.assignments:
            if not self.course.is_plain(name):
                found |= self.course.assignment(name).uses
            counts: Counter[str] = Counter()
            for text in self.course.submitted_texts(name):
                counts["all"] += 1
                counts.update(
                    one for one, words in USES.items() if any(w.encode() in text for w in words)
                )
            found |= {one for one in USES if counts[one] * 100 > counts["all"]}
        return found

    def grade(self, name: str) -> list[Json]:
        """The reports (JSON) of all submissions of assignment ``name``, by student.

        What has not changed since it was recorded is neither observed nor judged again. Whose
        submission is changed while we are at it is left out, for the next run.
        """
        if self._everything:
            self._warm_up()
        # What the assignment before left behind would stay for ever: see _import_recording.
        gc.collect()
        with turn(self.course, f"grade {name}", self.notice):
            return self.grade_in_turn(name)

    def prepare(self, name: str, seconds: float) -> bool:
        """Observe what submissions of assignment ``name`` are compared with, or else the first who
        hands in waits for it; whether that is done. For who has the turn and ``keeps`` it. After so
        many ``seconds`` no more is begun."""
        _ = self.sandbox
        _import_recording()
        if self.course.is_plain(name):
            return True
        assignment = self.course.assignment(name)
        kept = self._kept(assignment, self.course.policy(name))
        exam = Exam(self.course, assignment, self.sandbox, self.options, kept=kept)
        return exam.prepare(seconds)

    def _kept(self, assignment: Assignment, policy: Policy) -> Models:
        """What earlier batches were compared with, if all that it depends on is the same."""
        if not self.keeps:
            return Models()
        basis = self._judged_by(assignment, policy)
        if assignment.name not in self._models or self._models[assignment.name].basis != basis:
            self._models[assignment.name] = Models(basis)
        return self._models[assignment.name]

    @property
    def _everything(self) -> bool:
        """Whether what has not changed is graded as well."""
        return self.options.force or self.options.again

    def grade_in_turn(self, name: str) -> list[Json]:
        """The same for who has the turn already."""
        self.sharing = Sharing()
        for folder in self.course.odd_folders(name):
            self.notice(f"submitted/{plain(folder)} is not graded: {ODD_FOLDER}.")
        students = self._students(name)
        if self.course.has_new(name):
            self._warm_up()  # for who is new, while all are read
        if self.course.is_plain(name):
            from autograder.plain.grading import grade_plain

            reports, most = grade_plain(self, name, students)
        else:
            assignment = self.course.assignment(name)
            reports, most = self._grade(assignment, students), assignment.max_score
        self._settle(name, reports)
        for student in self._missing(students):
            reports[student] = missing_json(student, most)
        return [reports[student] for student in sorted(reports)]

    def _grade(self, assignment: Assignment, students: Sequence[str]) -> dict[str, Json]:
        """The reports of what ``students`` handed in, by student.

        What is new is observed, judged and recorded batch by batch: no more than two batches'
        observations are held, and a run that is stopped has recorded what came before.
        """
        name, policy = assignment.name, self.course.policy(assignment.name)
        reading = Reading(self.course, assignment, self._judged_by(assignment, policy))
        texts = texts_of(assignment)
        reports = self.stored(name, students, reading.holds)
        for student in students:
            if student not in reports:
                reading.look(student)
        changed = [student for student in students if student not in reports]
        if not changed:
            return reports
        size = CLUSTER_BATCH
        if self.options.cluster is None:
            size = min(BATCH, max(SMALL_BATCH, len(changed) // 3))

        # Both warm up in other processes, which leaves time for our own slow imports.
        if self.options.cluster is None:
            self._warm_up()
        else:
            _ = self.cluster
        batches = (
            # What changes while the first batch is read is left for the next run.
            [reading.take(one, anew=begin > 0) for one in changed[begin : begin + size]]
            for begin in range(0, len(changed), size)
        )
        is_registered = False
        with closing(self._observed(assignment, policy, batches, len(changed))) as observed:
            for shared in observed:
                judged = self._judged(assignment, policy, shared)
                refuse_changed(texts, assignment)
                if not is_registered:
                    self._register(assignment)
                    is_registered = True
                for exam, share, made in judged:
                    for report in self._record(texts, share, made, exam, reading.prints):
                        reports[report["student"]] = self.sharing.of(report)
        return reports

    def _settle(self, name: str, reports: Mapping[str, Json]) -> None:
        """Bring due date and late penalties up to date; tell each report that it was late."""
        found, change = settle(self.course, name, self.options.students)
        for sentence in [change, *doubts(name, found)]:
            if sentence:
                self.notice(sentence)
        words, zone = Words(self.course.config.language), self.course.config.zone
        for one in found:
            if one.student in reports:
                reports[one.student]["late"] = late_json(one, zone, words)

    def _students(self, name: str) -> list[str]:
        """Whose submissions are to be graded: all that are there, or those asked for."""
        present, asked = self.course.students(name), self.options.students
        # Also without `asked`: a gradebook that cannot be opened is named before anything runs.
        known = {*present, *self.course.roster(), *known_students(self.course.db_url)}
        unknown = [one for one in asked if one not in known]
        if unknown:
            near = difflib.get_close_matches(unknown[0], known, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise AuthorError(
                f"--student {unknown[0]}: nobody of this name has handed in {name}, stands in "
                f"students.csv or in the gradebook{hint}."
            )
        return [one for one in present if not asked or one in asked]

    def _missing(self, students: Sequence[str]) -> list[str]:
        """Who handed in nothing, so is not among ``students``, but is known: from the roster, the
        gradebook or what was handed in for another assignment (which the gradebook may learn of
        only later)."""
        roster, asked = self.course.roster(), self.options.students
        if roster:
            from autograder.record.gradebook import Gradebook

            if not roster.keys() <= known_students(self.course.db_url):
                with Gradebook(self.course.db_url) as book:
                    book.enrol(roster)
        if asked and set(asked) <= set(students):
            return []
        elsewhere = {
            one for name in self.course.config.assignments for one in self.course.students(name)
        }
        known = (known_students(self.course.db_url) | elsewhere) - set(students)
        return sorted(one for one in known if not asked or one in asked)

    def _judged_by(self, assignment: Assignment, policy: Policy) -> str:
        """Hash of all that a report depends on besides the submission."""
        packages = ("autograder", "torch", "numpy", "ipython")
        return digest_of(
            [
                {package: version(package) for package in packages},
                code_digest(),
                assignment.source_path.read_text(encoding="utf-8"),
                assignment.probes,
                assignment.checks_path.read_text(encoding="utf-8")
                if assignment.checks_path.exists()
                else "",
                assignment.misconceptions_path.read_text(encoding="utf-8")
                if assignment.misconceptions_path.exists()
                else "",
                policy.model_dump(mode="json"),
                self.course.config.language,
                self.course.config.sandbox,
                self.course.config.db_url,
                self.course.key.id,
                self.options.device,
                is_there(),
            ]
        )

    def stored(
        self,
        name: str,
        students: Iterable[str],
        holds: Callable[[str, Json], bool],
        notebooks: Sequence[str] = (),
    ) -> dict[str, Json]:
        """The stored reports that hold, by student, where results are still where they were put;
        none where all are to be judged again. ``notebooks`` are the assignment's if it has several.
        """
        stored: dict[str, Json] = {}
        if self._everything:
            return stored
        for student in students:
            try:
                report = json.loads(self.course.report_path(student, name).read_text("utf-8"))
            except (OSError, ValueError):
                continue
            folder = self.course.autograded(student, name)
            whole = all((folder / f"{one}.ipynb").exists() for one in notebooks or (name,))
            if whole and holds(student, report):
                told = {key: report[key] for key in report if key not in OURS}
                stored[student] = self.sharing.of(told)
        if stored:
            recorded = recorded_students(self.course.db_url, name)
            stored = {student: one for student, one in stored.items() if student in recorded}
        return stored

    def _observed(
        self,
        assignment: Assignment,
        policy: Policy,
        batches: Iterator[list[Submission]],
        total: int,
    ) -> Generator[Shared]:
        """The exams that observed each of ``batches``, with their shares of it: here one exam, of a
        cluster one a kind of workers.

        While one batch is judged and recorded, the next is observed; not by a cluster, whose
        batches are large.
        """
        if self.options.cluster is not None:
            before = 0
            for batch in batches:
                told = _counting(self.progress, before, len(batch), total)
                yield self._by_cluster(assignment, policy, batch, told)
                before += len(batch)
            return
        given_up, kept = Event(), self._kept(assignment, policy)

        def unless_given_up(done: int, of: int) -> None:
            if given_up.is_set():
                raise _GivenUp
            self.progress(done, of)

        def observe(batch: list[Submission], before: int, last: Exam | None) -> Exam:
            exam = self._exam(assignment, self.sandbox, kept) if last is None else last.another()
            exam.observe(batch, _counting(unless_given_up, before, len(batch), total))
            return exam

        with ThreadPoolExecutor(max_workers=1) as ahead:
            try:
                done, batch = 0, next(batches)
                upcoming = ahead.submit(observe, batch, done, None)
                # The sandbox starts, and then the notebooks run, in other processes.
                _import_observing()
                _import_recording()
                while True:
                    exam = upcoming.result()
                    done, following = done + len(batch), next(batches, None)
                    if following is not None:
                        upcoming = ahead.submit(observe, following, done, exam)
                    yield [(exam, batch)]
                    if following is None:
                        return
                    batch = following
            finally:
                given_up.set()

    def _exam(
        self, assignment: Assignment, sandbox: Sandbox | Kind, kept: Models | None = None
    ) -> Exam:
        referred: Set[str] = frozenset()
        if self.options.force:
            referred = History(self.course.history, assignment.name).referred()
        kept = Models() if kept is None else kept
        return Exam(self.course, assignment, sandbox, self.options, referred=referred, kept=kept)

    def _by_cluster(
        self,
        assignment: Assignment,
        policy: Policy,
        submissions: Sequence[Submission],
        progress: Callable[[int, int], None],
    ) -> Shared:
        from autograder.cluster.shares import observe_shared

        _import_recording()
        cuda = "cuda" in policy.devices and self.options.device != "cpu"
        kinds = self.cluster.kinds(cuda=cuda)
        if self.options.device == "cuda" and not kinds[0].facts["cuda"]:
            raise MachineError(
                "--device cuda: no worker has a GPU that Dask was told of (dask worker "
                "--resources GPU=1); start one, or use --device auto."
            )
        return observe_shared(
            self.cluster, kinds, lambda kind: self._exam(assignment, kind), submissions, progress
        )

    def _judged(self, assignment: Assignment, policy: Policy, observed: Shared) -> list[Judgement]:
        """The reports of what was observed, by student, beside the exams that they come from."""
        from autograder.judge.batch import Batch, judge

        judged: list[Judgement] = []
        for exam, share in observed:
            seen = {REFERENCE: exam.reference, **exam.seen}
            batch = Batch(assignment, policy, exam.reference, seen, exam.devices)
            judge(batch)
            refuse_wrong_checks(assignment, batch)
            exam.diagnose(batch)
            judged.append((exam, share, {one.student: exam.report(one, batch) for one in share}))
        unexplained = sorted({id for exam, _ in observed for id in exam.unexplained})
        if unexplained:
            self.notice(
                f"{assignment.name}: {', '.join(unexplained)} could not be observed, so "
                "reasons may be missing; the next run judges again."
            )
        return judged

    def _register(self, assignment: Assignment) -> None:
        """Make the gradebook's assignment agree with the source as it is now."""
        from autograder.record.gradebook import Gradebook
        from autograder.record.released import released_notebook

        name = assignment.name
        with Gradebook(self.course.db_url) as book:
            for change in book.register(name, released_notebook(self.course, assignment)):
                self.notice(f"{name}: {change}; scores given by hand are kept.")

    def _record(
        self,
        texts: Mapping[str, bytes],
        submissions: Sequence[Submission],
        reports: Mapping[str, Report],
        exam: Exam,
        prints: Mapping[str, Json],
    ) -> list[Json]:
        """Log what is not broken, then write it into the gradebook and beside it.

        In this order, so that no score is ever shown to anybody that the log does not have.
        """
        from autograder.appeal import log_results
        from autograder.record.gradebook import Gradebook
        from autograder.record.notebook import executed, write_autograded
        from autograder.render.comment import comments
        from autograder.render.json import report_json

        assignment, language = exam.assignment, self.course.config.language
        name, words, written = assignment.name, Words(language), []
        made = {student: report_json(report, words) for student, report in reports.items()}
        sound = {student: one for student, one in made.items() if one["status"] != "broken"}
        judged = log_results(exam, texts, submissions, sound)
        with Gradebook(self.course.db_url) as book:
            for submission in submissions:
                student = submission.student
                if submission.has_changed():
                    self.notice(
                        f"{name}: {student}'s submission was changed while this ran; it is left "
                        "for the next run."
                    )
                    continue
                report = reports[student]
                kept = made[student]
                written.append(kept)
                if student not in sound:
                    continue
                path = self.course.report_path(student, name)
                self.compare(name, student, path, kept)
                # It vouches for what is recorded, so it goes first and comes last.
                path.unlink(missing_ok=True)
                trials = exam.trials.get(student)
                seen = trials[0].load() if trials else None
                isolation = str(report.made_from["isolation"])
                notebook = executed(submission, seen, language, isolation)
                folder = self.course.autograded(student, name)
                write_autograded(folder, submission, {name: notebook})
                book.record(report, comments(report, language), submission.timestamp)
                vouched = {} if exam.unexplained else prints[student]
                write_json(path, {**kept, **vouched, "judged": judged}, indent=None)
                self.recorded.append((name, student))
        return written

    def compare(self, name: str, student: str, path: Path, report: Json) -> None:
        """Note in ``before`` whether ``report`` takes the place of one with other scores."""
        try:
            old = json.loads(path.read_text("utf-8"))
            if _scores(old) != _scores(report):
                self.before[name, student] = float(old["score"])
        except (OSError, ValueError, LookupError, TypeError):
            return  # there is none that can be read


class _GivenUp(Exception):
    """Ends the observing of a batch that nobody is going to judge."""


def _counting(
    progress: Callable[[int, int], None], before: int, count: int, total: int
) -> Callable[[int, int], None]:
    """``progress`` of ``total`` submissions, told of a batch of ``count`` after ``before``."""
    # Where there is a GPU, each submission counts twice.
    return lambda done, of: progress(before + done * count // of, total)


def _import_observing() -> None:
    """Import what observing needs, torch first of all."""
    with uncollected():
        importlib.import_module("autograder.observe")
    # The cores are for notebooks, and what is compared here is small: several threads would wait
    # for each other most of the time.
    importlib.import_module("torch").set_num_threads(1)


def _import_recording() -> None:
    """Import what judging and recording need: pytest and nbgrader."""
    from autograder.record.lean import import_nbgrader

    # Also because each pytest run collects garbage at its end.
    with uncollected():
        import_nbgrader()
        for name in ("diagnosis.diagnose", "record.gradebook", "record.notebook"):
            importlib.import_module(f"autograder.{name}")


def _scores(report: Json) -> Json:
    return {one["id"]: one["score"] for one in report["exercises"]}


def write_json(path: Path, data: Json | list[Json], *, indent: int | None = 1) -> None:
    """Write ``data`` at ``path``, whole or not at all. Without ``indent`` it is one line, which
    Python's fast encoder makes."""
    text = json.dumps(data, ensure_ascii=False, indent=indent)
    with written(path, 0o644) as file:
        file.write(f"{text}\n".encode())
