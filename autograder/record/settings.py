"""nbgrader's configuration, made from the course's policy; ``nbgrader_config.py`` hands it over."""

from __future__ import annotations

from pathlib import Path

from traitlets.config import Config as Traits

from autograder.assignment import hidden_files
from autograder.course import Course

__all__ = ["nbgrader_settings"]

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
STUBS = {
    "es": (
        '# ESCRIBE TU CÓDIGO AQUÍ\nraise NotImplementedError("Aún no has resuelto esta celda.")',
        "ESCRIBE TU RESPUESTA AQUÍ",
    ),
    "en": (
        '# WRITE YOUR CODE HERE\nraise NotImplementedError("You have not solved this cell yet.")',
        "WRITE YOUR ANSWER HERE",
    ),
}


def nbgrader_settings(root: Path) -> Traits:
    """What nbgrader has to know of the course in folder ``root``."""
    course = Course.at(root)
    code, text = STUBS[course.config.language]
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
    traits.ClearSolutions.code_stub = {"python": code}
    traits.ClearSolutions.text_stub = text
    traits.HTMLExporter.template_name = "retroalimentacion"
    traits.HTMLExporter.extra_template_basedirs = [str(TEMPLATES)]
    return traits
