"""``pytest solutions/<assignment> --submissions DIR``: observe what the chosen tests need, judge.

For authors of checks, with pytest's own options (``-k ana``, ``-x``, ``-v``). Nothing is recorded.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.assignment import Assignment, load_assignment
from autograder.config import CONFIG_NAME
from autograder.course import Course
from autograder.errors import AuthorError, MachineError
from autograder.exam import Exam, Options
from autograder.grading import Grader
from autograder.judge.batch import Batch
from autograder.judge.plugin import Judging, check_of
from autograder.judge.seen import Observed
from autograder.submission import Submission, read_submission
from autograder.words import Words

__all__ = ["DirectJudging"]


class DirectJudging(Judging):
    """Judges the submissions in one folder; observes those that the collected tests name."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder.resolve()
        self._submissions: dict[Path, dict[str, Submission]] = {}
        self._batches: dict[Path, Batch] = {}

    def students(self, path: Path, exercise: str) -> list[str]:
        return list(self._found(path))

    def batch_of(self, path: Path) -> Batch:
        return self._batches[path.parent]

    def assignment_of(self, path: Path) -> Assignment:
        return self._assignment(path)[1]

    def _assignment(self, path: Path) -> tuple[Course, Assignment]:
        folder = path.parent
        root = next((one for one in folder.parents if (one / CONFIG_NAME).exists()), None)
        if root is None:
            raise pytest.UsageError(f"{path}: no {CONFIG_NAME} in any folder above it.")
        try:
            return Course.at(root), load_assignment(folder)
        except AuthorError as error:
            raise pytest.UsageError(str(error)) from None

    def _found(self, path: Path) -> dict[str, Submission]:
        """The submissions of the assignment whose checks are at ``path``, by student."""
        if path.parent not in self._submissions:
            _, assignment = self._assignment(path)
            name = assignment.name
            folders = {
                one.parent.parent.name: one.parent for one in self._folder.glob(f"*/{name}/*")
            }
            self._submissions[path.parent] = {
                student: read_submission(folder, student, assignment)
                for student, folder in sorted(folders.items())
            } or {
                one.stem: read_submission(one.parent, one.stem, assignment, one.name)
                for one in sorted(self._folder.glob("*.ipynb"))
            }
        return self._submissions[path.parent]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if session.config.option.collectonly:
            return
        chosen: dict[Path, set[str]] = {}
        for item in session.items:
            if check_of(item) is not None and isinstance(item, pytest.Function):
                chosen.setdefault(item.path, set()).add(str(item.callspec.params["student"]))
        try:
            for path, students in chosen.items():
                self._batches[path.parent] = self._observe(path, students)
        except (AuthorError, MachineError, OSError) as error:
            raise pytest.UsageError(str(error)) from None

    def _observe(self, path: Path, students: set[str]) -> Batch:
        course, assignment = self._assignment(path)
        with Grader(course) as grader:
            exam = Exam(course, assignment, grader.sandbox, Options())
            exam.observe(
                [one for student, one in self._found(path).items() if student in students],
                lambda done, total: None,
            )
        if exam.broken:
            raise MachineError("; ".join(f"{who}: {why}" for who, why in exam.broken.items()))
        words = Words(course.config.language)
        seen = {
            student: Observed([], {}, unreadable=words.unreadable(one.unreadable, path.name))
            for student, one in self._found(path).items()
            if student in students and one.unreadable
        }
        return Batch(assignment, exam.policy, exam.reference, {**exam.seen, **seen}, exam.devices)
