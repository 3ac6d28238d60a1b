"""What has arrived in ``submitted/``, by looking at it again and again."""

from __future__ import annotations

import os
import shutil
import time

import pytest

from autograder.course import Course
from autograder.watch import arrivals
from autograder.watch.arrivals import Arrivals, look_at
from autograder.watch.queue import Kind

T = "tarea"


class Looking:
    """Looks at a course with a clock of its own."""

    def __init__(self, root):
        (root / "grading_config.yaml").write_text("assignments: {tarea: }\n")
        (root / "solutions" / T).mkdir(parents=True)
        (root / "solutions" / T / f"test_{T}.py").touch()
        self.root, self.now = root, 100.0
        self.arrivals = Arrivals(Course.at(root), [T], settle=1.0)

    def __call__(self, after=1.0, today=None):
        """Who has arrived, and who is gone."""
        self.now += after
        found, gone = self.arrivals.look(self.now, time.time() if today is None else today)
        self.found = found
        return [one.student for one in found], [student for student, _ in gone]

    def folder(self, student):
        return self.root / "submitted" / student / T

    def write(self, student, text="{}", name=f"{T}.ipynb"):
        self.folder(student).mkdir(parents=True, exist_ok=True)
        (self.folder(student) / name).write_text(text)

    def rename(self, student, text="{}"):
        made = self.root / "elsewhere" / student
        made.mkdir(parents=True)
        (made / f"{T}.ipynb").write_text(text)
        time.sleep(0.02)  # clocks of file systems tick every few milliseconds
        self.folder(student).parent.mkdir(parents=True, exist_ok=True)
        made.rename(self.folder(student))


@pytest.fixture
def look(tmp_path):
    return Looking(tmp_path)


def test_what_does_not_change_between_two_looks_has_arrived_once(look):
    assert look() == ([], [])
    look.write("ana")

    assert look() == ([], [])
    assert look.arrivals.unsettled
    assert look() == (["ana"], [])
    assert look() == ([], [])
    assert not look.arrivals.unsettled


def test_what_is_still_being_written_has_not_arrived(look):
    look()
    for length in range(1, 5):
        look.write("ana", "{" * length)
        assert look() == ([], [])

    assert look() == (["ana"], [])


def test_two_looks_that_are_too_close_settle_nothing(look):
    look()
    look.write("ana")

    assert look(0.4) == ([], [])
    assert look(0.4) == ([], [])
    assert look(0.7) == (["ana"], [])


def test_what_is_renamed_into_place_has_arrived_at_once(look):
    look()
    look.rename("ana")

    assert look() == (["ana"], [])


def test_what_we_have_put_in_place_has_arrived_at_once_within_one_tick_of_the_clock_too(look):
    look()
    look.write("ana")

    arrived, _ = look.arrivals.look(look.now + 1, time.time(), placed=[("ana", T)])

    assert [one.student for one in arrived] == ["ana"]


def test_a_folder_without_the_notebook_is_not_taken_for_whole(look):
    look()
    made = look.root / "elsewhere"
    made.mkdir()
    time.sleep(0.02)
    look.folder("ana").parent.mkdir(parents=True)
    made.rename(look.folder("ana"))

    assert look() == ([], [])
    assert look() == (["ana"], [])


def test_every_change_is_another_arrival(look):
    look.write("ana")
    look(), look()
    notebook = look.folder("ana") / f"{T}.ipynb"
    before = notebook.stat()

    notebook.write_text("[]")  # of the same size, with the same time
    os.utime(notebook, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert [look(), look()] == [([], []), (["ana"], [])]
    look.write("ana", "1,2", name="datos.csv")
    assert [look(), look()] == [([], []), (["ana"], [])]
    (look.folder("ana") / "datos.csv").unlink()
    assert [look(), look()] == [([], []), (["ana"], [])]
    (look.folder("ana") / "más" / "hondo").mkdir(parents=True)
    (look.folder("ana") / "más" / "hondo" / "x.csv").touch()
    assert [look(), look()] == [([], []), (["ana"], [])]


def test_checkpoints_and_links_are_no_change(look):
    look.write("ana")
    look(), look()
    (look.folder("ana") / ".ipynb_checkpoints").mkdir()
    (look.folder("ana") / ".ipynb_checkpoints" / "x.ipynb").touch()
    (look.folder("ana") / "enlace").symlink_to("/etc/passwd")

    assert [look(), look()] == [([], []), ([], [])]


def test_what_is_taken_away_is_gone_and_arrives_anew(look):
    look.write("ana")
    look(), look()
    shutil.rmtree(look.folder("ana"))

    assert look() == ([], ["ana"])
    look.write("ana")
    assert [look(), look()] == [([], []), (["ana"], [])]


def test_what_is_there_at_the_beginning_need_not_be_looked_at_twice(look):
    look.write("ana")

    assert look(today=time.time() + 60) == (["ana"], [])
    assert look.found[0].kind is Kind.FOUND


def test_what_was_graded_before_is_only_looked_at_again(look):
    for student in ("ana", "bea"):
        look.write(student)
    report = look.arrivals.course.report_path("ana", T)
    report.parent.mkdir(parents=True)
    time.sleep(0.02)
    report.touch()

    look(today=time.time() + 60)

    kinds = {one.student: one.kind for one in look.found}
    assert kinds == {"ana": Kind.AGAIN, "bea": Kind.FOUND}


def test_what_changes_later_is_owed_an_answer_whatever_clocks_say(look):
    look.write("ana")
    report = look.arrivals.course.report_path("ana", T)
    report.parent.mkdir(parents=True)
    report.touch()
    os.utime(report, (time.time() + 9e6,) * 2)
    look(today=time.time() + 60)
    look.write("ana", "[]")

    look(), look()
    assert [one.kind for one in look.found] == [Kind.ARRIVED]


def test_waiting_counts_from_the_moment_of_handing_in(look):
    look()
    look.rename("ana")
    changed = look.folder("ana").stat().st_ctime

    look(after=10.0, today=changed + 3.0)

    assert look.found[0].since == pytest.approx(look.now - 3.0, abs=0.1)


@pytest.mark.parametrize("wrong", [-1e6, 1e6], ids=["behind", "ahead"])
def test_a_wrong_clock_makes_nobody_wait_longer_than_since_the_last_look(look, wrong):
    look()
    last = look.now
    look.rename("ana")

    look(after=10.0, today=time.time() + wrong)

    assert last <= look.found[0].since <= look.now


def test_odd_and_hidden_folders_are_left_alone(look):
    for student in (".hidden", "a*b", "ana"):
        look.write(student)

    assert look(today=time.time() + 60)[0] == ["ana"]


def test_nothing_is_forgotten_when_the_file_system_stumbles(look, monkeypatch):
    look.write("ana")
    look(), look()

    def stumbles(*_):
        raise OSError(116, "Stale file handle")

    with monkeypatch.context() as broken:
        broken.setattr(arrivals, "look_at", stumbles)
        assert look() == ([], [])
    assert [look(), look()] == [([], []), ([], [])]


def test_the_table_holds_no_more_than_what_is_there(look):
    for number in range(30):
        look.write(f"s{number}")
    look(), look()
    assert len(look.arrivals.known) == 30
    shutil.rmtree(look.root / "submitted")
    look()

    assert len(look.arrivals.known) == 0


def test_a_link_in_the_place_of_a_folder_is_seen_but_not_followed(look, tmp_path):
    look.write("bea")
    look.folder("ana").parent.mkdir(parents=True)
    look.folder("ana").symlink_to(look.folder("bea"))

    seen = look_at(look.folder("ana"))

    assert seen is not None
    assert not seen.whole
    assert seen.mark != look_at(look.folder("bea")).mark
    assert look_at(tmp_path / "nothing") is None
