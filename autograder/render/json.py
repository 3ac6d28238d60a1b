"""Reports as JSON: the form that ``--json`` writes and that is kept beside the gradebook."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from autograder.judge.finding import Finding
from autograder.report import CheckResult, ExerciseResult, Report
from autograder.words import Words

__all__ = ["SCHEMA", "Sharing", "batch_json", "device_note", "missing_json", "report_json"]

SCHEMA = 1
Json = dict[str, Any]


def report_json(report: Report, words: Words) -> Json:
    """One report. Keys that a reader does not know may be added; none is taken away."""
    return {
        "student": report.student,
        "score": report.score,
        "max_score": report.max_score,
        "status": report.status,
        "device": report.device,
        "message": message(report, words),
        **({"waits_for": list(report.missing_devices)} if report.waits else {}),
        "exercises": [_exercise(one, words) for one in report.exercises],
        "made_from": dict(report.made_from),
    }


def missing_json(student: str, max_score: float) -> Json:
    """What stands for a student who is known but handed in nothing."""
    return {
        "student": student,
        "score": 0.0,
        "max_score": max_score,
        "status": "missing",
        "device": "",
        "message": "",
        "exercises": [],
        "made_from": {},
    }


def message(report: Report, words: Words) -> str:
    """What there is to say of the submission as a whole; empty where there is nothing."""
    said = []
    if report.broken:
        said.append(words.finding_of("broken"))
    elif report.unreadable:
        said.append(words.unreadable(report.unreadable, f"{report.assignment}.ipynb"))
    if report.made_from.get("isolation") == "none":
        said.append(words.other("unprotected"))
    return " ".join(said)


def _exercise(exercise: ExerciseResult, words: Words) -> Json:
    return {
        "id": exercise.id,
        "score": exercise.score,
        "max_score": exercise.max_score,
        "outcome": exercise.outcome,
        "checks": [_check(one, words) for one in exercise.checks],
    }


def _check(check: CheckResult, words: Words) -> Json:
    return {
        "title": words.title(check.title, check.english),
        "points": round(float(check.points), 6),
        "score": round(float(check.score), 6),
        "outcome": check.outcome,
        "message": check_message(check, words),
        "difference": words.finding(check.finding) if check.finding else "",
        "reasons": [_reason(one, words) for one in check.reasons],
        "devices": list(check.devices),
        "not_run": list(check.missing_devices),
        **({"note": note} if (note := device_note(check, words)) else {}),
    }


def _reason(reason: Finding, words: Words) -> Json:
    """``kind`` is ``misconception``, with its ``id``, or a general diagnosis."""
    id = reason.details.get("id")
    named = {"kind": reason.kind} if id is None else {"kind": reason.kind, "id": id}
    return {**named, "message": words.finding(reason)}


def check_message(check: CheckResult, words: Words) -> str:
    """What is said of a check: why it failed, or, where that is not known, what it found and
    whether it was judged from own values."""
    if check.reasons:
        return " ".join(words.finding(one) for one in check.reasons)
    sentence = words.finding(check.finding) if check.finding else ""
    carried = words.other("carried") if check.carried else ""
    return f"{sentence} {carried}".strip()


def device_note(check: CheckResult, words: Words) -> str:
    """What there is to say of a check that ran, but not on all devices that it asks for."""
    if not (check.devices and check.missing_devices) or check.outcome == "broken":
        return ""
    return words.other("not_on", missing=", ".join(check.missing_devices).upper())


def batch_json(assignment: str, reports: list[Json]) -> Json:
    """What ``grade --json`` writes for one assignment."""
    return {"schema": SCHEMA, "assignment": assignment, "reports": reports}


class Sharing:
    """Makes equal parts of reports one. Of a course's reports most checks say the same, and one
    that shares nothing takes 20 KB of memory. Parts are never changed afterwards."""

    def __init__(self) -> None:
        self._known: dict[bytes, Json] = {}

    def of(self, report: Json) -> Json:
        """``report``, sharing with earlier ones what its exercises and checks say, and the versions
        that it is made from."""
        return {
            **report,
            "exercises": [self._exercise(one) for one in report["exercises"]],
            "made_from": {
                key: self._one(value) if isinstance(value, dict) else value
                for key, value in report["made_from"].items()
            },
        }

    def _exercise(self, exercise: Json) -> Json:
        digest = _digest(exercise)
        if digest not in self._known:
            self._known[digest] = {**exercise, "checks": list(map(self._one, exercise["checks"]))}
        return self._known[digest]

    def _one(self, part: Json) -> Json:
        return self._known.setdefault(_digest(part), part)


def _digest(part: Json) -> bytes:
    return hashlib.sha256(json.dumps(part).encode()).digest()
