"""What a person at a terminal sees: a progress bar with the time left, then a table."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.markup import escape, render
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from autograder.course import Course
from autograder.words import plain

__all__ = ["Doing", "Progress", "outcome", "results"]

COLOURS = {"graded": "green", "timed_out": "yellow", "errored": "red", "broken": "bold red"}


class Progress:
    """A progress bar on the terminal's error stream; nothing where there is no terminal."""

    def __init__(self, quiet: bool) -> None:
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=quiet or not sys.stderr.isatty(),
            transient=True,
        )

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.__exit__(kind, error, trace)

    def of(self, name: str) -> Callable[[int, int], None]:
        """A function that shows how many of assignment ``name`` are observed."""
        task = self._bar.add_task(name, total=None)
        return lambda done, total: self._bar.update(task, completed=done, total=total)


class Doing:
    """What is being done just now, on the terminal's error stream, where there is one."""

    def __init__(self, quiet: bool) -> None:
        self._console = Console(stderr=True)
        self._status = self._console.status("")
        self._shown = not quiet and sys.stderr.isatty()

    def __enter__(self) -> Self:
        if self._shown:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def of(self, name: str) -> Callable[[str], None]:
        """A function that shows which part of assignment ``name`` is on its way."""
        return lambda part: self._status.update(f"{name}: {part}")


def results(
    batches: Sequence[dict[str, Any]], course: Course, before: Mapping[tuple[str, str], float]
) -> None:
    """Print the table student × assignment, with points and outcome, and where feedback is.

    ``before`` has the scores that were other ones until now, by assignment and student.
    """
    console = Console()
    table = Table("student")
    columns = {
        batch["assignment"]: {one["student"]: one for one in batch["reports"]} for batch in batches
    }
    students = sorted({student for column in columns.values() for student in column})
    if not students:
        console.print(f"nothing was handed in: {course.root / 'submitted'} has no submission.")
        return
    for name in columns:
        table.add_column(name, justify="right", overflow="fold")
    for student in students:
        row = [escape(plain(student))]
        for name, column in columns.items():
            found, old = column.get(student), before.get((name, student))
            row.append("[dim]–[/dim]" if found is None else _cell(found, old))
        table.add_row(*row)
    console.print(table)
    if before:
        name, student = min(before)
        many = "1 result" if len(before) == 1 else f"{len(before)} results"
        console.print(
            f"{many} changed since the last run (old → new); why: autograder log --student "
            f"{escape(shlex.quote(plain(student)))} {name}",
            soft_wrap=True,
        )
    reports = [one for batch in batches for one in batch["reports"]]
    bare = sum(one["made_from"].get("isolation") == "none" for one in reports)
    if bare:
        console.print(
            f"[bold yellow]unprotected:[/] for {bare} of these reports students' code ran without "
            "isolation (`sandbox: none` in the config)",
            soft_wrap=True,
        )
    lacking = sorted({one for report in reports for one in _not_run(report)})
    for device in lacking:
        count = sum(device in _not_run(report) for report in reports)
        console.print(
            f"[yellow]not run:[/] for lack of {device}, {count} of these reports have checks that "
            f"did not run on it; what ran elsewhere counts",
            soft_wrap=True,
        )
    console.print(f"executed notebooks: {course.root / 'autograded'}", soft_wrap=True)


def _not_run(report: dict[str, Any]) -> set[str]:
    """The devices that checks of a graded report ask for and did not run on."""
    if report["status"] == "broken":
        return set()
    checks = [check for one in report["exercises"] for check in one["checks"]]
    return {device for check in checks for device in check["not_run"]}


def outcome(report: Mapping[str, Any]) -> str:
    """What the table shows for one report, as plain text."""
    return render(_cell(report)).plain


def _cell(report: Mapping[str, Any], old: float | None = None) -> str:
    status = report["status"]
    if "waits_for" in report:
        return f"[yellow]waits for {', '.join(report['waits_for'])}[/]"
    if status == "broken":
        return f"[{COLOURS[status]}]not graded: our fault[/]"
    if status == "missing":
        return "[dim]missing[/]"
    score = f"{round(report['score'], 2):g}/{report['max_score']:g}"
    shown = "" if status == "graded" else f" {status.replace('_', ' ')}"
    penalty = report.get("late", {}).get("penalty")
    shown += f" late −{round(penalty, 2):g}" if penalty else ""
    moved = "" if old is None else f"{round(old, 2):g} → "
    return f"{moved}[{COLOURS[status]}]{score}{shown}[/]"
