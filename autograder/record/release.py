"""Make the students' notebook from the source notebook, by nbgrader's own converter."""

from __future__ import annotations

import copy
import filecmp
import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import SaveCells
from traitlets.config import Config as Traits

from autograder.assignment import Assignment
from autograder.course import Course
from autograder.errors import AuthorError
from autograder.record.settings import nbgrader_settings
from autograder.sandbox.temporary import TemporaryFolder

__all__ = ["convert", "generate", "quiet_log", "release", "replaced"]

SAVES_CELLS = (SaveCells, "nbgrader.preprocessors.SaveCells")


def generate(course: Course, assignment: Assignment, into: Path) -> None:
    """Write the release of ``assignment`` as ``into/<name>/``, without touching the gradebook."""
    convert(course, assignment.name, into, nbgrader_settings(course.root))


def convert(
    course: Course, name: str, into: Path, traits: Traits
) -> dict[str, nbformat.NotebookNode]:
    """Write the release of assignment ``name`` as ``into/<name>/`` under nbgrader's settings
    ``traits``, without touching the gradebook.

    Gives, by name, the notebooks whose cells nbgrader would save in the gradebook: they still have
    their hidden tests. ``AuthorError`` with the first thing that nbgrader complains about.
    """
    traits.CourseDirectory.release_directory = str(into)
    directory = CourseDirectory(config=traits)
    directory.assignment_id = name
    converter = GenerateAssignment(coursedir=directory, config=traits, no_database=True)
    converter.log = log = quiet_log()
    saved: dict[str, nbformat.NotebookNode] = {}

    def keep(nb: nbformat.NotebookNode, resources: Any) -> tuple[nbformat.NotebookNode, Any]:
        saved[resources["nbgrader"]["notebook"]] = copy.deepcopy(nb)
        return nb, resources

    converter.preprocessors = [
        keep if one in SAVES_CELLS else one for one in converter.preprocessors
    ]
    complaints = _Complaints()
    log.addHandler(complaints)
    try:
        with warnings.catch_warnings():
            # nbformat's advice about ids of cells, which it mends itself.
            warnings.simplefilter("ignore")
            converter.start()
    except Exception as error:
        # nbgrader raises bare exceptions of many kinds for what an author wrote wrongly, and of
        # some only its log tells.
        why = complaints.first or str(error)
        raise AuthorError(
            f"{course.root / 'solutions' / name}: nbgrader cannot make the release ({why})."
        ) from error
    finally:
        log.removeHandler(complaints)
    return saved


class _Complaints(logging.Handler):
    """The first error of a log: of a traceback, its last line."""

    first = ""

    def emit(self, record: logging.LogRecord) -> None:
        lines = record.getMessage().strip().splitlines()
        if record.levelno >= logging.ERROR and lines and not self.first:
            is_place = lines[0].startswith("There was an error processing")
            self.first = "" if is_place else lines[-1].strip().rstrip(".")


def quiet_log() -> logging.Logger:
    """A log for nbgrader's converters that says nothing on the terminal."""
    log = logging.getLogger("autograder.nbgrader")
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.NullHandler())
    return log


def release(course: Course, assignment: Assignment) -> bool:
    """Bring ``assignments/<name>/`` up to date; whether anything changed there."""
    return replaced(course, assignment.name, lambda into: generate(course, assignment, into))


def replaced(course: Course, name: str, make: Callable[[Path], object]) -> bool:
    """Let ``make(folder)`` write ``folder/<name>/``, and put it in the place of
    ``assignments/<name>/`` if it is another one; whether it was."""
    target = course.released(name).parent
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryFolder(target.parent) as made:
        make(made.path)
        fresh = made.path / name
        if target.is_dir() and _same(fresh, target):
            return False
        old = made.path / "old"
        if target.exists():
            target.rename(old)
        fresh.rename(target)
    return True


def _same(one: Path, other: Path) -> bool:
    files = [
        sorted(p.relative_to(root) for p in root.rglob("*") if p.is_file()) for root in (one, other)
    ]
    return files[0] == files[1] and all(
        filecmp.cmp(one / name, other / name, shallow=False) for name in files[0]
    )
