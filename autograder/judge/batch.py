"""Judge a batch: one pytest run over all checks of an assignment and all its submissions.

No student code runs here; everything comes from observations.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import cache_from_source
from pathlib import Path
from types import MappingProxyType
from typing import TextIO

import pytest

from autograder.assignment import Assignment
from autograder.config import Assignment as Policy
from autograder.config import Tolerance
from autograder.errors import AuthorError
from autograder.judge.check import Check
from autograder.judge.compare import TOLERANCES, Terms, terms
from autograder.judge.finding import CheckFailed, Evidence, Finding
from autograder.judge.seen import Item, Observed, View
from autograder.report import CheckResult, ExerciseResult

__all__ = ["Batch", "Failure", "Judged", "Key", "examine_checks", "judge", "observed"]

log = logging.getLogger(__name__)
NO_FIXTURES: Mapping[str, object] = MappingProxyType({})
CheckFunction = Callable[..., object]
SAID_LATER = frozenset({"name", "names", "shape", "dtype", "operator", "by"})
"""Details of findings that are ours, or as the check asks for them."""
BREAKS = (Exception, SystemExit, pytest.skip.Exception)
"""What a check may raise that is no finding: our fault or its author's."""


Key = tuple[str, int, str]
"""Which check: its exercise, its line, its title."""


@dataclass(frozen=True)
class Failure:
    """How a check came to fail: what it had looked at, in which trial, and two unequal tensors."""

    touched: frozenset[Item]
    trial: int
    evidence: Evidence | None


@dataclass(frozen=True)
class Judged:
    """One check on one submission; ``place`` is the check's line in its file.

    ``distance`` is the largest that a comparison of numbers was off by, in tolerances.
    """

    exercise: str
    place: int
    result: CheckResult
    failure: Failure | None = None
    distance: float | None = None

    @property
    def failed(self) -> bool:
        """Whether it was judged and does not hold, for whatever reason."""
        return self.result.outcome not in ("passed", "not_run")

    @property
    def key(self) -> Key:
        """Which check it is, whoever was judged."""
        return self.exercise, self.place, self.result.title


@dataclass
class Batch:
    """What one pytest run judges, and what it found.

    ``available`` are the devices on which the submissions were observed. ``only`` gives, by
    student, the exercises that are judged where not all are. ``results`` fills by student as
    checks run.
    """

    assignment: Assignment
    policy: Policy
    reference: Observed
    submissions: Mapping[str, Observed]
    available: Sequence[str]
    only: Mapping[str, Collection[str]] = field(default_factory=dict)
    results: dict[str, list[Judged]] = field(default_factory=dict)

    def students(self, exercise: str) -> list[str]:
        """Whose ``exercise`` is to be judged."""
        return [one for one in self.submissions if exercise in self.only.get(one, (exercise,))]

    def run(
        self,
        function: CheckFunction,
        check: Check,
        place: int,
        student: str,
        name: str | None,
        fixtures: Mapping[str, object] = NO_FIXTURES,
    ) -> CheckResult:
        """Judge one check on one submission: every device at hand, every trial.

        ``fixtures`` are values of the author's own fixtures that the check takes.
        """
        wanted = [device for device in check.devices if device in self.policy.devices]
        ran = tuple(device for device in wanted if device in self.available)
        absent = tuple(device for device in wanted or check.devices if device not in ran)
        title, english, points = check.for_name(name)
        outcome, finding, failure = "passed", None, None
        notes: set[str] = set()
        distances: list[float] = []
        view: View | None = None
        if not ran:
            outcome, finding = "not_run", Finding("not_run", {"devices": ", ".join(absent)})
        try:
            for device in ran:
                for trial in range(self.policy.trials):
                    given = {**fixtures, "device": device}
                    if name is not None:
                        given["name"] = name
                    view = self._view(check, student, device, trial)
                    self._call(function, check, view, given, notes, distances)
        except CheckFailed as failed:
            outcome, finding, evidence = failed.outcome, failed.finding, failed.evidence
            if view is not None and view.trial and not self._may_be_said(finding):
                finding, evidence = Finding("later"), None
            if view is not None:
                failure = Failure(frozenset(view.touched), view.trial, evidence)
        except (AssertionError, pytest.fail.Exception) as failed:
            # The author's own `assert`: its message is for students, pytest's details are not.
            text = str(failed)
            finding = Finding("said", {"text": text}) if text else Finding("assertion")
            outcome = "failed"
        except BREAKS as error:
            log.exception("%s: the check %r broke on %s", check.exercise, title, student)
            finding = Finding("broken", {"why": f"{type(error).__name__}: {error}"})
            result = CheckResult(title, english, points, 0.0, "broken", finding)
            self._keep(student, Judged(check.exercise, place, result))
            raise
        result = CheckResult(
            title,
            english,
            points,
            _score(points, check.penalty, outcome),
            outcome,
            finding,
            "carried" in notes,
            devices=ran,
            missing_devices=absent,
        )
        farthest = max(distances, default=None)
        self._keep(student, Judged(check.exercise, place, result, failure, farthest))
        return result

    def _view(self, check: Check, student: str, device: str, trial: int) -> View:
        return View(self.submissions[student], check.exercise, trial, device)

    def _call(
        self,
        function: CheckFunction,
        check: Check,
        own: View,
        given: Mapping[str, object],
        notes: set[str],
        distances: list[float],
    ) -> None:
        if own.observed.unreadable:
            raise CheckFailed(Finding("said", {"text": own.observed.unreadable}), "errored")
        model = View(self.reference, check.exercise, own.trial, own.device)
        arguments: dict[str, object] = {**given, "student": own, "reference": model}
        code = function.__code__
        taken = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        laid: dict[str, Tolerance] = dict(TOLERANCES)
        laid.update(self.policy.tolerances.items())
        own_tolerance = self.policy.checks.get(function.__name__)
        on_cuda: dict[str, Tolerance] = dict(self.policy.tolerances_cuda.items())
        token = terms.set(Terms(laid, own_tolerance, own.device, notes, distances, on_cuda))
        try:
            function(**{key: value for key, value in arguments.items() if key in taken})
        except (CheckFailed, AssertionError, pytest.fail.Exception):
            raise
        except BREAKS as error:
            if own.is_misshapen(model):
                raise CheckFailed(Finding("run_garbled"), "errored") from error
            raise
        finally:
            terms.reset(token)

    def _may_be_said(self, finding: Finding) -> bool:
        """Whether nothing in a finding of a later trial comes from the student's code: it could
        tell by how much the seeds are shifted, and what probes draw."""
        known = {name for one in self.assignment.exercises for name in (*one.names, *one.observe)}
        named = {finding.details.get("name"), *finding.details.get("names", ())} - {None}
        return finding.details.keys() <= SAID_LATER and named <= known

    def _keep(self, student: str, judged: Judged) -> None:
        self.results.setdefault(student, []).append(judged)

    def exercises(self, student: str) -> tuple[ExerciseResult, ...]:
        """The student's results by exercise, in the order of notebook and file."""
        found = self.results.get(student, [])
        return tuple(
            ExerciseResult(
                exercise.id,
                exercise.points,
                tuple(
                    one.result
                    for one in sorted(found, key=lambda one: one.place)
                    if one.exercise == exercise.id
                ),
            )
            for exercise in self.assignment.exercises
        )


def _score(points: float, penalty: float, outcome: str) -> float:
    if outcome == "passed":
        return points
    return -penalty if outcome == "failed" and penalty else 0.0


def judge(batch: Batch) -> None:
    """Run the assignment's checks over the batch and fill ``batch.results``.

    A batch without submissions still has its checks examined.

    ``AuthorError`` if the checks cannot be collected; a check that raises anything but a failure
    makes its own result ``broken`` and nobody else's.
    """
    path = batch.assignment.checks_path
    if not path.exists():
        raise AuthorError(f"{path}: not found; the checks of an assignment have this name.")
    from autograder.judge import plugin

    output, judging = io.StringIO(), plugin.Judging(batch)
    with (
        _own_import(path),
        contextlib.redirect_stdout(_Own(output, sys.stdout)),
        contextlib.redirect_stderr(_Own(output, sys.stderr)),
    ):
        status = pytest.main(
            [
                str(path),
                "--disable-plugin-autoload",
                "--assert=plain",
                "--import-mode=importlib",
                "--capture=no",
                "-qq",
                "--no-header",
                "--no-summary",
                "--tb=short",
                "-p",
                "no:cacheprovider",
                "-p",
                "no:logging",
                # Its collections of garbage, over all of torch's objects, take longer than judging.
                "-p",
                "no:unraisableexception",
                f"--rootdir={path.parent}",
                f"--confcutdir={path.parent}",
                "-c",
                "/dev/null",
            ],
            plugins=[plugin, judging],
        )
    if judging.author_error:
        raise AuthorError(judging.author_error)
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        text = output.getvalue().strip()
        raise AuthorError(
            f"{path}: the checks cannot be run (pytest: {pytest.ExitCode(status).name}).\n{text}"
        )


class _Own(io.TextIOBase):
    """Takes what the thread that made it writes; others, who observe meanwhile and tell of their
    progress, write to ``others``."""

    def __init__(self, own: TextIO, others: TextIO) -> None:
        self._own, self._others = own, others
        self._thread = threading.get_ident()

    @property
    def _here(self) -> TextIO:
        return self._own if threading.get_ident() == self._thread else self._others

    def write(self, text: str) -> int:
        return self._here.write(text)

    def flush(self) -> None:
        self._here.flush()

    def isatty(self) -> bool:
        return self._here.isatty()


def examine_checks(assignment: Assignment, policy: Policy) -> None:
    """``AuthorError`` for what is wrong with the checks themselves; judges nobody."""
    judge(Batch(assignment, policy, observed([], assignment, {}, {}, is_reference=True), {}, ()))


@contextlib.contextmanager
def _own_import(path: Path) -> Iterator[None]:
    """Let pytest import the checks anew: it would take any module of that name for them, and
    compiled ones by their source's time and size, which tell nothing where clocks go backwards."""
    aside = sys.modules.pop(path.stem, None)
    with contextlib.suppress(OSError):
        Path(cache_from_source(str(path))).unlink()
    try:
        yield
    finally:
        sys.modules.pop(path.stem, None)
        if aside is not None:
            sys.modules[path.stem] = aside


def observed(
    trials: Sequence[object],
    assignment: Assignment,
    solutions: Mapping[str, Sequence[int]],
    damage: Mapping[str, str],
    *,
    is_reference: bool = False,
) -> Observed:
    """The trials of one submission as the views of checks read them."""
    names = {exercise.id: [*exercise.names, *exercise.observe] for exercise in assignment.exercises}
    return Observed(trials, names, solutions, damage, is_reference)  # type: ignore[arg-type]
