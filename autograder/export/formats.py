"""The forms that grades can be exported in, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from autograder.export.canvas import as_canvas
from autograder.export.grades import Exported, Grades
from autograder.export.gradescope import as_gradescope
from autograder.export.moodle import as_moodle
from autograder.export.plain import as_csv, as_json

__all__ = ["FORMATS", "Format"]


@dataclass(frozen=True)
class Format:
    """``target`` is the usual name of the file; of a folder it ends with a slash."""

    target: str
    export: Callable[[Grades], Exported]

    @property
    def folder(self) -> bool:
        return self.target.endswith("/")


FORMATS: Mapping[str, Format] = {
    "csv": Format("grades.csv", as_csv),
    "json": Format("grades.json", as_json),
    "moodle": Format("moodle.csv", as_moodle),
    "canvas": Format("canvas.csv", as_canvas),
    "gradescope": Format("gradescope/", as_gradescope),
}
