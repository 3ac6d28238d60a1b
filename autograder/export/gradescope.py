"""``results.json`` a submission, as Gradescope's autograder harness reads it.

By https://gradescope-autograders.readthedocs.io/en/latest/specs/: ``score`` overrides the sum of
the tests, which makes the late penalty count; each test has ``score``, ``max_score``, ``name``,
``output`` (``output_format`` ``md``, our comments being Markdown) and ``visibility``.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from autograder.export.grades import Exported, Grades, Mark, Work
from autograder.export.table import number
from autograder.words import Words

__all__ = ["as_gradescope"]

VISIBLE = "visible"
SAFE = " ._-@+,=()"


def as_gradescope(grades: Grades) -> Exported:
    """``<assignment>/<student>/results.json`` for each that has a score."""
    words = Words(grades.language)
    return Exported(
        {
            f"{_folder(work.name)}/{_folder(person.id)}/results.json": _document(
                work, grades.mark(person, work), words
            )
            for work in grades.works
            for person in grades.people
            if grades.mark(person, work).scored
        }
    )


def _document(work: Work, mark: Mark, words: Words) -> bytes:
    results: dict[str, Any] = {
        "score": mark.score,
        "output": _output(mark, words),
        "output_format": "md",
        "visibility": VISIBLE,
        "stdout_visibility": "hidden",
        "tests": [
            {
                "name": one.name,
                "name_format": "text",
                "number": str(place),
                "score": one.score,
                "max_score": one.max_score,
                "output": one.comment,
                "output_format": "md",
                "visibility": VISIBLE,
            }
            for place, one in enumerate(mark.exercises, 1)
        ],
        "extra_data": {
            "assignment": work.name,
            "student": mark.student,
            "max_score": work.max_score,
            "late_submission_penalty": mark.penalty,
            "status": mark.status,
        },
    }
    return f"{json.dumps(results, ensure_ascii=False, indent=1)}\n".encode()


def _output(mark: Mark, words: Words) -> str:
    """What concerns the submission as a whole: that it lost points for being late."""
    return f"{words.page()['late']}: −{number(mark.penalty)}" if mark.penalty else ""


def _folder(name: str) -> str:
    """A name as one folder's, whatever it is: not above the target, and no two the same."""
    if set(name) <= {"."}:
        return name.replace(".", "%2E")
    return "".join(one if one.isalnum() or one in SAFE else quote(one, safe="") for one in name)
