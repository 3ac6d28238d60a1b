"""No attack gains, reads, changes, reaches, signals or leaves anything, and none costs others."""

from __future__ import annotations

import pytest

from . import harness
from .case import FAMILIES, cases

pytestmark = pytest.mark.attacks

CASES = [
    pytest.param(case, id=f"{family}/{case.name}") for family in FAMILIES for case in cases(family)
]
PRESENT = [family for family in FAMILIES if cases(family)]


class Conditions:
    """What holds of every batch, whoever grades it. xdist keeps a class's tests together."""

    user: str

    @pytest.mark.parametrize("case", CASES)
    def test_an_attack_gets_no_more_points_than_its_twin(self, batch_of, case):
        assert harness.gained(batch_of(case.family), case) == []

    @pytest.mark.parametrize("case", CASES)
    def test_an_attack_shows_no_secret_anywhere(self, batch_of, case):
        assert harness.leaked(batch_of(case.family), case) == []

    @pytest.mark.parametrize("case", CASES)
    def test_an_attack_ends_within_its_deadline_and_two_seconds(self, batch_of, case):
        assert harness.late(batch_of(case.family), case) == []

    @pytest.mark.parametrize("family", PRESENT)
    def test_the_batch_is_graded_to_its_end(self, batch_of, family):
        assert harness.unfinished(batch_of(family)) == []

    @pytest.mark.parametrize("family", PRESENT)
    def test_everyone_else_gets_the_usual_report(self, batch_of, family):
        assert harness.disturbed(batch_of(family)) == []

    @pytest.mark.parametrize("family", PRESENT)
    def test_nothing_is_changed_outside_of_the_scratch_folders(self, batch_of, family):
        assert harness.changed(batch_of(family)) == []

    @pytest.mark.parametrize("family", PRESENT)
    def test_nobody_is_connected_to(self, batch_of, family):
        assert harness.contacted(batch_of(family)) == []

    @pytest.mark.parametrize("family", PRESENT)
    def test_no_signal_arrives(self, batch_of, family):
        assert harness.signalled(batch_of(family)) == []

    @pytest.mark.parametrize("family", PRESENT)
    def test_nothing_is_left_behind(self, batch_of, family):
        assert harness.left_behind(batch_of(family)) == []

    @pytest.mark.parametrize("family", PRESENT)
    def test_the_grader_itself_takes_no_longer_than_usual(self, batch_of, family):
        assert harness.delayed(batch_of(family)) == []

    @pytest.mark.parametrize("family", PRESENT)
    def test_the_grader_itself_needs_no_more_memory_than_usual(self, batch_of, family):
        assert harness.swollen(batch_of(family)) == []


class TestGradedByRoot(Conditions):
    user = "root"


class TestGradedByAnOrdinaryUser(Conditions):
    user = "user"
