"""The harness sees an attack that works: without a sandbox every condition is broken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from . import harness
from .case import ANSWERS, FAMILIES, FIRST, Case, base, cases, exercises
from .harness import TWIN, USERS, Stage

pytestmark = pytest.mark.attacks

CONTROLS = Path(__file__).parent / "controls"
EVERYTHING, STOPS = (
    Case.read(CONTROLS / f"{name}.py") for name in ("does_everything", "stops_the_grader")
)


@pytest.fixture(scope="module")
def stage():
    """Without a sandbox; never as root."""
    with Stage(USERS[-1], sandbox="none") as made:
        yield made


@pytest.fixture(scope="module")
def batch(stage):
    return stage.grade([EVERYTHING])


def test_a_gain_is_seen(batch):
    told = harness.gained(batch, EVERYTHING)

    assert any(one.startswith("activacion: 2.0, the twin 1") for one in told), told


def test_a_leak_is_seen_in_notebook_feedback_and_observation(batch):
    told = harness.leaked(batch, EVERYTHING)

    for kind in ("solution", "home", "environment", "tmp", "shm", "socket", "canary"):
        places = {one.split(" in ")[1].split("/")[0] for one in told if one.startswith(f"{kind} ")}
        assert {"autograded", "feedback", ".autograder"} <= places, (kind, told)


def test_a_run_over_its_deadline_is_seen(stage, batch):
    assert harness.late(stage.grade([STOPS]), STOPS) != []
    assert harness.late(batch, EVERYTHING) == []


def test_a_spoiled_record_of_others_is_seen(batch):
    assert f"what the gradebook has of ana for {FIRST}" in harness.disturbed(batch)


def test_a_file_in_the_course_is_seen(batch):
    assert any("/solutions/left: not there" in one for one in harness.changed(batch))


def test_connections_are_seen(batch):
    assert {"tcp4", "path", "abstract"} <= set(batch.met)
    assert harness.contacted(batch) != []


def test_a_signal_is_seen(batch):
    assert set(harness.signalled(batch)) == {"the canary got signal 10"}


def test_what_is_left_is_seen(batch):
    assert any("left-by-an-attack" in one for one in harness.left_behind(batch))


def test_a_slow_and_a_large_grader_are_seen(batch):
    *runs, last = batch.notes
    end = {**last, "ended": last["ended"] + 100, "peak_mb": last["peak_mb"] + 300}
    slow = replace(batch, notes=[*runs, end])

    assert harness.delayed(batch) == harness.swollen(batch) == []
    assert harness.delayed(slow) != []
    assert harness.swollen(slow) != []


def test_a_grader_that_fails_or_dies_is_seen(batch):
    failed = replace(batch, outer={**batch.outer, "status": 3})
    dead = replace(batch, outer={**batch.outer, "status": -9}, reports={})

    assert harness.unfinished(batch) == []
    assert harness.unfinished(failed) != []
    assert harness.unfinished(dead) != []


def test_the_twin_has_something_to_gain_in_every_exercise(batch):
    for exercise in batch.report(TWIN, FIRST)["exercises"]:
        assert 0 < exercise["score"] < exercise["max_score"], exercise


def test_every_case_says_what_it_tries_and_where_it_stands():
    assert set(ANSWERS) == set(exercises(base(FIRST)))
    for case in (one for family in FAMILIES for one in cases(family)):
        assert case.tries.endswith("."), case
        assert case.text, case
        assert case.exercise in ("", *exercises(base(case.assignment))), case
        case.notebook()
