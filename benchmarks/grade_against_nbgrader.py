"""Grade the same generated submissions with `autograder grade` and with `nbgrader autograde`.

Everything is included on both sides: start-up, running the notebooks, judging, the gradebook, the
executed notebooks. Ours runs every notebook twice (two trials) in a sandbox; nbgrader once, without
one. The submissions are the examples that can be read and that end, each copy made different. Not
timed is what comes before the first submission: release, and `autograder verify`, which observes
the misconceptions that grading compares wrong answers with.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
UNSUITED = {"hugo", "lola"}
"""One hands in a notebook that cannot be read, one a loop without end."""


def make_course(folder: Path, assignment: str, count: int) -> None:
    """A course in ``folder`` with ``count`` submissions of ``assignment``."""
    shutil.copytree(ROOT / "solutions" / assignment, folder / "solutions" / assignment)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    (folder / "grading_config.yaml").write_text(f"assignments:\n  {assignment}:\n")
    examples = sorted((ROOT / "examples").glob(f"*/{assignment}/{assignment}.ipynb"))
    chosen = [path for path in examples if path.parent.parent.name not in UNSUITED]
    for number, example in zip(range(count), itertools.cycle(chosen), strict=False):
        notebook = nbformat.read(example, as_version=4)
        for cell in notebook.cells:
            marks = cell.metadata.get("nbgrader", {})
            if cell.cell_type == "code" and marks.get("solution"):
                cell.source = f"# entrega {number}\n{cell.source}"
        target = folder / "submitted" / f"student{number:04}" / assignment
        target.mkdir(parents=True)
        nbformat.write(notebook, target / f"{assignment}.ipynb")


def timed(command: list[str], folder: Path, *, may_fail: bool = False) -> float:
    """Seconds that ``command`` takes in ``folder``."""
    programs = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode != 0 and not may_fail:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return time.perf_counter() - begun


def compare(assignment: str, count: int, theirs: int, rounds: int) -> dict[str, float]:
    """Medians of seconds a submission, ours over ``count`` and nbgrader's over ``theirs``."""
    own_times, their_times = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=ROOT) as place:
            own, other = Path(place) / "own", Path(place) / "nbgrader"
            for folder, number in ((own, count), (other, theirs)):
                folder.mkdir()
                make_course(folder, assignment, number)
                timed(["autograder", "release", "--quiet"], folder)
            timed(["autograder", "verify", "--mutants", "0", "--quiet"], own)
            own_times.append(timed(["autograder", "grade", "--force", "--quiet"], own) / count)
            # It gives up on some damaged examples, which costs it less time than grading them.
            command = ["nbgrader", "autograde", assignment]
            their_times.append(timed(command, other, may_fail=True) / theirs)
    own_seconds = sorted(own_times)[rounds // 2]
    their_seconds = sorted(their_times)[rounds // 2]
    return {
        "submissions": count,
        "autograder_seconds_each": round(own_seconds, 4),
        "nbgrader_submissions": theirs,
        "nbgrader_seconds_each": round(their_seconds, 3),
        "ratio": round(their_seconds / own_seconds, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--submissions", type=int, default=40)
    parser.add_argument("--nbgrader", type=int, help="how many of them nbgrader grades, too")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("assignments", nargs="*", default=["perceptron", "bucle_fit"])
    asked = parser.parse_args()
    theirs = asked.nbgrader or asked.submissions
    result = {
        "machine": {"cores": os.cpu_count(), "kind": platform.machine()},
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("torch", "nbgrader")},
        "assignments": {},
    }
    for assignment in asked.assignments:
        found = compare(assignment, asked.submissions, theirs, asked.rounds)
        result["assignments"][assignment] = found
        sys.stdout.write(
            f"{assignment}: autograder {found['autograder_seconds_each']:.3f} s a submission, "
            f"nbgrader {found['nbgrader_seconds_each']:.2f} s, ratio {found['ratio']}\n"
        )
    target = ROOT / "benchmarks" / "results" / "grade_against_nbgrader.json"
    target.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
