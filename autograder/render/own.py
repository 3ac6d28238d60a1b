"""What ``autograder check`` prints for a student."""

from __future__ import annotations

from autograder.selfcheck import Problem, Result
from autograder.words import Words, plain

__all__ = ["own_result"]


def own_result(result: Result, words: Words) -> str:
    """The result in lines: an exercise each, then other cells, then hints."""
    if not result.exercises:
        return words.own("no_exercises")
    width = max(len(plain(one)) for one in result.exercises)
    lines = []
    for exercise, problems in result.exercises.items():
        mark, passed = ("✗", "") if problems else ("✓", "  " + words.own("passed"))
        lines.append(f"{mark} {plain(exercise):{width}}{passed}")
        lines += _told(problems, words)
    if result.elsewhere:
        lines += [f"✗ {words.own('elsewhere')}", *_told(result.elsewhere, words)]
    if result.passed:
        lines += ["", words.own("all_passed")]
    for hint in result.hints:
        lines += ["", f"→ {plain(hint)}"]
    return "\n".join(lines)


def _told(problems: list[Problem], words: Words) -> list[str]:
    return [f"    {words.own('cell', cell=one.cell)}: {plain(one.sentence)}" for one in problems]
