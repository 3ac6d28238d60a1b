"""What results rest on besides the submissions: kept by digest, so that it can be judged again.

Texts of the assignment as they were, its settings, the observations of reference and
misconceptions, versions. Nothing secret: the key is named by its id.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from autograder.assignment import Assignment
from autograder.errors import AuthorError, MachineError
from autograder.words import LOCALE

__all__ = [
    "CONVERTED",
    "Basis",
    "Kept",
    "Observations",
    "code_digest",
    "pairs",
    "refuse_changed",
    "sync_folder",
    "texts_of",
    "versions",
]

CONVERTED = "converted.json"
"""What nbgrader makes of an assignment without checks of ours: stands among its texts."""
Observations = tuple[tuple[str, str], ...]
"""Of each trial the name of its observation and the SHA-256 of the file."""


@dataclass(frozen=True)
class Basis:
    """What a batch of one assignment was judged by.

    ``files`` are the assignment's texts: their digests by file name. ``settings`` are the config's
    for the assignment. ``code`` is the hash of our own package. ``misconceptions`` are those that
    failed checks were compared with, by id in the order of their file.

    Of an assignment without checks of ours the texts are the notebooks, what nbgrader makes of
    them, and data that are named by their hash only.
    """

    files: Mapping[str, str]
    settings: Mapping[str, Any]
    language: str
    devices: tuple[str, ...]
    key: str
    isolation: str
    versions: Mapping[str, str]
    code: str
    reference: Observations
    misconceptions: Mapping[str, Observations]

    def text(self) -> bytes:
        return (json.dumps(asdict(self), indent=1) + "\n").encode()

    @classmethod
    def of(cls, text: bytes) -> Basis:
        """``MachineError`` for a text that no version like this one has written."""
        try:
            data = json.loads(text)
            return cls(
                dict(data["files"]),
                dict(data["settings"]),
                str(data["language"]),
                tuple(data["devices"]),
                str(data["key"]),
                str(data["isolation"]),
                dict(data["versions"]),
                str(data["code"]),
                pairs(data["reference"]),
                {id: pairs(seen) for id, seen in data["misconceptions"].items()},
            )
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise MachineError(
                "what a result rests on was written by another version and cannot be read "
                f"({type(error).__name__}: {error})."
            ) from error

    def observations(self) -> set[str]:
        """The SHA-256 of all files that it names."""
        seen = [self.reference, *self.misconceptions.values()]
        return {content for trials in seen for _, content in trials}


def pairs(data: Any) -> Observations:
    """Names and hashes as JSON has them."""
    return tuple((str(name), str(content)) for name, content in data)


def texts_of(assignment: Assignment) -> dict[str, bytes]:
    """The texts that an assignment is judged by, by file name: notebook, probes, checks (with all
    Python beside them, such as fixtures) and misconceptions."""
    named = (assignment.source_path, assignment.misconceptions_path)
    paths = {*assignment.folder.glob("*.py"), *(one for one in named if one.exists())}
    return {path.name: path.read_bytes() for path in sorted(paths)}


def refuse_changed(texts: Mapping[str, bytes], assignment: Assignment) -> None:
    """``AuthorError`` if the assignment's texts are no longer ``texts``: nobody could tell then
    which of them a result rests on."""
    now = texts_of(assignment)
    for name in sorted({*texts, *now}):
        if texts.get(name) != now.get(name):
            raise AuthorError(
                f"{assignment.folder / name}: changed while its submissions were graded; nothing "
                "was recorded: run `autograder grade` again."
            )


def code_digest() -> str:
    """Hash of our own package, its sentences included: a change of it judges again."""
    hashed = hashlib.sha256()
    for file in sorted([*Path(__file__).parent.rglob("*.py"), *LOCALE.rglob("*.mo")]):
        hashed.update(file.read_bytes())
    return hashed.hexdigest()


def versions() -> dict[str, str]:
    """Of the packages that judge and that run cells, besides those that the sandbox tells."""
    return {name: version(name) for name in ("autograder", "ipython")}


class Kept:
    """Texts by their digest, in one folder; a text that is there is never written again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: bytes) -> str:
        """Keep a text and give its SHA-256; it is on the disk when this returns."""
        digest = hashlib.sha256(data).hexdigest()
        path = self._folder / digest
        if path.exists():
            return digest
        temporary: Path | None = None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._folder, prefix=".kept-")
            temporary = Path(name)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
            sync_folder(self._folder)
        except OSError as error:
            if temporary is not None:
                temporary.unlink(missing_ok=True)
            raise MachineError(
                f"{path}: what results rest on cannot be kept ({error.strerror}); nothing was "
                "recorded."
            ) from error
        return digest

    def get(self, digest: str) -> bytes:
        """``MachineError`` if the text is gone, or is not what it was."""
        path = self._folder / digest
        try:
            data = path.read_bytes()
        except OSError as error:
            raise MachineError(
                f"{path}: what the result rests on is gone ({error.strerror}); put the file back "
                "from a copy."
            ) from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise MachineError(
                f"{path}: this is not what the result rests on: the file was changed; put it back "
                "from a copy."
            )
        return data

    def basis(self, digest: str) -> Basis:
        return Basis.of(self.get(digest))


def sync_folder(folder: Path) -> None:
    """Have the names of new files in ``folder`` on the disk, where its file system can do that."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
