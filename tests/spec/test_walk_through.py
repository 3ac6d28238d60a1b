"""CONTRIBUTING.md's walk-through does what it says: its commands and edits, read from it and done.

What is read, in the order of the text: commands (lines that begin with ``$`` in console blocks),
replacements (in `FILE`, `OLD` becomes `NEW`; in a notebook it is a cell's text that changes), and
blocks that are appended (append to `FILE`:).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
import yaml

pytestmark = pytest.mark.heavy

HEADING = "## Add an exercise or an assignment\n"
STEP = re.compile(
    r"```console\n(?P<console>.*?)```"
    r"|\bin\s`(?P<file>[^`]+)`,\s+`(?P<old>[^`]+)`\s+becomes\s+`(?P<new>[^`]+)`"
    r"|\bappend\sto\s+`(?P<target>[^`]+)`:\n\n```\w+\n(?P<block>.*?)```",
    re.DOTALL | re.IGNORECASE,
)
NAME = "mi_tarea"


@dataclass(frozen=True)
class Command:
    line: str


@dataclass(frozen=True)
class Replacement:
    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Addition:
    file: str
    text: str


def steps(text):
    """What the walk-through in ``text`` asks for, in its order."""
    _, _, rest = text.partition(HEADING)
    section = rest.partition("\n##")[0]
    found = []
    for match in STEP.finditer(section):
        if match["console"] is not None:
            found += [Command(line[2:]) for line in match["console"].splitlines()]
        elif match["file"]:
            found.append(Replacement(match["file"], match["old"], match["new"]))
        else:
            found.append(Addition(match["target"], match["block"]))
    # Nothing that looks like a step is passed over.
    blocks = section.count("```") // 2
    understood = sum(1 for one in STEP.finditer(section) if not one["file"])
    assert blocks == understood, "a block of the walk-through is neither run nor appended"
    assert section.count(" becomes") == sum(isinstance(one, Replacement) for one in found)
    return found


def replace(path, old, new):
    if path.suffix != ".ipynb":
        text = path.read_text("utf-8")
        assert text.count(old) == 1, f"{old!r} in {path.name}"
        path.write_text(text.replace(old, new), "utf-8")
        return
    notebook = nbformat.read(path, as_version=4)
    (cell,) = (one for one in notebook.cells if old in one.source)
    assert cell.source.count(old) == 1, f"{old!r} in {path.name}"
    cell.source = cell.source.replace(old, new)
    nbformat.write(notebook, path)


def append(path, text):
    path.write_text(path.read_text("utf-8") + text, "utf-8")


@pytest.fixture(scope="module")
def walked(repository, tmp_path_factory):
    """A fresh course in which the walk-through was done; every command's line and how it ended."""
    root = tmp_path_factory.mktemp("walk")
    course, bin = root / "course", root / "bin"
    course.mkdir()
    bin.mkdir()
    for file in ("grading_config.yaml", "nbgrader_config.py"):
        shutil.copy(repository / file, course)
    # The program of this very checkout, whichever one the environment has installed.
    program = bin / "autograder"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m autograder "$@"\n')
    program.chmod(0o755)
    path = os.pathsep.join([str(bin), str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(repository)}
    ran = []
    for step in steps((repository / "CONTRIBUTING.md").read_text("utf-8")):
        match step:
            case Command(line):
                done = subprocess.run(
                    ["bash", "-c", line],
                    cwd=course, env=env, stdin=subprocess.DEVNULL,
                    capture_output=True, text=True, timeout=300, check=False,
                )  # fmt: skip
                ran.append((line, done.returncode, done.stdout + done.stderr))
            case Replacement(file, old, new):
                replace(course / file, old, new)
            case Addition(file, text):
                append(course / file, text)
    return course, ran


def test_every_command_of_the_walk_through_ends_well(walked):
    _, ran = walked

    assert [line.split()[1] for line, _, _ in ran] == ["new", "verify", "verify", "release"]
    for line, status, said in ran:
        assert status == 0, f"{line}: {said}"


def test_what_the_walk_through_ends_with_is_proven_with_its_edits(walked):
    course, ran = walked

    proof = json.loads((course / f"solutions/{NAME}/proof_{NAME}.json").read_text("utf-8"))

    assert proof["holds"] is True
    assert proof["claims"]["misconceptions"].startswith("3 of 3 lose what they say; 3 are told")
    assert f"{NAME}: verified" in ran[2][2]
    assert "sumas-negativas" in ran[2][2]
    assert "NOT VERIFIED" not in ran[3][2]


def test_the_release_of_the_walk_through_has_the_new_statement_and_no_solution(walked):
    course, _ = walked

    text = (course / f"assignments/{NAME}/{NAME}.ipynb").read_text("utf-8")

    assert "o 0 donde sería negativa" in text
    assert "raise NotImplementedError" in text
    assert "clamp" not in text
    assert "instructor" not in text


def test_the_config_of_the_walk_through_has_one_line_more(walked, repository):
    before = (repository / "grading_config.yaml").read_text("utf-8")
    after = (walked[0] / "grading_config.yaml").read_text("utf-8")

    assert [*yaml.safe_load(after)["assignments"]] == [
        *yaml.safe_load(before)["assignments"],
        NAME,
    ]
    lines = after.splitlines(keepends=True)
    lines.remove(f"  {NAME}:\n")
    assert "".join(lines) == before
