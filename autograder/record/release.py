"""Make the students' notebook from the source notebook, by nbgrader's own converter."""

from __future__ import annotations

import filecmp
import logging
from pathlib import Path

import nbformat
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory

from autograder.assignment import Assignment
from autograder.course import Course
from autograder.errors import AuthorError
from autograder.record.settings import nbgrader_settings
from autograder.sandbox.temporary import TemporaryFolder

__all__ = ["generate", "quiet_log", "release", "released_notebook"]


def generate(course: Course, assignment: Assignment, into: Path) -> None:
    """Write the release of ``assignment`` as ``into/<name>/``, without touching the gradebook."""
    traits = nbgrader_settings(course.root)
    traits.CourseDirectory.release_directory = str(into)
    traits.SaveCells.enabled = False
    directory = CourseDirectory(config=traits)
    directory.assignment_id = assignment.name
    converter = GenerateAssignment(coursedir=directory, config=traits, no_database=True)
    converter.log = quiet_log()
    try:
        converter.start()
    except Exception as error:
        # nbgrader raises bare exceptions of many kinds for what an author wrote wrongly.
        raise AuthorError(
            f"{assignment.source_path}: nbgrader cannot make the release ({error})."
        ) from error


def quiet_log() -> logging.Logger:
    """A log for nbgrader's converters that says nothing on the terminal."""
    log = logging.getLogger("autograder.nbgrader")
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.NullHandler())
    return log


def release(course: Course, assignment: Assignment) -> bool:
    """Bring ``assignments/<name>/`` up to date; whether anything changed there."""
    target = course.released(assignment.name).parent
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryFolder(target.parent) as made:
        generate(course, assignment, made.path)
        fresh = made.path / assignment.name
        if target.is_dir() and _same(fresh, target):
            return False
        old = made.path / "old"
        if target.exists():
            target.rename(old)
        fresh.rename(target)
    return True


def released_notebook(course: Course, assignment: Assignment) -> nbformat.NotebookNode:
    """The release of ``assignment`` as its source makes it now."""
    with TemporaryFolder() as made:
        generate(course, assignment, made.path)
        path = made.path / assignment.name / f"{assignment.name}.ipynb"
        return nbformat.read(path, as_version=4)


def _same(one: Path, other: Path) -> bool:
    files = [
        sorted(p.relative_to(root) for p in root.rglob("*") if p.is_file()) for root in (one, other)
    ]
    return files[0] == files[1] and all(
        filecmp.cmp(one / name, other / name, shallow=False) for name in files[0]
    )
