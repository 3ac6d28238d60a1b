"""nbgrader's exchange: what students put into its ``inbound/`` comes to ``submitted/``, and their
feedback goes where ``nbgrader fetch_feedback`` looks for it.

By the rules of ``nbgrader collect --update`` and ``nbgrader release_feedback``, but no link is
followed, and nothing is ever half copied: whose folder changes meanwhile is collected later.
"""

from __future__ import annotations

import fnmatch
import os
import pwd
import stat
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from autograder.course import Course, can_be_graded
from autograder.errors import MachineError
from autograder.sandbox.temporary import TemporaryFolder, remove_abandoned, written
from autograder.submission import SECRET
from autograder.watch.arrivals import look_at

__all__ = ["Collected", "Handed", "Inbox", "Outbox", "newest", "parse"]

TIMESTAMP = "timestamp.txt"
MAX_TIMESTAMP = 200
OPEN_TO_ALL = 0o777
"""The rights that `nbgrader submit` gives a folder when all of it is there, as its last act."""
FOLDER_MODE = 0o711
"""Pages can be read by who knows their names, which nobody can list."""
DEPTH = 12
Pair = tuple[str, str]


@dataclass(frozen=True)
class Handed:
    """A folder of ``inbound/``: ``<student>+<assignment>+<timestamp>+<random>``. ``moment`` is in
    UTC, without a zone."""

    folder: str
    student: str
    assignment: str
    moment: datetime

    @property
    def pair(self) -> Pair:
        return self.student, self.assignment


def parse(folder: str, names: Collection[str]) -> Handed | None:
    """What a folder's name says, if it is of one of the assignments ``names``.

    The student's own name may have a plus; the random part may be missing. ``ValueError`` where
    what should be the time is none.
    """
    for parts in (folder.rsplit("+", 3), folder.rsplit("+", 2)):
        if len(parts) >= 3 and parts[1] in names and parts[0] and not folder.startswith("."):
            return Handed(folder, parts[0], parts[1], _moment(parts[2]))
    return None


def newest(found: Iterable[Handed]) -> dict[Pair, Handed]:
    """The newest of each student and assignment; of one time, the last by name."""
    latest: dict[Pair, Handed] = {}
    for one in sorted(found, key=lambda each: (each.moment, each.folder)):
        latest[one.pair] = one
    return latest


def _moment(text: str) -> datetime:
    from nbgrader.utils import parse_utc

    try:
        made = parse_utc(text)
    except Exception as error:
        # dateutil raises whatever a text makes it raise.
        raise ValueError(f"{text!r} is no time") from error
    if not isinstance(made, datetime):
        raise ValueError(f"{text!r} is no time")
    return made


@dataclass(frozen=True)
class Collected:
    """What came to ``submitted/``. ``owner`` is the account that it belonged to in the exchange, if
    that is not called like the student: anybody may hand in under any name there."""

    student: str
    assignment: str
    owner: str = ""


@dataclass
class Inbox:
    """The folder ``path`` (an exchange's ``inbound/``) of one course, looked at again and again.

    What was not newer than what is in ``submitted/`` or is complete there is not read again.
    ``doubts`` fills with sentences.
    """

    course: Course
    path: Path
    names: Collection[str]
    settle: float
    doubts: list[str] = field(default_factory=list)
    _done: dict[Pair, str] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)
    _unsettled: dict[str, tuple[int, float]] = field(default_factory=dict)

    @property
    def unsettled(self) -> bool:
        """Whether something is there that may not be complete yet."""
        return bool(self._unsettled)

    def collect(self, now: float) -> list[Collected]:
        """Bring to ``submitted/`` what is newer than what is there. ``now`` is a clock that only
        goes forward, in seconds. ``OSError`` where the folder cannot be read."""
        with os.scandir(self.path) as entries:
            folders = [one.name for one in entries]
        found = []
        for folder in folders:
            try:
                handed = parse(folder, self.names)
            except ValueError as error:
                self._doubt(folder, str(error))
                continue
            if handed is None:
                continue
            if not can_be_graded(handed.student):
                self._doubt(folder, "nobody can have such a name")
                continue
            found.append(handed)
        self._told &= set(folders)
        self._unsettled = {one: at for one, at in self._unsettled.items() if one in set(folders)}
        latest = newest(found)
        self._done = {pair: one for pair, one in self._done.items() if pair in latest}
        fresh = [one for one in latest.values() if self._done.get(one.pair) != one.folder]
        fresh.sort(key=lambda one: one.moment)
        return [
            Collected(*one.pair, self._owner(one)) for one in fresh if self._collected(one, now)
        ]

    def _collected(self, one: Handed, now: float) -> bool:
        target = self.course.submitted(*one.pair)
        if self._is_current(target, one):
            self._done[one.pair] = one.folder
            return False
        source = self.path / one.folder
        try:
            if not self._is_complete(source, one.folder, now):
                return False
            self._replace(source, target)
        except _Changing:
            return False
        except (FileNotFoundError, NotADirectoryError):
            return False  # taken back
        except ValueError as error:
            self._doubt(one.folder, str(error))
            self._done[one.pair] = one.folder
            return False
        except OSError as error:
            self._doubt(one.folder, f"{error.filename or one.folder}: {error.strerror}")
            return False
        self._told.discard(one.folder)
        self._unsettled.pop(one.folder, None)
        self._done[one.pair] = one.folder
        return True

    def _is_current(self, target: Path, one: Handed) -> bool:
        """Whether what is in ``submitted/`` is as new."""
        path = target / TIMESTAMP
        with suppress(OSError, ValueError):
            if path.is_symlink() or not path.is_file():
                return False
            with path.open("rb") as file:
                text = file.read(MAX_TIMESTAMP).decode("utf-8", "replace").strip()
            return _moment(text) >= one.moment
        return False

    def _is_complete(self, source: Path, folder: str, now: float) -> bool:
        """Whether nbgrader has finished handing it in, or nothing has changed for a while."""
        seen = source.lstat()
        if not stat.S_ISDIR(seen.st_mode):
            raise ValueError("it is no folder")
        if stat.S_IMODE(seen.st_mode) & OPEN_TO_ALL == OPEN_TO_ALL and all(
            _has_text(source / one) for one in (TIMESTAMP, SECRET)
        ):
            return True
        now_there = look_at(source)
        mark, since = self._unsettled.get(folder, (None, now))
        if now_there is None or mark != now_there.mark:
            self._unsettled[folder] = now_there.mark if now_there else 0, now
            return False
        return now - since >= self.settle

    def _replace(self, source: Path, target: Path) -> None:
        """Put a copy of ``source`` in the place of ``target``, all of it at once."""
        parent = self.course.root / "submitted"
        parent.mkdir(exist_ok=True)
        before = look_at(source)
        with TemporaryFolder(parent) as made:
            fresh, old = made.path / "new", made.path / "old"
            handle = os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                _Copy(self._limits).folder(handle, fresh)
            finally:
                os.close(handle)
            after = look_at(source)
            if before is None or after is None or before.mark != after.mark:
                raise _Changing
            target.parent.mkdir(exist_ok=True)
            if target.is_symlink() or target.exists():
                target.rename(old)
            fresh.rename(target)

    @cached_property
    def _limits(self) -> Any:
        """nbgrader's own settings: which files are left out, and how large it all may be."""
        from nbgrader.coursedir import CourseDirectory

        from autograder.record.settings import nbgrader_settings

        return CourseDirectory(config=nbgrader_settings(self.course.root))

    def _owner(self, one: Handed) -> str:
        try:
            owner = pwd.getpwuid((self.path / one.folder).lstat().st_uid).pw_name
        except (OSError, KeyError):
            return ""
        return "" if owner == one.student else owner

    def _doubt(self, folder: str, why: str) -> None:
        """Say it once, as long as the folder is there."""
        if folder not in self._told:
            self._told.add(folder)
            self.doubts.append(f"{folder} is not collected: {why}.")


class _Changing(Exception):
    """It is another folder than it was a moment ago."""


@dataclass
class _Copy:
    """Copies regular files, with their times, by descriptors: whatever their owner does meanwhile,
    no link leads out of the folder."""

    limits: Any
    _copied: int = 0

    def folder(self, handle: int, target: Path, depth: int = 1) -> None:
        target.mkdir()
        for name in sorted(os.listdir(handle)):
            if any(fnmatch.fnmatch(name, one) for one in self.limits.ignore):
                continue
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            seen = os.stat(name, dir_fd=handle, follow_symlinks=False)
            if not (stat.S_ISREG(seen.st_mode) or stat.S_ISDIR(seen.st_mode)):
                continue
            inside = os.open(name, flags, dir_fd=handle)
            try:
                seen = os.fstat(inside)
                if stat.S_ISDIR(seen.st_mode) and depth < DEPTH:
                    self.folder(inside, target / name, depth + 1)
                elif stat.S_ISREG(seen.st_mode) and self._is_wanted(name, seen.st_size):
                    self._file(inside, target / name, seen)
            finally:
                os.close(inside)

    def _is_wanted(self, name: str, size: int) -> bool:
        included = self.limits.include
        if included and not any(fnmatch.fnmatch(name, one) for one in included):
            return False
        return size <= float(self.limits.max_file_size) * 1000

    def _file(self, handle: int, target: Path, seen: os.stat_result) -> None:
        self._copied += seen.st_size
        if self._copied > self.limits.max_dir_size * 1000:
            raise ValueError(f"its files have more than {self.limits.max_dir_size} kB")
        with target.open("wb") as file:
            left = seen.st_size
            while left > 0 and (part := os.read(handle, min(left, 1 << 20))):
                left -= file.write(part)
        os.utime(target, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def _has_text(path: Path) -> bool:
    seen = path.lstat() if path.exists() else None
    return seen is not None and stat.S_ISREG(seen.st_mode) and seen.st_size > 0


@dataclass(frozen=True)
class Outbox:
    """The folder ``path`` (an exchange's ``feedback/``) of one course."""

    course: Course
    path: Path

    def sweep(self) -> None:
        """Remove what a killed service left half copied."""
        remove_abandoned(self.path)

    def has(self, student: str, name: str) -> bool:
        """Whether pages of what ``student`` handed in for assignment ``name`` were released."""
        return any(target.exists() for _, target in self._pages(student, name))

    def release(self, student: str, name: str) -> int:
        """Put the student's pages where `nbgrader fetch_feedback` finds them; how many there are.

        None, where the notebook did not come through the exchange. ``MachineError`` where the
        exchange is not there or may not be written to.
        """
        pages = self._pages(student, name)
        try:
            if pages and not self.path.is_dir():
                if not self.path.parent.parent.is_dir():
                    raise MachineError(f"there is no exchange {self.path.parent.parent}.")
                self.path.mkdir(parents=True)
                self.path.chmod(FOLDER_MODE)
            for page, target in pages:
                with written(target, 0o644) as file:
                    file.write(page.read_bytes())
        except OSError as error:
            raise MachineError(
                f"feedback for {student} cannot be released: {error.filename}: {error.strerror}."
            ) from error
        return len(pages)

    def _pages(self, student: str, name: str) -> list[tuple[Path, Path]]:
        """The pages and where they go: only who knows the submission's secret can find that out."""
        from nbgrader.utils import notebook_hash

        folder = self.course.root / "feedback" / student / name
        try:
            secret = (folder / SECRET).read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            return []
        if not secret:
            return []
        return [
            (page, self.path / f"{notebook_hash(secret=secret, notebook_id=page.stem)}.html")
            for page in sorted(folder.glob("*.html"))
        ]
