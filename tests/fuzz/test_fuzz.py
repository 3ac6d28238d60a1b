"""A short pass of the fuzzers: the corpus, some of hypothesis's inputs, and small streams that ask
for much. ``make fuzz`` takes its time, guided by coverage."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import bombs
import boundary
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import Choices, changed

CORPUS = Path(boundary.HERE) / "corpus"
QUICK = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
MOST_SECONDS, MOST_MEGABYTES = 60, 400
"""Of one bomb: far more than it takes, far less than it took before there were bounds."""


@pytest.fixture(scope="module")
def runs():
    return boundary.seeds()


@pytest.fixture(scope="module")
def judging(bench, warm_sandbox):
    return boundary.Judging(bench.course, warm_sandbox, "perceptron")


def files(name):
    found = sorted((CORPUS / name).iterdir())
    return [pytest.param(path, id=path.name) for path in found]


def test_the_recorded_runs_are_taken_as_they_are(runs):
    for frames in runs:
        seen = boundary.hear(b"".join(frame.packed() for frame in frames))
        assert seen.ending.how == "finished", seen.ending
        assert seen.cells


def test_a_stored_run_has_the_frames_of_a_fresh_one(judging, tmp_path):
    for trial in judging.model.trials:
        trial.save(tmp_path / "kept")
        stored = boundary.frames_of(type(trial).load(tmp_path / "kept"))
        fresh = boundary.frames_of(trial)
        assert len(fresh) > 10
        assert [one.packed() for one in stored] == [one.packed() for one in fresh]


def test_a_program_of_bytes_changes_a_run_and_always_in_the_same_way(runs):
    programs = [bytes([5, 5, number, number]) for number in range(50)]
    changes = {
        b"".join(frame.packed() for frame in changed(list(runs[3]), program))
        for program in programs
        for _ in range(2)
    }
    assert 40 < len(changes) <= len(programs)
    assert Choices(b"").below(9) == 0


@pytest.mark.parametrize("path", files("parse"))
def test_the_corpus_is_refused_or_taken(runs, path):
    boundary.parse(path.read_bytes(), runs)


@pytest.mark.parametrize("path", files("judge"))
def test_the_corpus_of_changed_runs_is_judged(judging, path):
    judging(path.read_bytes()[1:])


@QUICK
@given(stream=st.binary(max_size=400))
def test_any_bytes_are_refused_or_taken(runs, stream):
    boundary.parse(b"\1" + stream, runs)


@QUICK
@given(run=st.integers(0, 3), program=st.binary(min_size=1, max_size=40))
def test_any_change_of_a_run_is_refused_or_taken(runs, run, program):
    boundary.parse(bytes([0, run]) + program, runs)


@QUICK
@given(program=st.binary(min_size=2, max_size=60))
def test_any_change_of_a_run_is_judged_and_put_into_words(judging, program):
    report = judging(program)
    outcomes = {check.outcome for one in report.exercises for check in one.checks}
    assert outcomes <= {"passed", "failed", "errored", "blocked", "timed_out"}


def test_an_unchanged_run_gets_every_point(judging):
    report = judging(b"")
    assert report.score == report.max_score


@pytest.mark.heavy
def test_what_asks_for_much_gets_little_time_and_room():
    done = subprocess.run(
        [sys.executable, bombs.__file__],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["name"] for one in told] == list(bombs.BOMBS)
    for one in told:
        assert one["how"] in ("too_large", "garbled", "died"), one
        assert len(one["detail"]) < 300, one
        assert one["seconds"] < MOST_SECONDS, one
        assert one["mb"] < MOST_MEGABYTES, one
