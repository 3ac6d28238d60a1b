"""A course is changed by one command at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from autograder.course import Course
from autograder.errors import MachineError
from autograder.sandbox.temporary import PREFIX
from autograder.turn import turn

ROOT = Path(__file__).parents[2]
HOLDER = """
import signal, sys
from pathlib import Path
from autograder.course import Course
from autograder.turn import turn
with turn(Course.at(Path(sys.argv[1])), "grade tarea", print):
    print("mine", flush=True)
    signal.pause()
"""


@pytest.fixture
def course(tmp_path):
    (tmp_path / "grading_config.yaml").write_text("assignments: {tarea: }\n")
    return Course.at(tmp_path)


@pytest.fixture
def holder(course):
    """Another process that has the course to itself."""
    command = [sys.executable, "-c", HOLDER, str(course.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout.readline() == "mine\n"
        yield process
        process.kill()


def test_nobody_waits_where_nobody_else_is(course):
    said = []
    for _ in range(2):
        with turn(course, "grade tarea", said.append):
            pass

    assert said == []


def test_who_waits_says_for_whom_and_goes_on_when_the_other_is_killed(course, holder):
    said, timer = [], threading.Timer(0.5, holder.send_signal, (signal.SIGKILL,))
    timer.start()

    with turn(course, "grade otra", said.append):
        assert holder.poll() is not None or holder.wait(5)

    timer.join()
    (sentence,) = said
    assert sentence.startswith(f"waiting for `autograder grade tarea` (process {holder.pid} on ")


def test_a_killed_holder_is_waited_for_by_nobody(course, holder):
    holder.kill()
    holder.wait()
    said = []

    with turn(course, "grade otra", said.append):
        pass

    assert said == []


def test_the_course_is_free_again_after_an_error(course):
    with pytest.raises(KeyError), turn(course, "grade tarea", print):
        raise KeyError

    said = []
    with turn(course, "grade tarea", said.append):
        pass
    assert said == []


def test_what_killed_commands_left_half_written_is_removed(course):
    places = [
        course.root,
        course.state,
        course.state / "feedback",
        course.observations / "ab",
        course.state / "reports" / "tarea",
        course.root / "autograded" / "ana",
        course.root / "assignments",
    ]
    for place in places:
        (place / f"{PREFIX}x").mkdir(parents=True)
        (place / "kept").touch()

    with turn(course, "grade tarea", print):
        assert list(course.root.rglob(f"{PREFIX}*")) == []

    assert all((place / "kept").exists() for place in places)


def test_a_file_system_without_locks_is_named(course, monkeypatch):
    import fcntl

    def without(*_: object) -> None:
        raise OSError(95, os.strerror(95))

    monkeypatch.setattr(fcntl, "flock", without)

    with (
        pytest.raises(MachineError, match=r"lock cannot be locked \(Operation not supported\)"),
        turn(course, "grade tarea", print),
    ):
        pass
