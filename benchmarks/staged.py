"""`autograder grade --force` in this process, with the seconds of each stage: prints them as JSON.

Stages: ``start`` (imports and the zygote), ``observe`` (the reference with it), ``judge`` (the
diagnoses with it), ``record``, and ``all``. Each is wall clock beside the processor time of its
own thread. Judging and recording overlap with the observing of the next batch, so the stages are
more than all.
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

    def took(stage: str, wall: float, cpu: float) -> None:
        spent = stages.setdefault(stage, {"wall": 0.0, "host_cpu": 0.0})
        spent["wall"] += wall
        spent["host_cpu"] += cpu

    def measure(owner: Any, method: str, stage: str) -> None:
        original: Callable[..., Any] = getattr(owner, method)

        def timed(*args: Any, **kwargs: Any) -> Any:
            begun, spent = time.perf_counter(), time.thread_time()
            try:
                return original(*args, **kwargs)
            finally:
                took(stage, time.perf_counter() - begun, time.thread_time() - spent)

        setattr(owner, method, timed)

    measure(exam.Exam, "observe", "observe")
    measure(grading.Grader, "_judged", "judge")
    measure(grading.Grader, "_register", "record")
    measure(grading.Grader, "_record", "record")
    grader = grading.Grader(Course.at(folder), exam.Options(force=True), (name,))
    _ = grader.sandbox
    took("start", time.perf_counter() - BEGUN, time.process_time())
    with grader:
        grader.grade(name)
    took("all", time.perf_counter() - BEGUN, time.process_time())
    sys.stdout.write(json.dumps(stages) + "\n")


if __name__ == "__main__":
    main()
