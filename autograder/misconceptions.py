"""Named wrong solutions of an assignment, written by hand as data: small changes of the reference.

Each is read and checked against the source notebook; it is observed and judged elsewhere, like any
submission.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from autograder.assignment import Assignment
from autograder.config import line_of, nearest
from autograder.errors import AuthorError

__all__ = ["Misconception", "load_misconceptions"]

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's, where PyYAML has it: it takes a tenth of the time, and these files are long."""
ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Misconception:
    """A wrong solution of ``exercise``: what stands in its cell instead, what that loses in points
    (by exercise; nothing elsewhere), and the sentence that helps, in Spanish and English."""

    id: str
    exercise: str
    cell: str
    loses: Mapping[str, float]
    es: str
    en: str
    line: int

    @property
    def alias(self) -> str:
        """Its name among the students of a batch; no folder name of nbgrader's is like it."""
        return f"({self.id})"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


_Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class _Replacement(_Part):
    old: str = Field(min_length=1)
    new: str


class _Entry(_Part):
    id: str
    exercise: str
    replace: list[_Replacement] = Field(min_length=1)
    loses: dict[str, float] = Field(min_length=1)
    es: _Sentence
    en: _Sentence


def load_misconceptions(assignment: Assignment) -> list[Misconception]:
    """Those of ``misconceptions_<assignment>.yaml``, if there is one; ``AuthorError`` with file and
    line for what cannot be right."""
    path = assignment.misconceptions_path
    if not path.exists():
        return []
    data, node = _read(path)
    found: list[Misconception] = []
    for place, raw in enumerate(data):
        try:
            entry = _Entry.model_validate(raw)
        except ValidationError as error:
            raise AuthorError(_sentence(path, error, node, place)) from None

        def refuse(what: str, *where: str | int, at: int = place) -> AuthorError:
            return AuthorError(f"{path}:{line_of(node, [at, *where])}: {what}")

        _examine(entry, assignment, [one.id for one in found], refuse)
        cell = _replaced(entry, assignment, refuse)
        line = line_of(node, [place])
        text = {key: " ".join(getattr(entry, key).split()) for key in ("es", "en")}
        found.append(
            Misconception(entry.id, entry.exercise, cell, dict(entry.loses), **text, line=line)
        )
    return found


def _read(path: Path) -> tuple[list[Any], Any]:
    try:
        text = path.read_text(encoding="utf-8")
        data, node = _parsed(text)
    except (OSError, UnicodeDecodeError) as error:
        raise AuthorError(f"{path}: cannot be read as UTF-8 text ({error}).") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it is not YAML"
        raise AuthorError(f"{path}:{mark.line + 1 if mark else 1}: {problem}.") from None
    except ValueError as error:  # from a day that is in no calendar
        raise AuthorError(f"{path}:1: the file has a value that cannot be ({error}).") from None
    if not isinstance(data, list):
        raise AuthorError(f"{path}:1: the file is a list of misconceptions, each with '- id: …'.")
    return data, node


@lru_cache(maxsize=16)
def _parsed(text: str) -> tuple[Any, Any]:
    """Asked for with the same text for every batch."""
    return yaml.load(text, LOADER), yaml.compose(text, Loader=LOADER)


def _sentence(path: Path, error: ValidationError, node: Any, place: int) -> str:
    # A misspelt key is missing, too: the misspelling is what the author looks for.
    first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    where = [place, *first["loc"]]
    key = str(first["loc"][-1]) if first["loc"] else ""
    fields = [*_Entry.model_fields, *_Replacement.model_fields]
    match first["type"]:
        case "missing":
            problem = f"{key!r} is missing"
        case "extra_forbidden":
            problem = f"there is no {key!r}{nearest(key, fields)}"
        case "model_type":
            problem = "here stands a mapping, such as " + ("old: …, new: …" if key else "id: …")
        case _:
            problem = f"{key}: {str(first['msg'])[0].lower()}{str(first['msg'])[1:]}"
    end = "" if problem[-1] in ".?" else "."
    return f"{path}:{line_of(node, where)}: {problem}{end}"


def _examine(entry: _Entry, assignment: Assignment, ids: Sequence[str], refuse: Any) -> None:
    exercises = [one.id for one in assignment.exercises]
    if not ID.fullmatch(entry.id):
        raise refuse(f"{entry.id!r} is not an id: use lower case and hyphens.", "id")
    if entry.id in ids:
        raise refuse(f"there is a misconception {entry.id!r} already.", "id")
    for name, where in (
        (entry.exercise, ("exercise",)),
        *((one, ("loses", one)) for one in entry.loses),
    ):
        if name not in exercises:
            raise refuse(f"there is no exercise {name!r}{nearest(name, exercises)}", *where)
    for name, points in entry.loses.items():
        most = assignment.exercise(name).points
        if most > 0 and not 0 < points <= most:
            raise refuse(f"{name!r} has {most:g} points; {points:g} cannot be lost.", "loses", name)


def _replaced(entry: _Entry, assignment: Assignment, refuse: Any) -> str:
    """The exercise's solution cell with the replacements made, all in the cell as it was."""
    index = assignment.cells[entry.exercise].index
    original = str(assignment.notebook.cells[index].source)
    spans: list[tuple[int, int, str]] = []
    for number, one in enumerate(entry.replace):
        count = original.count(one.old)
        if count != 1:
            times = "does not occur" if count == 0 else f"occurs {count} times"
            raise refuse(
                f"the old text {one.old!r} {times} in the solution cell of {entry.exercise!r} in "
                f"{assignment.source_path.name}; it has to occur exactly once.",
                "replace",
                number,
                "old",
            )
        start = original.index(one.old)
        if any(start < end and begin < start + len(one.old) for begin, end, _ in spans):
            raise refuse("this old text overlaps another one's.", "replace", number, "old")
        spans.append((start, start + len(one.old), one.new))
    cell = original
    for start, end, new in sorted(spans, reverse=True):
        cell = cell[:start] + new + cell[end:]
    return cell
