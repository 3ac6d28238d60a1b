"""See what lies in ``submitted/`` and what of it has arrived; reads no submission.

By looking again and again at what the file system tells of the files: that works on network file
systems too, which tell nobody of what other machines write.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from autograder.course import Course, can_be_graded
from autograder.watch.queue import Kind, Waiting

__all__ = ["Arrivals", "Folder", "look_at"]

MAX_ENTRIES = 20_000
UNREADABLE = (errno.EACCES, errno.EPERM)
LONG_AGO = 5.0
"""Seconds without a change after which what lies there when we begin is complete."""

File = tuple[str, int, int, int, int]
Pair = tuple[str, str]


@dataclass(frozen=True)
class Folder:
    """What the file system tells of a folder: a mark that is another one after every change of its
    files, when the last thing was changed (its clock's seconds), and whether it was put in place as
    a whole, by renaming."""

    mark: int
    changed: float
    whole: bool = False


def look_at(path: Path, notebook: str = "") -> Folder | None:
    """The folder at ``path`` as it is now; ``None`` if there is none.

    ``whole`` only where it has the file ``notebook``, or any if none is named.
    """
    try:
        own = path.lstat()
        if stat.S_ISLNK(own.st_mode):  # it is graded as missing; it leads nowhere
            return Folder(hash(own.st_ino), own.st_ctime)
        if not stat.S_ISDIR(own.st_mode):
            return None
        files = _files(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno not in UNREADABLE:
            raise
        return Folder(hash(error.errno), 0.0)
    newest = max((one[4] for one in files), default=0)
    # Making a file in a folder sets both of its times; moving the folder sets only the second.
    moved = own.st_ctime_ns > own.st_mtime_ns and own.st_ctime_ns >= newest
    present = any(one[0] == notebook or not notebook for one in files)
    changed = max(newest, own.st_ctime_ns) / 1e9
    return Folder(hash(tuple(files)), changed, moved and present)


def _files(folder: Path) -> list[File]:
    """Name, inode, size and times of all regular files below ``folder``, within bounds."""
    found: list[File] = []
    folders, left = [""], MAX_ENTRIES
    while folders and left > 0:
        inside = folders.pop()
        with os.scandir(folder / inside) as entries:
            for entry in entries:
                left -= 1
                if left < 0:
                    break
                name = f"{inside}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != ".ipynb_checkpoints":
                        folders.append(f"{name}/")
                elif entry.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        seen = entry.stat(follow_symlinks=False)
                        times = seen.st_mtime_ns, seen.st_ctime_ns
                        found.append((name, seen.st_ino, seen.st_size, *times))
    return sorted(found)


@dataclass
class Arrivals:
    """What has arrived for the assignments ``names`` since the last look.

    A submission has arrived when it was put in place as a whole, or is at one look what it was at
    the one before, ``settle`` seconds ago or more.
    """

    course: Course
    names: Sequence[str]
    settle: float
    _seen: dict[Pair, int] = field(default_factory=dict)
    _unsettled: dict[Pair, tuple[int, float, float]] = field(default_factory=dict)
    _last: float | None = None

    def look(
        self, now: float, today: float, placed: Collection[Pair] = ()
    ) -> tuple[list[Waiting], list[Pair]]:
        """What has arrived, oldest first, and what is gone. ``now`` is a clock that only goes
        forward, ``today`` the file system's; both in seconds. What we have ``placed`` is whole."""
        arrived, present = [], set()
        # Of a plain assignment's notebooks any may be the one.
        files = {one: "" if self.course.is_plain(one) else f"{one}.ipynb" for one in self.names}
        for student in self._students():
            for name, notebook in files.items():
                try:
                    folder = look_at(self.course.submitted(student, name), notebook)
                except OSError:
                    # The file system stumbles: what we knew of it is still what we know.
                    present.add((student, name))
                    continue
                if folder is not None:
                    present.add((student, name))
                    pair = student, name
                    whole = replace(folder, whole=folder.whole or pair in placed)
                    arrived += self._told(pair, whole, now, today)
        gone = [pair for pair in self._seen if pair not in present]
        for pair in gone:
            del self._seen[pair]
        for pair in [one for one in self._unsettled if one not in present]:
            del self._unsettled[pair]
        self._last = now
        return sorted(arrived, key=lambda one: one.since), gone

    @property
    def unsettled(self) -> bool:
        """Whether something is there that may not be complete yet."""
        return bool(self._unsettled)

    @property
    def known(self) -> Iterable[Pair]:
        """All that have arrived and are still there."""
        return tuple(self._seen)

    def _students(self) -> list[str]:
        folder = self.course.root / "submitted"
        if not folder.is_dir():
            return []
        with os.scandir(folder) as entries:
            names = [one.name for one in entries if one.is_dir()]
        return [one for one in names if not one.startswith(".") and can_be_graded(one)]

    def _told(self, pair: Pair, folder: Folder, now: float, today: float) -> list[Waiting]:
        known = self._seen.get(pair)
        if known == folder.mark:
            self._unsettled.pop(pair, None)
            return []
        age = max(today - folder.changed, 0.0)
        earliest = now - age if self._last is None else max(now - age, self._last)
        mark, since, first = self._unsettled.get(pair, (None, now, min(earliest, now)))
        if mark != folder.mark:
            since, first = now, min(earliest, now)
        old = self._last is None and age >= LONG_AGO
        if not (old or folder.whole or (mark == folder.mark and now - since >= self.settle)):
            self._unsettled[pair] = folder.mark, since, first
            return []
        self._unsettled.pop(pair, None)
        self._seen[pair] = folder.mark
        return [Waiting(*pair, first, self._kind(pair, known, folder))]

    def _kind(self, pair: Pair, known: int | None, folder: Folder) -> Kind:
        if known is not None:
            return Kind.ARRIVED
        with suppress(OSError):
            if self.course.report_path(*pair).stat().st_mtime > folder.changed:
                return Kind.AGAIN
        return Kind.FOUND if self._last is None else Kind.ARRIVED
