"""What of the hidden side shows in a release: solutions, checks, probes, misconceptions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from nbformat import NotebookNode

from autograder.assignment import Assignment, Exercise
from autograder.verify.cell import parse

__all__ = ["leaks", "regions"]

LONG_ENOUGH = 25
"""Shorter lines of a check may stand in a statement by chance."""


def leaks(assignment: Assignment, released: NotebookNode) -> Iterator[str]:
    """One sentence for everything hidden that the released notebook shows."""
    own = {
        cell.metadata.get("nbgrader", {}).get("grade_id"): cell.source for cell in released.cells
    }
    text = "\n".join(cell.source for cell in released.cells)
    words = " ".join(text.split())
    for known in assignment.cells.values():
        left = {line.strip() for line in own.get(known.id, "").split("\n")}
        for region in regions(assignment.notebook.cells[known.index].source):
            shown = [line.strip() for line in region if line.strip() and line.strip() in left]
            whole = " ".join(" ".join(region).split())
            if shown:
                yield f"{known.id}: the solution's line {shown[0]!r} is in its released cell."
            elif whole and whole in words:
                yield f"{known.id}: the whole solution stands in the release."
    for exercise in assignment.exercises:
        for line in _answers(exercise, own.get(exercise.id, "")):
            yield (
                f"{exercise.id}: the line {line!r} of its released cell makes what is asked for; "
                "does it belong in the solution region?"
            )
    for path in (assignment.checks_path, assignment.probes_path, assignment.misconceptions_path):
        for line in path.read_text(encoding="utf-8").split("\n") if path.exists() else ():
            if _is_telling(line.strip()) and line.strip() in text:
                yield f"{path.name}: its line {line.strip()!r} is in the release."


def _answers(exercise: Exercise, stub: str) -> Iterator[str]:
    """Assignments to names that are asked for; ``y = None`` or ``y = []`` only prepare the place.

    A function's header is given, so nothing is said of ``def``.
    """
    tree = parse(stub)
    for node in ast.walk(tree) if tree else ():
        match node:
            case ast.Assign(value=ast.Constant() | ast.List(elts=[])):
                continue
            case ast.Assign(targets=targets):
                named = {
                    part.id
                    for one in targets
                    for part in ast.walk(one)
                    if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
                }
                if named & exercise.names.keys():
                    yield ast.unparse(node)


def _is_telling(line: str) -> bool:
    is_import = line.startswith(("import ", "from "))
    return len(line) > LONG_ENOUGH and not is_import and bool(re.search("[a-z]{3}", line))


def regions(source: str) -> list[list[str]]:
    """The solution regions of a cell, as lists of lines."""
    found: list[list[str]] = []
    inside: list[str] | None = None
    for line in source.split("\n"):
        if "### BEGIN SOLUTION" in line:
            inside = []
        elif "### END SOLUTION" in line:
            found += [] if inside is None else [inside]
            inside = None
        elif inside is not None:
            inside.append(line)
    return found
