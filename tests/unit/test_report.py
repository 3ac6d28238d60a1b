"""Scores and outcomes of a report follow from its checks."""

from __future__ import annotations

import itertools

import pytest

from autograder.judge.finding import OUTCOMES
from autograder.report import CheckResult, ExerciseResult, Report, worst


def result(score, outcome="passed", points=1.0):
    return CheckResult("t", "t", points, score, outcome)


def exercise(*checks, id="uno", max_score=5.0):
    return ExerciseResult(id, max_score, checks)


def report(*exercises, **changes):
    return Report("ana", "tarea", exercises, "cpu", **changes)


def test_the_score_of_an_exercise_is_the_sum_of_its_checks():
    assert exercise(result(1), result(0.5), result(0, "failed")).score == 1.5


def test_thirds_add_up_to_a_whole():
    assert exercise(*[result(1 / 3)] * 3).score == 1.0
    assert report(*[exercise(*[result(1 / 3)] * 3)] * 3).score == 3.0


@pytest.mark.parametrize("penalty", [-0.5, -1, -100])
def test_a_penalty_never_takes_the_score_below_0(penalty):
    assert exercise(result(0, "failed"), result(penalty, "failed", 0)).score == 0
    assert exercise(result(1), result(penalty, "failed", 0)).score == max(0, 1 + penalty)


def test_a_penalty_of_one_exercise_is_not_taken_from_another():
    spoilt = exercise(result(-3, "failed"))
    assert report(spoilt, exercise(result(2), id="dos")).score == 2


def test_the_maximum_is_that_of_the_exercises_whatever_was_checked():
    assert report(exercise(max_score=2.0), exercise(max_score=3.0)).max_score == 5.0


def test_the_worst_outcome_is_the_wholes():
    order = ("broken", "timed_out", "blocked", "errored", "failed", "not_run", "passed")
    assert set(order) == set(OUTCOMES)
    for one, other in itertools.combinations(order, 2):
        assert worst([one, other]) == worst([other, one]) == one


def test_an_exercise_that_nothing_was_checked_of_has_not_passed():
    assert exercise().outcome != "passed"


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        (["passed", "failed"], "graded"),
        (["passed", "errored"], "graded"),
        (["not_run"], "graded"),
        (["timed_out", "failed", "blocked"], "timed_out"),
        (["timed_out", "broken"], "broken"),
    ],
)
def test_the_status_follows_from_the_outcomes(outcomes, status):
    assert report(*[exercise(result(0, one)) for one in outcomes]).status == status


def test_our_fault_goes_before_the_students():
    assert report(unreadable="empty").status == "errored"
    assert report(unreadable="empty", broken="why").status == "broken"
    assert report(exercise(result(1)), broken="why").status == "broken"
