"""What an export is made from: students, assignments and what each reached in each. Data only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

__all__ = ["ExerciseGrade", "Exported", "Grades", "Mark", "Person", "Status", "Work"]

Status = Literal["graded", "needs_manual_grade", "not_graded", "missing"]
DECIMALS = 5
"""More than any receiver keeps (Moodle five, Canvas shows two), fewer than a float's noise has."""


@dataclass(frozen=True)
class Person:
    """A student. Fields that the gradebook has nothing for are empty."""

    id: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    lms_user_id: str = ""


@dataclass(frozen=True)
class Work:
    """An assignment; ``due`` in UTC, without a zone."""

    name: str
    max_score: float
    due: datetime | None = None


@dataclass(frozen=True)
class ExerciseGrade:
    """One graded cell; ``comment`` is the Markdown of its solution cell."""

    name: str
    score: float
    max_score: float
    comment: str = ""
    by_hand: bool = False


@dataclass(frozen=True)
class Mark:
    """What one student reached in one assignment, scores by hand included.

    ``needs_manual_grade`` is a score that a person has still to look at; ``not_graded`` was handed
    in and has none; ``missing`` was not handed in. ``timestamp`` in UTC, without a zone.
    """

    student: str
    assignment: str
    status: Status
    raw_score: float = 0.0
    penalty: float = 0.0
    timestamp: datetime | None = None
    exercises: tuple[ExerciseGrade, ...] = ()

    @property
    def score(self) -> float:
        """What the late penalty leaves; never below 0."""
        return round(max(0.0, self.raw_score - self.penalty), DECIMALS)

    @property
    def scored(self) -> bool:
        """Whether there is a score to hand on at all."""
        return self.status in ("graded", "needs_manual_grade")


@dataclass(frozen=True)
class Grades:
    """The marks of ``people`` in ``works``; those that were not handed in as well."""

    people: tuple[Person, ...]
    works: tuple[Work, ...]
    marks: Mapping[tuple[str, str], Mark]
    language: str = "es"

    def mark(self, person: Person, work: Work) -> Mark:
        return self.marks[person.id, work.name]

    def of(self, person: Person) -> Iterator[Mark]:
        return (self.mark(person, work) for work in self.works)

    @property
    def scored(self) -> tuple[Person, ...]:
        """Those who have a score in one of the assignments at least."""
        return tuple(one for one in self.people if any(mark.scored for mark in self.of(one)))


@dataclass(frozen=True)
class Exported:
    """Files by their path below the target (``""`` is the target itself), and what whoever
    imports them should know."""

    files: Mapping[str, bytes]
    notes: tuple[str, ...] = field(default=())
