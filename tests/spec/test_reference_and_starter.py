"""The reference gets every point, the untouched release none: under every trial."""

from __future__ import annotations

import pytest

from autograder.words import Words


@pytest.fixture(scope="module")
def batches(bench, notebooks):
    return {
        name: bench.grade_all(
            name,
            {
                "source": notebooks.source(name),
                "reference": notebooks.of(name),
                "starter": notebooks.released(name),
            },
        )
        for name in notebooks.assignments
    }


@pytest.mark.parametrize("who", ["source", "reference"])
def test_the_reference_gets_every_point(batches, each_assignment, who):
    graded = batches[each_assignment][who]

    assert graded.score == graded.report["max_score"] > 0
    assert graded.status == "graded"
    for exercise in graded.report["exercises"]:
        assert exercise["score"] == exercise["max_score"]
        assert {check["outcome"] for check in exercise["checks"]} == {"passed"}
        assert {check["message"] for check in exercise["checks"]} == {""}


def test_every_submission_is_observed_under_two_trials(batches, each_assignment):
    for graded in batches[each_assignment].values():
        assert len(graded.trials) == 2
        assert [trial.ending.how for trial in graded.trials] == ["finished", "finished"]


def test_the_starter_gets_no_point_and_passes_no_check(batches, each_assignment):
    graded = batches[each_assignment]["starter"]

    assert graded.score == 0
    assert graded.status == "graded"
    for exercise in graded.report["exercises"]:
        assert exercise["score"] == 0
        worth = [check for check in exercise["checks"] if check["points"]]
        assert worth
        assert all(check["outcome"] not in ("passed", "not_run") for check in worth)


def test_the_starter_is_told_that_its_cells_are_not_solved_and_pays_no_penalty(
    batches, each_assignment
):
    graded = batches[each_assignment]["starter"]

    for exercise in graded.report["exercises"]:
        assert all(check["score"] == 0 for check in exercise["checks"])
        assert Words("es").finding_of("unsolved") in [
            check["message"] for check in exercise["checks"]
        ]


def test_the_starter_passes_no_check_in_any_single_trial(batches, bench, each_assignment):
    """A check that a stub passed in one trial would be saved by the other alone."""
    from dataclasses import replace

    from autograder.judge.batch import Batch, judge
    from autograder.judge.seen import Observed

    loaded = bench.course.assignment(each_assignment)
    policy = bench.course.policy(each_assignment).model_copy(update={"trials": 1})
    names = {one.id: [*one.names, *one.observe] for one in loaded.exercises}
    solutions = {}
    starter = batches[each_assignment]["starter"]
    for place, cell in enumerate(starter.submission.cells):
        if cell.exercise:
            solutions.setdefault(cell.exercise, []).append(place)
    for number in (0, 1):
        own = Observed([starter.trials[number]], names, solutions)
        model = Observed([bench.reference(each_assignment)[number]], names, solutions)
        batch = Batch(loaded, policy, replace(model, is_reference=True), {"starter": own}, ["cpu"])
        judge(batch)
        results = [check for one in batch.exercises("starter") for check in one.checks]
        assert results
        assert all(check.outcome == "errored" for check in results if check.points)
