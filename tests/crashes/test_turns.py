"""Two graders on one course at once: right results, nothing done twice, and who waits says so."""

from __future__ import annotations

import os
import re
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from crash_batch import differences, fill_small, outcome
from crash_process import Grader, adopt_orphans, below, strays

from autograder.course import Course
from autograder.turn import turn

pytestmark = pytest.mark.crashes

NAME, OTHER = "tarea", "otra"
COUNT = 6
WAITS = (
    r"autograder: waiting for `autograder grade {}` \(process {} on \S+, since \d\d:\d\d\) to end"
)


@pytest.fixture(scope="module")
def two(make_course, make_small, tmp_path_factory) -> Path:
    """A course with two assignments and the same new students in both; it has no gradebook yet."""
    root = make_course(tmp_path_factory.mktemp("two") / "course", only=["perceptron"])
    make_small(root)
    source, target = root / "solutions" / NAME, root / "solutions" / OTHER
    target.mkdir()
    for path in source.iterdir():
        if path.is_file():
            shutil.copy(path, target / path.name.replace(NAME, OTHER))
    config = {"defaults": {"devices": ["cpu"]}, "assignments": {NAME: None, OTHER: None}}
    (root / "grading_config.yaml").write_text(yaml.safe_dump(config), "utf-8")
    for name in (NAME, OTHER):
        fill_small(root, name, COUNT)
    return root


@pytest.fixture(scope="module")
def one_by_one(two, tmp_path_factory) -> dict[str, Any]:
    """What the two assignments come to if nobody else is there; and how many jobs were run."""
    place = tmp_path_factory.mktemp("alone")
    root, temporary = shutil.copytree(two, place / "course"), place / "tmp"
    temporary.mkdir()
    grader = Grader(root, temporary, ("grade", NAME, OTHER, "--quiet"))
    assert (grader.finish(), grader.said) == (0, b"")
    return {**outcome(root), "runs": grader.count("run")}


@pytest.mark.parametrize(
    "names", [((NAME, OTHER), (NAME, OTHER)), ((NAME,), (OTHER,))], ids=["the same", "different"]
)
def test_two_graders_at_once_give_what_one_gives(names, two, one_by_one, tmp_path):
    adopt_orphans()
    before = below(os.getpid())
    root, temporary = shutil.copytree(two, tmp_path / "course"), tmp_path / "tmp"
    temporary.mkdir()

    first, second = (Grader(root, temporary, ("grade", *some, "--quiet")) for some in names)

    assert [first.finish(), second.finish()] == [0, 0], (first.said, second.said)
    assert differences(one_by_one, outcome(root)) == []
    assert first.count("run") + second.count("run") == one_by_one["runs"]
    said = {first.pid: first.said.decode(), second.pid: second.said.decode()}
    assert any(said.values())
    for pid, text in said.items():
        (other,) = said.keys() - {pid}
        for line in text.splitlines():
            assert re.fullmatch(WAITS.format(f"({NAME}|{OTHER})", other) + r"\.", line), line
    assert strays(before) == []
    assert list(temporary.iterdir()) == []
    assert list(root.rglob(".autograder-tmp-*")) == []


@pytest.mark.parametrize("command", [("feedback",), ("release", "--unverified"), ("grade",)])
def test_every_command_that_changes_a_course_waits_for_its_turn(command, done, autograder):
    holding = turn(Course.at(done.root), f"grade {NAME}", print)
    holding.__enter__()
    timer = threading.Timer(1.0, holding.__exit__, (None, None, None))
    timer.start()

    ran = autograder(*command, NAME, "--course", done.root)

    timer.join()
    assert ran.status == 0, ran
    assert re.fullmatch(WAITS.format(NAME, os.getpid()) + r"\.\n", ran.err), ran.err
