"""How long a student waits for an answer from ``autograder watch``: from the moment at which the
submission is in place to the moment at which its feedback page can be read.

Alone, one at a time in a warm service; and 200 students who hand in at random moments of one
minute. Beside it the cold start: from the command to the first page. Pages are looked for every
10 ms, from a process of its own. Writes ``results/watch.json`` and ``watch.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measure import pss, tree
from workload import ROOT, hand_in, machine, make_course

RESULTS = ROOT / "benchmarks" / "results"
ASSIGNMENTS = ("perceptron", "bucle_fit")
PATIENCE = 600.0
Json = dict[str, Any]


class Class:
    """A course with its service, and students whose submissions lie ready beside it."""

    def __init__(self, work: Path, assignment: str, count: int, options: list[str]) -> None:
        self.assignment, self.options = assignment, options
        self.course, self.desks = work / "course", work / "desks"
        make_course(self.course, assignment, 0)
        for command in (["release", "--unverified"], ["verify", "--mutants", "0"]):
            # As before a class: the misconceptions have been observed by `verify`.
            program = [sys.executable, "-m", "autograder", *command, "--quiet"]
            subprocess.run(program, cwd=self.course, check=True)
        self.desks.mkdir()
        hand_in(self.desks, assignment, range(count))
        self.students = sorted(one.name for one in (self.desks / "submitted").iterdir())

    def __enter__(self) -> Class:
        (self.course / "submitted").mkdir(exist_ok=True)
        self.begun = time.monotonic()
        self.log = (self.course / "watch.log").open("wb")
        self.service = subprocess.Popen(
            [sys.executable, "-m", "autograder", "watch", "--log", "json", *self.options],
            cwd=self.course,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.service.send_signal(signal.SIGTERM)
        self.service.wait(PATIENCE)
        self.log.close()

    def hand_in(self, student: str) -> float:
        """By one rename; gives the moment."""
        target = self.course / "submitted" / student
        target.mkdir()
        desk = self.desks / "submitted" / student / self.assignment
        at = time.monotonic()
        desk.rename(target / self.assignment)
        return at

    def page(self, student: str) -> Path:
        return self.course / "feedback" / student / self.assignment / f"{self.assignment}.html"

    def wait_for(self, student: str) -> float:
        """The moment at which the page can be read."""
        page, give_up = self.page(student), time.monotonic() + PATIENCE
        while not _is_whole(page):
            if time.monotonic() > give_up or self.service.poll() is not None:
                sys.exit(f"no page for {student}:\n{(self.course / 'watch.log').read_text()}")
            time.sleep(0.01)
        return time.monotonic()

    def memory(self) -> int:
        """MB of PSS of the service and all that belongs to it."""
        return sum(map(pss, tree(self.service.pid))) // 1024

    def events(self, kind: str) -> list[Json]:
        lines = (self.course / "watch.log").read_text().splitlines()
        return [one for one in map(json.loads, lines) if one["event"] == kind]


def _is_whole(page: Path) -> bool:
    try:
        return page.read_bytes().rstrip().endswith(b"</html>")
    except OSError:
        return False


def alone(room: Class, students: list[str]) -> list[float]:
    """Seconds, one of ``students`` after the other, with pauses between them."""
    found = []
    for student in students:
        begun = room.hand_in(student)
        found.append(room.wait_for(student) - begun)
        time.sleep(random.uniform(0.2, 1.2))
    return found


def crowd(room: Class, students: list[str], seconds: float) -> list[float]:
    """Seconds, of ``students`` who hand in at random moments of so many ``seconds``."""
    moments = sorted(random.uniform(0, seconds) for _ in students)
    begun, handed, answered = time.monotonic(), {}, {}
    left = list(zip(moments, students, strict=True))
    give_up = begun + seconds + PATIENCE
    while len(answered) < len(students):
        while left and time.monotonic() - begun >= left[0][0]:
            _, student = left.pop(0)
            handed[student] = room.hand_in(student)
        for student in handed.keys() - answered.keys():
            if _is_whole(room.page(student)):
                answered[student] = time.monotonic()
        if time.monotonic() > give_up or room.service.poll() is not None:
            sys.exit(f"{len(answered)} of {len(students)} answered:\n{room.events('trouble')}")
        time.sleep(0.01)
    return [answered[one] - handed[one] for one in students]


def percentiles(seconds: list[float]) -> Json:
    ordered = sorted(seconds)
    return {
        "count": len(ordered),
        "p50": round(statistics.median(ordered), 2),
        "p99": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 2),
        "most": round(ordered[-1], 2),
    }


def measure(room: Class, few: int, seconds: float) -> Json:
    """The first student at a cold start, then ``few``, one after the other, then all others."""
    random.seed(1)
    load = os.getloadavg()[0]
    with room:
        first, *others = room.students
        room.hand_in(first)
        cold = room.wait_for(first) - room.begun
        told: Json = {"cold": round(cold, 2), "load": load, "memory_mb": [room.memory()]}
        if few:
            time.sleep(5)
            told["alone"] = percentiles(alone(room, others[:few]))
            told["memory_mb"].append(room.memory())
        if many := others[few:]:
            told["crowd"] = percentiles(crowd(room, many, seconds))
            told["crowd"]["seconds"] = seconds
            told["memory_mb"].append(room.memory())
            told["crowd"]["longest_queue"] = max(
                (one["queue"] for one in room.events("queue")), default=0
            )
    return told


def keep(name: str, told: Json) -> None:
    """Put what was measured with assignment ``name`` into the results."""
    path = RESULTS / "watch.json"
    found: Json = json.loads(path.read_text()) if path.exists() else {"assignments": {}}
    found["machine"] = machine()
    found["assignments"][name] = told
    path.write_text(json.dumps(found, indent=1) + "\n")
    (RESULTS / "watch.md").write_text(page(found), encoding="utf-8")


def page(found: Json) -> str:
    versions = ", ".join(f"{k} {v}" for k, v in found["machine"]["versions"].items())
    lines = [
        "# From handing in to the feedback page",
        "",
        f"Written by `python benchmarks/watch.py`: {found['machine']['cores']} cores of "
        f"{found['machine']['processor']}, Python {found['machine']['python']}, {versions}. "
        "Seconds from the rename into `submitted/` to the page that can be read; `cold` from the "
        "command. Everything runs on this machine, students' notebooks twice (two trials).",
        "",
        "| assignment | | students | p50 | p99 | longest |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for name, told in found["assignments"].items():
        lines.append(f"| {name} | cold start and first page | 1 | {told['cold']} | | |")
        for kind, text in (("alone", "one at a time, warm"), ("crowd", "within {:.0f} s")):
            if one := told.get(kind):
                said = text.format(one.get("seconds", 0))
                row = f"{one['count']} | {one['p50']} | {one['p99']} | {one['most']}"
                lines.append(f"| {name} | {said} | {row} |")
    lines.append("")
    for name, told in found["assignments"].items():
        memory = ", ".join(f"{one} MB" for one in told["memory_mb"])
        lines.append(
            f"`{name}`: the load of the machine before it began was {told['load']:.1f}; memory of "
            f"all its processes at the end of each row: {memory}."
        )
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("assignments", nargs="*", default=ASSIGNMENTS)
    parser.add_argument("--alone", type=int, default=20)
    parser.add_argument("--crowd", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--option", action="append", default=[], help="of autograder watch")
    asked = parser.parse_args()
    for name in asked.assignments:
        work = Path(tempfile.mkdtemp(prefix="autograder-watch-"))
        try:
            room = Class(work, name, 1 + asked.alone + asked.crowd, asked.option)
            told = measure(room, asked.alone, asked.seconds)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        sys.stdout.write(f"{name}: {told}\n")
        sys.stdout.flush()
        keep(name, told)


if __name__ == "__main__":
    main()
