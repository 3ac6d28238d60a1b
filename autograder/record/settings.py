"""nbgrader's configuration, made from the course's policy; ``nbgrader_config.py`` hands it over."""

from __future__ import annotations

import json
from pathlib import Path

from traitlets.config import Config as Traits

from autograder.assignment import hidden_files
from autograder.course import Course
from autograder.errors import AuthorError
from autograder.words import Words

__all__ = ["nbgrader_settings"]

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


def nbgrader_settings(root: Path) -> Traits:
    """What nbgrader has to know of the course in folder ``root``.

    Raises nothing for a mistake in the course's config: of an exception in a configuration nbgrader
    shows the traceback and goes on with its defaults, under which students' code runs unprotected.
    Instead, the commands that need the config refuse, with one sentence.
    """
    traits = Traits()
    try:
        course: Course | None = Course.at(root)
    except AuthorError:
        course = None
    # Those of folders that the config does not name yet as well: nbgrader would release them too.
    folders = {path.name for path in (root / "solutions").glob("*/")}
    assignments = sorted({*(course.config.assignments if course else ()), *folders})
    hidden = [name for assignment in assignments for name in hidden_files(assignment)]
    traits.CourseDirectory.root = str(root.resolve())
    traits.CourseDirectory.source_directory = "solutions"
    traits.CourseDirectory.release_directory = "assignments"
    traits.CourseDirectory.ignore = [
        ".ipynb_checkpoints",
        "*.pyc",
        "__pycache__",
        ".pytest_cache",
        ".autograder",
        *hidden,
    ]
    traits.Autograde.exporter_class = "autograder.record.autograde.Submissions"
    traits.Autograde.sanitize_preprocessors = ["autograder.record.autograde.Restore"]
    traits.Autograde.autograde_preprocessors = [
        "autograder.record.autograde.Observe",
        "autograder.record.late.AssignPenalties",
    ]
    traits.ZipCollectApp.extractor_plugin = "autograder.record.zipcollect.Extractor"
    traits.ZipCollectApp.collector_plugin = "autograder.record.zipcollect.Collector"
    if course is None:
        traits.GenerateAssignment.exporter_class = "autograder.record.refusal.Refusal"
        traits.GenerateFeedback.exporter_class = "autograder.record.refusal.Refusal"
        return traits
    traits.CourseDirectory.db_url = course.db_url
    if course.config.exchange is not None:
        traits.CourseDirectory.course_id = course.config.exchange.course_id
        traits.Exchange.root = course.config.exchange.root
    words = Words(course.config.language)
    traits.ClearSolutions.code_stub = {"python": _stub(words)}
    traits.ClearSolutions.text_stub = words.other("write_answer")
    traits.GenerateFeedback.exporter_class = "autograder.record.exporter.FeedbackExporter"
    traits.FeedbackExporter.template_name = "retroalimentacion"
    traits.FeedbackExporter.extra_template_basedirs = [str(TEMPLATES)]
    traits.FeedbackExporter.preprocessors = ["autograder.record.late.LatePage"]
    traits.AssignLatePenalties.plugin_class = "autograder.record.late.LatePenalty"
    # What a student wrote or printed acts on no page of the formgrader's.
    traits.HTMLExporter.sanitize_html = True
    traits.HTMLExporter.filters = {
        name: f"autograder.templates.formgrader.{name}" for name in ("clean_html", "markdown2html")
    }
    return traits


def _stub(words: Words) -> str:
    """What stands in a released notebook instead of a solution."""
    unsolved = json.dumps(words.finding_of("unsolved"), ensure_ascii=False)
    return f"# {words.other('write_code')}\nraise NotImplementedError({unsolved})"
