"""Make feedback pages by nbgrader's converter and our template, for what has changed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from autograder.assignment import Assignment
from autograder.course import Course
from autograder.errors import MachineError
from autograder.record.gradebook import Gradebook
from autograder.record.release import quiet_log
from autograder.record.settings import TEMPLATES, nbgrader_settings
from autograder.sandbox.temporary import written
from autograder.words import Words

__all__ = ["make_feedback"]


def make_feedback(course: Course, assignment: Assignment) -> tuple[int, int]:
    """Bring ``feedback/<student>/<assignment>/<assignment>.html`` up to date.

    Gives how many pages were made and how many there are. A page is made again when the executed
    notebook, a score or a comment changed: nbgrader itself asks for a newer timestamp only, so
    that after a regrade its pages would be stale.
    """
    name = assignment.name
    notebooks = {
        path.parent.parent.name: path
        for path in sorted((course.root / "autograded").glob(f"*/{name}/{name}.ipynb"))
    }
    with Gradebook(course.db_url) as book:
        shown = book.shown(name)
    kept = course.state / "feedback" / f"{name}.json"
    made = _read(kept)
    wanted = {
        student: _digest(path, shown[student], course.config.language)
        for student, path in notebooks.items()
        if student in shown
    }
    stale = [
        student
        for student, digest in wanted.items()
        if made.get(student) != digest or not _page(course, student, name).exists()
    ]
    failed: dict[str, MachineError] = {}
    for student in stale:
        # A page that is half written when we are stopped must not count as made.
        if made.pop(student, None) is not None:
            _keep(kept, made)
        try:
            _convert(course, name, student)
        except MachineError as error:
            failed[student] = error  # one page is no reason to make no others
            continue
        made[student] = wanted[student]
        _keep(kept, made)
    if failed:
        (first, *others) = failed.values()
        more = f" ({len(others)} more could not be made)" if others else ""
        raise MachineError(f"{first}{more}") from first
    return len(stale), len(wanted)


def _page(course: Course, student: str, name: str) -> Path:
    return course.root / "feedback" / student / name / f"{name}.html"


def _keep(path: Path, made: dict[str, str]) -> None:
    with written(path, 0o644) as file:
        file.write(json.dumps(made).encode())


def _read(path: Path) -> dict[str, str]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _digest(notebook: Path, shown: object, language: str) -> str:
    hashed = hashlib.sha256(notebook.read_bytes())
    said = [language, Words(language).page()]
    hashed.update(json.dumps([shown, said], sort_keys=True).encode())
    for file in sorted(TEMPLATES.rglob("*.*")):
        if file.suffix != ".pyc":
            hashed.update(file.read_bytes())
    return hashed.hexdigest()


def _convert(course: Course, name: str, student: str) -> None:
    from nbgrader.converters import GenerateFeedback
    from nbgrader.coursedir import CourseDirectory

    traits = nbgrader_settings(course.root)
    directory = CourseDirectory(config=traits)
    directory.assignment_id, directory.student_id = name, student
    converter = GenerateFeedback(coursedir=directory, config=traits)
    converter.force = True
    converter.log = quiet_log()
    try:
        converter.start()
    except Exception as error:
        # nbgrader raises bare exceptions of many kinds.
        raise MachineError(
            f"the feedback page of {student} for {name} cannot be made: {error}."
        ) from error
