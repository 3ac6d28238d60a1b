"""The course as it is now: its config and texts may change at any moment, its grader stays warm."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.basis import code_digest
from autograder.config import CONFIG_NAME
from autograder.course import Course
from autograder.errors import AuthorError, MachineError
from autograder.exam import Options
from autograder.grading import Grader

if TYPE_CHECKING:
    from autograder.record.feedback import Pages

__all__ = ["Current", "Upgraded"]

Mark = tuple[object, ...]


class Upgraded(MachineError):
    """Our own code is another one on the disk: reports would say that it made them."""


@dataclass
class Current:
    """The course at ``root``; of its assignments those ``asked`` for, or all.

    ``wrong`` is the sentence on what cannot be right in the config; as long as there is one, the
    course is what it was before. ``AuthorError`` only when it is made.
    """

    root: Path
    asked: tuple[str, ...]
    options: Options
    notice: Callable[[str], None]
    wrong: str = ""
    _grader: Grader | None = None
    _pages: Pages | None = None
    _config: Mark = ()
    _texts: dict[str, Mark] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._code = code_digest()
        self._config = self._config_mark()
        self.course = self._read()
        self._texts = {name: self._text_mark(name) for name in self.names}

    def refuse_upgrade(self) -> None:
        """``Upgraded`` if another version has been installed since we began."""
        if code_digest() != self._code:
            raise Upgraded("the autograder has been changed on the disk; start again to use it.")

    @property
    def names(self) -> tuple[str, ...]:
        """The assignments that are watched."""
        return self.asked or tuple(self.course.config.assignments)

    def refresh(self) -> tuple[bool, list[str]]:
        """Look for changes: whether the config is another one (right or ``wrong``), and the
        assignments whose results may have changed by that or by their own files."""
        config = self._config_mark()
        is_new = config != self._config
        if is_new:
            self._config = config
            try:
                course = self._read()
            except AuthorError as error:
                self.wrong = str(error)
                return True, []
            self.wrong = ""
            if course.config.sandbox != self.course.config.sandbox:
                self.close()
            self.course, self._pages = course, None
        texts = {name: self._text_mark(name) for name in self.names}
        before, self._texts = self._texts, texts
        changed = [name for name, mark in texts.items() if is_new or before.get(name) != mark]
        return is_new, changed

    def grader(self, students: tuple[str, ...] = ()) -> Grader:
        """The grader, warm if it was used before; it grades ``students`` next."""
        if self._grader is None:
            self._grader = Grader(self.course, self.options, self.names, keeps=True)
        grader = self._grader
        grader.course, grader.names, grader.notice = self.course, self.names, self.notice
        grader.options = replace(self.options, students=students)
        grader.recorded.clear()
        grader.before.clear()
        return grader

    @property
    def pages(self) -> Pages:
        """What makes feedback pages, warm if it was used before."""
        from autograder.record.feedback import Pages

        self._pages = self._pages or Pages(self.course)
        return self._pages

    def close(self) -> None:
        """End the grader and its sandbox; the next one begins anew."""
        grader, self._grader = self._grader, None
        if grader is not None:
            grader.__exit__()

    def _read(self) -> Course:
        course = Course.at(self.root)
        for name in self.asked:
            if name not in course.config.assignments:
                known = ", ".join(course.config.assignments)
                raise AuthorError(f"there is no assignment {name!r} in {CONFIG_NAME}: {known}.")
        return course

    def _config_mark(self) -> Mark:
        return _mark(self.root / CONFIG_NAME)

    def _text_mark(self, name: str) -> Mark:
        """Of all that the results of an assignment rest on, but for the proof, which `verify`
        writes there."""
        found = []
        with suppress(OSError), os.scandir(self.course.root / "solutions" / name) as entries:
            found = [
                _mark(Path(one.path))
                for one in entries
                if one.is_file() and not one.name.startswith((".", "proof_"))
            ]
        return tuple(sorted(found, key=str))


def _mark(path: Path) -> Mark:
    """What the file system tells of a file; another one after every change."""
    try:
        seen = path.stat()
    except OSError as error:
        return path.name, error.errno
    return path.name, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns
