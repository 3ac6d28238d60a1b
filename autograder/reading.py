"""Reads submissions of an assignment, and knows of whose the report still holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from autograder.assignment import Assignment
from autograder.course import Course
from autograder.submission import Submission, handed, read_submission

__all__ = ["Reading", "digest_of"]

HELD_BYTES = 10 * 2**20
"""Of submissions that are kept when they were read to see whether they have changed; the others,
from some 400 on, are read a second time, which takes a hundredth of what running them does."""
Json = dict[str, Any]


@dataclass
class Reading:
    """What was handed in for one assignment, read when it is asked for.

    ``judged_by`` is the hash of all that a report depends on besides the submission. ``prints``
    fills with what a report of a submission that was read holds by: its hash by what it says, and
    by its bytes.
    """

    course: Course
    assignment: Assignment
    judged_by: str
    prints: dict[str, Json] = field(default_factory=dict)
    _held: dict[str, Submission] = field(default_factory=dict)
    _room: int = field(default_factory=lambda: HELD_BYTES)

    def holds(self, student: str, report: Mapping[str, Any]) -> bool:
        """Whether the stored ``report`` is one of what ``student`` has handed in now."""
        by, _, was = str(report.get("handed", "")).partition(" ")
        if by != self.judged_by:
            return False
        name = self.assignment.name
        # Whose bytes are the same need not be parsed.
        if was == handed(self.course.submitted(student, name), f"{name}.ipynb"):
            return True
        self.look(student)
        is_same = report.get("fingerprint") == self.prints[student]["fingerprint"]
        if is_same:
            self._held.pop(student, None)
        return bool(is_same)

    def look(self, student: str) -> None:
        """Read what ``student`` handed in, unless that has been done, and keep it if it fits."""
        if student in self.prints:
            return
        submission = self._read(student)
        if submission.size <= self._room:
            self._held[student] = submission
            self._room -= submission.size

    def take(self, student: str, *, anew: bool) -> Submission:
        """The submission, which is not kept any longer; with ``anew`` as it is by now."""
        was = self._held.pop(student, None)
        return self._read(student) if was is None or (anew and was.has_changed()) else was

    def _read(self, student: str) -> Submission:
        folder = self.course.submitted(student, self.assignment.name)
        submission = read_submission(folder, student, self.assignment)
        known = digest_of([self.judged_by, submission.digest, submission.timestamp])
        self.prints[student] = {
            "fingerprint": known,
            "handed": f"{self.judged_by} {submission.handed}",
        }
        return submission


def digest_of(data: Any) -> str:
    """Hash of what JSON can hold."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
