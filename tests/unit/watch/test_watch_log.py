"""Every event is a line, for people or for programs; no name in it steers a terminal."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from autograder.watch.log import KEYS, Log

REPORT = {"student": "ana", "score": 8.0, "max_score": 10.0, "status": "graded"}
EVIL = "ana\x1b[2J\r\nroot\u202e"


def events(log: Log, student: str = "ana") -> None:
    log.say("started", f"watching {student}.")
    log.collected(student, "tarea", owner="otro")
    log.graded("tarea", {**REPORT, "student": student}, waited=0.5, took=1.25, released=True)
    log.queue(3, 1, 2.5)


def lines(student="ana", *, as_json):
    stream = io.StringIO()
    events(Log(stream, as_json, lambda report: "8/10"), student)
    return stream.getvalue().splitlines()


def test_people_read_who_what_and_how_long():
    told = [one[21:] for one in lines(as_json=False)]

    assert told == [
        "watching ana.",
        "ana  tarea  collected  (owned by otro)",
        "ana  tarea  8/10  waited 0.5 s, took 1.2 s, feedback released",
        "3 waiting, the first for 2.5 s; 1 graded before to look at again",
    ]


def test_programs_read_one_object_a_line_with_the_documented_keys():
    told = [json.loads(one) for one in lines(as_json=True)]

    assert [one["event"] for one in told] == ["started", "collected", "graded", "queue"]
    assert {key for one in told for key in one} <= set(KEYS)
    graded = told[2]
    assert {key: graded[key] for key in KEYS if key in graded and key != "time"} == {
        "event": "graded",
        "student": "ana",
        "assignment": "tarea",
        "score": 8.0,
        "max_score": 10.0,
        "status": "graded",
        "waited_s": 0.5,
        "took_s": 1.25,
        "released": True,
    }
    assert told[3]["queue"] == 3


def test_what_was_not_graded_has_no_score():
    stream = io.StringIO()
    report = {**REPORT, "score": 0.0, "status": "broken"}
    Log(stream, True).graded("tarea", report, waited=0, took=0, released=False)

    assert json.loads(stream.getvalue())["score"] is None


@pytest.mark.parametrize("as_json", [False, True])
def test_no_name_steers_a_terminal_or_makes_a_line_of_its_own(as_json):
    told = lines(EVIL, as_json=as_json)

    assert len(told) == 4
    assert all(one.isprintable() for one in told)
    assert "\u202e" not in "".join(told)


class Full(io.StringIO):
    def flush(self) -> None:
        raise OSError(28, "No space left on device")


def test_a_full_disk_silences_the_log_and_nothing_else():
    events(Log(Full()))


def test_every_key_is_explained():
    text = (Path(__file__).parents[3] / "docs" / "watch.md").read_text("utf-8")

    for key in KEYS:
        assert f"`{key}`" in text, key
