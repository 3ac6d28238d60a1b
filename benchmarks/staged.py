"""`autograder grade --force` in this process, with the seconds of each stage: prints them as JSON.

Stages: ``start`` (imports and the zygote), ``observe`` (the reference with it), ``judge``,
``diagnose``, ``record`` and ``rest``. Wall clock beside the processor time of this process, the
host; what runs in the sandbox is the difference to the whole machine's.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

BEGUN = time.perf_counter()
# As the command line does: importing it takes as long as torch.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def main() -> None:
    folder, name = Path(sys.argv[1]), sys.argv[2]
    from autograder import exam, grading
    from autograder.course import Course

    stages: dict[str, dict[str, float]] = {}
    last = [BEGUN, 0.0]

    def lap(stage: str) -> None:
        now = [time.perf_counter(), time.process_time()]
        spent = stages.setdefault(stage, {"wall": 0.0, "host_cpu": 0.0})
        spent["wall"] += now[0] - last[0]
        spent["host_cpu"] += now[1] - last[1]
        last[:] = now

    def between(owner: Any, method: str, before: str, after: str) -> None:
        original: Callable[..., Any] = getattr(owner, method)

        def timed(*args: Any, **kwargs: Any) -> Any:
            lap(before)
            try:
                return original(*args, **kwargs)
            finally:
                lap(after)

        setattr(owner, method, timed)

    between(exam.Exam, "observe", "rest", "observe")
    between(exam.Exam, "diagnose", "judge", "diagnose")
    between(grading.Grader, "_record", "rest", "record")
    grader = grading.Grader(Course.at(folder), exam.Options(force=True), (name,))
    _ = grader.sandbox
    lap("start")
    with grader:
        grader.grade(name)
    lap("rest")
    sys.stdout.write(json.dumps(stages) + "\n")


if __name__ == "__main__":
    main()
