"""`autograder grade` and `feedback` in one process, with a note of every run in the sandbox.

``python graded_run.py NOTES MARK DIR ASSIGNMENT…``. Nothing of the pipeline is changed: what is
added stands around public methods, and tells who ran, for how long, and how the run ended.
"""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

from autograder.observe import Observer
from autograder.program import main
from autograder.sandbox import Sandbox
from autograder.sandbox.child import Child

who = threading.local()
lock = threading.Lock()


def note(notes: Path, **what: Any) -> None:
    with lock, notes.open("a", encoding="utf-8") as file:
        file.write(json.dumps(what) + "\n")


def watch(notes: Path) -> None:
    observe, run, serve = Observer.on_cpu, Sandbox.run, Child.serve

    def observe_by_name(self: Observer, submission: Any, **more: Any) -> Any:
        who.student = submission.student
        try:
            return observe(self, submission, **more)
        finally:
            who.student = None

    def timed_run(self: Sandbox, job: Any, *more: Any, limits: Any, **named: Any) -> Any:
        who.begun, how = time.monotonic(), "raised"
        try:
            ended = run(self, job, *more, limits=limits, **named)
            how = ended.how
            return ended
        finally:
            note(
                notes,
                student=getattr(who, "student", None) or "(reference)",
                shown=job["shown"],
                seconds=time.monotonic() - who.begun,
                ended=time.monotonic(),
                limit=limits.seconds,
                how=how,
                memory_limit=self.facts["memory_limit"],
            )

    def serve_from_now(self: Child, *more: Any, **named: Any) -> Any:
        # What came before was setting up: no student's code has run yet.
        who.begun = time.monotonic()
        return serve(self, *more, **named)

    Child.serve = serve_from_now  # type: ignore[method-assign]
    Observer.on_cpu = observe_by_name  # type: ignore[method-assign]
    Sandbox.run = timed_run  # type: ignore[method-assign]


def step(*arguments: str) -> int:
    try:
        main(list(arguments))
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


if __name__ == "__main__":
    notes, kept, folder, *assignments = sys.argv[1:]
    secret = [kept[::-1]] * 4  # in the memory of the grader
    secret = [text[::-1] for text in secret]
    watch(Path(notes))
    begun = time.monotonic()
    output = ["--json", str(Path(folder) / "reports.json")]
    # Not one more than there are cores, as usually: two of these run side by side (`make attacks`),
    # and a right cell that waits for its turn among many attackers would be interrupted, too.
    jobs = ("--jobs", "2")
    status = step("grade", "--course", folder, "--quiet", *jobs, *output, *assignments)
    note(Path(notes), graded=time.monotonic())
    if status == 0:
        status = step("feedback", "--course", folder, "--quiet", *assignments)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    note(Path(notes), begun=begun, ended=time.monotonic(), peak_mb=peak)
    sys.exit(status)
