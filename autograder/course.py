"""Where a course keeps things: its folders, its secret key, the submissions that wait in it.

Imports nothing slow: with it a command learns whether there is anything to be graded.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.config import Assignment as Policy
from autograder.config import Config, load_config
from autograder.errors import AuthorError, MachineError
from autograder.sandbox.temporary import TemporaryFolder, written

if TYPE_CHECKING:
    from autograder.assignment import Assignment

__all__ = ["ODD_FOLDER", "Course", "Key", "can_be_graded"]

KEY_BYTES = 32
MAX_SCANNED = 4 * 2**20
MAX_ID_BYTES = 200
# nbgrader's globs; markup, which its formgrader shows as it is; control characters; ends of lines
# and changes of direction; what is not UTF-8.
ODD_CHARACTERS = re.compile(r"[*?<>\[\]\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
ODD_FOLDER = (
    f"a student's folder has a name of at most {MAX_ID_BYTES} bytes in UTF-8, without * ? < > [ ], "
    "control characters or spaces at its ends; rename it"
)
ROSTER_FIELDS = ("first_name", "last_name", "email", "lms_user_id")


@dataclass(frozen=True)
class Key:
    """The course's secret: what later trials shift seeds by, and what probes draw, follow from it.

    It never leaves the trusted side; reports name it by ``id``.
    """

    secret: bytes

    @property
    def id(self) -> str:
        return hashlib.sha256(b"id" + self.secret).hexdigest()[:8]

    def shift(self, trial: int) -> int:
        """What is added to every seed in ``trial``: 0 in trial 0, else 1 to 2**31."""
        return 0 if trial == 0 else 1 + int.from_bytes(self._derive(f"shift/{trial}")[:4]) // 2

    def draws(self, trial: int) -> str:
        """The key of the random inputs that probes make in ``trial``."""
        return self._derive(f"draws/{trial}").hex()

    def _derive(self, purpose: str) -> bytes:
        return hmac.digest(self.secret, purpose.encode(), "sha256")


@dataclass(frozen=True)
class Course:
    """A course's folder, as nbgrader lays it out, and ours in ``.autograder``."""

    root: Path
    config: Config

    @classmethod
    def at(cls, root: Path) -> Course:
        root = root.resolve()
        return cls(root, load_config(root))

    @property
    def state(self) -> Path:
        return self.root / ".autograder"

    @property
    def observations(self) -> Path:
        return self.state / "observations"

    @property
    def history(self) -> Path:
        return self.state / "history"

    def policy(self, name: str) -> Policy:
        return self.config.assignments[name]

    def released(self, name: str) -> Path:
        return self.root / "assignments" / name / f"{name}.ipynb"

    def submitted(self, student: str, name: str) -> Path:
        return self.root / "submitted" / student / name

    def autograded(self, student: str, name: str) -> Path:
        return self.root / "autograded" / student / name

    def report_path(self, student: str, name: str) -> Path:
        return self.state / "reports" / name / f"{student}.json"

    @property
    def db_url(self) -> str:
        """The gradebook's URL, a relative SQLite path taken from the course's folder.

        For PostgreSQL it names a driver that is there: SQLAlchemy 2.0 and 2.1 take different ones
        where none is named.
        """
        prefix = "sqlite:///"
        url = self.config.db_url
        server, separator, rest = url.partition("://")
        if separator and server in ("postgresql", "postgres"):
            third_is_all = find_spec("psycopg2") is None and find_spec("psycopg") is not None
            return f"postgresql+{'psycopg' if third_is_all else 'psycopg2'}://{rest}"
        if url.startswith(prefix) and not url.startswith(prefix + "/"):
            return f"{prefix}{self.root / url.removeprefix(prefix)}"
        return url

    def assignment(self, name: str) -> Assignment:
        from autograder.assignment import load_assignment

        if name not in self.config.assignments:
            known = ", ".join(self.config.assignments)
            raise AuthorError(f"there is no assignment {name!r} in grading_config.yaml: {known}.")
        return load_assignment(self.root / "solutions" / name)

    def is_plain(self, name: str) -> bool:
        """Whether assignment ``name`` has no checks of ours: its own test cells grade it."""
        from autograder.assignment import is_plain

        return name in self.config.assignments and is_plain(self.root / "solutions" / name)

    def students(self, name: str) -> list[str]:
        """Who handed in something for assignment ``name``, in alphabetical order."""
        return [one for one in self._handed_in(name) if can_be_graded(one)]

    def has_new(self, name: str) -> bool:
        """Whether somebody who handed in something for ``name`` has no report."""
        return any(not self.report_path(one, name).exists() for one in self.students(name))

    def odd_folders(self, name: str) -> list[str]:
        """Folders of submissions for ``name`` that no student can have: see ``ODD_FOLDER``."""
        return [one for one in self._handed_in(name) if not can_be_graded(one)]

    def _handed_in(self, name: str) -> list[str]:
        folder = self.root / "submitted"
        return sorted(
            entry.name
            for entry in (folder.iterdir() if folder.is_dir() else ())
            if not entry.name.startswith(".") and _is_folder(entry / name)
        )

    def submitted_texts(self, name: str) -> Iterator[bytes]:
        """The bytes of the notebooks that were handed in for ``name``, unless they are huge."""
        plain = self.is_plain(name)
        for student in self.students(name):
            with contextlib.suppress(OSError):  # whoever reads it for good will say so
                folder = self.submitted(student, name)
                own = folder / f"{name}.ipynb"
                for path in folder.glob("*.ipynb") if plain else [own]:
                    if (
                        path.is_file()
                        and not path.is_symlink()
                        and path.stat().st_size < MAX_SCANNED
                    ):
                        yield path.read_bytes()

    def roster(self) -> dict[str, dict[str, str]]:
        """The students of ``students.csv`` (nbgrader's form: ``id`` and more), if there is one."""
        path = self.root / "students.csv"
        if not path.exists():
            return {}
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                rows = list(csv.DictReader(file))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise AuthorError(f"{path}: cannot be read as CSV in UTF-8 ({error}).") from None
        found: dict[str, dict[str, str]] = {}
        for number, row in enumerate(rows, 2):
            id = (row.get("id") or "").strip()
            if not id:
                raise AuthorError(f"{path}:{number}: no student id; the first line names an 'id'.")
            found[id] = {field: row[field] for field in ROSTER_FIELDS if row.get(field)}
        return found

    @cached_property
    def key(self) -> Key:
        """The course's secret key; made on first use, readable by its owner alone."""
        path = self.state / "key"
        try:
            return _read_key(path)
        except FileNotFoundError:
            pass
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFolder(path.parent) as folder:
            made = folder.path / "key"
            with written(made) as file:
                file.write(secrets.token_hex(KEY_BYTES).encode())
            # A link, not a rename: of two graders that start at once, the first one's key stays.
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(made)
        return _read_key(path)


def can_be_graded(student: str) -> bool:
    """Whether a folder's name can be an id: in files, in the gradebook and in nbgrader's globs."""
    return (
        not ODD_CHARACTERS.search(student)
        and student == student.strip()
        and len(student.encode()) <= MAX_ID_BYTES
    )


def _is_folder(path: Path) -> bool:
    """Also of what nobody may look into: whoever reads it will say so."""
    try:
        return path.is_dir()
    except PermissionError:
        return True


def _read_key(path: Path) -> Key:
    """``MachineError`` for a key that is short: what follows from it could be guessed."""
    try:
        secret = bytes.fromhex(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise MachineError(f"{path}: the course's key cannot be read ({error}).") from None
    if len(secret) < KEY_BYTES:
        raise MachineError(
            f"{path}: the course's key has {len(secret)} bytes instead of {KEY_BYTES}; put back "
            "the file from a copy, or remove it to begin with another key."
        )
    return Key(secret)
