"""Whether a submission shows nothing else than the reference does; judges nothing."""

from __future__ import annotations

from collections.abc import Iterable

from autograder.diagnosis.agreement import agree
from autograder.judge.finding import Finding
from autograder.judge.seen import Broken, Item, Looked, Observed

__all__ = ["shows_the_same"]


def shows_the_same(reference: Observed, other: Observed) -> bool:
    """Whether nothing that is asked for or probed differs, in any trial.

    Left out is what no exercise asks for: outputs, other names, which of torch's operators ran.
    """
    return len(reference.trials) == len(other.trials) and all(
        agree(_look(reference, item, trial), _look(other, item, trial))
        for trial in range(len(reference.trials))
        for item in {*_items(reference, trial), *_items(other, trial)}
    )


def _items(observed: Observed, trial: int) -> Iterable[Item]:
    """Everything asked for or probed that there is to see in a trial."""
    seen = observed.trials[trial]
    for exercise, asked in observed.names.items():
        for name in asked:
            yield Item("name", exercise, name)
    for exercise, snapshot in seen.snapshots.items():
        for group in snapshot.memory:
            yield Item("memory", exercise, " ".join(group))
    for exercise, probes in seen.probes.items():
        for probe, by_device in probes.items():
            for device in by_device:
                yield Item("probe", exercise, probe, device)


def _look(observed: Observed, item: Item, trial: int) -> Looked:
    try:
        return observed.look(item, trial)
    except Broken:  # what the reference does not show
        return Finding("undefined")
