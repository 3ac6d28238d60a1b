"""Who waits to be graded, and whose turn it is; knows neither files nor clocks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from enum import Enum

__all__ = ["Kind", "Pace", "Queue", "Waiting"]


class Kind(Enum):
    """How we came to know of a submission.

    ``ARRIVED`` while we watched, or before we were stopped: its student waits for an answer.
    ``FOUND`` when we began, not graded yet. ``AGAIN``: it was graded before, and is looked at again
    because something that its grade rests on may have changed.
    """

    ARRIVED = "arrived"
    FOUND = "found"
    AGAIN = "again"


URGENCY = [Kind.ARRIVED, Kind.FOUND, Kind.AGAIN]


@dataclass(frozen=True)
class Waiting:
    """One student's submission for one assignment. ``since`` when: in seconds, of any clock."""

    student: str
    assignment: str
    since: float
    kind: Kind = Kind.ARRIVED

    @property
    def pair(self) -> tuple[str, str]:
        return self.student, self.assignment

    @property
    def is_new(self) -> bool:
        """Whether it is not only looked at again."""
        return self.kind is not Kind.AGAIN


@dataclass
class Queue:
    """Students wait in the order in which they came; each has one turn, then stands behind the
    others.

    A student's newer submission takes the place of the one that waits, so who hands in often
    pushes nobody back. What was graded before is looked at again when nothing new waits.
    """

    _new: _Line = field(default_factory=lambda: _Line())
    _again: _Line = field(default_factory=lambda: _Line())

    def __len__(self) -> int:
        """How many new submissions wait."""
        return len(self._new)

    @property
    def again(self) -> int:
        """How many are to be looked at again."""
        return len(self._again)

    @property
    def since(self) -> float | None:
        """Since when the one waits that has waited longest."""
        return self._new.since

    def put(self, waiting: Waiting) -> None:
        """Let a submission wait; the one of the same student and assignment that did goes."""
        if waiting.is_new or waiting.pair in self._new:
            self._again.forget(*waiting.pair)
            self._new.put(waiting)
        else:
            self._again.put(waiting)

    def take(self, most: int, held: Collection[str] = ()) -> list[Waiting]:
        """Whose turn it is: at most ``most`` submissions for one assignment, that of the first in
        the line, each of another student. Assignments that are ``held`` wait on."""
        return self._new.take(most, held) or self._again.take(most, held)

    def first(self, held: Collection[str] = ()) -> Waiting | None:
        """Whose turn it is next."""
        return self._new.first(held) or self._again.first(held)

    def forget(self, student: str, assignment: str) -> None:
        """Let a submission that is gone wait no longer."""
        self._new.forget(student, assignment)
        self._again.forget(student, assignment)


class _Line:
    """Students in their order, each with what waits, by assignment."""

    def __init__(self) -> None:
        self._students: dict[str, dict[str, Waiting]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._students.values()))

    def __contains__(self, pair: tuple[str, str]) -> bool:
        return pair[1] in self._students.get(pair[0], {})

    @property
    def since(self) -> float | None:
        return min((w.since for own in self._students.values() for w in own.values()), default=None)

    def put(self, waiting: Waiting) -> None:
        own = self._students.setdefault(waiting.student, {})
        before = own.get(waiting.assignment)
        if before is not None:
            # Whoever is owed an answer is still owed it.
            kind = min(waiting.kind, before.kind, key=URGENCY.index)
            waiting = replace(waiting, kind=kind)
        own[waiting.assignment] = waiting

    def first(self, held: Collection[str]) -> Waiting | None:
        for own in self._students.values():
            free = [one for one in own.values() if one.assignment not in held]
            if free:
                return min(free, key=lambda one: one.since)
        return None

    def take(self, most: int, held: Collection[str]) -> list[Waiting]:
        first = self.first(held)
        if first is None:
            return []
        name = first.assignment
        students = [one for one, own in self._students.items() if name in own]
        return [self._served(student, name) for student in students[:most]]

    def _served(self, student: str, name: str) -> Waiting:
        own = self._students.pop(student)
        waiting = own.pop(name)
        if own:
            self._students[student] = own  # at the end
        return waiting

    def forget(self, student: str, assignment: str) -> None:
        own = self._students.get(student, {})
        own.pop(assignment, None)
        if not own:
            self._students.pop(student, None)


@dataclass
class Pace:
    """How many submissions make a batch at most: between ``least`` and ``most``, so that it takes
    about ``seconds``; learned from the last ones, of which ``first`` is guessed.

    All that waits is taken together, as long as that is not too much: what a batch costs besides
    its submissions, and the one in it that loops, is paid once.
    """

    seconds: float
    least: int
    first: int
    most: int
    _sizes: dict[str, float] = field(default_factory=dict)

    def size(self, name: str) -> int:
        return round(self._sizes.get(name, self.first))

    def took(self, name: str, count: int, seconds: float) -> None:
        """A batch of ``count`` submissions for assignment ``name`` took so many seconds."""
        now = self._sizes.get(name, float(self.first))
        if count < self.size(name) and seconds < self.seconds:
            return  # it says nothing about larger ones
        fits = count * self.seconds / max(seconds, 1e-3)
        # Neither one slow submission nor one quick batch decides alone.
        self._sizes[name] = min(max((now + min(fits, 2 * now)) / 2, self.least), self.most)
