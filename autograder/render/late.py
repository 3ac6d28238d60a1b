"""What is said of a submission that was handed in late: to its student, and as JSON."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

from autograder import moment
from autograder.delays import Standing
from autograder.late import Delay
from autograder.words import Words

__all__ = ["late_json", "late_sentence"]

UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
DECIMALS = 6


def late_sentence(late: Delay, zone: tzinfo | None, words: Words) -> str:
    """How late it was, and the percentage that this costs, if it costs any."""
    due = moment.local(late.lateness.due, zone)
    said = words.other("handed_in_late", delay=_duration(late.lateness.seconds, words), due=due)
    if not late.percent:
        return said
    percent = words.other("percent", number=f"{late.percent:g}")
    return f"{said} {words.other('late_percent', percent=percent)}"


def late_json(standing: Standing, zone: tzinfo | None, words: Words) -> dict[str, Any]:
    """What a report has under ``late``: moments in UTC; ``score`` is what the penalty leaves."""
    late = standing.late
    return {
        "due": _iso(late.lateness.due) if late else None,
        "submitted": _iso(late.lateness.submitted) if late else None,
        "seconds": late.lateness.seconds if late else 0.0,
        "percent": late.percent if late else 0.0,
        "penalty": standing.penalty,
        "score": round(standing.score - standing.penalty, DECIMALS),
        "doubt": standing.doubt,
        "message": late_sentence(late, zone, words) if late else "",
    }


def _duration(seconds: float, words: Words) -> str:
    """The two largest units of a duration, such as ``1 day and 3 hours``; no more than it is."""
    left, said = max(1, int(seconds)), []
    for unit, size in UNITS:
        count, left = divmod(left, size)
        if count:
            said.append(words.other(unit) if count == 1 else words.other(f"{unit}s", n=count))
        elif said:
            break
    return words.other("and").join(said[:2])


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
