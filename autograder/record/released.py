"""What students are given of an assignment, as it is made now; kept, for nbgrader is slow at it."""

from __future__ import annotations

import contextlib
import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import nbformat

from autograder.assignment import Assignment
from autograder.basis import code_digest
from autograder.course import Course
from autograder.sandbox.temporary import TemporaryFolder, written

__all__ = ["released_notebook"]

MAKERS = ("nbgrader", "nbconvert", "nbformat")


def released_notebook(course: Course, assignment: Assignment) -> nbformat.NotebookNode:
    """The release of ``assignment`` as its source, the config and nbgrader make it now.

    ``AuthorError`` with the first thing that nbgrader complains about.
    """
    path = course.state / f"released_{assignment.name}.json"
    made_from = _digest(course, assignment)
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["made_from"] == made_from:
            return nbformat.from_dict(kept["notebook"])
    notebook = _made(course, assignment)
    text = json.dumps({"made_from": made_from, "notebook": notebook}, ensure_ascii=False)
    # Whoever cannot keep it makes it again.
    with contextlib.suppress(OSError), written(path, 0o644) as file:
        file.write(text.encode())
    return notebook


def _digest(course: Course, assignment: Assignment) -> str:
    """Hash of all that the release depends on."""
    parts = [
        nbformat.writes(assignment.notebook),
        course.config.model_dump_json(),
        code_digest(),
        *(version(one) for one in MAKERS),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _made(course: Course, assignment: Assignment) -> nbformat.NotebookNode:
    from autograder.record.release import generate

    with TemporaryFolder() as made:
        generate(course, assignment, made.path)
        path: Path = made.path / assignment.name / f"{assignment.name}.ipynb"
        return nbformat.read(path, as_version=4)
