"""Make feedback pages by nbgrader's converter and our template, for what has changed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from autograder.course import Course
from autograder.errors import MachineError
from autograder.record.gradebook import Gradebook
from autograder.record.release import quiet_log
from autograder.record.settings import TEMPLATES, nbgrader_settings
from autograder.sandbox.temporary import written
from autograder.words import Words

__all__ = ["Pages", "make_feedback"]


def make_feedback(
    course: Course,
    name: str,
    students: Collection[str] = (),
    pages: Pages | None = None,
    done: Callable[[str], None] = lambda student: None,
) -> tuple[int, int]:
    """Bring ``feedback/<student>/<assignment>/<notebook>.html`` of assignment ``name`` up to date;
    of all who were graded, or of ``students``.

    Gives how many pages were made and how many there are. A page is made again when the executed
    notebook, a score or a comment changed: nbgrader itself asks for a newer timestamp only, so
    that after a regrade its pages would be stale. ``pages`` makes them, where one is kept between
    calls; ``done`` is told whose are up to date, as soon as they are.
    """
    root = course.root / "autograded"
    folders = [root / one / name for one in students] if students else root.glob(f"*/{name}")
    notebooks: dict[str, list[Path]] = {}
    for folder in sorted(folders):
        if found := sorted(folder.glob("*.ipynb")):
            notebooks[folder.parent.name] = found
    with Gradebook(course.db_url) as book:
        shown = book.shown(name, students)
    kept = course.state / "feedback" / f"{name}.json"
    made = _read(kept)
    look = _look(course.config.language)
    wanted = {
        student: _digest(paths, shown[student], look)
        for student, paths in notebooks.items()
        if student in shown
    }
    theirs = {
        student: [_page(course, student, name, path) for path in notebooks[student]]
        for student in wanted
    }
    stale = [
        student
        for student, digest in wanted.items()
        if made.get(student) != digest or not all(page.exists() for page in theirs[student])
    ]
    for student in wanted.keys() - set(stale):
        done(student)
    failed: dict[str, MachineError] = {}
    for student in stale:
        # A page that is half written when we are stopped must not count as made.
        if made.pop(student, None) is not None:
            _keep(kept, made)
        try:
            pages = pages or Pages(course)
            pages.make(student, name)
        except MachineError as error:
            failed[student] = error  # one page is no reason to make no others
            continue
        made[student] = wanted[student]
        _keep(kept, made)
        done(student)
    if failed:
        (first, *others) = failed.values()
        more = f" ({len(others)} more could not be made)" if others else ""
        raise MachineError(f"{first}{more}") from first
    return sum(len(theirs[student]) for student in stale), sum(map(len, theirs.values()))


class Pages:
    """nbgrader's converter of one course's feedback. To set it up and to read its template takes
    as long as several pages, so it is kept."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._converter: Any = None

    def open(self) -> None:
        """Set the converter up, unless that is done."""
        self._converter = self._converter or self._opened()
        _ = self._converter.exporter.template

    def make(self, student: str, name: str) -> None:
        """Write the pages of what ``student`` handed in for assignment ``name``; ``MachineError``
        where nbgrader cannot."""
        before = Path.cwd()
        try:
            self._converter = converter = self._converter or self._opened()
            converter.coursedir.assignment_id, converter.coursedir.student_id = name, student
            converter.init_notebooks()
            os.chdir(self._course.root)
            converter.convert_notebooks()
        except Exception as error:
            # nbgrader raises bare exceptions of many kinds.
            self._converter = None
            raise MachineError(
                f"the feedback page of {student} for {name} cannot be made: {error}."
            ) from error
        finally:
            os.chdir(before)

    def _opened(self) -> Any:
        """The converter as its ``start`` sets it up."""
        from nbconvert.writers import FilesWriter
        from nbgrader.converters import GenerateFeedback
        from nbgrader.coursedir import CourseDirectory

        traits = nbgrader_settings(self._course.root)
        made = GenerateFeedback(coursedir=CourseDirectory(config=traits), config=traits)
        made.force = True
        made.log = quiet_log()
        made.writer = FilesWriter(parent=made, config=made.config)
        made.exporter = made.exporter_class(parent=made, config=made.config)
        for one in made.preprocessors:
            made.exporter.register_preprocessor(one)
        return made


def _page(course: Course, student: str, name: str, notebook: Path) -> Path:
    return course.root / "feedback" / student / name / f"{notebook.stem}.html"


def _keep(path: Path, made: dict[str, str]) -> None:
    with written(path, 0o644) as file:
        file.write(json.dumps(made).encode())


def _read(path: Path) -> dict[str, str]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _look(language: str) -> bytes:
    """All that pages depend on besides what they tell of."""
    hashed = hashlib.sha256(json.dumps([language, Words(language).page()]).encode())
    for file in sorted(TEMPLATES.rglob("*.*")):
        if file.suffix != ".pyc":
            hashed.update(file.read_bytes())
    return hashed.digest()


def _digest(notebooks: Sequence[Path], shown: object, look: bytes) -> str:
    hashed = hashlib.sha256(look)
    for notebook in notebooks:
        hashed.update(notebook.read_bytes())
    hashed.update(json.dumps(shown, sort_keys=True).encode())
    return hashed.hexdigest()
