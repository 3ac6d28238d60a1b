"""Fuzz the boundary, guided by coverage: ``make fuzz SECONDS=600``. Needs atheris.

``parse`` takes bytes of any kind; ``judge`` changes real runs of the assignments and judges them.
What is interesting is kept in ``.fuzz/<target>``; what breaks something is named and left there.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import atheris

HERE = Path(__file__).resolve().parent
WATCHED = [
    "autograder.observation",
    "autograder.values",
    "autograder.sandbox.wire",
    "autograder.sandbox.child",
    "autograder.judge",
    "autograder.diagnosis",
    "autograder.words",
    "autograder.render",
    "fuzzed_checks",
]
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent.parent)]
with atheris.instrument_imports(include=WATCHED):
    import boundary

MAX_LENGTH = {"parse": 16_384, "judge": 200}


def target(name: str) -> object:
    if name == "parse":
        runs = boundary.seeds()
        return lambda data: boundary.parse(data, runs) and None
    import conftest

    from autograder.course import Course
    from autograder.isolation import open_sandbox

    root = Path(tempfile.mkdtemp(prefix="autograder-fuzz-"))
    course = Course.at(conftest._make_course(root / "course"))
    with open_sandbox("full") as sandbox, atheris.instrument_imports(include=WATCHED):
        judging = [boundary.Judging(course, sandbox, one) for one in conftest.ASSIGNMENTS]
    return lambda data: judging[data[0] % len(judging)](data[1:]) and None if data else None


def main() -> None:
    name, seconds = sys.argv[1], sys.argv[2]
    kept = HERE.parent.parent / ".fuzz" / name
    kept.mkdir(parents=True, exist_ok=True)
    options = [
        sys.argv[0],
        str(kept),
        str(HERE / "corpus" / name),
        f"-max_total_time={seconds}",
        f"-max_len={MAX_LENGTH[name]}",
        "-len_control=0",
        "-timeout=20",
        "-rss_limit_mb=3000",
        f"-artifact_prefix={kept.parent}{os.sep}",
        *sys.argv[3:],
    ]
    atheris.Setup(options, target(name))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
