"""The examples by `nbgrader autograde` and by `autograder grade`: every one gets the same."""

from __future__ import annotations

import shutil

import pytest
import yaml

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def both(
    make_course, repository, notebooks, by_nbgrader, recorded, forget, lending, tmp_path_factory
):
    """What nbgrader's way has recorded of the examples, then what ours has.

    Ours judges what nbgrader's way has observed: that the same notebook gives the same observation
    is tested elsewhere.
    """
    from autograder.course import Course
    from autograder.grading import Grader

    root = make_course(
        tmp_path_factory.mktemp("examples") / "course", misconceptions=True, seconds_per_cell=3.0
    )
    shutil.copytree(repository / "examples", root / "submitted")
    for name in notebooks.assignments:
        done = by_nbgrader(root, name)
        assert done["success"], done["error"]
    by_theirs = recorded(root)
    forget(root)
    with lending(), Grader(Course.at(root)) as grader:
        for name in notebooks.assignments:
            grader.grade(name)
    return by_theirs, recorded(root)


def test_every_score_is_the_same(both):
    theirs, ours = both

    assert len(theirs.times) == 68
    assert theirs.grades == ours.grades


def test_every_comment_and_every_executed_notebook_is_the_same(both):
    theirs, ours = both

    assert theirs.comments == ours.comments
    assert theirs.notebooks == ours.notebooks
    assert len(ours.notebooks) == 68


def test_the_scores_are_those_that_the_examples_must_get(both, repository):
    theirs, _ = both
    expected = yaml.safe_load((repository / "examples/expected.yaml").read_text("utf-8"))
    given = {
        (student, *cell.removesuffix("-check").split("/")): score
        for student, cell, score, *_ in theirs.grades
    }
    wanted = {
        (student, name, name, id): pytest.approx(points, abs=0.01)
        for student, assignments in expected.items()
        for name, exercises in assignments.items()
        for id, points in exercises.items()
    }

    assert {key: given[key] for key in wanted} == wanted
