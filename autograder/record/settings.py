"""nbgrader's configuration, made from the course's policy; ``nbgrader_config.py`` hands it over."""

from __future__ import annotations

import json
from pathlib import Path

from traitlets.config import Config as Traits

from autograder.assignment import hidden_files
from autograder.course import Course
from autograder.words import Words

__all__ = ["nbgrader_settings"]

BEFORE_PENALTIES = (
    "nbgrader.preprocessors.Execute",
    "nbgrader.preprocessors.IgnorePattern",
    "nbconvert.preprocessors.ClearMetadataPreprocessor",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
)
"""nbgrader's own list up to ``AssignLatePenalties``, whose place ours takes."""
TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


def nbgrader_settings(root: Path) -> Traits:
    """What nbgrader has to know of the course in folder ``root``."""
    course = Course.at(root)
    # Those of folders that the config does not name yet as well: nbgrader would release them too.
    folders = {path.name for path in (course.root / "solutions").glob("*/")}
    assignments = sorted({*course.config.assignments, *folders})
    hidden = [name for assignment in assignments for name in hidden_files(assignment)]
    traits = Traits()
    traits.CourseDirectory.root = str(course.root)
    traits.CourseDirectory.source_directory = "solutions"
    traits.CourseDirectory.release_directory = "assignments"
    traits.CourseDirectory.db_url = course.db_url
    traits.CourseDirectory.ignore = [
        ".ipynb_checkpoints",
        "*.pyc",
        "__pycache__",
        ".pytest_cache",
        ".autograder",
        *hidden,
    ]
    words = Words(course.config.language)
    traits.ClearSolutions.code_stub = {"python": _stub(words)}
    traits.ClearSolutions.text_stub = words.other("write_answer")
    traits.AssignLatePenalties.plugin_class = "autograder.record.late.LatePenalty"
    traits.Autograde.autograde_preprocessors = [
        *BEFORE_PENALTIES,
        "autograder.record.late.AssignPenalties",
        "nbgrader.preprocessors.CheckCellMetadata",
    ]
    traits.HTMLExporter.preprocessors = ["autograder.record.late.LatePage"]
    traits.HTMLExporter.template_name = "retroalimentacion"
    traits.HTMLExporter.extra_template_basedirs = [str(TEMPLATES)]
    return traits


def _stub(words: Words) -> str:
    """What stands in a released notebook instead of a solution."""
    unsolved = json.dumps(words.finding_of("unsolved"), ensure_ascii=False)
    return f"# {words.other('write_code')}\nraise NotImplementedError({unsolved})"
