"""What differs between two results is found wherever it is, and said in few lines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autograder.basis import Basis
from autograder.changes import Cause, Difference, differences, rested
from autograder.render.log import differences_text

BASIS = Basis(
    files={"tarea.ipynb": "f1", "test_tarea.py": "f2", "probes_tarea.py": "f3"},
    settings={"trials": 2, "devices": ["cpu"]},
    language="es",
    devices=("cpu",),
    key="1234",
    isolation="full",
    versions={"torch": "2.13.0", "python": "3.11.7"},
    code="c1",
    reference=(("r0", "x"),),
    misconceptions={},
)


def check(title, score, outcome="passed", points=1.0, message=""):
    return {
        "title": title,
        "points": points,
        "score": score,
        "outcome": outcome,
        "message": message,
    }


def exercise(id, *checks, max_score=2.0):
    score = sum(one["score"] for one in checks)
    return {"id": id, "score": score, "max_score": max_score, "outcome": "?", "checks": [*checks]}


def report(*exercises, status="graded"):
    score = sum(one["score"] for one in exercises)
    return {"score": score, "status": status, "made_from": {}, "exercises": [*exercises]}


def said(before, after):
    return list(differences_text(differences(before, after)))


BEFORE = report(exercise("uno", check("`x`", 1.0), check("`y`", 0.0, "failed")))


def test_equal_reports_have_no_difference_though_they_were_made_from_others():
    assert differences(BEFORE, {**BEFORE, "made_from": {"torch": "3"}}) == []


def test_a_check_that_passes_now_is_told_with_its_points():
    after = report(exercise("uno", check("`x`", 1.0), check("`y`", 1.0)))

    assert said(BEFORE, after) == ["1 → 2", "uno · `y`: 0 → 1, failed → passed"]


def test_checks_and_exercises_that_only_one_of_the_two_has_are_told():
    after = report(
        exercise("uno", check("`x`", 1.0), check("`z`", 0.5)), exercise("dos", check("`w`", 2.0))
    )

    assert said(BEFORE, after) == [
        "1 → 3.5",
        "uno · `y`: gone, had 0",
        "uno · `z`: new, 0.5",
        "dos: new, 2",
    ]
    assert said(after, BEFORE)[-1] == "dos: gone, had 2"


def test_of_checks_with_one_title_each_is_compared_with_its_own():
    before = report(exercise("uno", check("`x`", 1.0), check("`x`", 0.0, "failed")))
    after = report(exercise("uno", check("`x`", 1.0), check("`x`", 0.5, "failed")))

    assert said(before, after) == ["1 → 1.5", "uno · `x`: 0 → 0.5"]


def test_points_that_no_check_tells_are_told_of_the_exercise():
    """A score is never below 0: a penalty may cost less than it takes."""
    before, after = BEFORE, report(exercise("uno", *BEFORE["exercises"][0]["checks"]))
    after["exercises"][0]["score"] = 0.5

    assert said(before, after) == ["uno: 1 → 0.5"]


def test_an_exercise_that_is_worth_something_else_is_told():
    checks = BEFORE["exercises"][0]["checks"]

    assert said(BEFORE, report(exercise("uno", *checks, max_score=3.0))) == ["uno: worth 2 → 3"]


def test_what_is_only_said_otherwise_is_counted():
    after = report(exercise("uno", check("`x`", 1.0), check("`y`", 0.0, "failed", message="no")))

    assert said(BEFORE, after) == ["1 check says something else"]
    assert list(differences_text(differences(BEFORE, after), in_full=True)) == [
        "uno · `y`: message: “” → “no”"
    ]


def test_a_status_is_told_in_words():
    after = {**BEFORE, "status": "timed_out"}

    assert said(BEFORE, after) == ["graded → timed out"]


def test_a_value_that_a_report_of_another_version_has_not_is_a_difference():
    after = {**BEFORE, "new": 1}

    assert differences(BEFORE, after) == [Difference("", "", "new", None, 1)]


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"files": {**BASIS.files, "test_tarea.py": "?"}}, Cause("the checks")),
        ({"files": {**BASIS.files, "probes_tarea.py": "?"}}, Cause("the probes")),
        ({"files": {**BASIS.files, "tarea.ipynb": "?"}}, Cause("the source notebook")),
        (
            {"files": {**BASIS.files, "misconceptions_tarea.yaml": "?"}},
            Cause("the misconceptions"),
        ),
        ({"files": {**BASIS.files, "conftest.py": "?"}}, Cause("`conftest.py`")),
        (
            {"settings": {**BASIS.settings, "trials": 3}},
            Cause("the setting `trials`", "2", "3"),
        ),
        ({"versions": {**BASIS.versions, "torch": "3"}}, Cause("torch", "2.13.0", "3")),
        ({"code": "c2"}, Cause("the autograder's own code")),
        ({"key": "5678"}, Cause("the course's key", "1234", "5678")),
        ({"devices": ("cpu", "cuda")}, Cause("the devices", "cpu", "cpu, cuda")),
        ({"isolation": "none"}, Cause("the isolation", "full", "none")),
        ({"language": "en"}, Cause("the language", "es", "en")),
    ],
    ids=lambda one: one.what if isinstance(one, Cause) else None,
)
def test_whatever_a_result_rests_on_has_its_words_when_it_changes(changed, cause):
    assert list(rested(BASIS, replace(BASIS, **changed))) == [cause]
    assert list(rested(BASIS, BASIS)) == []
