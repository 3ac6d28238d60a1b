"""Where observations are kept: a file each, named by all that went into it.

The same inputs need not give the same bytes twice (clocks, students' own chance), and a result
names the bytes that it was judged from: those stay when a submission is observed anew.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from autograder.errors import MachineError

__all__ = ["content_of", "file_of", "find", "set_aside"]


def file_of(store: Path, digest: str) -> Path:
    """Where the observation of the inputs ``digest`` lies, or will lie."""
    return store / digest[:2] / f"{digest}.safetensors"


def content_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def set_aside(path: Path, content: str) -> None:
    """Keep the observation at ``path``, whose bytes are ``content``, when another one comes there.

    A link, so that at no moment there is none under either name.
    """
    with contextlib.suppress(FileExistsError):
        _aside(path, content).hardlink_to(path)


def find(store: Path, digest: str, content: str) -> Path:
    """The file of the observation ``digest`` that holds exactly the bytes ``content``.

    ``MachineError`` if there is none any more, or if what is there has other bytes.
    """
    path = file_of(store, digest)
    for one in (path, _aside(path, content)):
        if one.exists() and content_of(one) == content:
            return one
    if path.exists():
        raise MachineError(
            f"{path}: this is not the observation that was judged: its SHA-256 begins with "
            f"{content_of(path)[:12]} and that one's with {content[:12]}; put the file back from "
            "a copy."
        )
    raise MachineError(
        f"{path}: the observation that was judged is gone; put the file back from a copy."
    )


def _aside(path: Path, content: str) -> Path:
    return path.with_name(f"{path.stem}.{content}{path.suffix}")
