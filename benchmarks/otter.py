"""`otter run` on the same submissions, in an environment of its own, made on the first use.

Its tests are what the released notebooks assert in public, one test file an exercise; it runs each
notebook once, beside the tests.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
from measure import Measured, run
from workload import ROOT

__all__ = ["Otter"]

ENVIRONMENT = ROOT / "benchmarks" / ".otter"
PACKAGES = ["otter-grader>=6", "torch", "numpy", "matplotlib", "ipykernel"]
RUNS = "for one in sys.argv[2:]: subprocess.run([sys.argv[1], 'run', one], check=False)"


class Otter:
    """otter-grader in an environment of its own. ``why`` says what keeps it from being there."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self.why = ""

    @cached_property
    def is_there(self) -> bool:
        if not self._program.exists():
            python = ENVIRONMENT / "bin" / "python"
            constraints = ["-c", str(ROOT / "constraints.txt")]
            for command in (
                [sys.executable, "-m", "venv", str(ENVIRONMENT)],
                [str(python), "-m", "pip", "install", "--quiet", *constraints, "torch"],
                [str(python), "-m", "pip", "install", "--quiet", *PACKAGES],
            ):
                done = subprocess.run(command, capture_output=True, text=True)
                if done.returncode:
                    self.why = done.stderr.strip().splitlines()[-1]
                    return False
        return self._program.exists()

    @property
    def _program(self) -> Path:
        return ENVIRONMENT / "bin" / "otter"

    def grade(self, course: Path, assignment: str) -> Measured:
        """Grade every submission of ``course``, one after the other."""
        place = self._work / "otter"
        if place.exists():
            shutil.rmtree(place)
        place.mkdir()
        config = self._config(course, assignment, place)
        commands = []
        for path in sorted((course / "submitted").glob(f"*/{assignment}/{assignment}.ipynb")):
            folder = place / path.parent.parent.name
            folder.mkdir()
            shutil.copy(path, folder)
            shutil.copy(config, folder / "autograder.zip")
            commands.append(folder)
        script = (
            "import subprocess, sys\n"
            "for folder in sys.argv[3:]:\n"
            "    subprocess.run([sys.argv[1], 'run', sys.argv[2]], cwd=folder, check=False)\n"
        )
        told = [str(self._program), f"{assignment}.ipynb", *map(str, commands)]
        done = run([sys.executable, "-c", script, *told], place, may_fail=True)
        graded = len(list(place.glob("*/results.json")))
        if graded * 2 < len(commands):
            sys.exit(f"otter graded {graded} of {len(commands)}:\n{done.out[-2000:]}")
        return done

    def _config(self, course: Path, assignment: str, place: Path) -> Path:
        released = nbformat.read(course / "assignments" / assignment / f"{assignment}.ipynb", 4)
        target = place / "autograder.zip"
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr("otter_config.json", json.dumps({"lang": "python"}))
            for cell in released.cells:
                marks = cell.metadata.get("nbgrader", {})
                if cell.cell_type == "code" and marks.get("grade") and not marks.get("solution"):
                    name = marks["grade_id"].replace("-", "_")
                    archive.writestr(f"tests/{name}.py", _test(name, cell.source, marks))
        return target


def _test(name: str, source: str, marks: Any) -> str:
    lines = source.splitlines()
    code = "\n".join([f">>> {lines[0]}", *(f"... {line}" for line in lines[1:])])
    test = {
        "name": name,
        "points": marks.get("points", 1),
        "suites": [{"cases": [{"code": code, "hidden": False}], "type": "doctest"}],
    }
    return f"OK_FORMAT = True\ntest = {test!r}\n"
