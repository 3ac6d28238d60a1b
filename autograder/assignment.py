"""One assignment as its instructor wrote it: source notebook, exercises, probes, checks."""

from __future__ import annotations

import ast
import contextlib
import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import nbformat

from autograder.errors import AuthorError
from autograder.isolation import USES

__all__ = [
    "Assignment",
    "Exercise",
    "Name",
    "SourceCell",
    "hidden_files",
    "is_plain",
    "load_assignment",
    "source_cells",
]

KINDS = ("tensor", "array", "function", "list", "module", "object", "size", "dtype", "device")


@dataclass(frozen=True)
class Name:
    """A name that an exercise asks for, as the statement describes it."""

    name: str
    kind: str
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    parameters: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Exercise:
    """One graded task: a solution cell ``id`` and its grade cell ``<id>-check``.

    ``observe`` are names that are not asked for but read as well, because later exercises are
    judged from the values that this one leaves.
    """

    id: str
    points: float
    names: Mapping[str, Name]
    observe: tuple[str, ...]

    @property
    def check_cell(self) -> str:
        return f"{self.id}-check"


@dataclass(frozen=True)
class SourceCell:
    """A cell of the source notebook that nbgrader knows, and its place among all cells."""

    id: str
    index: int
    solution: bool
    grade: bool
    code: bool

    @property
    def exercise(self) -> bool:
        """Whether it is the solution cell of an exercise: an answer graded by hand is none."""
        return self.solution and self.code and not self.grade


@dataclass(frozen=True)
class Assignment:
    """A loaded assignment. ``notebook`` is the source with its solution regions.

    ``retypes``: an answer whose cell has another type is taken all the same.
    """

    name: str
    folder: Path
    notebook: nbformat.NotebookNode
    cells: Mapping[str, SourceCell]
    exercises: tuple[Exercise, ...]
    retypes: bool = False

    @property
    def source_path(self) -> Path:
        return self.folder / f"{self.name}.ipynb"

    @property
    def checks_path(self) -> Path:
        return self.folder / f"test_{self.name}.py"

    @property
    def probes_path(self) -> Path:
        return self.folder / f"probes_{self.name}.py"

    @property
    def misconceptions_path(self) -> Path:
        return self.folder / f"misconceptions_{self.name}.yaml"

    @property
    def proof_path(self) -> Path:
        return self.folder / f"proof_{self.name}.json"

    @cached_property
    def probes(self) -> str:
        """The text of the probes; empty where the assignment has none."""
        path = self.probes_path
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @cached_property
    def blanks(self) -> Mapping[str, nbformat.NotebookNode]:
        """The cells of the source by id, without outputs. Submissions share them: who changes one
        makes a copy."""
        blanks = {}
        for id, known in self.cells.items():
            cell = nbformat.NotebookNode(self.notebook.cells[known.index])
            if known.code:
                cell.outputs, cell.execution_count = [], None
            blanks[id] = cell
        return blanks

    @property
    def uses(self) -> set[str]:
        """Those of ``USES`` that its own code uses."""
        code = "\n".join(cell.source for cell in self.notebook.cells if cell.cell_type == "code")
        return {
            one for one, words in USES.items() if any(word in code + self.probes for word in words)
        }

    @property
    def max_score(self) -> float:
        return sum(exercise.points for exercise in self.exercises)

    def exercise(self, id: str) -> Exercise:
        return next(one for one in self.exercises if one.id == id)


def hidden_files(name: str) -> list[str]:
    """Base names beside an assignment's source that no student may get."""
    return [
        f"test_{name}.py",
        f"probes_{name}.py",
        f"misconceptions_{name}.yaml",
        f"proof_{name}.json",
    ]


def is_plain(folder: Path) -> bool:
    """Whether the assignment in ``folder`` (of ``solutions/``) has notebooks, but no checks of ours
    nor anything that only they would need."""
    if any((folder / file).exists() for file in hidden_files(folder.name)):
        return False
    return any(folder.glob("*.ipynb")) and not _asks_for_names(folder / f"{folder.name}.ipynb")


def _asks_for_names(path: Path) -> bool:
    """Whether the notebook says, as those with checks of ours do, which names exercises define."""
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        return any(cell["metadata"].get("autograder") for cell in cells)
    return False


def load_assignment(folder: Path) -> Assignment:
    """Read the assignment in ``solutions/<name>/``; ``AuthorError`` for what cannot be right."""
    name = folder.name
    path = folder / f"{name}.ipynb"
    if not path.exists():
        raise AuthorError(f"{path}: not found; the source notebook of an assignment has its name.")
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:
        raise AuthorError(f"{path}: not a notebook ({type(error).__name__}: {error}).") from None
    cells = source_cells(path, notebook)
    exercises = _exercises(path, notebook, cells)
    _examine_probes(folder / f"probes_{name}.py", [one.id for one in exercises])
    return Assignment(name, folder, notebook, cells, exercises)


def _examine_probes(path: Path, exercises: list[str]) -> None:
    """Probes run in the sandbox; what can be said of them before is said with file and line."""
    if not path.exists():
        return
    try:
        tree = _parsed(path.read_text(encoding="utf-8"), str(path))
    except SyntaxError as error:
        raise AuthorError(f"{path}:{error.lineno}: {error.msg}.") from None
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        for mark in function.decorator_list:
            if not (isinstance(mark, ast.Call) and getattr(mark.func, "id", "") == "probe"):
                continue
            named = mark.args[0] if mark.args else None
            if isinstance(named, ast.Constant) and named.value not in exercises:
                near = difflib.get_close_matches(str(named.value), exercises, n=1)
                hint = (
                    f"did you mean {near[0]!r}?" if near else f"there are {', '.join(exercises)}."
                )
                raise AuthorError(
                    f"{path}:{mark.lineno}: the probe {function.name!r} is of exercise "
                    f"{named.value!r}, which the notebook does not have; {hint}"
                )


@lru_cache(maxsize=16)
def _parsed(text: str, path: str) -> ast.Module:
    """Slow for long texts, which are asked for again with every batch."""
    return ast.parse(text, path)


def source_cells(path: Path, notebook: nbformat.NotebookNode) -> dict[str, SourceCell]:
    """The cells of a source notebook that have an nbgrader id, in order."""
    cells: dict[str, SourceCell] = {}
    for index, cell in enumerate(notebook.cells):
        marks = cell.metadata.get("nbgrader")
        if not marks:
            continue
        where = f"{path}: cell {index + 1}"
        id = _of(where, "the metadata 'nbgrader'", marks, dict).get("grade_id")
        if not id:
            continue
        _of(where, "the nbgrader id", id, str)
        if id in cells:
            raise AuthorError(
                f"{path}: cells {cells[id].index + 1} and {index + 1} are both called {id!r}; "
                "give one of them another nbgrader id."
            )
        solution, grade = bool(marks.get("solution")), bool(marks.get("grade"))
        cells[id] = SourceCell(id, index, solution, grade, cell.cell_type == "code")
    return cells


def _exercises(
    path: Path, notebook: nbformat.NotebookNode, cells: Mapping[str, SourceCell]
) -> tuple[Exercise, ...]:
    exercises = []
    for cell in cells.values():
        if not cell.exercise:
            continue
        check = cells.get(f"{cell.id}-check")
        if check is None or not check.grade or check.index < cell.index:
            raise AuthorError(
                f"{path}: cell {cell.index + 1}: the solution cell {cell.id!r} has no grade cell "
                f"'{cell.id}-check' behind it."
            )
        where = f"{path}: {cell.id}"
        points = notebook.cells[check.index].metadata.nbgrader.get("points", 0)
        ours = notebook.cells[cell.index].metadata.get("autograder", {})
        names = _of(where, "'autograder'", ours, dict).get("names", {})
        observe = _listed(where, "'observe'", ours.get("observe", []), str)
        exercises.append(
            Exercise(
                cell.id,
                float(_of(where, "the number of points", points, int, float)),
                {
                    name: _name(where, name, _of(where, repr(name), spec, dict))
                    for name, spec in _of(where, "'names'", names, dict).items()
                },
                observe,
            )
        )
    if not exercises:
        raise AuthorError(f"{path}: no exercise; mark solution and grade cells for nbgrader.")
    return tuple(exercises)


def _name(where: str, name: str, spec: Mapping[str, Any]) -> Name:
    kind = spec.get("kind")
    if kind not in KINDS:
        raise AuthorError(
            f"{where}: the kind of {name!r} is {json.dumps(kind)}; there are {', '.join(KINDS)}."
        )
    shape, parameters = spec.get("shape"), spec.get("parameters")
    return Name(
        name,
        kind,
        None if shape is None else _listed(where, f"the shape of {name!r}", shape, int),
        spec.get("dtype"),
        None
        if parameters is None
        else _listed(where, f"the parameters of {name!r}", parameters, str),
    )


def _of(where: str, what: str, value: Any, *kinds: type[Any]) -> Any:
    """``value`` of the notebook's metadata, if it is of one of ``kinds``."""
    if not isinstance(value, kinds) or isinstance(value, bool):
        nouns: dict[type[Any], str] = {dict: "an object", list: "a list", str: "a text"}
        raise AuthorError(
            f"{where}: {what} is {json.dumps(value)[:80]}, which is not "
            f"{nouns.get(kinds[0], 'a number')}."
        )
    return value


def _listed(where: str, what: str, value: Any, kind: type[Any]) -> tuple[Any, ...]:
    items = _of(where, what, value, list)
    return tuple(_of(where, f"a part of {what}", item, kind) for item in items)
