"""Give failed checks their reasons: a misconception that shows the same, else what a tensor tells.

A misconception is the reason of a failed check if it fails the check too and shows the same as the
student wherever the check looked, in every trial, and something else than the reference. Of
several, the one that explains most of what the student has lost, and loses least besides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch

from autograder.diagnosis.agreement import agree
from autograder.diagnosis.draws import explain_draws
from autograder.diagnosis.tensors import explain
from autograder.judge.batch import Batch, Failure, Judged
from autograder.judge.finding import Finding
from autograder.judge.seen import Broken, Item, Looked, Observed
from autograder.misconceptions import Misconception
from autograder.values import TensorValue

__all__ = ["diagnose", "puzzling_exercises"]

EXPLAINED = {"unsolved", "elsewhere", "said"}
"""Findings that say themselves what the reason is."""
DIFFERENT = {"values", "shape"}
SPEAKING = {"activation_missing", "activation_extra", "sign"}
"""General diagnoses that leave little doubt what was done."""


def puzzling_exercises(batch: Batch) -> set[str]:
    """The exercises in which a check of the judged ``batch`` failed that does not say why."""
    return {
        one.exercise for results in batch.results.values() for one in results if _is_puzzling(one)
    }


def diagnose(batch: Batch, wrong: Batch, known: Sequence[Misconception]) -> None:
    """Put their reasons into the results of a judged ``batch``.

    ``wrong`` is the judged batch of the misconceptions that are ``known``, by their aliases.
    """
    failed = {
        one.alias: {judged.key: judged for judged in _failed(wrong.results.get(one.alias, ()))}
        for one in known
    }
    looks = _Looks(batch, wrong)
    for student, results in batch.results.items():
        puzzling = [one for one in results if _is_puzzling(one)]
        if not puzzling or batch.submissions[student].is_reference:
            continue
        own = {one.key for one in results if one.result.outcome != "passed"}
        explained = {
            one.id: [
                each.key
                for each in puzzling
                if each.key in failed[one.alias]
                and (
                    _same_operator(each, failed[one.alias][each.key])
                    or looks.alike(student, one.alias, each.failure)
                )
            ]
            for one in known
        }
        ranked = sorted(
            known, key=lambda one: (-len(explained[one.id]), len(failed[one.alias].keys() - own))
        )
        reasons = {}
        for each in puzzling:
            found = next((one for one in ranked if each.key in explained[one.id]), None)
            told = None if found else _general(batch, student, each)
            if told is not None:
                found = _of_the_same_kind(wrong, known, each, told)
            if found is not None:
                told = Finding("misconception", {"id": found.id, "es": found.es, "en": found.en})
            if told is not None:
                reasons[each.key] = (told,)
        batch.results[student] = [
            replace(one, result=replace(one.result, reasons=reasons.get(one.key, ())))
            for one in results
        ]


def _failed(results: Iterable[Judged]) -> list[Judged]:
    return [one for one in results if one.result.outcome not in ("passed", "not_run")]


def _same_operator(one: Judged, other: Judged) -> bool:
    """Whether both call what was to be made by hand: their values are right."""
    finding = one.result.finding
    return finding is not None and finding.kind == "built_in" and finding == other.result.finding


def _is_puzzling(judged: Judged) -> bool:
    finding = judged.result.finding
    return (
        judged.failure is not None
        and bool(judged.failure.touched)
        and finding is not None
        and judged.result.outcome in ("failed", "errored")
        and finding.kind not in EXPLAINED
        and not finding.kind.startswith(("solution_", "run_"))
    )


@dataclass
class _Looks:
    """What the submissions of two batches show, each looked at once."""

    batch: Batch
    wrong: Batch
    _seen: dict[tuple[int, Item, int], Looked | None] = field(default_factory=dict)
    _differs: dict[tuple[int, Item, int], bool] = field(default_factory=dict)

    def alike(self, student: str, alias: str, failure: Failure | None) -> bool:
        """Whether ``alias`` shows what the student does, and not what the reference does."""
        if failure is None:
            return False
        own, other = self.batch.submissions[student], self.wrong.submissions[alias]
        trials = range(min(len(own.trials), len(other.trials)))
        places = [(item, trial) for item in failure.touched for trial in trials]
        if not any(self._differs_from_reference(other, *place) for place in places):
            return False
        return all(_agree(self._look(other, *place), self._look(own, *place)) for place in places)

    def _differs_from_reference(self, whose: Observed, item: Item, trial: int) -> bool:
        key = (id(whose), item, trial)
        if key not in self._differs:
            model = self._look(self.batch.reference, item, trial)
            self._differs[key] = not _agree(self._look(whose, item, trial), model)
        return self._differs[key]

    def _look(self, whose: Observed, item: Item, trial: int) -> Looked | None:
        key = (id(whose), item, trial)
        if key not in self._seen:
            self._seen[key] = _try(whose, item, trial)
        return self._seen[key]


def _try(observed: Observed, item: Item, trial: int) -> Looked | None:
    try:
        return observed.look(item, trial)
    except Broken:
        return None


def _agree(one: Looked | None, other: Looked | None) -> bool:
    return one is not None and other is not None and agree(one, other)


def _general(batch: Batch, student: str, judged: Judged) -> Finding | None:
    """What the tensors themselves tell, from the first trial: later ones have other seeds."""
    failure, finding = judged.failure, judged.result.finding
    if failure is None or finding is None or failure.trial or finding.kind not in DIFFERENT:
        return None
    evidence = failure.evidence
    if evidence is None:
        return None
    found = explain(evidence.got, evidence.expected)
    if found is None:
        names = {item.name for item in failure.touched if item.kind == "name"}
        if names == {evidence.name} and not judged.result.carried:
            found = explain_draws(
                evidence.name,
                _tensors(batch, batch.submissions[student], judged.exercise),
                _tensors(batch, batch.reference, judged.exercise),
            )
    return found and Finding(found.kind, {"name": evidence.name, **found.details})


def _of_the_same_kind(
    wrong: Batch, known: Iterable[Misconception], judged: Judged, told: Finding
) -> Misconception | None:
    """The misconception in which the same is missing: where earlier values of the student's own
    are carried forward, the numbers are others, but not what lies between wrong and right."""
    if told.kind not in SPEAKING:
        return None
    for one in known:
        for other in wrong.results.get(one.alias, ()):
            if other.key == judged.key and _general(wrong, one.alias, other) == told:
                return one
    return None


def _tensors(batch: Batch, observed: Observed, exercise: str) -> Mapping[str, torch.Tensor]:
    """The float tensors that the exercise asks for, as trial 0 shows them."""
    found: dict[str, torch.Tensor] = {}
    for name in batch.assignment.exercise(exercise).names:
        value = _try(observed, Item("name", exercise, name), 0)
        if isinstance(value, TensorValue) and value.dtype == "float32" and value.value is not None:
            found[name] = value.value
    return found
