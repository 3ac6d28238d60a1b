"""Late penalties under nbgrader's own commands: the same rule, through the same function.

``LatePenalty`` is the plugin for nbgrader's ``AssignLatePenalties``, which asks it only where
nbgrader itself finds a submission late. ``AssignPenalties`` takes that preprocessor's place and
asks always: nbgrader misreads some timestamps and knows no due date of ``grading_config.yaml``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbconvert.preprocessors import Preprocessor
from nbgrader.plugins import LateSubmissionPlugin
from nbgrader.preprocessors import AssignLatePenalties

from autograder.config import CONFIG_NAME
from autograder.course import Course
from autograder.delays import settle, standings
from autograder.render.late import late_sentence
from autograder.words import Words

__all__ = ["AssignPenalties", "LatePage", "LatePenalty"]


class LatePenalty(LateSubmissionPlugin):
    """The penalty that the course's ``late:`` gives; no penalty for other assignments."""

    def late_submission_penalty(
        self, student_id: str, score: float, total_seconds_late: float
    ) -> float | None:
        """Points of ``score`` to take off, or ``None``. The lateness is found here again: from the
        timestamp as it was written, the config's due date and the extension."""
        name = getattr(self.parent, "assignment_id", None)
        course = _course(self)
        if course is None or name not in course.config.assignments:
            self.log.warning("no policy for late work: %s is not in %s", name, CONFIG_NAME)
            return None
        late = next((one.late for one in standings(course, name, student_id) if one.late), None)
        return None if late is None else late.penalty(score) or None


class AssignPenalties(AssignLatePenalties):
    """Brings the due date and the student's penalty up to date, as ``autograder grade`` does."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        name, student = (resources["nbgrader"][key] for key in ("assignment", "student"))
        course = _course(self)
        if course is None or name not in course.config.assignments:
            nb, resources = super().preprocess(nb, resources)
            return nb, resources
        found, change = settle(course, name, only=(student,))
        if change:
            self.log.warning(change)
        for one in found:
            self.log.warning("%s: late penalty %g %s", one.student, one.penalty, one.doubt)
        return nb, resources


class LatePage(Preprocessor):
    """Hands the feedback page what to say of a submission that lost points for being late."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        graded, course = resources.get("nbgrader") or {}, _course(self)
        name, student = graded.get("assignment"), graded.get("student")
        if course is not None and name in course.config.assignments and student:
            for one in standings(course, name, student):
                if one.late and one.penalty:
                    words = Words(course.config.language)
                    resources["late"] = late_sentence(one.late, course.config.zone, words)
        return nb, resources


def _course(configurable: Any) -> Course | None:
    """The course whose folder nbgrader works in, if it is one of ours."""
    root = configurable.config.CourseDirectory.get("root")
    if not isinstance(root, str) or not (Path(root) / CONFIG_NAME).is_file():
        return None
    return Course.at(Path(root))
