"""What the service says: a line for every event, for people or, as JSON, for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any

from autograder.words import harmless, plain

__all__ = ["KEYS", "Log"]

KEYS = (
    "time",
    "event",
    "student",
    "assignment",
    "score",
    "max_score",
    "status",
    "waited_s",
    "took_s",
    "released",
    "queue",
    "again",
    "oldest_s",
    "owner",
    "message",
)
"""All that a line in JSON may have, in this order; docs/watch.md explains them."""
Json = dict[str, Any]


@dataclass(frozen=True)
class Log:
    """Writes a line for every event to ``stream``. ``said`` tells how a report's outcome is shown
    to people. A log that cannot be written to, as when the disk is full, stops nobody's grading."""

    stream: IO[str]
    as_json: bool = False
    said: Callable[[Mapping[str, Any]], str] = lambda report: str(report["score"])

    def graded(
        self, name: str, report: Mapping[str, Any], *, waited: float, took: float, released: bool
    ) -> None:
        """A student's submission has its result, and its page if there is to be one."""
        told = {key: report[key] for key in ("student", "score", "max_score", "status")}
        if report["status"] == "broken":
            told["score"] = None
        self._write(
            "graded",
            f"{plain(report['student'])}  {name}  {self.said(report)}  waited {waited:.1f} s, "
            f"took {took:.1f} s{', feedback released' if released else ''}",
            assignment=name,
            **told,
            waited_s=round(waited, 3),
            took_s=round(took, 3),
            released=released,
        )

    def queue(self, waiting: int, again: int, oldest: float) -> None:
        """How many wait, and since how many seconds the first of them does."""
        more = f"; {again} graded before to look at again" if again else ""
        text = f"{waiting} waiting, the first for {oldest:.1f} s{more}"
        self._write("queue", text, queue=waiting, again=again, oldest_s=round(oldest, 3))

    def collected(self, student: str, name: str, owner: str) -> None:
        """A submission came from the exchange to ``submitted/``."""
        if self.as_json or owner:
            whose = f"  (owned by {plain(owner)})" if owner else ""
            text = f"{plain(student)}  {name}  collected{whose}"
            self._write("collected", text, student=student, assignment=name, owner=owner or None)

    def say(self, event: str, sentence: str, **more: Any) -> None:
        """A sentence: ``started``, ``stopped``, ``notice``, ``held``, ``trouble``, ``resumed``."""
        self._write(event, harmless(sentence).replace("\n", " "), message=sentence, **more)

    def _write(self, event: str, text: str, **more: Any) -> None:
        now = datetime.now().astimezone()
        line = f"{now:%Y-%m-%d %H:%M:%S}  {text}"
        if self.as_json:
            told: Json = {"time": now.isoformat(timespec="milliseconds"), "event": event, **more}
            # ASCII: no name in it can steer a terminal or end the line.
            line = json.dumps({key: told[key] for key in KEYS if key in told})
        with suppress(OSError, ValueError, UnicodeError):
            self.stream.write(f"{line}\n")
            self.stream.flush()
