"""Make feedback pages by nbgrader's converter and our template, for every graded submission."""

from __future__ import annotations

from autograder.assignment import Assignment
from autograder.course import Course
from autograder.errors import MachineError
from autograder.record.release import quiet_log
from autograder.record.settings import nbgrader_settings

__all__ = ["make_feedback"]


def make_feedback(course: Course, assignment: Assignment) -> int:
    """Write ``feedback/<student>/<assignment>/<assignment>.html``; how many pages there are.

    All pages are made again: nbgrader itself leaves a page as it is unless the submission's
    timestamp is newer, so that after a regrade its pages would be stale.
    """
    from nbgrader.converters import GenerateFeedback
    from nbgrader.coursedir import CourseDirectory

    graded = list((course.root / "autograded").glob(f"*/{assignment.name}/{assignment.name}.ipynb"))
    if not graded:
        return 0
    traits = nbgrader_settings(course.root)
    directory = CourseDirectory(config=traits)
    directory.assignment_id = assignment.name
    converter = GenerateFeedback(coursedir=directory, config=traits)
    converter.force = True
    converter.log = quiet_log()
    try:
        converter.start()
    except Exception as error:
        raise MachineError(f"feedback for {assignment.name} cannot be made: {error}.") from error
    return len(graded)
