"""Inside the throw-away container: one hostile submission graded by plain `nbgrader autograde`.

``python nbgrader_container.py SPEC`` (JSON), as the first process of its own pid namespace, which
no attack can kill. Copies a course, puts a canary and listeners beside it, grades, and prints one
line of JSON: scores, marks that got out, what was changed, met, signalled or left.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from attacks.canaries import Listeners, Marks, fingerprints  # noqa: E402

COURSE, HOME, TMP, SHM = Path("/course"), Path("/home/grader"), Path("/tmp"), Path("/dev/shm")
ASSIGNMENT = "actividad_1"
SHOWN = 20
SCORES = """SELECT student_id, SUM(auto_score) FROM grade
    JOIN submitted_notebook ON grade.notebook_id = submitted_notebook.id
    JOIN submitted_assignment ON submitted_notebook.assignment_id = submitted_assignment.id
    GROUP BY student_id"""


def main() -> None:
    spec: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    marks = Marks(spec["marks"])
    shutil.copytree(spec["template"], COURSE, dirs_exist_ok=True)
    for place, kind in ((HOME / ".netrc", "home"), (TMP / "kept", "tmp"), (SHM / "kept", "shm")):
        place.write_text(marks[kind], "utf-8")
    environment = {
        **os.environ,
        "HOME": str(HOME),
        "ATTACKS_SECRET": marks["environment"],
        "ATTACKS_ARGUMENT": marks["argument"],
    }
    canary = subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "attacks" / "canary.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    assert canary.stdin is not None
    assert canary.stdout is not None
    canary.stdin.write(marks["canary"].encode())
    canary.stdin.close()
    canary.stdout.readline()
    with Listeners(HOME, marks["socket"]) as listeners:
        targets = {
            **listeners.targets,
            "course": str(COURSE),
            "assignments": [ASSIGNMENT],
            "home": str(HOME),
            "tmp": str(TMP / "kept"),
            "shm": str(SHM / "kept"),
            "package": str(ROOT / "autograder"),
            "packages": str(Path(os.__file__).parent / "site-packages"),
            "canary": canary.pid,
            "limits": spec["limits"],
            "success": marks["success"],
        }
        folder = COURSE / "submitted" / spec["student"] / ASSIGNMENT
        (folder / "targets.json").write_text(json.dumps(targets), "utf-8")
        kept = [COURSE / name for name in ("source", "release", "submitted", "nbgrader_config.py")]
        kept += [HOME / ".netrc", TMP / "kept", SHM / "kept"]
        before = fingerprints(kept)
        status, seconds = grade(environment, spec["seconds"])
        left = [f"process {one}" for one in others({canary.pid})]
        left += [f"/dev/shm/{one.name}" for one in SHM.iterdir() if one.name != "kept"]
        after = fingerprints(kept)
    changed = [one for one in before.keys() | after.keys() if before.get(one) != after.get(one)]
    ended = canary.poll()
    with contextlib.suppress(ProcessLookupError):
        canary.kill()
    signals = canary.stdout.read().decode().split()
    answer = {
        "status": status,
        "seconds": round(seconds, 1),
        "scores": scores(),
        "graded": sorted(one.name for one in (COURSE / "autograded").glob("*")),
        "read": read(marks, spec["student"]),
        "changed": shortened(sorted(changed)),
        "met": sorted(set(listeners.met)),
        "signals": sorted(set(signals)) + ([f"died of {ended}"] if ended is not None else []),
        "left": shortened(left),
    }
    sys.stdout.write(json.dumps(answer) + "\n")


def shortened(found: list[str]) -> list[str]:
    """The first of many."""
    return [*found[:SHOWN], f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else found


def grade(environment: dict[str, str], limit: float) -> tuple[int | str, float]:
    """Plain nbgrader's own command; "hung" if it does not end in time."""
    begun = time.monotonic()
    command = [str(Path(sys.executable).with_name("nbgrader")), "autograde", ASSIGNMENT]
    with Path("/tmp/nbgrader.log").open("wb") as log:
        grader = subprocess.Popen(
            command,
            cwd=COURSE,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            status: int | str = grader.wait(limit)
        except subprocess.TimeoutExpired:
            status = "hung"
            grader.kill()
            grader.wait()
    seconds = time.monotonic() - begun
    time.sleep(1.0)  # a kernel that leaves by itself has left by now
    return status, seconds


def others(known: set[int]) -> list[str]:
    """Whatever still runs in this container."""
    found = []
    for one in Path("/proc").iterdir():
        if one.name.isdigit() and int(one.name) not in {1, os.getpid(), *known}:
            with contextlib.suppress(OSError):
                text = (one / "cmdline").read_text("utf-8", "replace").replace("\0", " ")
                if text:  # a zombie has none
                    found.append(text[:120])
    return found


def scores() -> dict[str, float]:
    try:
        with contextlib.closing(sqlite3.connect(COURSE / "gradebook.db")) as book:
            return dict(list(book.execute(SCORES)))
    except sqlite3.Error:
        return {}


def read(marks: Marks, student: str) -> list[str]:
    """The kinds of marks in the outputs of the attacker's notebook. (Its hidden tests are in its
    cells: nbgrader puts them there for the instructor.)"""
    found: set[str] = set()
    for path in (COURSE / "autograded" / student).rglob("*.ipynb"):
        with contextlib.suppress(OSError, ValueError):
            cells = json.loads(path.read_text("utf-8"))["cells"]
            outputs = json.dumps([cell.get("outputs") for cell in cells])
            found |= set(marks.in_bytes(outputs.encode()))
    return sorted(found)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    main()
