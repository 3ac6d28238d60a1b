"""Who is owed an answer, noted on the disk: a service that was killed between a grade and its
feedback goes on where it stopped."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Owed"]

Pair = tuple[str, str]


@dataclass(frozen=True)
class Owed:
    """An empty file a submission, ``<folder>/<assignment>/<student>``."""

    folder: Path

    def add(self, student: str, name: str) -> None:
        place = self.folder / name
        place.mkdir(parents=True, exist_ok=True)
        (place / student).touch()

    def has(self, student: str, name: str) -> bool:
        return (self.folder / name / student).exists()

    def settle(self, student: str, name: str) -> None:
        """The student has the answer, or took the submission back."""
        (self.folder / name / student).unlink(missing_ok=True)

    def all(self) -> list[Pair]:
        """Students and assignments, those that were noted first before the others."""
        found = []
        for path in self.folder.glob("*/*"):
            with suppress(OSError):
                found.append((path.stat().st_mtime_ns, path.name, path.parent.name))
        return [(student, name) for _, student, name in sorted(found)]
