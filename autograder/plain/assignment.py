"""One assignment of plain nbgrader's, and what a student handed in for it.

Knows no nbgrader: what its converter makes of the sources comes in as notebooks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nbformat import NotebookNode

from autograder.assignment import Assignment, source_cells
from autograder.errors import AuthorError
from autograder.submission import Submission, read_submission

__all__ = [
    "PlainAssignment",
    "PlainNotebook",
    "grade_id",
    "mark_of",
    "plain_assignment",
    "points_of",
    "read_plain",
    "without_exercises",
]

LANGUAGES = {"", "python", "ipython", "python3"}
NOTHING: Mapping[str, bytes] = MappingProxyType({})


@dataclass(frozen=True)
class PlainNotebook:
    """One notebook of such an assignment.

    ``source`` has the cells as the tests need them, hidden tests included. ``stubs`` are what
    releases have in the cells that students answer, by nbgrader id: ours, and the one that
    nbgrader makes where nobody has told it to write other words.
    """

    name: str
    source: Assignment
    stubs: Mapping[str, tuple[str, ...]]

    def is_untouched(self, cell: NotebookNode) -> bool:
        """Whether ``cell``, an answer, is as it was released."""
        return cell.source in self.stubs.get(grade_id(cell), ())

    @property
    def graded(self) -> list[NotebookNode]:
        """The cells that carry points, those graded by hand included, in order."""
        return [cell for cell in self.source.notebook.cells if _is_graded(cell)]

    @property
    def max_score(self) -> float:
        return sum(map(points_of, self.graded))


@dataclass(frozen=True)
class PlainAssignment:
    """Notebooks without checks of ours, and the files that lie beside them for every student.

    ``texts`` are what they are graded by, by file name: the sources, and what nbgrader makes of
    them.
    """

    name: str
    folder: Path
    notebooks: tuple[PlainNotebook, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    texts: Mapping[str, bytes] = field(default_factory=dict)

    @cached_property
    def max_score(self) -> float:
        return sum(one.max_score for one in self.notebooks)

    def label(self, notebook: str, cell: str) -> str:
        """A cell's name among those of the whole assignment."""
        return cell if len(self.notebooks) == 1 else f"{notebook}/{cell}"

    def placed(self, part: Submission) -> Submission:
        """``part`` with the files that are every student's, in place of own ones of their names."""
        return replace(part, files={**part.files, **self.files})


def plain_assignment(
    folder: Path,
    made: Mapping[str, Sequence[NotebookNode]],
    files: Mapping[str, bytes] = NOTHING,
    texts: Mapping[str, bytes] = NOTHING,
) -> PlainAssignment:
    """The assignment in ``folder``, from what nbgrader makes of each of its notebooks: the one
    whose cells it saves, and releases. ``AuthorError`` for what cannot be graded here."""
    notebooks = []
    for name, (saved, *releases) in sorted(made.items()):
        path = folder / f"{name}.ipynb"
        _refuse_language(path, saved)
        cells = {
            cell.id: cell
            for cell in source_cells(path, saved).values()
            if _is_marked(saved.cells[cell.index])
        }
        source = Assignment(folder.name, folder, saved, cells, (), retypes=True)
        stubs: dict[str, tuple[str, ...]] = {}
        for cell in (cell for released in releases for cell in released.cells):
            if grade_id(cell) and mark_of(cell).get("solution"):
                stubs[grade_id(cell)] = (*stubs.get(grade_id(cell), ()), cell.source)
        notebooks.append(PlainNotebook(name, source, stubs))
    assignment = PlainAssignment(folder.name, folder, tuple(notebooks), files, texts)
    if not any(one.graded for one in notebooks):
        raise AuthorError(
            f"{folder}: no checks of ours (test_{folder.name}.py), and no grade cell in any "
            "notebook: there is nothing to grade by."
        )
    return assignment


def _refuse_language(path: Path, notebook: NotebookNode) -> None:
    spec = notebook.metadata.get("kernelspec", {})
    info = notebook.metadata.get("language_info", {})
    language = str(spec.get("language") or info.get("name") or "").lower()
    if language not in LANGUAGES or (not language and spec.get("name") in ("ir", "julia")):
        raise AuthorError(
            f"{path}: written for the kernel {spec.get('name', language)!r}; only notebooks in "
            "Python are graded here."
        )


def read_plain(folder: Path, student: str, notebook: PlainNotebook) -> Submission:
    """What ``student`` handed in for ``notebook``, with the cells of the source's.

    Answers of another cell type get theirs back, as nbgrader does it.
    """
    read = read_submission(folder, student, notebook.source, f"{notebook.name}.ipynb")
    return without_exercises(read)


def without_exercises(submission: Submission) -> Submission:
    """The same with no cell that is an exercise of ours: nothing is read of its names."""
    cells = tuple(replace(cell, exercise=None) for cell in submission.cells)
    return replace(submission, cells=cells)


def grade_id(cell: NotebookNode) -> str:
    """The cell's nbgrader id; empty if it has none."""
    return str(mark_of(cell).get("grade_id") or "")


def mark_of(cell: NotebookNode) -> Mapping[str, Any]:
    """What nbgrader notes of the cell."""
    mark: Mapping[str, Any] = cell.metadata.get("nbgrader") or {}
    return mark


def _is_marked(cell: NotebookNode) -> bool:
    """Whether nbgrader knows the cell for anything."""
    return any(mark_of(cell).get(key) for key in ("grade", "solution", "locked", "task"))


def _is_graded(cell: NotebookNode) -> bool:
    mark = mark_of(cell)
    return bool(grade_id(cell)) and bool(mark.get("grade") or mark.get("task"))


def points_of(cell: NotebookNode) -> float:
    """The points that the cell carries."""
    return float(mark_of(cell).get("points") or 0)
