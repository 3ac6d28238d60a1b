"""What of the hidden side shows in a release: solutions, checks, probes, misconceptions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from nbformat import NotebookNode

from autograder.assignment import Assignment

__all__ = ["leaks", "regions"]

LONG_ENOUGH = 25
"""Shorter lines of a check may stand in a statement by chance."""


def leaks(assignment: Assignment, released: NotebookNode) -> Iterator[str]:
    """One sentence for everything hidden that the released notebook shows."""
    own = {
        cell.metadata.get("nbgrader", {}).get("grade_id"): cell.source for cell in released.cells
    }
    everything = " ".join(" ".join(cell.source.split()) for cell in released.cells)
    for known in assignment.cells.values():
        source = assignment.notebook.cells[known.index].source
        left = {line.strip() for line in own.get(known.id, "").split("\n")}
        for region in regions(source):
            shown = [line.strip() for line in region if line.strip() and line.strip() in left]
            if shown:
                yield f"{known.id}: the solution's line {shown[0]!r} is in its released cell."
            words = " ".join(" ".join(region).split())
            if words and words in everything:
                yield f"{known.id}: the whole solution stands in the release."
    text = json.dumps([cell.source for cell in released.cells], ensure_ascii=False)
    for path in (assignment.checks_path, assignment.probes_path, assignment.misconceptions_path):
        for line in path.read_text(encoding="utf-8").split("\n") if path.exists() else ():
            if (
                _is_telling(line.strip())
                and json.dumps(line.strip(), ensure_ascii=False)[1:-1] in text
            ):
                yield f"{path.name}: its line {line.strip()!r} is in the release."


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
