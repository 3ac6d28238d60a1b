"""The exports as plugins of ``nbgrader export``.

``nbgrader export --exporter autograder.record.exporters.MoodleExporter [--to FILE]``, with
nbgrader's own ``--assignment`` and ``--student``. The same files as ``autograder export`` writes;
by default they are made where the command runs, as nbgrader's own is.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nbgrader.plugins import ExportPlugin
from traitlets import Bool

from autograder.config import CONFIG_NAME
from autograder.course import Course
from autograder.errors import AuthorError, MachineError
from autograder.export.files import LEDGER, put
from autograder.export.formats import FORMATS
from autograder.record.grades import read_grades

__all__ = [
    "CanvasExporter",
    "CsvExporter",
    "GradescopeExporter",
    "JsonExporter",
    "MoodleExporter",
]


class _Exporter(ExportPlugin):
    """What they have in common: where grades come from and where files go."""

    format = ""

    force = Bool(False, help="Overwrite a file that was not written by an export.").tag(config=True)

    def export(self, gradebook: Any) -> None:
        """Write the file, or the folder, that ``--to`` names."""
        form = FORMATS[self.format]
        directory = self.parent.coursedir
        root = Path(directory.root).resolve()
        course = Course.at(root) if (root / CONFIG_NAME).is_file() else None
        assignments, students = _names(self.assignment), _names(self.student)
        for name in assignments:
            if name not in [one.name for one in gradebook.assignments]:
                self.parent.fail(f"the gradebook has no assignment {name!r}.")
        for name in students:
            if name not in [one.id for one in gradebook.students]:
                self.parent.fail(f"the gradebook has no student {name!r}.")
        grades = read_grades(
            gradebook.db,
            handed_in=lambda name: _handed_in(root / directory.submitted_directory, name),
            assignments=assignments,
            students=students,
            language=course.config.language if course else "es",
        )
        exported = form.export(grades)
        target = Path(self.to or form.target)
        try:
            changed = put(target, exported.files, root / ".autograder" / LEDGER, force=self.force)
        except (AuthorError, MachineError) as error:
            self.parent.fail(str(error))
        for note in exported.notes:
            self.log.warning(note)
        self.log.info("%s: %s of %s files written", target, changed, len(exported.files))


class CsvExporter(_Exporter):
    """nbgrader's own table, quoted, with a column ``status``."""

    format = "csv"


class JsonExporter(_Exporter):
    """Everything, exercise by exercise."""

    format = "json"


class MoodleExporter(_Exporter):
    """For Moodle's grade import."""

    format = "moodle"


class CanvasExporter(_Exporter):
    """For the import of Canvas's gradebook."""

    format = "canvas"


class GradescopeExporter(_Exporter):
    """A ``results.json`` a submission."""

    format = "gradescope"


def _names(given: Iterable[object]) -> list[str]:
    """The names of a list as nbgrader's help has it written on the command line, ``[ana, bea]``,
    which traitlets takes for one name unless each is quoted."""
    names = []
    for one in map(str, given):
        listed = one.startswith("[") and one.endswith("]")
        names += one[1:-1].split(",") if listed else [one]
    return [name for one in names if (name := one.strip().strip("'\""))]


def _handed_in(submitted: Path, name: str) -> set[str]:
    return {path.parent.name for path in submitted.glob(f"*/{name}") if path.is_dir()}
