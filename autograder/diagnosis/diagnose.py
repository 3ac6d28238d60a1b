"""Give failed checks their reasons: a misconception that shows the same, else what a tensor tells.

A misconception is the reason of a failed check if it fails the check too and shows the same as the
student wherever the check looked, in every trial, and something else than the reference; and if
the rest of its own exercise does not contradict it. Of several, the one that explains most of what
the student has lost, and loses least besides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

import torch

from autograder.diagnosis.agreement import agree
from autograder.diagnosis.draws import explain_draws
from autograder.diagnosis.tensors import explain
from autograder.judge.batch import Batch, Failure, Judged, Key
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
    failed = {one.id: _failed(wrong.results.get(one.alias, ())) for one in known}
    looks = _Looks(batch, wrong)
    for student, results in batch.results.items():
        puzzling = {one.key: one for one in results if _is_puzzling(one)}
        if not puzzling or batch.submissions[student].is_reference:
            continue
        general = {key: _general(batch, student, one) for key, one in puzzling.items()}
        own = _failed(results)
        explained: dict[str, set[Key]] = {}
        for one in known:
            found = {
                key
                for key in failed[one.id].keys() & puzzling.keys()
                if _same_operator(puzzling[key], failed[one.id][key])
                or looks.alike(student, one.alias, puzzling[key].failure)
                or (
                    key[0] == one.exercise
                    and _speaks(general[key])
                    and general[key] == looks.general(failed[one.id][key], one.alias)
                )
            }
            if _holds(one, found, failed[one.id].keys(), own.keys()):
                explained[one.id] = found
        ranked = sorted(
            (one for one in known if explained.get(one.id)),
            key=lambda one: (-len(explained[one.id]), len(failed[one.id].keys() - own.keys())),
        )
        reasons: dict[Key, tuple[Finding, ...]] = {}
        for key in puzzling:
            misconception = next((one for one in ranked if key in explained[one.id]), None)
            reason = general[key] if misconception is None else _told(misconception)
            reasons[key] = () if reason is None else (reason,)
        batch.results[student] = [
            replace(one, result=replace(one.result, reasons=reasons.get(one.key, ())))
            for one in results
        ]


def _failed(results: Iterable[Judged]) -> dict[Key, Judged]:
    return {one.key: one for one in results if one.failed}


def _holds(
    misconception: Misconception, explained: Set[Key], failed: Set[Key], own: Set[Key]
) -> bool:
    """Whether what ``misconception`` says is true of a student who failed ``own``.

    Numbers may coincide here and there, above all downstream. So in its own exercise the student
    has to fail all that it fails, and at least half of that as it does: for the rest there may be
    another reason besides.
    """
    claims = {key for key in failed if key[0] == misconception.exercise}
    return claims <= own and 2 * len(explained & claims) >= len(claims)


def _told(misconception: Misconception) -> Finding:
    text = {"es": misconception.es, "en": misconception.en}
    return Finding("misconception", {"id": misconception.id, **text})


def _speaks(told: Finding | None) -> bool:
    return told is not None and told.kind in SPEAKING


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
    _general: dict[tuple[str, Key], Finding | None] = field(default_factory=dict)

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

    def general(self, judged: Judged, alias: str) -> Finding | None:
        """The general diagnosis of a misconception's failed check: where earlier values of the
        student's own are carried forward, the numbers are others, but not what lies between wrong
        and right."""
        if (alias, judged.key) not in self._general:
            self._general[alias, judged.key] = _general(self.wrong, alias, judged)
        return self._general[alias, judged.key]

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


def _tensors(batch: Batch, observed: Observed, exercise: str) -> Mapping[str, torch.Tensor]:
    """The float tensors that the exercise asks for, as trial 0 shows them."""
    found: dict[str, torch.Tensor] = {}
    for name in batch.assignment.exercise(exercise).names:
        value = _try(observed, Item("name", exercise, name), 0)
        if isinstance(value, TensorValue) and value.dtype == "float32" and value.value is not None:
            found[name] = value.value
    return found
