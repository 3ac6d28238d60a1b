"""What is graded in several batches comes out as in one, and each batch is recorded by itself."""

from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path

import pytest

from autograder import grading, reading
from autograder.course import Course
from autograder.errors import MachineError
from autograder.exam import REFERENCE, Exam, Options
from autograder.grading import Grader
from autograder.judge import batch
from autograder.observe import Observer

ANSWERS = [{}, {"suma": "x = y = 3"}, {"doble": "def doble(z): return z * z"}, {}, {"suma": ""}]


@pytest.fixture
def course(small_course, hand_in, notebooks):
    """The small course with five submissions, of which the last one cannot be read."""
    import nbformat

    for number, answers in enumerate(ANSWERS):
        notebook = nbformat.read(small_course.path("source"), as_version=4)
        for cell in notebook.cells:
            id = cell.metadata.get("nbgrader", {}).get("grade_id", "")
            cell.source = answers.get(id, cell.source)
        hand_in(small_course.root, f"s{number}", small_course.name, notebook)
    hand_in(small_course.root, "s5", small_course.name, b"{")
    return small_course


@pytest.fixture
def grade(lend_sandbox, monkeypatch):
    """Grade a course, so many at a time; gives the reports and what progress was told."""

    def grade(root, size, **options):
        monkeypatch.setattr(grading, "BATCH", size)
        told = []
        with Grader(
            Course.at(root), Options(**options), progress=lambda *counts: told.append(counts)
        ) as grader:
            return grader.grade("tarea"), told

    return grade


def test_the_reports_are_the_same_however_many_are_graded_at_a_time(course, grade, tmp_path):
    copy = shutil.copytree(course.root, tmp_path / "copy")

    at_once, _ = grade(course.root, 100)
    by_two, told = grade(copy, 2)

    assert by_two == at_once
    assert [one["status"] for one in by_two] == ["graded"] * 5 + ["errored"]
    assert len({one["score"] for one in by_two}) > 2
    assert told[-1] == (6, 6)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert grade(copy, 2) == (by_two, [])


@pytest.mark.parametrize(("room", "reads"), [(2**20, [1] * 6), (0, [2] * 6)])
def test_what_fits_is_read_once(course, grade, monkeypatch, tmp_path, room, reads):
    """And what does not is read again when its turn comes, and graded the same."""
    copy = shutil.copytree(course.root, tmp_path / "copy")
    at_once, _ = grade(copy, 100)
    original, seen = reading.read_submission, []

    def read(folder, student, assignment):
        seen.append(student)
        return original(folder, student, assignment)

    monkeypatch.setattr(reading, "read_submission", read)
    monkeypatch.setattr(reading, "HELD_BYTES", room)
    reports, _ = grade(course.root, 2)

    assert [seen.count(f"s{number}") for number in range(6)] == reads
    assert reports == at_once


def resave(path):
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")), indent=3), "utf-8")


def rewrite(path):
    path.write_bytes(path.read_bytes().replace(b"y = 3", b"y = 4"))


def beside(path, name):
    (path.parent / name).write_text("2026-11-29", "utf-8")


TOUCHED = {
    "nothing": (lambda path: None, 0, 0),
    "its time": (lambda path: os.utime(path, (1, 1)), 0, 0),
    "its bytes, but not what it says": (resave, 1, 0),
    "its cells": (rewrite, 1, 1),
    "a file beside it": (lambda path: beside(path, "datos.csv"), 1, 1),
    "when it was handed in": (lambda path: beside(path, "timestamp.txt"), 1, 1),
    "that it is there": (Path.unlink, 1, 1),
}


@pytest.mark.parametrize("touched", TOUCHED)
def test_only_whose_bytes_changed_is_read_and_only_whose_submission_did_is_graded(
    course, grade, monkeypatch, touched
):
    change, reads, graded = TOUCHED[touched]
    reports, _ = grade(course.root, 10)
    original, seen = reading.read_submission, []

    def read(folder, student, assignment):
        seen.append(student)
        return original(folder, student, assignment)

    def kept():
        paths = (course.root / ".autograder" / "reports").rglob("*.json")
        return {path: path.stat().st_ctime_ns for path in paths}

    monkeypatch.setattr(reading, "read_submission", read)
    before = kept()
    change(course.root / "submitted" / "s1" / course.name / f"{course.name}.ipynb")
    again, _ = grade(course.root, 10)

    assert seen == ["s1"] * reads
    written = [path for path, when in kept().items() if before[path] != when]
    assert len(written) == graded
    others = [one for one in again if one["student"] != "s1"]
    assert others == [one for one in reports if one["student"] != "s1"]


def test_large_files_take_the_room_of_others(course, grade, hand_in, monkeypatch):
    for number in (0, 1):
        folder = course.root / "submitted" / f"s{number}" / course.name
        (folder / "datos.bin").write_bytes(bytes(60_000))
    original, seen = reading.read_submission, []

    def read(folder, student, assignment):
        seen.append(student)
        return original(folder, student, assignment)

    monkeypatch.setattr(reading, "read_submission", read)
    monkeypatch.setattr(reading, "HELD_BYTES", 100_000)
    grade(course.root, 2)

    assert [seen.count(f"s{number}") for number in range(6)] == [1, 2, 1, 1, 1, 1]


def test_progress_counts_submissions_though_each_runs_on_two_devices(course, grade, monkeypatch):
    original = Exam.observe

    def observe(self, submissions, progress):
        original(self, submissions, lambda *_: None)
        for done in range(2 * len(submissions) + 1):
            progress(done, 2 * len(submissions))

    monkeypatch.setattr(Exam, "observe", observe)
    _, told = grade(course.root, 4)

    assert [done for done, _ in told] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 4, 5, 5, 6]
    assert {total for _, total in told} == {6}


def test_a_batch_that_fails_leaves_what_came_before_recorded(course, grade, monkeypatch):
    original, batches = Exam.observe, []

    def observe(self, submissions, progress):
        batches.append([one.student for one in submissions])
        if len(batches) == 2:
            raise MachineError("no room")
        original(self, submissions, progress)

    monkeypatch.setattr(Exam, "observe", observe)
    with pytest.raises(MachineError, match="no room"):
        grade(course.root, 2)
    graded = sorted(one.parent.name for one in (course.root / "autograded").glob("*/tarea"))
    assert graded == ["s0", "s1"]

    reports, _ = grade(course.root, 2)

    assert len(reports) == 6
    assert batches == [["s0", "s1"], ["s2", "s3"], ["s2", "s3"], ["s4", "s5"]]


def test_what_changes_between_its_being_read_and_its_batch_is_graded_as_it_is_then(
    course, grade, monkeypatch
):
    original = Exam.observe
    path = course.root / "submitted/s3/tarea/tarea.ipynb"

    def observe(self, submissions, progress):
        if submissions[0].student == "s0":
            path.write_bytes((course.root / "submitted/s1/tarea/tarea.ipynb").read_bytes())
        original(self, submissions, progress)

    monkeypatch.setattr(Exam, "observe", observe)
    reports, _ = grade(course.root, 2)

    assert reports[3]["score"] == reports[1]["score"] != reports[0]["score"]
    monkeypatch.setattr(Exam, "observe", lambda *_: pytest.fail("nothing has changed"))
    assert grade(course.root, 2)[0] == reports


def test_the_next_batch_is_observed_while_one_is_judged(course, grade, monkeypatch):
    observe, diagnose = Exam.observe, Exam.diagnose
    begun, second = [], threading.Event()

    def observing(self, submissions, progress):
        begun.append(submissions[0].student)
        if len(begun) == 2:
            second.set()
        observe(self, submissions, progress)

    def diagnosing(self, batch):
        assert second.wait(20)
        diagnose(self, batch)

    monkeypatch.setattr(Exam, "observe", observing)
    monkeypatch.setattr(Exam, "diagnose", diagnosing)
    reports, _ = grade(course.root, 3)

    assert begun == ["s0", "s3"]
    assert len(reports) == 6


def test_where_judging_fails_no_more_is_observed(course, grade, monkeypatch):
    observed, failed = [], threading.Event()
    observe = Exam.observe

    def observing(self, submissions, progress):
        if submissions[0].student == "s1":
            assert failed.wait(60)

        def told(done, of):
            progress(done, of)
            observed.append(submissions[0].student)

        observe(self, submissions, told)

    def diagnosing(self, batch):
        failed.set()
        raise MachineError("no room")

    monkeypatch.setattr(Exam, "observe", observing)
    monkeypatch.setattr(Exam, "diagnose", diagnosing)
    with pytest.raises(MachineError, match="no room"):
        grade(course.root, 1)

    assert set(observed) == {"s0"}


def test_what_submissions_are_compared_with_is_observed_and_judged_once(course, grade, monkeypatch):
    observe, judge = Observer.observe, batch.judge
    observed, judged = [], []

    def observing(self, submission, **more):
        observed.append(submission.digest)
        return observe(self, submission, **more)

    def judging(one):
        judged.extend(student for student in one.submissions if not student.startswith("s"))
        judge(one)

    monkeypatch.setattr(Observer, "observe", observing)
    monkeypatch.setattr(batch, "judge", judging)
    grade(course.root, 1)

    aliases = [one for one in judged if one != REFERENCE]
    assert len(aliases) == len(set(aliases)) == 3
    assert judged.count(REFERENCE) == 6
    assert len(observed) == len(set(observed)) == 4


def test_equal_submissions_in_different_batches_are_observed_once(course, grade, monkeypatch):
    """Else the second one would take the file away that the first one's result names."""
    run, ran = Observer._run, []

    def running(self, job, submission):
        ran.append((submission.student, job["shift"]))
        return run(self, job, submission)

    monkeypatch.setattr(Observer, "_run", running)
    grade(course.root, 1, force=True)

    students = [student for student, _ in ran if student.startswith("s")]
    assert students == ["s0"] * 2 + ["s1"] * 2 + ["s2"] * 2 + ["s4"] * 2
