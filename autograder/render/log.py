"""The log of a student's results for a person at a terminal: at a glance first, then in full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from autograder.appeal import Replayed
from autograder.changes import Difference
from autograder.render.table import COLOURS
from autograder.words import plain

__all__ = ["log_text", "replay_text", "report_text"]

Json = dict[str, Any]
SHORT = 10
"""Digits of a hash that a person compares."""
TIMESTAMP = 40


def log_text(told: Json, console: Console) -> None:
    """Print what ``logbook.told`` gives."""
    student, name, entries = shown(told["student"]), told["assignment"], told["entries"]
    if not entries:
        console.print(f"{student} · {name}: no result is logged.", highlight=False)
    else:
        console.print(f"[bold]{student}[/] · {name}", highlight=False)
        table = Table("#", "judged", "score", "what changed")
        table.columns[1].no_wrap = table.columns[2].no_wrap = True
        table.columns[2].justify = "right"
        for one in entries:
            table.add_row(str(one["number"]), moment(one["at"]), _score(one), _changed(one))
        if told["since"]:
            said = f"the same result, judged again{_because(told['since']['causes'])}"
            table.add_row("", moment(told["since"]["at"]), "", f"[dim]{said}[/]")
        console.print(table, highlight=False)
        facts = Table("#", "rests on")
        for one in entries:
            now = told["submitted"] if one is entries[-1] else ""
            facts.add_row(str(one["number"]), "\n".join(_rests_on(one, now)))
        console.print(facts, highlight=False)
    for line in _gradebook(told["gradebook"], entries):
        console.print(line, highlight=False, soft_wrap=True)
    for note in told["notes"]:
        console.print(f"[yellow]{shown(note)}[/]", highlight=False, soft_wrap=True)


def report_text(entry: Json, console: Console) -> None:
    """Print what one entry says of every check, as it was told then."""
    report = entry["report"]
    head = f"entry {entry['number']}, judged {moment(entry['at'])}: {_score(entry)}"
    console.print(head, highlight=False)
    if report["message"]:
        console.print(shown(report["message"]), highlight=False)
    for exercise in report["exercises"]:
        got, most = number(exercise["score"]), number(exercise["max_score"])
        console.print(f"\n[bold]{shown(exercise['id'])}[/] · {got}/{most}", highlight=False)
        for check in exercise["checks"]:
            mark = {"passed": "✓", "not_run": "–"}.get(check["outcome"], "✗")
            points = f"{number(check['score'])}/{number(check['points'])}"
            said = f": {shown(check['message'])}" if check["message"] else ""
            line = f"  {mark} {shown(check['title'])} {points}{said}"
            console.print(line, highlight=False, soft_wrap=True)
            if check.get("note"):
                console.print(
                    f"    [dim]{shown(check['note'])}[/]", highlight=False, soft_wrap=True
                )


def replay_text(again: Replayed, entry: int, of: int, console: Console) -> None:
    """Print how ``entry`` of the ``of`` that there are came out when it was judged again."""
    report = again.report
    got = f"{number(report['score'])}/{number(report['max_score'])}"
    head = f"entry {entry} of {of} ({moment(again.at)}), judged again from its observations"
    how = "the same report" if again.same else "[bold red]not the same report[/]"
    console.print(f"{head}: {how}, {got}.", highlight=False, soft_wrap=True)
    for line in differences_text(again.differences, in_full=True):
        console.print(f"  {line}", highlight=False, soft_wrap=True)
    if again.others:
        said = _listed([asdict(one) for one in again.others])
        console.print(f"[dim]since then changed: {said}[/]", highlight=False, soft_wrap=True)


def differences_text(found: Sequence[Difference], *, in_full: bool = False) -> Iterator[str]:
    """A line for each check, exercise or whole whose points changed.

    What only says something else is counted, or ``in_full`` told.
    """
    quiet = 0
    for (exercise, check), group in groupby(found, key=lambda one: (one.exercise, one.check)):
        values = {one.key: one for one in group}
        where = " · ".join(shown(part) for part in (exercise, check) if part)
        said = list(_points(values))
        if said and (check or not exercise or not _checks_tell(found, exercise)):
            yield f"{where}: {', '.join(said)}" if where else ", ".join(said)
        elif said and "max_score" in values:
            yield f"{where}: {_worth(values)}"
        elif not said:
            quiet += bool(check)
        if in_full:
            for key in values.keys() - {"", "score", "outcome", "points", "max_score", "status"}:
                one = values[key]
                label = f"{where}: {key}" if where else key
                yield f"{label}: {_quoted(one.before)} → {_quoted(one.after)}"
    if quiet and not in_full:
        yield f"{quiet} check{'s say' if quiet > 1 else ' says'} something else"


def _points(values: dict[str, Difference]) -> Iterator[str]:
    """What changed in points and outcome, of a check, an exercise or the whole."""
    if "" in values:
        one = values[""]
        yield (
            f"new, {number(one.after)}" if one.before is None else f"gone, had {number(one.before)}"
        )
    if "score" in values:
        yield f"{number(values['score'].before)} → {number(values['score'].after)}"
    if "max_score" in values or "points" in values:
        yield _worth(values)
    for key in ("status", "outcome"):
        if key in values:
            yield f"{values[key].before} → {values[key].after}".replace("_", " ")


def _worth(values: dict[str, Difference]) -> str:
    one = values.get("max_score") or values["points"]
    return f"worth {number(one.before)} → {number(one.after)}"


def _checks_tell(found: Sequence[Difference], exercise: str) -> bool:
    """Whether the checks of ``exercise`` tell by themselves where its points went."""
    return any(one.exercise == exercise and one.check for one in found)


def _changed(entry: Json) -> str:
    found = [Difference(**one) for one in entry["differences"]]
    if entry["number"] == 1:
        lines = ["first result"]
    else:
        moved = next((one for one in found if not one.exercise and one.key == "score"), None)
        head = f"{number(moved.before)} → {number(moved.after)}" if moved else "the same score"
        lines = [f"{head}{_because(entry['causes'])}"]
        inner = [one for one in found if one.exercise or one.key not in ("score", "max_score")]
        lines += differences_text(inner)
    lines += [
        f"{shown(id)}: {number(score)} by hand in the gradebook"
        for id, score in entry["by_hand"].items()
    ]
    return "\n".join(lines)


def _because(causes: Sequence[Json]) -> str:
    if not causes:
        return ""
    if len(causes) == 1:
        return f", because {_listed(causes)} changed"
    return f"; changed in between: {_listed(causes)}"


def _listed(causes: Sequence[Json]) -> str:
    said = [
        f"{shown(one['what'])} ({shown(one['before'])} → {shown(one['after'])})"
        if one["before"] or one["after"]
        else shown(one["what"])
        for one in causes
    ]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"


def _rests_on(entry: Json, now: str) -> Iterator[str]:
    submission, facts = entry["submission"], entry["rests_on"]
    said = [f"submission {submission['digest'][:SHORT]}"]
    if submission["notebook"]:
        said.append(f"its notebook {submission['notebook'][:SHORT]}")
    else:
        said += [
            f"{shown(file)} {digest[:SHORT] if digest else 'missing'}"
            for file, digest in submission.get("notebooks", {}).items()
        ]
    if submission["timestamp"]:
        said.append(f"handed in {shown(submission['timestamp'][:TIMESTAMP])}")
    elif submission["modified"]:
        said.append(f"written {moment(submission['modified'])}")
    lies = {
        "same": "it lies in submitted/ now",
        "other": "another one lies in submitted/ now",
        "none": "none lies in submitted/ now",
    }
    yield ", ".join(said) + (f"; {lies[now]}" if now else "")
    if facts is None:
        yield "[red]the rest of it is gone[/]"
        return
    yield ", ".join(f"{shown(what)} {digest[:SHORT]}" for what, digest in facts["texts"].items())
    of = {**facts["versions"]}
    own = f"autograder {shown(of.pop('autograder'))} (code {facts['code'][:SHORT]})"
    yield ", ".join([own, *(f"{name} {shown(one)}" for name, one in of.items())])
    trials = len(entry["trials"])
    yield (
        f"seeds of key {facts['key']}, {trials} trial{'' if trials == 1 else 's'}; "
        f"devices {', '.join(facts['devices'])}; isolation {facts['isolation']}"
    )


def _gradebook(now: Json | None, entries: Sequence[Json]) -> Iterator[str]:
    if now is None:
        yield "the gradebook has nothing of it now."
        return
    parts = []
    for one in now["exercises"]:
        if one["by_hand"] is not None:
            given = f"{number(one['by_hand'])} by hand"
            if one["automatic"] is not None:
                given += f" instead of {number(one['automatic'])}"
            parts.append(f"{shown(one['id'])} {given}")
        if one["extra"]:
            parts.append(f"{shown(one['id'])} {number(one['extra'])} extra")
    if now["late_penalty"]:
        parts.append(f"{number(now['late_penalty'])} less for being late")
    said = f": {'; '.join(parts)}" if parts else ""
    yield f"in the gradebook now: {number(now['score'])}/{number(now['max_score'])}{said}"
    if entries and not now["agrees"]:
        yield (
            f"[yellow]its automatic scores are not those of entry {entries[-1]['number']}: "
            "`autograder grade` puts them right.[/]"
        )


def _score(entry: Json) -> str:
    status = entry["status"]
    told = "" if status == "graded" else f" {status.replace('_', ' ')}"
    return f"[{COLOURS[status]}]{number(entry['score'])}/{number(entry['max_score'])}{told}[/]"


def _quoted(value: Any) -> str:
    return f"“{shown(value)}”" if isinstance(value, str) else escape(str(value))


def moment(at: str) -> str:
    """A moment in UTC as the clock on the wall here showed it."""
    try:
        return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return shown(at)


def number(value: float | None) -> str:
    return "–" if value is None else f"{round(value, 2):g}"


def shown(text: str) -> str:
    """Anybody's text as a terminal may show it."""
    return escape(plain(text))
