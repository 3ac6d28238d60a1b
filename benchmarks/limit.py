"""The physical limit: the students' own cells, twice as there are two trials, in a warm process.

No sandbox, no snapshot, no judging: ``exec`` of what every grader has to run, and, apart, our
probes on top of it. Prints the seconds of processor time a submission as JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from autograder.course import Course
from autograder.inside.probing import Call, Draws, load_probes
from autograder.inside.uncompiled import put_off_compiler
from autograder.submission import read_submission

TRIALS = 2


class Bare:
    """A student's namespace for probes that are only called, not watched."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace

    def __getitem__(self, name: str) -> Any:
        return self._namespace[name]

    def call(self, name: str, *args: Any, **kwargs: Any) -> Call:
        call = Call(name)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            call.value = self[name](*args, **kwargs)
        call.printed = printed.getvalue()
        return call

    operators = call


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("course", type=Path)
    parser.add_argument("assignment")
    asked = parser.parse_args()
    put_off_compiler()
    torch.set_num_threads(1)
    assignment = Course.at(asked.course).assignment(asked.assignment)
    probes = load_probes(assignment.probes)
    folders = sorted((asked.course / "submitted").glob(f"*/{asked.assignment}"))
    submissions = [read_submission(one, one.parent.name, assignment) for one in folders]
    spent = {"cells": 0.0, "probes": 0.0}

    def run(submission: Any) -> None:
        namespace: dict[str, Any] = {"__name__": "__main__"}
        last = {one.exercise: place for place, one in enumerate(submission.cells) if one.exercise}
        for place, cell in enumerate(submission.cells):
            begun = time.process_time()
            with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
                exec(compile(cell.source, "cell", "exec"), namespace)
            ended = time.process_time()
            spent["cells"] += ended - begun
            if cell.exercise and last[cell.exercise] == place:
                for probe in (one for one in probes if one.exercise == cell.exercise):
                    with contextlib.suppress(Exception):
                        probe.function(Bare(namespace), Draws(1, "cpu"), "cpu")
                spent["probes"] += time.process_time() - ended

    for submission in submissions[:3]:
        run(submission)
    spent = dict.fromkeys(spent, 0.0)
    for submission in submissions:
        for _ in range(TRIALS):
            run(submission)
    each = {name: seconds / len(submissions) for name, seconds in spent.items()}
    sys.stdout.write(json.dumps(each) + "\n")


if __name__ == "__main__":
    main()
