"""`nbgrader autograde` on our grading: the classes that nbgrader's configuration names for it.

nbgrader converts one submission after another. All that a command is going to convert is graded
by ``Grader`` before the first of them, as `autograder grade` does it; then nbgrader converts what
was graded, and what was observed is handed over to it. No student's code runs here, and no file of
a student's is read by nbgrader as a notebook.
"""

from __future__ import annotations

import copy
import fcntl
import json
import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder.course import Course
from autograder.database import known_students, without_password
from autograder.errors import AuthorError, MachineError, log_to
from autograder.exam import Options
from autograder.record import warm

__all__ = ["Observe", "Restore", "Submissions"]


class Submissions(NotebookExporter):
    """Makes the autograded notebooks; nbgrader makes it before it converts anything.

    Its ``parent`` is nbgrader's converter, which gives the exporter all that it is going to do.
    """

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._converter = self.parent
        self._handed: Path | None = None
        # An attribute of this one converter: nbgrader has no hook around all submissions.
        self._convert = self._converter.convert_notebooks
        self._converter.convert_notebooks = self._grade_and_convert

    def from_filename(
        self, filename: str, resources: dict[str, Any] | None = None, **more: Any
    ) -> Any:
        """An empty notebook on its way through the preprocessors, whatever lies at ``filename``."""
        resources = resources or {}
        path = Path(filename)
        resources["metadata"] = {"name": path.stem, "path": str(path.parent)}
        return self.from_notebook_node(nbformat.v4.new_notebook(), resources, **more)

    def observed(self, resources: Any) -> nbformat.NotebookNode:
        """The executed notebook that nbgrader is converting."""
        assert self._handed is not None
        which = resources["nbgrader"]
        folder = self._handed / which["assignment"] / which["student"]
        text = (folder / f"{which['notebook']}.ipynb").read_text("utf-8")
        return nbformat.from_dict(json.loads(text))

    def _grade_and_convert(self) -> None:
        """Grade all that nbgrader has found, and let it convert what was graded."""
        converter, log = self._converter, self._converter.log
        with _sentences(log):
            course = Course.at(Path(converter.coursedir.root))
            log_to(course.state / "log")
            _refuse_other_places(converter.coursedir, course)
        if converter.config.Execute.get("enabled") is False:
            log.warning("--no-execute changes nothing here: saved outputs are no evidence.")
        with (
            _sentences(log),
            _alone(course, log.info),
            tempfile.TemporaryDirectory(dir=course.state, prefix="handed-") as handed,
        ):
            self._handed = Path(handed)
            found = _found(converter, course)
            converter.assignments, failed = {}, []
            for name, folders in found.items():
                fresh, sentences = _grade(converter, course, name, list(folders))
                failed += sentences
                for student in fresh:
                    self._hand_over(course, name, student, folders[student])
            try:
                self._convert()
            finally:
                self._put_back(course)
        for sentence in failed:
            log.error("%s", sentence)
        if failed:
            raise NbGraderException(failed[0])

    def _hand_over(self, course: Course, name: str, student: str, folder: Path) -> None:
        """Let nbgrader convert what was recorded, if it can: its own steps stumble over some."""
        converter, done = self._converter, course.autograded(student, name)
        if _stumbles(converter, folder):
            converter.set_permissions(name, student)
            return
        pattern = converter.coursedir.notebook_id
        notebooks = [path for path in done.glob("*.ipynb") if fnmatchcase(path.stem, pattern)]
        if not notebooks:
            return
        assert self._handed is not None
        place = self._handed / name / student
        place.parent.mkdir(exist_ok=True)
        if pattern == "*":
            shutil.move(done, place)
        else:
            place.mkdir()
            for path in notebooks:
                shutil.move(path, place)
        converter.assignments[str(folder)] = [str(folder / path.name) for path in notebooks]

    def _put_back(self, course: Course) -> None:
        """What nbgrader did not come to, or gave up, is as `autograder grade` leaves it."""
        assert self._handed is not None
        for place in self._handed.glob("*/*"):
            done = course.autograded(place.name, place.parent.name)
            for path in place.glob("*.ipynb"):
                if not (done / path.name).exists():
                    shutil.copytree(place, done, dirs_exist_ok=True)
                    break


class Restore(NbGraderPreprocessor):
    """Puts in the notebook as it was handed in, its grade and locked cells restored."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        notebook = copy.deepcopy(self.parent.observed(resources))
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        return notebook, resources


class Observe(NbGraderPreprocessor):
    """Puts in the notebook as it was observed; its scores are in the gradebook."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        return self.parent.observed(resources), resources


def _found(converter: Any, course: Course) -> dict[str, dict[str, Path]]:
    """What the command is about: by assignment and student, the folder that was handed in.

    nbgrader itself leaves out whose folder has no notebook.
    """
    places = converter.coursedir
    left_out = places.student_id_exclude.split(",")
    pattern = f"submitted/{places.student_id}/{places.assignment_id}"
    names = {folder.name for folder in Path(places.root).glob(pattern)}
    found = {
        name: {
            student: Path(places.root) / "submitted" / student / name
            for student in course.students(name)
            if fnmatchcase(student, places.student_id) and student not in left_out
        }
        for name in sorted(names)
    }
    return {name: folders for name, folders in found.items() if folders}


def _grade(
    converter: Any, course: Course, name: str, students: list[str]
) -> tuple[list[str], list[str]]:
    """Grade ``students``: whose result is a new one, and sentences about whose there is none."""
    log, failed = converter.log, []
    if not course.is_plain(name):
        course.assignment(name)
    if not converter.create_student:
        known = known_students(course.db_url)
        failed = [
            f"no student {one!r} in the gradebook, and Autograde.create_student is off."
            for one in students
            if one not in known
        ]
        students = [one for one in students if one in known]
    if not students:
        return [], failed
    options = Options(students=tuple(students), again=bool(converter.force))

    def progress(done: int, total: int) -> None:
        if done == 0 or done * 10 // total > (done - 1) * 10 // total:
            log.info("%s: %d of %d submissions observed", name, done, total)

    def notice(sentence: str) -> None:
        log.warning("%s", sentence)

    with warm.lent(course, options, (name,), progress=progress, notice=notice) as grader:
        reports = grader.grade(name)
        fresh = [student for _, student in grader.recorded]
    broken = [one["student"] for one in reports if one["status"] == "broken"]
    failed += [
        f"could not grade {student} ({name}); see {course.state / 'log'}." for student in broken
    ]
    if same := len(students) - len(fresh) - len(broken):
        log.info(
            "%s: %d graded before and unchanged since, left as %s (--force records again)",
            name,
            same,
            "it is" if same == 1 else "they are",
        )
    return fresh, failed


def _stumbles(converter: Any, folder: Path) -> bool:
    """Whether nbgrader's own steps would fail at something that the student's side wrote.

    It takes a timestamp for granted that is one, and copies whatever lies in the folder: pipes,
    and the targets of links.
    """
    if folder.is_symlink() or folder.parent.is_symlink():
        return True
    try:
        converter.coursedir.get_existing_timestamp(str(folder))
    except Exception:
        # nbgrader calls a method there that does not exist.
        return True
    for inside, _, files in os.walk(folder):
        for file in files:
            path = Path(inside, file)
            if not stat.S_ISREG(path.lstat().st_mode) and path.suffix != ".ipynb":
                return True
            if not os.access(path, os.R_OK):
                return True
    return False


def _refuse_other_places(places: Any, course: Course) -> None:
    """nbgrader's configuration may say otherwise than ours where submissions and scores are."""
    for step, ours in (
        ("submitted_directory", course.submitted("s", "a")),
        ("autograded_directory", course.autograded("s", "a")),
    ):
        theirs = places.format_path(getattr(places, step), "s", "a")
        if os.path.relpath(theirs, places.root) != str(ours.relative_to(course.root)):
            raise AuthorError(
                f"nbgrader's configuration sets CourseDirectory.{step} or directory_structure, "
                f"but it is {ours.parent.parent.name}/<student>/<assignment> here; leave it unset."
            )
    if places.db_url != course.db_url:
        raise AuthorError(
            f"nbgrader's configuration has another db_url ({without_password(places.db_url)}) than "
            f"the course ({without_password(course.db_url)}); set it in grading_config.yaml only."
        )


@contextmanager
def _alone(course: Course, say: Callable[[str], None]) -> Iterator[None]:
    """One `nbgrader autograde` of a course at a time: between them they would mix up folders."""
    path = course.state / "autograde.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another `nbgrader autograde` of this course to end")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def _sentences(log: logging.Logger) -> Iterator[None]:
    """Errors of ours end nbgrader's command with one sentence; what it raises itself goes on."""
    ours = logging.getLogger("autograder")
    try:
        yield
    except NbGraderException:
        raise
    except AuthorError as error:
        sentence = str(error)
    except MachineError as error:
        ours.error("%s", error, exc_info=error.__cause__)
        sentence = str(error)
    except OSError as error:
        ours.exception("%s", error)
        sentence = f"{error.filename or 'the course'}: {error.strerror or error}."
    except KeyboardInterrupt:
        log.error("interrupted; what was observed until now is kept.")
        raise SystemExit(130) from None
    except Exception as error:
        ours.exception("a fault of ours")
        sentence = f"a fault of ours ({type(error).__name__}); the details are in .autograder/log."
    else:
        return
    log.error("%s", sentence)
    raise NbGraderException(sentence)
