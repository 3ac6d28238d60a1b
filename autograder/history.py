"""The results that students had, one line each: when, of what submission, judged by what.

Lines are only ever appended, by one grader at a time, and are on the disk before anything else of
a result is. What a stopped machine left half written is no line: readers say so and go on.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autograder.basis import Kept, Observations, pairs, sync_folder
from autograder.errors import MachineError

__all__ = ["Entry", "History"]

SCHEMA = 1
STUDENT = re.compile(rb'\{"student": ("(?:[^"\\]|\\.)*")')
Json = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One result of one student.

    ``at`` is UTC in ISO 8601. ``submission`` has the hash of what was run (``digest``), the SHA-256
    of the notebook's file (``notebook``), when that was written (``modified``) and when it was
    handed in as the student's side says (``timestamp``); each but the first may be ``None``.
    ``solutions``, ``damage`` and ``unreadable`` are what judging has to know of it besides the
    observations of its ``trials``. ``by_hand`` are the scores that an assistant had given in the
    gradebook by then, by exercise. ``basis`` is the digest of all else.

    Of an assignment without checks of ours ``submission`` has the SHA-256 of each notebook's file
    (``notebooks``) and which of them were run (``observed``, in the order of the ``trials``);
    ``solutions`` say which of the cells that run is a test, ``damage`` which answers are untouched.
    """

    student: str
    at: str
    basis: str
    submission: Json
    trials: Observations
    solutions: dict[str, list[int]]
    damage: dict[str, str]
    unreadable: str | None
    by_hand: dict[str, float]
    report: Json

    def tells_as(self, other: Entry) -> bool:
        """Whether it is the same result of the same submission; what it rests on may differ."""
        return self._told() == other._told()

    def _told(self) -> str:
        submission = {key: one for key, one in self.submission.items() if key != "modified"}
        report = {key: one for key, one in self.report.items() if key != "made_from"}
        told = [submission, self.damage, self.unreadable, self.by_hand, report]
        return json.dumps([self.student, *told], sort_keys=True)

    def line(self) -> bytes:
        data = {"student": self.student, "schema": SCHEMA, **vars(self)}
        # A folder's name, which a student's is, need not be UTF-8.
        return json.dumps(data, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"

    @classmethod
    def of(cls, line: bytes) -> Entry:
        """``ValueError`` for what is no line of ours."""
        try:
            data = json.loads(line.decode("utf-8", "surrogatepass"))
            if data.pop("schema") != SCHEMA:
                raise ValueError("written by another version")
            made = cls(**data)
            return replace(made, trials=pairs(made.trials))
        except (LookupError, TypeError, AttributeError) as error:
            raise ValueError(str(error)) from error


class History:
    """The results of one assignment, in ``<folder>/<assignment>.jsonl``."""

    def __init__(self, folder: Path, assignment: str) -> None:
        self.path = folder / f"{assignment}.jsonl"
        self.kept = Kept(folder / "kept")

    def entries(self, student: str) -> tuple[list[Entry], list[str]]:
        """The student's results, oldest first, and sentences about lines that cannot be read."""
        found, notes = [], []
        for number, line in self._lines():
            whose = _student(line)
            if whose not in (student, None):
                continue
            try:
                found.append(Entry.of(line))
            except ValueError as error:
                notes.append(f"{self.path}:{number}: not a whole entry, left out ({error}).")
        return found, notes

    def referred(self) -> set[str]:
        """The SHA-256 of every observation that a result was judged from."""
        files: set[str] = set()
        bases: set[str] = set()
        for _, line in self._lines():
            try:
                entry = Entry.of(line)
            except ValueError:
                continue
            files.update(content for _, content in entry.trials)
            bases.add(entry.basis)
        for basis in bases:
            with suppress(MachineError):  # what is gone already, nothing can be judged by again
                files |= self.kept.basis(basis).observations()
        return files

    def append(self, entries: Sequence[Entry]) -> list[Entry]:
        """Append those of ``entries`` that tell something else than their student's last one.

        Gives what was appended; it is on the disk. ``MachineError`` if it cannot be.
        """
        try:
            with self._alone() as handle:
                last = self._last({one.student for one in entries})
                fresh = [
                    one
                    for one in entries
                    if one.student not in last or not one.tells_as(last[one.student])
                ]
                self._write(handle, fresh)
        except OSError as error:
            raise MachineError(
                f"{self.path}: the results cannot be logged ({error.strerror}); nothing was "
                "recorded."
            ) from error
        return fresh

    def _write(self, handle: int, entries: Sequence[Entry]) -> None:
        size = os.fstat(handle).st_size
        torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        for one in entries:
            # What a stopped machine left half written is ended, not taken away.
            line = b"\n" + one.line() if torn else one.line()
            if os.write(handle, line) != len(line):
                raise OSError(0, "the disk is full")
            torn = False
        if entries:
            os.fsync(handle)

    @contextmanager
    def _alone(self) -> Iterator[int]:
        """The open file, while no other grader reads its end or appends."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.path.exists()
        handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
            if is_new:
                sync_folder(self.path.parent)
        finally:
            os.close(handle)

    def _last(self, students: set[str]) -> dict[str, Entry]:
        """The last readable result of each of ``students``."""
        lines: dict[str, list[bytes]] = {}
        for _, line in self._lines():
            whose = _student(line)
            if whose in students:
                lines.setdefault(str(whose), []).append(line)
        last: dict[str, Entry] = {}
        for student, own in lines.items():
            for line in reversed(own):
                try:
                    last[student] = Entry.of(line)
                    break
                except ValueError:
                    continue
        return last

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """The lines with their numbers; none where there is no file yet."""
        try:
            with self.path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    if line.strip():
                        yield number, line
        except FileNotFoundError:
            return
        except OSError as error:
            raise MachineError(
                f"{self.path}: the results that were logged cannot be read ({error.strerror})."
            ) from error


def _student(line: bytes) -> str | None:
    """Whose line it is, without reading the rest; ``None`` where that cannot be told."""
    found = STUDENT.match(line)
    try:
        return found and str(json.loads(found[1].decode("utf-8", "surrogatepass")))
    except ValueError:
        return None
