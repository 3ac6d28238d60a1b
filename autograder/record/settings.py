"""nbgrader's configuration, made from the course's policy; ``nbgrader_config.py`` hands it over."""

from __future__ import annotations

import json
from pathlib import Path

from traitlets.config import Config as Traits

from autograder.assignment import hidden_files
from autograder.course import Course
from autograder.words import Words

__all__ = ["nbgrader_settings"]

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
    if course.config.exchange is not None:
        traits.CourseDirectory.course_id = course.config.exchange.course_id
        traits.Exchange.root = course.config.exchange.root
    traits.ZipCollectApp.extractor_plugin = "autograder.record.zipcollect.Extractor"
    traits.ZipCollectApp.collector_plugin = "autograder.record.zipcollect.Collector"
    words = Words(course.config.language)
    traits.ClearSolutions.code_stub = {"python": _stub(words)}
    traits.ClearSolutions.text_stub = words.other("write_answer")
    traits.GenerateFeedback.exporter_class = "autograder.record.exporter.FeedbackExporter"
    traits.FeedbackExporter.template_name = "retroalimentacion"
    traits.FeedbackExporter.extra_template_basedirs = [str(TEMPLATES)]
    return traits


def _stub(words: Words) -> str:
    """What stands in a released notebook instead of a solution."""
    unsolved = json.dumps(words.finding_of("unsolved"), ensure_ascii=False)
    return f"# {words.other('write_code')}\nraise NotImplementedError({unsolved})"
