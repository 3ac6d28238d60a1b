"""One assignment's submissions on their way through observing, judging and diagnosing.

Knows of no gradebook: what comes out are reports.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from autograder.assignment import Assignment
from autograder.config import Assignment as Policy
from autograder.course import Course
from autograder.errors import AuthorError, MachineError, MachineStopped
from autograder.misconceptions import Misconception, load_misconceptions
from autograder.submission import Submission, reference
from autograder.words import Words

if TYPE_CHECKING:
    from autograder.cluster.cluster import Kind
    from autograder.cluster.entry import Cluster
    from autograder.gpu import Gpu
    from autograder.judge.batch import Batch, Judged
    from autograder.judge.seen import Observed
    from autograder.observe import Observer, Trial
    from autograder.report import CheckResult, Report
    from autograder.sandbox import Sandbox

__all__ = [
    "REFERENCE",
    "Exam",
    "Models",
    "Options",
    "explain",
    "observed_in",
    "refuse_wrong_checks",
    "solution_places",
]

log = logging.getLogger(__name__)
REFERENCE = "/reference"
"""Stands among the students of a batch; no folder can have this name."""


@dataclass(frozen=True)
class Options:
    """How ``grade`` was asked to work. ``device`` is ``auto``, ``cpu`` or ``cuda``.

    By default one notebook more than there are cores is worked on: it is set up, which the kernel
    takes its time for, while the others run. ``force`` observes, judges and records what has not
    changed too; ``again`` judges and records it, from what was observed before. With a ``cluster``
    its workers observe.
    """

    jobs: int = field(default_factory=lambda: (os.cpu_count() or 1) + 1)
    device: str = "auto"
    force: bool = False
    again: bool = False
    students: tuple[str, ...] = ()
    cluster: Cluster | None = None


@dataclass
class Models:
    """What submissions are compared with, kept from one batch to the next: the reference and, by
    id, misconceptions, as they were observed; by alias, how misconceptions were judged.

    Only for batches of which all else is the same, as ``basis`` tells.
    """

    basis: str = ""
    reference: tuple[Observed, list[Trial]] | None = None
    wrong: dict[str, tuple[Observed, list[Trial]]] = field(default_factory=dict)
    judged: dict[str, list[Judged]] = field(default_factory=dict)


@dataclass
class Exam:
    """The observations of a batch, ready to be judged.

    ``seen`` and ``trials`` by student; ``broken`` tells, by student, what went wrong on our side.
    ``models`` are the trials of the reference and, by id, of the misconceptions that failed checks
    were compared with. ``referred`` are the stored files, by SHA-256, that have to stay.
    ``unexplained`` are misconceptions that could not be observed, so that reasons may be missing.
    ``kept`` are models of earlier batches; it fills with those of this one.
    """

    course: Course
    assignment: Assignment
    sandbox: Sandbox | Kind
    options: Options
    seen: dict[str, Observed] = field(default_factory=dict)
    trials: dict[str, list[Trial]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    models: dict[str, list[Trial]] = field(default_factory=dict)
    referred: Set[str] = frozenset()
    unexplained: list[str] = field(default_factory=list)
    kept: Models = field(default_factory=Models)

    def another(self) -> Exam:
        """One for more submissions to the same assignment, compared with the same models."""
        made = replace(self, seen={}, trials={}, broken={}, models={}, unexplained=[])
        # It knows which files were made in this run, so of equal submissions one is observed.
        made.__dict__["observer"] = self.observer
        return made

    @cached_property
    def misconceptions(self) -> list[Misconception]:
        return load_misconceptions(self.assignment)

    @property
    def policy(self) -> Policy:
        return self.course.policy(self.assignment.name)

    @cached_property
    def devices(self) -> tuple[str, ...]:
        """The devices to observe on: those of the config that are asked for and at hand."""
        wanted = {"cpu"} if self.gpu is None else {"cpu", "cuda"}
        return tuple(one for one in self.policy.devices if one in wanted)

    @cached_property
    def gpu(self) -> Gpu | None:
        """The GPU to observe on, if there is one and it is asked for. Where one is there that does
        not work, that is a ``MachineError`` for ``--device cuda`` only, and else in the log."""
        from autograder.gpu import Gpu, look_for_gpu

        wanted = "cuda" in self.policy.devices
        if self.options.device == "cpu" or (self.options.device == "auto" and not wanted):
            return None
        found = look_for_gpu(self.sandbox)
        if isinstance(found, Gpu):
            return found if wanted else None
        if self.options.device == "cuda":
            why = found.why or "torch finds no CUDA device here"
            raise MachineError(f"--device cuda: {why}; use --device auto.")
        if found.why:
            log.error("checks for CUDA do not run: %s", found.why)
        return None

    @cached_property
    def observer(self) -> Observer:
        from autograder.observe import Observer

        words = Words(self.course.config.language)
        texts = {
            "question": words.other("question"),
            "late": words.other("late", seconds=self.policy.seconds_per_cell),
            "cut": words.other("cut"),
        }
        return Observer(
            self.assignment,
            self.policy,
            self.course.key,
            self.course.observations,
            self.sandbox,
            self.devices,
            texts,
            self.referred,
            self.gpu,
        )

    @cached_property
    def reference(self) -> Observed:
        """The reference's observations; ``AuthorError`` if it does not run to its end."""
        if self.kept.reference is not None:
            seen, self.models[REFERENCE] = self.kept.reference
            return seen
        solution = reference(self.assignment)
        trials = self.observer.observe(solution)
        self.models[REFERENCE] = trials
        seen = observed_in(trials, solution, self.assignment, model=True)
        for trial in seen.trials:
            if trial.ending.how != "finished":
                said = trial.ending.detail.strip().splitlines()[-1:] or [""]
                raise AuthorError(
                    f"{self.assignment.source_path}: the reference, with the probes of "
                    f"{self.assignment.probes_path.name}, does not run to its end "
                    f"({trial.ending.how}: {said[0]})."
                )
            for exercise, by_name in trial.probes.items():
                for probe, by_device in by_name.items():
                    for device, value in by_device.items():
                        _refuse_failed(self.assignment, exercise, probe, device, value)
        self.kept.reference = seen, trials
        return seen

    def observe(
        self, submissions: Sequence[Submission], progress: Callable[[int, int], None]
    ) -> None:
        """Observe all ``submissions``, several at a time; one that fails fails alone.

        All of them on the CPU first; then on the GPU, as many at a time as its memory has room for.
        """
        on_gpu = self.observer.uses_gpu
        total = len(submissions) * (2 if on_gpu else 1)
        progress(0, total)
        for one in submissions:
            if one.fault:
                log.error("%s of %s cannot be read: %s", one.assignment, one.student, one.fault)
                self.broken[one.student] = one.fault
        with ThreadPoolExecutor(max_workers=self.options.jobs) as pool:
            model = pool.submit(lambda: self.reference)
            waiting = {
                pool.submit(self.observer.on_cpu, one, fresh=self.options.force): one
                for one in submissions
                if not one.fault
            }
            try:
                model.result()
                _ = self.misconceptions
                for done, future in enumerate(as_completed(waiting), 1):
                    self._take(waiting[future], future)
                    progress(done, total)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        if on_gpu:
            self._observe_on_gpu(submissions, lambda done: progress(total // 2 + done, total))

    def _observe_on_gpu(
        self, submissions: Sequence[Submission], progress: Callable[[int], None]
    ) -> None:
        """Add the runs on the GPU to the trials of ``submissions`` that were seen on the CPU."""

        def both(one: Submission, trials: list[Trial]) -> list[Trial]:
            return [*trials, *self.observer.on_gpu(one, trials, fresh=self.options.force)]

        jobs = min(self.options.jobs, self.observer.places)
        with ThreadPoolExecutor(max_workers=jobs) as pool:
            waiting = {
                pool.submit(both, one, self.trials[one.student]): one
                for one in submissions
                if one.student in self.seen
            }
            try:
                for done, future in enumerate(as_completed(waiting), 1):
                    self._take(waiting[future], future)
                    progress(done)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def prepare(self, seconds: float) -> bool:
        """Observe the reference and the misconceptions, for submissions that are still to come;
        whether that is done. After so many ``seconds`` no more is begun."""
        _ = self.reference
        begun, jobs = time.monotonic(), self.options.jobs
        left = [one for one in self.misconceptions if one.id not in self.kept.wrong]
        with ThreadPoolExecutor(max_workers=jobs) as pool:
            for first in range(0, len(left), jobs):
                if time.monotonic() - begun > seconds:
                    return False
                list(pool.map(self._misconceived, left[first : first + jobs]))
        return True

    def diagnose(self, batch: Batch) -> None:
        """Find out why checks of the judged ``batch`` failed.

        Observes the misconceptions that cost points where somebody lost some, unless they have
        been observed before.
        """
        from autograder.diagnosis.diagnose import puzzling_exercises

        exercises = puzzling_exercises(batch)
        known = [one for one in self.misconceptions if exercises & one.loses.keys()]
        with ThreadPoolExecutor(max_workers=self.options.jobs) as pool:
            seen = zip(known, pool.map(self._misconceived, known), strict=True)
            found = [(one, observed) for one, observed in seen if observed is not None]
        explain(batch, found, self.kept.judged)

    def _misconceived(self, misconception: Misconception) -> Observed | None:
        """What the misconception shows; nothing where the machine fails: the grades matter more."""
        if misconception.id in self.kept.wrong:
            seen, self.models[misconception.id] = self.kept.wrong[misconception.id]
            return seen
        wrong = reference(self.assignment, {misconception.exercise: misconception.cell})
        try:
            trials = self.observer.observe(wrong)
            seen = observed_in(trials, wrong, self.assignment)
            self.models[misconception.id] = trials
            self.kept.wrong[misconception.id] = seen, trials
            return seen
        except MachineStopped:
            raise
        except (MachineError, ValueError):
            log.exception("%s: %s could not be observed", self.assignment.name, misconception.id)
            self.unexplained.append(misconception.id)
            return None

    def _take(self, submission: Submission, future: Future[list[Trial]]) -> None:
        student = submission.student
        try:
            self.trials[student] = future.result()
            if self.trials[student]:
                seen = observed_in(self.trials[student], submission, self.assignment)
                self.seen[student] = seen
        except MachineStopped:
            raise
        except Exception as error:
            # Whatever it is: it stays this submission's.
            log.exception("%s of %s could not be observed", self.assignment.name, student)
            self.seen.pop(student, None)
            self.broken[student] = str(error)

    def report(self, submission: Submission, batch: Batch) -> Report:
        """The report of one submission of the judged ``batch``."""
        from autograder.report import Report, held_back

        student = submission.student
        trials = self.trials.get(student, [])
        exercises = batch.exercises(student)
        if self.policy.without_device == "wait":
            exercises = tuple(held_back(one, self.policy.devices) for one in exercises)
        return Report(
            student,
            self.assignment.name,
            tuple(
                replace(one, unjudged="broken") if student in self.broken else one
                for one in exercises
            ),
            "cuda" if "cuda" in self.devices else "cpu",
            submission.unreadable,
            self.broken.get(student),
            {
                "key": self.course.key.id,
                "isolation": self.sandbox.facts["isolation"],
                "versions": {
                    name: self.sandbox.facts[name] for name in ("python", "torch", "numpy")
                },
                "devices": list(self.devices),
                **({} if self.gpu is None else self.gpu.facts),
                "trials": [trial.digest for trial in trials],
            },
        )


def explain(
    batch: Batch,
    found: Sequence[tuple[Misconception, Observed]],
    before: dict[str, list[Judged]] | None = None,
) -> None:
    """Put the reasons of failed checks into the judged ``batch``, by the misconceptions that were
    ``found``, in the order of their file. ``before`` has, by alias, how some were judged before; it
    fills with the others."""
    from autograder.diagnosis.diagnose import diagnose
    from autograder.judge.batch import judge

    known = [one for one, _ in found]
    wrong = {one.alias: observed for one, observed in found}
    # Elsewhere they lose nothing: `verify` has proven it.
    only = {one.alias: set(one.loses) for one in known}
    before = {} if before is None else before
    fresh = {alias: one for alias, one in wrong.items() if alias not in before}
    if fresh:
        judging = replace(batch, submissions=fresh, only=only, results={})
        judge(judging)
        before.update({alias: judging.results.get(alias, []) for alias in fresh})
    results = {alias: before[alias] for alias in wrong}
    judged = replace(batch, submissions=wrong, only=only, results=results)
    diagnose(batch, judged, known)


def observed_in(
    trials: Sequence[Trial],
    submission: Submission,
    assignment: Assignment,
    *,
    model: bool = False,
) -> Observed:
    """The ``trials`` of ``submission`` as checks look at them."""
    from autograder.judge.batch import observed
    from autograder.observation import joined

    loaded = joined(trial.load() for trial in trials)
    places = solution_places(submission)
    return observed(loaded, assignment, places, submission.damage, is_reference=model)


def solution_places(submission: Submission) -> dict[str, list[int]]:
    """By exercise, which of the cells that run are its solution."""
    places: dict[str, list[int]] = {}
    for place, cell in enumerate(submission.cells):
        if cell.exercise is not None:
            places.setdefault(cell.exercise, []).append(place)
    return places


def _refuse_failed(
    assignment: Assignment, exercise: str, probe: str, device: str, value: object
) -> None:
    from autograder.values import NoValue

    if isinstance(value, NoValue):
        error = value.error
        what = f"{error.name}: {error.message}" if error else f"{value.why} {value.name}".strip()
        line = f":{error.line}" if error and error.line else ""
        raise AuthorError(
            f"{assignment.probes_path}{line}: the probe {probe!r} of {exercise!r} fails on the "
            f"reference on {device} ({what}); mend the probe or the reference."
        )


def refuse_wrong_checks(assignment: Assignment, batch: Batch) -> None:
    """A check that the reference itself does not pass would be wrong for every student."""
    words = Words("en")
    for one in batch.results.get(REFERENCE, []):
        check = one.result
        if one.failed:
            raise AuthorError(
                f"{assignment.checks_path}:{one.place}: the reference does not pass "
                f"{check.english!r} of {one.exercise!r}: {_why(check, words)}"
            )


def _why(check: CheckResult, words: Words) -> str:
    """For an author: what a check said, or the exception that it raised."""
    if check.finding is None:
        return check.outcome
    return str(check.finding.details.get("why") or words.finding(check.finding))
