"""Ours against the peers, side by side in one run: batches, stages, second runs, memory, growth.

Everything is included on every side: start-up, running the notebooks, judging, the gradebook, the
executed notebooks. Ours runs every notebook twice (two trials) in a sandbox; the others once,
without one. Not timed is what comes before the first submission: release, and `autograder verify`,
which observes the misconceptions that wrong answers are compared with. Writes
`results/bench.json`, `bench.md` and `bench.svg` after every section, so a run that is stopped has
what it measured.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measure import Measured, run
from otter import Otter
from page import write_page
from workload import ROOT, hand_in, machine, make_course

RESULTS = ROOT / "benchmarks" / "results"
HERE = Path(__file__).resolve().parent
ASSIGNMENTS = ("perceptron", "bucle_fit")
Json = dict[str, Any]
PLAIN = """c = get_config()
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "assignments"
c.Execute.timeout = 60
"""


@dataclass
class Bench:
    """What was measured so far, and where courses are made."""

    work: Path
    rounds: int
    sizes: list[int]
    theirs: list[int]
    large: int
    found: Json = field(default_factory=dict)

    def course(self, name: str, assignment: str, count: int) -> Path:
        """A course whose releases are made, with ``count`` submissions."""
        folder = self.work / name
        if folder.exists():
            shutil.rmtree(folder)
        make_course(folder, assignment, count)
        run(["autograder", "release", "--unverified", "--quiet"], folder)
        return folder

    def plain(self, assignment: str, count: int) -> Path:
        """One for nbgrader as it comes: without our configuration, which has ours grade."""
        folder = self.course("nbgrader", assignment, count)
        (folder / "nbgrader_config.py").write_text(PLAIN, encoding="utf-8")
        return folder

    def own(self, assignment: str, count: int) -> Path:
        """One whose misconceptions are observed as well: once an assignment, then copied."""
        verified = self.work / f"verified-{assignment}"
        if not verified.exists():
            self.course(verified.name, assignment, 0)
            run(["autograder", "verify", "--mutants", "0", "--quiet"], verified)
        folder = self.work / "own"
        if folder.exists():
            shutil.rmtree(folder)
        shutil.copytree(verified, folder, symlinks=True)
        hand_in(folder, assignment, range(count))
        return folder

    def say(self, text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


GRADE = ["autograder", "grade", "--force", "--quiet"]


def batch(bench: Bench) -> Json:
    """Seconds of wall clock and of processor time a submission: medians over the rounds."""
    otter = Otter(bench.work)
    if not otter.is_there:
        bench.say(f"otter run is left out: {otter.why}")
    told: Json = {}
    for assignment in ASSIGNMENTS:
        times: dict[str, dict[int, list[Measured]]] = {}
        for turn in range(bench.rounds):
            for count in bench.sizes:
                # The long ones once: what varies is the start.
                if turn and count > 100:
                    continue
                own = bench.own(assignment, count)
                times.setdefault("autograder", {}).setdefault(count, []).append(run(GRADE, own))
                if count not in bench.theirs:
                    continue
                other = bench.plain(assignment, count)
                one = run(["nbgrader", "autograde", assignment], other, may_fail=True)
                if (other / ".autograder" / "observations").exists():
                    sys.exit("nbgrader graded by our classes: that compares us with ourselves")
                graded = len(list(other.glob(f"autograded/*/{assignment}/*.ipynb")))
                if graded != count:
                    sys.exit(f"nbgrader graded {graded} of {count}:\n{one.out[-2000:]}")
                times.setdefault("nbgrader", {}).setdefault(count, []).append(one)
                if otter.is_there and not turn and count == min(bench.theirs):
                    one = otter.grade(other, assignment)
                    times.setdefault("otter", {}).setdefault(count, []).append(one)
        limit = limits(bench.own(assignment, 40), assignment)
        told[assignment] = {
            "each": {
                who: {
                    str(count): {
                        "wall": statistics.median(one.wall for one in found) / count,
                        "cpu": statistics.median(one.cpu for one in found) / count,
                        "rounds": len(found),
                    }
                    for count, found in by_count.items()
                }
                for who, by_count in times.items()
            },
            "limit": limit,
        }
        nbgrader = told[assignment]["each"].get("nbgrader", {})
        if nbgrader:
            slow = nbgrader[max(nbgrader, key=int)]["wall"]
            ratios = {
                count: slow / one["wall"]
                for count, one in told[assignment]["each"]["autograder"].items()
            }
            told[assignment]["times_nbgrader"] = ratios
            bench.say(f"{assignment}: {ratios}")
    return told


def limits(course: Path, assignment: str) -> Json:
    """Processor seconds a submission of the bare cells, and of the probes, both trials."""
    done = run([sys.executable, "-W", "ignore", str(HERE / "limit.py"), ".", assignment], course)
    told: Json = json.loads(done.out.splitlines()[-1])
    return told


def stages(bench: Bench) -> Json:
    """Where the time of 40 goes, in seconds."""
    told: Json = {}
    for assignment in ASSIGNMENTS:
        course = bench.own(assignment, 40)
        done = run([sys.executable, str(HERE / "staged.py"), ".", assignment], course)
        told[assignment] = json.loads(done.out.splitlines()[-1])
    return told


def again(bench: Bench) -> Json:
    """A run with nothing changed, and one in which a check did, beside the first, for 400."""
    assignment, count = "perceptron", max(bench.sizes)
    course = bench.own(assignment, count)
    command = ["autograder", "grade", "--quiet"]
    small = bench.work / "small"
    if small.exists():
        shutil.rmtree(small)
    make_course(small, assignment, 1)
    run(command, small)
    first = run(command, course)
    nothing = statistics.median(run(command, course).wall for _ in range(bench.rounds))
    start = statistics.median(run(command, small).wall for _ in range(bench.rounds))
    judging = []
    for turn in range(bench.rounds):
        checks = course / "solutions" / assignment / f"test_{assignment}.py"
        with checks.open("a", encoding="utf-8") as file:
            file.write(f"\n# {turn}\n")
        shutil.copytree(checks.parent, small / "solutions" / assignment, dirs_exist_ok=True)
        judging.append(run(command, course).wall - run(command, small).wall)
    return {
        "submissions": count,
        "first_run": first.wall,
        "nothing_changed": nothing,
        "start_up": start,
        "nothing_changed_each_ms": 1000 * (nothing - start) / (count - 1),
        "judged_again_each_ms": 1000 * statistics.median(judging) / (count - 1),
    }


def commands(bench: Bench) -> Json:
    """What somebody waits for at a prompt, beside `import torch`: seconds, medians."""
    course = bench.own("perceptron", 1)
    notebook = next((course / "submitted").glob("*/*/*.ipynb"))
    asked = {
        "import torch": [sys.executable, "-c", "import torch"],
        "autograder --help": ["autograder", "--help"],
        "autograder check": ["autograder", "check", str(notebook)],
        "autograder grade, one submission": GRADE,
    }
    return {
        name: statistics.median(
            run(command, course, may_fail=True).wall for _ in range(max(bench.rounds, 3))
        )
        for name, command in asked.items()
    }


def memory(bench: Bench) -> Json:
    """The largest sum of PSS of all processes, in MB, by jobs and submissions."""
    told: Json = {}
    for count in (40, 400, bench.large):
        course = bench.own("perceptron", count)
        for jobs in (1, 2):
            done = run([*GRADE, "--jobs", str(jobs)], course, memory=True)
            told[f"{count} submissions, {jobs} jobs"] = done.peak_mb
    return told


def growth(bench: Bench) -> Json:
    """Seconds a submission from 40 to thousands, the gradebook's and the reports' bytes."""
    told: Json = {}
    for count in (40, 400, bench.large):
        course = bench.own("perceptron", count)
        done = run(GRADE, course)
        reports = sum(one.stat().st_size for one in course.glob(".autograder/reports/**/*.json"))
        told[str(count)] = {
            "each": done.wall / count,
            "cpu_each": done.cpu / count,
            "gradebook_bytes_each": (course / "gradebook.db").stat().st_size / count,
            "report_bytes_each": reports / count,
        }
        # One more student in a course of so many.
        hand_in(course, "perceptron", range(count, count + 1))
        told[str(count)]["one_more"] = run(["autograder", "grade", "--quiet"], course).wall
    return told


SECTIONS: dict[str, Callable[[Bench], Json]] = {
    one.__name__: one for one in (batch, stages, again, commands, memory, growth)
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=[8, 40, 400])
    parser.add_argument("--nbgrader", type=int, nargs="+", default=[8, 40])
    parser.add_argument("--large", type=int, default=2000)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], default=list(SECTIONS))
    asked = parser.parse_args()
    kept = RESULTS / "bench.json"
    found = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    found["machine"] = machine()
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        bench = Bench(Path(place), asked.rounds, asked.sizes, asked.nbgrader, asked.large, found)
        for name in asked.sections or SECTIONS:
            bench.say(f"— {name}")
            found[name] = SECTIONS[name](bench)
            bench.say(json.dumps(found[name], indent=1))
            kept.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            write_page(found, RESULTS)


if __name__ == "__main__":
    main()
