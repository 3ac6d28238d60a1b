"""Run the command line in a process that tells on a descriptor how far it has come.

    python crash_driver.py DESCRIPTOR STEP ARGUMENT...

Lines: a phase when it begins (``observe``, ``judge``, ``record``), ``run`` for each job that the
sandbox is given, ``steps N`` at the end: how often something was about to be changed on the disk.
Before step number STEP of the phase ``record`` (or of the whole run, for ``feedback``) it says
``now`` and waits to be killed.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

TRANSACTION = "autograder.transaction"
CHANGES = {
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.mkdir",
    "os.link",
    "os.chmod",
    "os.truncate",
    TRANSACTION,
}


class Telling:
    """Writes the lines; counts the steps."""

    def __init__(self, descriptor: int, stop_before: int, counting: bool) -> None:
        self.descriptor, self.stop_before, self.counting = descriptor, stop_before, counting
        self.steps = 0

    def tell(self, line: str) -> None:
        os.write(self.descriptor, f"{line}\n".encode())

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit hook: it is called before what it is told of."""
        # Other threads observe the next batch meanwhile: how far they are is chance.
        if not self.counting or threading.current_thread() is not threading.main_thread():
            return
        if not changes(event, arguments):
            return
        self.steps += 1
        if self.steps == self.stop_before:
            self.tell("now")
            time.sleep(60)


def changes(event: str, arguments: tuple[Any, ...]) -> bool:
    """Whether an audit event announces a change on the disk."""
    if event == "open":
        mode, flags = arguments[1], arguments[2]
        writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT
        return bool(flags & writes) if mode is None else any(one in mode for one in "wax+")
    return event in CHANGES


def _follow(telling: Telling) -> None:
    """Tell of the phases of `autograder grade`."""
    from autograder.exam import Exam
    from autograder.grading import Grader
    from autograder.judge import batch
    from autograder.record.gradebook import Gradebook
    from autograder.sandbox import Sandbox

    observe, judge, run = Exam.observe, batch.judge, Sandbox.run
    record, take = Grader._record, Grader._register
    register, commit = Gradebook.register, Gradebook.record

    def observing(self: Any, *arguments: Any) -> None:
        telling.tell("observe")
        observe(self, *arguments)

    def judging(*arguments: Any) -> None:
        telling.tell("judge")
        judge(*arguments)

    def recording(self: Any, *arguments: Any) -> Any:
        telling.tell("record")
        telling.counting = True
        return record(self, *arguments)

    def taking(self: Any, *arguments: Any) -> None:
        telling.tell("record")
        telling.counting = True
        take(self, *arguments)

    def running(self: Any, *arguments: Any, **options: Any) -> Any:
        telling.tell("run")
        return run(self, *arguments, **options)

    def registering(self: Any, *arguments: Any) -> Any:
        sys.audit(TRANSACTION)
        return register(self, *arguments)

    def committing(self: Any, *arguments: Any) -> None:
        sys.audit(TRANSACTION)
        commit(self, *arguments)
        sys.audit(TRANSACTION)

    Exam.observe, batch.judge = observing, judging  # type: ignore[method-assign, assignment]
    Grader._record, Grader._register = recording, taking  # type: ignore[method-assign]
    Sandbox.run = running  # type: ignore[method-assign]
    Gradebook.register, Gradebook.record = registering, committing  # type: ignore[method-assign]


def main() -> None:
    descriptor, stop_before, *arguments = sys.argv[1:]
    grades = arguments[0] == "grade"
    telling = Telling(int(descriptor), int(stop_before), counting=not grades)
    if grades:
        _follow(telling)
    sys.addaudithook(telling.hear)
    from autograder.program import main as command

    try:
        command(arguments)
    finally:
        telling.counting = False
        telling.tell(f"steps {telling.steps}")


if __name__ == "__main__":
    main()
