"""Find an author's mistakes in the checks of an assignment before anything is judged."""

from __future__ import annotations

import ast
import difflib
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.errors import AuthorError
from autograder.judge.check import Check

if TYPE_CHECKING:
    from autograder.assignment import Assignment

__all__ = ["examine", "place_of"]

Declared = tuple[Callable[..., Any], Check]


def place_of(function: Callable[..., Any]) -> str:
    """``file:line`` of a check, for the sentence about it."""
    code = function.__code__
    return f"{code.co_filename}:{code.co_firstlineno}"


def examine(assignment: Assignment, declared: Sequence[Declared]) -> None:
    """Raise ``AuthorError`` unless checks, exercises and points belong together."""
    _refuse_same_names(assignment.checks_path)
    known = [exercise.id for exercise in assignment.exercises]
    for function, check in declared:
        if check.exercise not in known:
            near = difflib.get_close_matches(check.exercise, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}."
            raise AuthorError(
                f"{place_of(function)}: the check {check.title!r} is of exercise "
                f"{check.exercise!r}, which {assignment.source_path.name} does not have; {hint}"
            )
        if _points(check) < 0 or check.penalty < 0:
            raise AuthorError(f"{place_of(function)}: points and penalties are not negative.")
    for exercise in assignment.exercises:
        own = [(function, check) for function, check in declared if check.exercise == exercise.id]
        if not own:
            raise AuthorError(
                f"{assignment.checks_path}: exercise {exercise.id!r} has no check; add one with "
                f"@check(…, exercise={exercise.id!r}, points={exercise.points:g})."
            )
        total = sum(_points(check) for _, check in own)
        if not math.isclose(total, exercise.points, abs_tol=1e-6):
            raise AuthorError(
                f"{place_of(own[0][0])}: the checks of {exercise.id!r} are worth {total:g} points "
                f"together, but its grade cell {exercise.check_cell!r} in "
                f"{assignment.source_path.name} has {exercise.points:g}; make them agree."
            )


def _refuse_same_names(checks: Path) -> None:
    """Of two functions of one name Python keeps the second, so the first would check nothing."""
    lines: dict[str, int] = {}
    for node in ast.parse(checks.read_bytes()).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            if node.name in lines:
                raise AuthorError(
                    f"{checks}:{node.lineno}: {node.name!r} stands on line {lines[node.name]} "
                    "already; give one of them another name."
                )
            lines[node.name] = node.lineno


def _points(check: Check) -> float:
    return sum(check.each.values()) if check.each is not None else check.points
