"""A report as JSON: whole, in the language asked for."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest

from autograder.judge.finding import Finding
from autograder.render.json import Sharing, batch_json, missing_json, report_json
from autograder.report import CheckResult, ExerciseResult, Report
from autograder.words import Words

WRONG = CheckResult(
    "`W1`",
    "the `W1`",
    1 / 3,
    0.0,
    "failed",
    Finding("shape", {"name": "W1", "got": [3, 4], "expected": [3, 2]}),
    devices=("cpu",),
    missing_devices=("cuda",),
)
WORSE = ExerciseResult("dos", 3.0, (CheckResult("`v`", "", 1.0, 0.0, "passed"), WRONG))
CARRIED = CheckResult("`h`", "the `h`", 2.0, 2.0, "passed", carried=True, devices=("cpu",))


def report(**changes):
    fields = {
        "student": "ana",
        "assignment": "tarea",
        "exercises": (ExerciseResult("uno", 3.0, (WRONG, CARRIED)),),
        "device": "cpu",
        "made_from": {"key": "abc", "isolation": "full"},
    }
    return Report(**{**fields, **changes})


def test_a_report_is_written_whole():
    assert report_json(report(), Words("es")) == {
        "student": "ana",
        "score": 2.0,
        "max_score": 3.0,
        "status": "graded",
        "device": "cpu",
        "message": "",
        "exercises": [
            {
                "id": "uno",
                "score": 2.0,
                "max_score": 3.0,
                "outcome": "failed",
                "checks": [
                    {
                        "title": "`W1`",
                        "points": 0.333333,
                        "score": 0.0,
                        "outcome": "failed",
                        "message": "`W1` tiene forma (3, 4) y se pedía (3, 2).",
                        "difference": "`W1` tiene forma (3, 4) y se pedía (3, 2).",
                        "reasons": [],
                        "devices": ["cpu"],
                        "not_run": ["cuda"],
                        "note": "No se comprobó en CUDA, porque aquí no hay: "
                        "cuenta lo que sí se comprobó.",
                    },
                    {
                        "title": "`h`",
                        "points": 2.0,
                        "score": 2.0,
                        "outcome": "passed",
                        "message": "Calculado a partir de tus valores.",
                        "difference": "",
                        "reasons": [],
                        "devices": ["cpu"],
                        "not_run": [],
                    },
                ],
            }
        ],
        "made_from": {"key": "abc", "isolation": "full"},
    }


def test_the_language_changes_titles_and_sentences_alone():
    spanish, english = (report_json(report(), Words(one)) for one in ("es", "en"))
    check = english["exercises"][0]["checks"][0]
    assert (check["title"], check["message"]) == (
        "the `W1`",
        "`W1` has shape (3, 4); (3, 2) was asked for.",
    )
    for one in (spanish, english):
        for each in one["exercises"][0]["checks"]:
            del each["title"], each["message"], each["difference"]
            each.pop("note", None)
    assert spanish == english


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unreadable": "empty", "exercises": ()}, "El archivo `tarea.ipynb` está vacío."),
        (
            {"broken": "KeyError"},
            "No se pudo corregir por un problema del sistema, que no es tuyo; se volverá a "
            "corregir.",
        ),
        ({"made_from": {"isolation": "none"}}, "Corregido sin el aislamiento habitual."),
    ],
)
def test_what_there_is_to_say_of_the_whole_is_said_once(changes, message):
    assert report_json(report(**changes), Words("es"))["message"] == message


def test_an_exercise_of_an_unreadable_notebook_has_not_passed():
    empty = report(unreadable="empty", exercises=(ExerciseResult("uno", 3.0, ()),))
    (one,) = report_json(empty, Words("es"))["exercises"]
    assert one["score"] == 0
    assert one["outcome"] != "passed"


def test_a_report_can_be_written_as_json():
    made = batch_json("tarea", [report_json(report(), Words("es")), missing_json("berta", 3.0)])
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert made["reports"][1]["status"] == "missing"
    assert made["reports"][1].keys() == made["reports"][0].keys()


def test_equal_parts_of_reports_are_one_and_say_the_same():
    versions = {"versions": {"torch": "2"}, "trials": ["a"]}
    ana = report_json(report(made_from=versions), Words("es"))
    other = report(student="luis", made_from={**versions, "trials": ["b"]})
    luis = report_json(replace(other, exercises=(*other.exercises, WORSE)), Words("es"))
    sharing = Sharing()

    one, two = (sharing.of(copy.deepcopy(each)) for each in (ana, luis))

    assert (one, two) == (ana, luis)
    assert one["exercises"][0] is two["exercises"][0]
    assert one["exercises"][0]["checks"][0] is two["exercises"][1]["checks"][1]
    assert one["made_from"]["versions"] is two["made_from"]["versions"]


def test_a_report_that_is_shared_can_still_be_told_more():
    sharing = Sharing()
    one, two = (sharing.of(report_json(report(), Words("es"))) for _ in range(2))

    one["late"] = {"days": 1}

    assert "late" not in two
