"""How submissions are shared out among kinds of workers, and what becomes of a lost kind's."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from autograder.cluster.cluster import Kind, KindLost
from autograder.cluster.shares import observe_shared, shares_of
from autograder.errors import MachineStopped


@dataclass(frozen=True)
class Handed:
    student: str

    @property
    def digest(self):
        return f"digest of {self.student}"


EVERYBODY = [Handed(f"e{number:03}") for number in range(200)]


def kind(name, places=1):
    return Kind(None, name, {}, places)


class FakeCluster:
    transport = SimpleNamespace(name="tcp://cluster:8786")

    def __init__(self):
        self.playing, self.closed = frozenset(), False

    def close(self):
        self.closed = True


@dataclass
class FakeExam:
    """Observes; loses its kind, or fails, where told so."""

    kind: Kind
    fate: dict
    observed: list = field(default_factory=list)

    def observe(self, submissions, progress):
        progress(0, len(submissions))
        for done, one in enumerate(submissions, 1):
            if done > 3 and self.kind.name in self.fate:
                raise self.fate[self.kind.name]
            self.observed.append(one)
            progress(done, len(submissions))


def observed(kinds, submissions=EVERYBODY, fate=None, progress=lambda done, total: None):
    cluster = FakeCluster()
    shared = observe_shared(
        cluster, kinds, lambda kind: FakeExam(kind, fate or {}), submissions, progress
    )
    assert not cluster.closed
    return shared


def test_each_kind_gets_a_share_by_its_places_and_every_submission_is_in_one():
    kinds = [kind("small", 4), kind("large", 12)]

    small, large = shares_of(kinds, EVERYBODY)

    assert len(small) + len(large) == len(EVERYBODY)
    assert {one.student for one in [*small, *large]} == {one.student for one in EVERYBODY}
    assert 30 < len(small) < 75  # 50 are expected


def test_shares_are_the_same_in_the_next_run_and_a_kind_that_goes_moves_only_its_own():
    a, b, c = kind("a"), kind("b"), kind("c")
    first = dict(zip("abc", shares_of([a, b, c], EVERYBODY), strict=True))
    again = dict(zip("cba", shares_of([c, b, a], EVERYBODY), strict=True))
    without = dict(zip("ab", shares_of([a, b], EVERYBODY), strict=True))

    assert first == again
    assert set(first["a"]) <= set(without["a"])
    assert set(first["b"]) <= set(without["b"])


def test_what_a_lost_kind_was_to_observe_the_others_observe():
    shared = observed([kind("a"), kind("b"), kind("c")], fate={"b": KindLost("gone")})

    names = [exam.kind.name for exam, _ in shared]
    assert "b" not in names
    seen = [one.student for _, share in shared for one in share]
    assert sorted(seen) == [one.student for one in EVERYBODY]
    for exam, share in shared:
        assert exam.observed == list(share)


def test_progress_counts_all_kinds_together_to_the_end():
    told = []
    observed([kind("a"), kind("b")], progress=lambda *numbers: told.append(numbers))

    assert told[-1] == (200, 200)
    assert {total for _, total in told} == {200}


def test_when_every_kind_is_lost_the_command_ends_and_the_cluster_is_closed():
    cluster, fate = FakeCluster(), {"a": KindLost("gone"), "b": KindLost("gone")}

    with pytest.raises(MachineStopped, match="no worker of tcp://cluster:8786 is left"):
        observe_shared(
            cluster,
            [kind("a"), kind("b")],
            lambda kind: FakeExam(kind, fate),
            EVERYBODY,
            lambda done, total: None,
        )
    assert cluster.closed


def test_any_other_error_closes_the_cluster_for_its_runs_cannot_be_waited_for():
    cluster = FakeCluster()

    with pytest.raises(KeyboardInterrupt):
        observe_shared(
            cluster,
            [kind("a")],
            lambda kind: FakeExam(kind, {"a": KeyboardInterrupt()}),
            EVERYBODY,
            lambda done, total: None,
        )
    assert cluster.closed
