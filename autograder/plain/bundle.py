"""What one student handed in for an assignment of several notebooks, and what became of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nbformat import NotebookNode

from autograder.plain.assignment import grade_id, mark_of
from autograder.plain.marks import Handed, Mark
from autograder.submission import Submission

if TYPE_CHECKING:
    from autograder.observation import Observation
    from autograder.observe import Trial

__all__ = ["Bundle", "Marked"]


@dataclass(frozen=True)
class Bundle:
    """A submission for each of the assignment's notebooks, by name."""

    student: str
    parts: Mapping[str, Submission]

    @property
    def digest(self) -> str:
        """Hash of all that was handed in: what is not code, too, for people grade that."""
        hashed = hashlib.sha256()
        for name, part in sorted(self.parts.items()):
            cells = [[cell.cell_type, cell.source] for cell in part.notebook.cells]
            hashed.update(json.dumps([name, cells, part.digest]).encode())
        return hashed.hexdigest()

    @property
    def own_digest(self) -> str:
        """Hash of what is the student's of it, so that another test makes no other submission."""
        hashed = hashlib.sha256()
        for name, part in sorted(self.parts.items()):
            own = [[cell.cell_type, cell.source] for cell in part.notebook.cells if _is_own(cell)]
            hashed.update(json.dumps([name, own, part.unreadable]).encode())
            for file, content in sorted(part.files.items()):
                hashed.update(json.dumps([file, len(content)]).encode() + content)
        return hashed.hexdigest()

    @property
    def first(self) -> Submission:
        return next(iter(self.parts.values()))

    @property
    def timestamp(self) -> str | None:
        return self.first.timestamp

    @property
    def fault(self) -> str | None:
        """What kept us from reading it, which is not the student's."""
        return next((one.fault for one in self.parts.values() if one.fault), None)

    def has_changed(self) -> bool:
        """Whether its folder is another one than when it was read."""
        return any(one.has_changed() for one in self.parts.values())


def _is_own(cell: NotebookNode) -> bool:
    """Whether a student wrote the cell: neither is it the source's nor an answer put back."""
    return not grade_id(cell) or bool(mark_of(cell).get("solution") and cell.source)


@dataclass
class Marked:
    """A bundle that was observed and marked, by notebook; ``broken`` is what went wrong with us.

    Notebooks of which nothing was run have no trial.
    """

    bundle: Bundle
    trials: dict[str, Trial] = field(default_factory=dict)
    handed: dict[str, Handed] = field(default_factory=dict)
    marks: dict[str, list[Mark]] = field(default_factory=dict)
    broken: str | None = None

    def seen(self, notebook: str) -> Observation | None:
        """What was observed of ``notebook``."""
        return self.trials[notebook].load() if notebook in self.trials else None
