"""A grader that is killed at any moment and run again gives what an undisturbed one gives.

``AUTOGRADER_KILLS`` says how often it is killed (12), ``AUTOGRADER_KILLS_OF`` which assignment is
graded: the small one of the tests, or one of ours, with the submissions of the benchmark.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from crash_batch import (
    BATCH,
    differences,
    fill_small,
    make_from_examples,
    observations,
    outcome,
)
from crash_process import Grader, adopt_orphans, below, groups_of, mounts_of, strays

pytestmark = pytest.mark.crashes

KILLS = int(os.environ.get("AUTOGRADER_KILLS", "12"))
NAME = os.environ.get("AUTOGRADER_KILLS_OF", "tarea")
PHASES = ("start", "observe", "judge", "record")
HOW = ("alone", "last", "first")
GRADE = ("grade", "--quiet", "--json", "out.json")


@dataclass
class Undisturbed:
    """A course as it was handed in, and what a run that nobody disturbs makes of it.

    ``begins`` are the seconds at which each phase begins, and at which the run ends; ``steps`` is
    how often the disk is changed while results are recorded; ``runs`` how many jobs were run.
    """

    fresh: Path
    graded: Path
    outcome: dict[str, Any] = field(repr=False)
    begins: list[float]
    steps: int
    runs: int


@pytest.fixture(scope="module", autouse=True)
def orphans_are_seen() -> list[int]:
    adopt_orphans()
    return below(os.getpid())


@pytest.fixture(scope="module")
def fresh(make_course, make_small, tmp_path_factory, repository) -> Path:
    root = make_course(tmp_path_factory.mktemp("batch") / "fresh", only=["perceptron"])
    if NAME == "tarea":
        make_small(root)
        fill_small(root, NAME)
    else:
        shutil.rmtree(root / "solutions")
        make_from_examples(root, repository, NAME)
    return root


@pytest.fixture(scope="module")
def undisturbed(fresh, tmp_path_factory) -> Undisturbed:
    place = tmp_path_factory.mktemp("undisturbed")
    root, temporary = shutil.copytree(fresh, place / "course"), place / "tmp"
    temporary.mkdir()
    grader = Grader(root, temporary, GRADE)
    assert grader.finish() == 0, grader.said
    ended = time.monotonic() - grader.begun
    (steps,) = [int(said.split()[1]) for said, _ in grader.marks if said.startswith("steps")]
    begins = [0.0, *(grader.when(phase) for phase in PHASES[1:]), ended]
    result = outcome(root)
    assert len(result["rows"]["submitted_assignment"]) == BATCH
    make_pages(root)
    return Undisturbed(fresh, root, result, begins, steps, grader.count("run"))


def make_pages(root: Path) -> int:
    """Bring the feedback pages up to date; how many had to be made."""
    from autograder.course import Course
    from autograder.record.feedback import make_feedback

    course = Course.at(root)
    made, pages = make_feedback(course, NAME)
    assert pages == BATCH
    return made


def kill_one(root: Path, temporary: Path, number: int, base: Undisturbed) -> tuple[Grader, str]:
    """Grade ``root`` and kill the grader at a moment that ``number`` chooses."""
    draws = random.Random(f"kill {number}")
    phase = PHASES[number % len(PHASES)]
    how = draws.choice(HOW)
    # Half of those who record are met right before they change something, the rest at any time.
    step = draws.randrange(1, base.steps + 1) if phase == "record" and number % 8 == 3 else 0
    grader = Grader(root, temporary, GRADE, stop_before=step)
    place = PHASES.index(phase)
    if step:
        assert grader.wait_for("now"), grader.finish()
        moment = f"before step {step} of {base.steps} of recording"
    else:
        assert place == 0 or grader.wait_for(phase), grader.finish()
        fraction = draws.random()
        time.sleep(fraction * (base.begins[place + 1] - base.begins[place]))
        moment = f"at {fraction:.2f} of {phase}"
    killed = grader.kill(how)
    return grader, f"{moment}, {how}{'' if killed else ': it had ended'}"


@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_grader_leaves_nothing_that_the_next_run_does_not_mend(
    number, undisturbed, orphans_are_seen, tmp_path
):
    root, temporary = shutil.copytree(undisturbed.fresh, tmp_path / "course"), tmp_path / "tmp"
    temporary.mkdir()
    killed, moment = kill_one(root, temporary, number, undisturbed)
    stored = observations(root)

    again = Grader(root, temporary, GRADE)

    assert again.finish() == 0, (moment, again.said)
    assert again.said == b"", moment  # it waited for nobody
    assert differences(undisturbed.outcome, outcome(root)) == [], moment
    kept = observations(root)
    assert {name: kept[name] for name in stored} == stored, moment
    assert again.count("run") == undisturbed.runs - len(stored), moment
    assert strays(orphans_are_seen) == [], moment
    assert list(temporary.iterdir()) == [], moment
    assert groups_of(killed.pid) == groups_of(again.pid) == [], moment
    assert mounts_of(tmp_path) == [], moment
    # Pages are up to date if they would be made of the same: so none has to be made again.
    shutil.copytree(undisturbed.graded / "feedback", root / "feedback")
    shutil.copytree(undisturbed.graded / ".autograder/feedback", root / ".autograder/feedback")
    assert make_pages(root) == 0, moment
    print(f"\n{number}: {moment}; {len(stored)} of {undisturbed.runs} observations were there")  # noqa: T201


OTHERS = {
    "feedback": ("feedback", "tarea", "--quiet"),
    "release": ("release", "tarea", "--unverified", "--quiet"),
}


@pytest.mark.parametrize("command", OTHERS)
def test_feedback_and_release_go_on_too_where_they_were_killed(
    command, graded, handed_in, tmp_path
):
    """Right before a change on the disk: of feedback's in the middle and near the end, of
    release's at all that matter."""
    base, temporary = {"feedback": graded, "release": handed_in}[command], tmp_path / "tmp"
    temporary.mkdir()
    known = below(os.getpid())  # the sandbox that the fixtures used, too
    root = shutil.copytree(base, tmp_path / "undisturbed")
    undisturbed = Grader(root, temporary, OTHERS[command])
    assert undisturbed.finish() == 0, undisturbed.said
    (steps,) = [int(said.split()[1]) for said, _ in undisturbed.marks if "steps" in said]
    wanted = outcome(root)

    for number in range(3):
        step = random.Random(f"{command} {number}").randrange(number * steps // 3, steps) + 1
        root = shutil.copytree(base, tmp_path / f"{number}")
        killed = Grader(root, temporary, OTHERS[command], stop_before=step)
        assert killed.wait_for("now"), step
        assert killed.kill("alone")

        again = Grader(root, temporary, OTHERS[command])

        assert (again.finish(), again.said) == (0, b""), step
        assert differences(wanted, outcome(root)) == [], step
        assert strays(known) == []
        assert list(temporary.iterdir()) == [], step
