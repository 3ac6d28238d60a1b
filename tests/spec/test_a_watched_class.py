"""``autograder watch`` as a program of its own, with a class in front of it: whatever happens,
everybody has the answer to what was handed in last, and nobody is graded twice for the same."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml

pytestmark = pytest.mark.heavy

T = "tarea"
PATIENCE = 120.0
BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parents[2]


class Class:
    """A course, its service, and students."""

    def __init__(self, small: Any, desks: Path) -> None:
        self.small, self.root, self.desks = small, small.root, desks
        self._count = 0
        self.log = self.root / "watch.log"

    @contextlib.contextmanager
    def watched(self, *options: str) -> Iterator[subprocess.Popen[bytes]]:
        """The service, up; stopped by SIGTERM, cleanly, unless it has ended before."""
        with self.log.open("ab") as log:
            service = subprocess.Popen(
                [sys.executable, "-m", "autograder", "watch", "--log", "json", *options],
                cwd=self.root,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            yield service
            if service.poll() is None:
                service.send_signal(signal.SIGTERM)
                assert service.wait(PATIENCE) == 0, self.log.read_text()
        finally:
            service.kill()
            service.wait()

    def notebook(self, note: str = "") -> nbformat.NotebookNode:
        """A right solution; with a ``note``, another one that tells the mean for the sum."""
        made = nbformat.read(self.small.path("source"), 4)
        for cell in made.cells:
            if note and "x.sum()" in cell.source:
                cell.source = f"# {note}\n" + cell.source.replace("x.sum()", "x.mean()")
        return made

    def hand_in(self, student: str, note: str = "") -> None:
        """By one rename, in the place of what was handed in before."""
        self._count += 1
        desk = self.desks / str(self._count)
        desk.mkdir(parents=True)
        nbformat.write(self.notebook(note), desk / f"{T}.ipynb")
        time.sleep(0.01)
        place = self.root / "submitted" / student / T
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            place.rename(self.desks / f"old-{self._count}")
        desk.rename(place)

    def page(self, student: str) -> str:
        path = self.root / f"feedback/{student}/{T}/{T}.html"
        with contextlib.suppress(OSError):
            text = path.read_text("utf-8")
            return text if text.rstrip().endswith("</html>") else ""
        return ""

    def report(self, student: str) -> str:
        return (self.root / f".autograder/reports/{T}/{student}.json").read_text("utf-8")

    def events(self, kind: str) -> list[dict[str, Any]]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        told = [json.loads(one) for one in lines]
        return [one for one in told if one["event"] == kind]

    def results(self) -> Counter[str]:
        """How many results each student has in the log of results."""
        path = self.root / f".autograder/history/{T}.jsonl"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return Counter(json.loads(line)["student"] for line in lines)

    def until(self, is_so: Callable[[], Any]) -> None:
        give_up = time.monotonic() + PATIENCE
        while not is_so():
            said = self.log.read_text()[-3000:] if self.log.exists() else ""
            assert time.monotonic() < give_up, said
            time.sleep(0.02)


@pytest.fixture
def room(small_course, tmp_path) -> Class:
    shutil.copy(ROOT / "nbgrader_config.py", small_course.root)
    return Class(small_course, tmp_path / "desks")


def test_twenty_at_once_have_their_answers_and_each_is_graded_once(room):
    students = [f"s{number:02}" for number in range(20)]
    with room.watched():
        room.until(lambda: room.events("started"))
        for student in students:
            room.hand_in(student, student)
        room.until(lambda: all(room.page(one) for one in students))
        room.until(lambda: len(room.events("graded")) >= 20)

    for student in students:
        assert f"# {student}" in room.page(student)
        assert "Es la media y se pedía la suma." in room.page(student)
    assert room.results() == Counter(students)
    assert Counter(one["student"] for one in room.events("graded")) == Counter(students)
    assert list((room.root / ".autograder/watch").glob("*/*")) == []


def test_killed_again_and_again_it_goes_on_where_it_stopped(room):
    students = [f"s{number:02}" for number in range(12)]
    for student in students:
        room.hand_in(student, student)
    for enough in (1, 7):
        with room.watched() as service:
            room.until(lambda enough=enough: len(room.events("graded")) >= enough)
            service.kill()
            service.wait()
    with room.watched():
        room.until(lambda: all(room.page(one) for one in students))

    assert room.results() == Counter(students)
    assert list(room.root.rglob(".autograder-tmp-*")) == []
    assert list((room.root / ".autograder/watch").glob("*/*")) == []


def test_what_is_handed_in_while_the_last_one_is_graded_is_what_counts(room):
    with room.watched("--interval", "0.1"):
        room.until(lambda: room.events("started"))
        for number in range(12):
            room.hand_in("ana", f"try {number:02}")
            if number == 3:
                room.hand_in("bea", "bea")
            time.sleep(0.25)
        room.until(lambda: "# try 11" in room.page("ana"))
        room.until(lambda: "# bea" in room.page("bea"))

    assert json.loads(room.report("ana"))["score"] == 2.0
    # Nobody waits for who hands in all the time.
    graded = [one["student"] for one in room.events("graded")]
    assert "bea" in graded[: graded.index("ana") + 3]


def test_a_broken_check_holds_what_arrives_until_it_is_mended(room):
    checks = room.small.path("checks")
    right = checks.read_text("utf-8")
    with room.watched():
        room.hand_in("ana", "ana")
        room.until(lambda: room.page("ana"))
        checks.write_text(f"{right}\nnonsense(\n", "utf-8")
        room.hand_in("bea", "bea")
        room.until(lambda: room.events("held"))
        config = room.root / "grading_config.yaml"
        good = config.read_text("utf-8")
        config.write_text("assignments: [", "utf-8")
        room.until(lambda: len(room.events("held")) == 2)
        config.write_text(good, "utf-8")
        assert room.page("bea") == ""
        # Mended, and another one: who was graded before is judged by it, too.
        checks.write_text(right.replace('"`y`"', '"`y`, la suma"'), "utf-8")
        room.until(lambda: room.page("bea"))
        room.until(lambda: "la suma" in room.report("ana"))

    assert "la suma" in room.report("bea")
    assert [one["message"].partition(":")[0] for one in room.events("held")][1] == (
        "grading_config.yaml"
    )


def test_other_commands_have_their_turn_while_a_class_hands_in(room):
    students = [f"s{number:02}" for number in range(12)]
    command = [sys.executable, "-m", "autograder", "grade", "--quiet"]
    with room.watched():
        room.until(lambda: room.events("started"))
        for student in students:
            room.hand_in(student, student)
        room.until(lambda: room.page(students[0]))
        done = subprocess.run(
            command, cwd=room.root, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=PATIENCE
        )
        room.until(lambda: all(room.page(one) for one in students))

    assert done.returncode == 0
    assert room.results() == Counter(students)


def nbgrader(home: Path, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [BIN / "nbgrader", *arguments],
        cwd=folder,
        env={
            **os.environ,
            "HOME": str(home),
            "JUPYTER_DATA_DIR": str(home / "data"),
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_student_submits_and_fetches_the_feedback_by_nbgraders_own_commands(room, tmp_path):
    exchange, home = tmp_path / "exchange", tmp_path / "home"
    exchange.mkdir()
    exchange.chmod(0o777)
    config = yaml.safe_load((room.root / "grading_config.yaml").read_text("utf-8"))
    config["exchange"] = {"course_id": "redes", "root": str(exchange)}
    (room.root / "grading_config.yaml").write_text(yaml.safe_dump(config), "utf-8")
    work = home / T
    work.mkdir(parents=True)
    (home / ".jupyter").mkdir()
    (home / ".jupyter/nbgrader_config.py").write_text(
        "c = get_config()\n"
        "c.CourseDirectory.course_id = 'redes'\n"
        f"c.Exchange.root = {str(exchange)!r}\n"
    )
    nbgrader(home, room.root, "generate_assignment", T)
    nbgrader(home, room.root, "release_assignment", T)
    with room.watched():
        for note in ("first", ""):
            nbformat.write(room.notebook(note), work / f"{T}.ipynb")
            nbgrader(home, home, "submit", T)
            count = 1 if note else 2
            room.until(lambda count=count: len(room.events("graded")) == count)
            nbgrader(home, home, "fetch_feedback", T)

    pages = sorted((work / "feedback").glob(f"*/{T}.html"))
    said = ["Es la media y se pedía la suma." in one.read_text("utf-8") for one in pages]
    assert said == [True, False]
    assert all(one["released"] for one in room.events("graded"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d .*UTC", pages[0].parent.name)
