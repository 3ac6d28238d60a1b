"""A large course: thousands of submissions over four assignments, in SQLite and in PostgreSQL.

Grades everything once, again with nothing changed, after one more student, and after a check has
changed; then into the database at `--db-url`, for which no student code runs again. Writes times,
memory and sizes to `results/ten_thousand.json` and `.md` after every step. With `--course` the
folder is kept, and a run that was stopped goes on there.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import Measured, run
from workload import ROOT, add_assignment, hand_in, machine, make_course

RESULTS = ROOT / "benchmarks" / "results"
ASSIGNMENTS = ("actividad_1", "perceptron", "dos_capas_ocultas", "bucle_fit")
GRADE = ["autograder", "grade", "--quiet"]
FOLDERS = {
    "gradebook": "gradebook.db",
    "observations": ".autograder/observations",
    "log": ".autograder/history",
    "reports": ".autograder/reports",
    "autograded": "autograded",
    "feedback": "feedback",
}
Json = dict[str, Any]


class Large:
    """The course in ``folder``, and what was measured of it so far."""

    def __init__(self, folder: Path, students: int) -> None:
        self.folder, self.students = folder, students
        self.found: Json = {
            "machine": machine(),
            "students": students,
            "submissions": students * len(ASSIGNMENTS),
            "steps": [],
        }

    def make(self) -> None:
        """Hand in what is not there yet; release and verify, which is not measured."""
        if not (self.folder / "grading_config.yaml").exists():
            make_course(self.folder, ASSIGNMENTS[0], 0)
            for name in ASSIGNMENTS[1:]:
                add_assignment(self.folder, name)
        for name in ASSIGNMENTS:
            there = len(list(self.folder.glob(f"submitted/*/{name}")))
            hand_in(self.folder, name, range(there, self.students))
        run(["autograder", "release", "--unverified", "--quiet"], self.folder)
        run(["autograder", "verify", "--mutants", "0", "--quiet"], self.folder)

    def step(self, what: str, command: list[str], count: int) -> None:
        """Measure ``command``, which does something to ``count`` submissions."""
        taken: Measured = run(command, self.folder, memory=True)
        each = taken.wall / max(count, 1)
        self.found["steps"].append(
            {
                "what": what,
                "submissions": count,
                "wall": taken.wall,
                "cpu": taken.cpu,
                "peak_mb": taken.peak_mb,
            }
        )
        sys.stdout.write(f"{what}: {taken.wall:.0f} s, {each:.3f} s each, {taken.peak_mb} MB\n")
        sys.stdout.flush()
        self.found["bytes"] = {name: _size(self.folder / at) for name, at in FOLDERS.items()}
        self.write()

    def write(self) -> None:
        RESULTS.mkdir(exist_ok=True)
        text = json.dumps(self.found, indent=1) + "\n"
        (RESULTS / "ten_thousand.json").write_text(text, encoding="utf-8")
        (RESULTS / "ten_thousand.md").write_text(_page(self.found), encoding="utf-8")


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(
        Path(folder, file).lstat().st_size for folder, _, files in os.walk(path) for file in files
    )


def _page(found: Json) -> str:
    of = found["machine"]
    lines = [
        "# A large course",
        "",
        f"Written by `benchmarks/ten_thousand.py`: {found['submissions']} submissions by "
        f"{found['students']} students over {len(ASSIGNMENTS)} assignments, two trials each, on "
        f"{of['cores']} cores of {of['processor']} with {of['memory_gib']} GiB.",
        "",
        "| step | submissions | s | s each | CPU s each | largest PSS, MB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for one in found["steps"]:
        count = max(one["submissions"], 1)
        lines.append(
            f"| {one['what']} | {one['submissions']} | {one['wall']:.1f} "
            f"| {one['wall'] / count:.4f} | {one['cpu'] / count:.4f} | {one['peak_mb']} |"
        )
    lines += ["", "| on the disk | MB | KB a submission |", "|---|---:|---:|"]
    for name, size in found.get("bytes", {}).items():
        lines.append(f"| {name} | {size / 1e6:.1f} | {size / 1e3 / found['submissions']:.1f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=2500)
    parser.add_argument("--course", type=Path, help="a folder to keep")
    parser.add_argument("--db-url", help="of an empty database in PostgreSQL")
    parser.add_argument("--feedback", action="store_true", help="make all pages, too")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="large-") as place:
        large = Large(asked.course or Path(place) / "course", asked.students)
        large.make()
        measure(large, asked.db_url, feedback=asked.feedback)


def measure(large: Large, db_url: str | None, *, feedback: bool) -> None:
    """All steps, in the order in which a course meets them."""
    folder, count = large.folder, large.students
    every = count * len(ASSIGNMENTS)
    for name in ASSIGNMENTS:
        large.step(f"grade {name}", [*GRADE, name], count)
    large.step("nothing changed", GRADE, every)
    for name in ASSIGNMENTS:
        hand_in(folder, name, range(count, count + 1))
    large.step("one more student, all assignments", GRADE, len(ASSIGNMENTS))
    checks = folder / "solutions" / "perceptron" / "test_perceptron.py"
    with checks.open("a", encoding="utf-8") as file:
        file.write("\n# reworded\n")
    large.step("a check of perceptron changed", [*GRADE, "perceptron"], count)
    if feedback:
        large.step("all feedback pages", ["autograder", "feedback", "--quiet"], every)
    if db_url:
        config = folder / "grading_config.yaml"
        config.write_text(f"db_url: {db_url}\n{config.read_text('utf-8')}", encoding="utf-8")
        large.step("everything into PostgreSQL", GRADE, every)
        large.step("nothing changed, PostgreSQL", GRADE, every)


if __name__ == "__main__":
    main()
