"""Courses full of generated submissions: whole examples, each copy made different."""

from __future__ import annotations

import itertools
import os
import platform
import re
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat

from autograder.course import Course
from autograder.submission import read_submission

__all__ = ["ROOT", "add_assignment", "hand_in", "machine", "make_course"]

ROOT = Path(__file__).resolve().parent.parent
UNSUITED = {"hugo", "lola"}
"""One hands in a notebook that cannot be read, one a loop without end."""


def make_course(folder: Path, assignment: str, count: int, *, db_url: str | None = None) -> None:
    """A course in ``folder`` with ``count`` submissions of ``assignment``."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "solutions" / assignment, folder / "solutions" / assignment)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    head = f"db_url: {db_url}\n" if db_url else ""
    (folder / "grading_config.yaml").write_text(f"{head}assignments:\n  {assignment}:\n")
    hand_in(folder, assignment, range(count))


def add_assignment(folder: Path, assignment: str) -> None:
    """One more assignment for the course in ``folder``."""
    shutil.copytree(ROOT / "solutions" / assignment, folder / "solutions" / assignment)
    with (folder / "grading_config.yaml").open("a", encoding="utf-8") as config:
        config.write(f"  {assignment}:\n")


def hand_in(folder: Path, assignment: str, numbers: range) -> None:
    """Put the submissions with these numbers into ``submitted/``."""
    folders = sorted((ROOT / "examples").glob(f"*/{assignment}"))
    chosen = [
        nbformat.read(one / f"{assignment}.ipynb", 4)
        for one in folders
        if one.parent.name not in UNSUITED and _is_whole(one, assignment)
    ]
    places = [
        [
            number
            for number, cell in enumerate(notebook.cells)
            if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("solution")
        ]
        for notebook in chosen
    ]
    for number, (notebook, cells) in zip(
        numbers,
        itertools.islice(itertools.cycle(zip(chosen, places, strict=True)), numbers.start, None),
        strict=False,
    ):
        for place in cells:
            text = re.sub(r"\A# entrega \d+\n", "", notebook.cells[place].source)
            notebook.cells[place].source = f"# entrega {number}\n{text}"
        target = folder / "submitted" / f"student{number:05}" / assignment
        target.mkdir(parents=True)
        nbformat.write(notebook, target / f"{assignment}.ipynb")


def _is_whole(folder: Path, assignment: str) -> bool:
    """Whether none of its cells is missing, doubled or retyped: nbgrader gives up on those, which
    takes it no time, and on all that come after some of them."""
    known = Course.at(ROOT).assignment(assignment)
    submission = read_submission(folder, folder.parent.name, known)
    if submission.damage or submission.unreadable or submission.fault:
        return False
    notebook = nbformat.read(folder / f"{assignment}.ipynb", 4)
    marks = [cell.metadata.nbgrader for cell in notebook.cells if "nbgrader" in cell.metadata]
    ids = [one.get("grade_id") for one in marks]
    return len(ids) == len(set(ids)) and all(one.get("schema_version") == 3 for one in marks)


def machine() -> dict[str, Any]:
    """What the numbers were taken on."""
    names = [
        line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return {
        "cores": os.cpu_count(),
        "processor": names[0].partition(": ")[2] if names else platform.machine(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("torch", "nbgrader", "pytest")},
    }
