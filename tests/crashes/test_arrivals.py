"""What arrives while a batch is graded is graded whole or left for the next run."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crash_batch import rows

pytestmark = pytest.mark.crashes

NAME = "tarea"
OLD, NEW = "2026-03-01 10:00:00", "2026-04-04 04:04:04"
LEFT = "autograder: tarea: s00's submission was changed while this ran; it is left for the next run"


@pytest.fixture
def newer(handed_in, tmp_path) -> Path:
    """A later submission of ``s00``, of which everything is different: notebook, data, time."""
    made = shutil.copytree(handed_in / "submitted/s00" / NAME, tmp_path / "newer")
    shutil.copy(handed_in / "submitted/s03" / NAME / f"{NAME}.ipynb", made)
    (made / "x.csv").write_text("newer")
    (made / "timestamp.txt").write_text(f"{NEW} UTC")
    return made


def collect(case: Any, newer: Path) -> None:
    """As `nbgrader collect --update` does."""
    shutil.rmtree(case.submitted(0))
    shutil.copytree(newer, case.submitted(0))


def standing(case: Any) -> tuple[str, float, str, str]:
    """What is recorded of ``s00``: time, points, and the data and time beside the notebook."""
    found = rows(case.path("gradebook.db"))
    (moment,) = [
        row["timestamp"] for row in found["submitted_assignment"] if row["student_id"] == "s00"
    ]
    points = sum(row["auto_score"] for row in found["grade"] if "/s00/" in row["id"])
    folder = case.path("autograded/s00", NAME)
    return (
        str(moment).removesuffix(".000000"),
        points,
        (folder / "x.csv").read_text(),
        (folder / "timestamp.txt").read_text().removesuffix(" UTC"),
    )


FIRST = (OLD, 3.0, "1\n2\n3\n", OLD)
SECOND = (NEW, 2.0, "newer", NEW)


def once(then: Callable[[], None]) -> Callable[[], None]:
    """A function that does ``then`` the first time it is called."""
    left = [then]
    return lambda: left.pop()() if left else None


@pytest.fixture
def while_observing(monkeypatch) -> Callable[[Callable[[], None]], None]:
    """Have something happen when the first submissions have been read and are being observed."""
    from autograder.exam import Exam

    original = Exam.observe

    def arrange(what: Callable[[], None]) -> None:
        happen = once(what)

        def observing(self: Exam, *arguments: Any) -> None:
            original(self, *arguments)
            happen()

        monkeypatch.setattr(Exam, "observe", observing)

    return arrange


@pytest.fixture
def while_reading(monkeypatch) -> Callable[[Callable[[], None]], None]:
    """Have something happen between the data files of ``s00`` and its notebook."""
    from autograder import submission

    original = submission._content

    def arrange(what: Callable[[], None]) -> None:
        happen = once(what)

        def reading(path: Path) -> bytes:
            if "s00" in path.parts:
                happen()
            return original(path)

        monkeypatch.setattr(submission, "_content", reading)

    return arrange


def test_what_arrives_while_we_observe_is_left_for_the_next_run(done, newer, while_observing):
    while_observing(lambda: collect(done, newer))

    ran = done.grade("--force")

    assert (ran.status, ran.err) == (0, f"{LEFT}.\n")
    assert standing(done) == FIRST
    assert done.grade().err == ""
    assert standing(done) == SECOND


def test_a_first_submission_that_is_half_collected_is_not_recorded(fresh, newer, while_reading):
    """Its data files are read, its notebook is not there yet."""
    notebook = fresh.submitted(0) / f"{NAME}.ipynb"
    notebook.unlink()
    while_reading(lambda: shutil.copy(newer / f"{NAME}.ipynb", notebook))

    ran = fresh.grade()

    assert (ran.status, ran.err) == (0, f"{LEFT}.\n")
    found = rows(fresh.path("gradebook.db"))["submitted_assignment"]
    assert sorted(row["student_id"] for row in found) == ["s01", "s02", "s03", "s04"]
    assert not fresh.path("autograded/s00").exists()
    assert fresh.grade().err == ""
    assert standing(fresh) == (OLD, 2.0, "1\n2\n3\n", OLD)


def test_data_of_one_submission_and_the_notebook_of_another_are_never_graded_together(
    done, newer, while_reading
):
    while_reading(lambda: collect(done, newer))

    ran = done.grade("--force")

    assert (ran.status, ran.err) == (0, f"{LEFT}.\n")
    assert standing(done) == FIRST
    assert done.grade().err == ""
    assert standing(done) == SECOND


def test_a_copy_with_the_times_of_its_original_is_noticed(done, newer, while_reading):
    """Of the same size, too: nothing but what the file system itself notes is different."""
    old = done.submitted(0) / "x.csv"
    times = old.stat().st_atime_ns, old.stat().st_mtime_ns

    def replaced() -> None:
        old.write_text("9\n9\n9\n")
        os.utime(old, ns=times)

    while_reading(replaced)

    ran = done.grade("--force")

    assert ran.err == f"{LEFT}.\n"
    assert standing(done) == FIRST


def test_a_submission_that_is_away_for_a_moment_is_not_graded_as_missing(
    done, newer, while_reading
):
    """Removed, and not yet put in place again: reading it fails."""
    folder = done.submitted(0)
    while_reading(lambda: shutil.rmtree(folder))

    ran = done.grade("--force")

    assert ran.err == f"{LEFT}.\n"
    assert standing(done) == FIRST
    shutil.copytree(newer, folder)
    assert done.grade().err == ""
    assert standing(done) == SECOND


def test_whoever_else_is_in_the_batch_is_graded(done, newer, while_observing):
    shutil.copy(done.submitted(3) / f"{NAME}.ipynb", done.submitted(2))
    while_observing(lambda: collect(done, newer))

    assert done.grade("--force").status == 0

    grades = rows(done.path("gradebook.db"))["grade"]
    assert sum(row["auto_score"] for row in grades if "/s02/" in row["id"]) == 2


def test_collecting_without_end_never_leaves_a_mixture(done, newer, tmp_path):
    """Two submissions replace each other all the time, slowly, file by file."""
    older = shutil.copytree(done.submitted(0), tmp_path / "older")
    stop = threading.Event()

    def collecting() -> None:
        turn = 0
        while not stop.is_set():
            source = (newer, older)[turn % 2]
            turn += 1
            for path in sorted(done.submitted(0).iterdir()):
                path.unlink()
            for path in sorted(source.iterdir()):
                stop.wait(0.01)
                shutil.copy2(path, done.submitted(0))
            stop.wait(0.4)

    thread = threading.Thread(target=collecting)
    thread.start()
    try:
        for _ in range(8):
            ran = done.grade()
            assert ran.status == 0, ran
            assert ran.err in ("", f"{LEFT}.\n")
            assert standing(done) in (FIRST, SECOND)
    finally:
        stop.set()
        thread.join()


def test_a_file_that_we_may_not_read_is_our_fault_and_nobody_elses(done, common_user):
    notebook = done.submitted(1) / f"{NAME}.ipynb"
    notebook.chmod(0)

    ran = done.grade("--force")

    assert ran.status == 3
    assert ran.err.count("\n") == 1
    assert "could not grade s01 (tarea); see" in ran.err
    assert f"{notebook}: Permission denied" in done.path(".autograder/log").read_text("utf-8")
    notebook.chmod(0o644)
    done.goes_on()
