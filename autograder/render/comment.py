"""The comment under a student's solution cell, as the Markdown that nbgrader renders.

nbgrader lets raw HTML through, so whatever comes from the student is escaped.
"""

from __future__ import annotations

import html
import re

from autograder.render.json import check_message, device_note, message
from autograder.report import ExerciseResult, Report
from autograder.words import Words

__all__ = ["comments"]

MARKS = {"passed": "✓", "not_run": "–"}


def escape(text: str) -> str:
    """``text`` as Markdown that shows it as it is."""
    return re.sub(r"([\\`*_{}\[\]()#+!|~$])", r"\\\1", html.escape(text, quote=False))


def comments(report: Report, language: str) -> dict[str, str]:
    """The comment of each exercise, by its id."""
    words = Words(language, escape)
    head = message(report, words)
    return {one.id: _comment(one, words, head) for one in report.exercises}


def _comment(exercise: ExerciseResult, words: Words, head: str) -> str:
    score = words.points(exercise.score, exercise.max_score)
    lines = [f"**{score}**", ""]
    if head:
        lines += [head, ""]
    sentences: dict[str, list[str]] = {}
    for check in exercise.checks:
        mark = MARKS.get(check.outcome, "✗")
        sentence = check_message(check, words)
        if sentence and mark == "✗":
            # The same cause said once, with all the checks that it cost.
            sentences.setdefault(sentence, []).append(words.title(check.title, check.english))
        elif check.points or sentence:
            title = words.title(check.title, check.english)
            sentences.setdefault(f"{mark} {title}{f': {sentence}' if sentence else ''}", [])
    if not head or not report_is_zero(exercise):
        for sentence, titles in sentences.items():
            said = [title for title in titles if not sentence.startswith(title)]
            head = f"{' · '.join(said)}: " if said else ""
            lines.append(f"- ✗ {head}{sentence}" if titles else f"- {sentence}")
        notes = dict.fromkeys(device_note(check, words) for check in exercise.checks)
        lines += [f"- – {note}" for note in notes if note]
    return "\n".join(lines).rstrip() + "\n"


def report_is_zero(exercise: ExerciseResult) -> bool:
    """Whether no check of the exercise was judged at all."""
    return not exercise.checks
