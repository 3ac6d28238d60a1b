"""The judged result of one submission: data, rendered elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autograder.judge.finding import OUTCOMES, Finding

__all__ = ["CheckResult", "ExerciseResult", "Report", "held_back", "worst"]

SEVERITY = ("broken", "timed_out", "blocked", "errored", "failed", "not_run", "passed")
assert set(SEVERITY) == set(OUTCOMES)


def worst(outcomes: Sequence[str]) -> str:
    """The outcome that a whole has whose parts have ``outcomes``."""
    return min(outcomes, key=SEVERITY.index)


@dataclass(frozen=True)
class CheckResult:
    """One check on one submission. ``score`` is negative where a penalty was taken.

    ``finding`` is the plain difference; ``reasons`` tell why there is one, where that is known.
    """

    title: str
    english: str
    points: float
    score: float
    outcome: str
    finding: Finding | None = None
    carried: bool = False
    devices: tuple[str, ...] = ()
    missing_devices: tuple[str, ...] = ()
    reasons: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class ExerciseResult:
    """One exercise: its checks in the order of the file; the score never below 0."""

    id: str
    max_score: float
    checks: tuple[CheckResult, ...]
    unjudged: str = "errored"
    """The outcome of an exercise whose checks never ran: the notebook cannot be read, or worse."""

    @property
    def score(self) -> float:
        return round(max(0.0, sum(check.score for check in self.checks)), 6)

    @property
    def outcome(self) -> str:
        return worst([check.outcome for check in self.checks]) if self.checks else self.unjudged


def held_back(exercise: ExerciseResult, devices: Collection[str]) -> ExerciseResult:
    """The same exercise where each check that missed one of ``devices`` waits for it: nothing of it
    counts until it has run on all of them."""
    checks = (_held_back(one, devices) for one in exercise.checks)
    return replace(exercise, checks=tuple(checks))


def _held_back(check: CheckResult, devices: Collection[str]) -> CheckResult:
    missing = [one for one in check.missing_devices if one in devices]
    if not missing:
        return check
    finding = Finding("waits", {"devices": ", ".join(missing).upper()})
    return replace(check, score=0.0, outcome="broken", finding=finding, reasons=())


@dataclass(frozen=True)
class Report:
    """One submission. ``made_from`` says with what it can be made again: key id, versions,
    hashes of the trials, isolation."""

    student: str
    assignment: str
    exercises: tuple[ExerciseResult, ...]
    device: str
    unreadable: str | None = None
    broken: str | None = None
    made_from: Mapping[str, Any] = field(default_factory=dict)

    @property
    def score(self) -> float:
        return round(sum(exercise.score for exercise in self.exercises), 6)

    @property
    def max_score(self) -> float:
        return round(sum(exercise.max_score for exercise in self.exercises), 6)

    @property
    def waits(self) -> bool:
        """Whether it gets no score for want of a device."""
        findings = [check.finding for one in self.exercises for check in one.checks]
        return any(one is not None and one.kind == "waits" for one in findings)

    @property
    def missing_devices(self) -> tuple[str, ...]:
        """The devices that some check asks for and did not run on."""
        checks = [check for exercise in self.exercises for check in exercise.checks]
        return tuple(dict.fromkeys(one for check in checks for one in check.missing_devices))

    @property
    def status(self) -> str:
        """``graded``, ``errored`` (not a notebook), ``timed_out`` or ``broken`` (our fault)."""
        outcomes = {exercise.outcome for exercise in self.exercises}
        if self.broken or "broken" in outcomes:
            return "broken"
        if self.unreadable:
            return "errored"
        return "timed_out" if "timed_out" in outcomes else "graded"
