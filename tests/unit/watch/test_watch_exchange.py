"""nbgrader's exchange: names, what is newest, collecting safely, and releasing pages."""

from __future__ import annotations

import hashlib
import os
import stat
from datetime import datetime

import pytest

from autograder.course import Course
from autograder.errors import MachineError
from autograder.watch.exchange import Inbox, Outbox, newest, parse

T = "tarea"
NAMES = (T, "otra")
EARLY, LATE = "2026-03-01 10:00:00.000001 UTC", "2026-03-01 10:00:00.000002 UTC"


@pytest.mark.parametrize(
    ("folder", "student", "assignment"),
    [
        (f"ana+{T}+{EARLY}+Zm9vYmFy", "ana", T),
        (f"ana+{T}+{EARLY}", "ana", T),
        (f"ana+bea+otra+{EARLY}+x-_9", "ana+bea", "otra"),
        (f"ana+bea+otra+{EARLY}", "ana+bea", "otra"),
        (f"josé maría+{T}+{EARLY}+x", "josé maría", T),
    ],
)
def test_a_name_tells_student_assignment_and_moment(folder, student, assignment):
    handed = parse(folder, NAMES)

    assert (handed.student, handed.assignment) == (student, assignment)
    assert handed.moment == datetime(2026, 3, 1, 10, 0, 0, 1)


@pytest.mark.parametrize(
    "folder",
    ["", "ana", f"ana+{T}", f"+{T}+{EARLY}+x", f".ana+{T}+{EARLY}+x", f"ana+fremd+{EARLY}+x"],
)
def test_what_is_not_of_our_assignments_is_passed_over(folder):
    assert parse(folder, NAMES) is None


@pytest.mark.parametrize("when", ["gestern", "", "9" * 400, "2026-13-45 99:99:99 UTC"])
def test_a_name_without_a_time_is_refused(when):
    with pytest.raises(ValueError, match="is no time"):
        parse(f"ana+{T}+{when}+x", NAMES)


def test_the_newest_of_each_student_and_assignment_counts():
    folders = [
        f"ana+{T}+{LATE}+a",
        f"ana+{T}+{EARLY}+z",
        f"bea+{T}+{EARLY}+x",
        f"ana+otra+{EARLY}+x",
    ]

    found = newest(parse(one, NAMES) for one in folders)

    assert {pair: one.folder for pair, one in found.items()} == {
        ("ana", T): folders[0],
        ("bea", T): folders[2],
        ("ana", "otra"): folders[3],
    }


class Exchange:
    def __init__(self, root):
        self.course_root, self.inbound = root / "course", root / "exchange/curso/inbound"
        for one in (self.course_root, self.inbound):
            one.mkdir(parents=True)
        (self.course_root / "grading_config.yaml").write_text("assignments: {tarea: , otra: }\n")
        self.course = Course.at(self.course_root)
        self.inbox = Inbox(self.course, self.inbound, NAMES, settle=1.0)
        self.now = 0.0

    def hand_in(self, student="ana", when=EARLY, text="{}", *, complete=True, tail="x"):
        """As `nbgrader submit` leaves it."""
        folder = self.inbound / f"{student}+{T}+{when}+{tail}"
        folder.mkdir()
        (folder / f"{T}.ipynb").write_text(text)
        if complete:
            (folder / "timestamp.txt").write_text(when)
            (folder / "submission_secret.txt").write_text("geheim")
            folder.chmod(0o777)
        return folder

    def collect(self, after=1.0):
        self.now += after
        return [(one.student, one.assignment) for one in self.inbox.collect(self.now)]

    def submitted(self, student="ana"):
        folder = self.course.submitted(student, T)
        return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.fixture
def exchange(tmp_path):
    return Exchange(tmp_path)


def test_what_submit_has_finished_is_collected_at_once_and_only_once(exchange):
    folder = exchange.hand_in()
    old = 1_700_000_000
    os.utime(folder / f"{T}.ipynb", (old, old))

    assert exchange.collect() == [("ana", T)]
    assert exchange.collect() == []
    assert exchange.submitted() == {f"{T}.ipynb", "timestamp.txt", "submission_secret.txt"}
    # By their times late work is doubted: they are those that the files had.
    assert (exchange.course.submitted("ana", T) / f"{T}.ipynb").stat().st_mtime == old
    assert [one.name for one in (exchange.course_root / "submitted").iterdir()] == ["ana"]


def test_a_folder_that_is_still_being_written_waits_until_it_rests(exchange):
    folder = exchange.hand_in(complete=False)

    assert exchange.collect() == []
    assert exchange.inbox.unsettled
    (folder / "datos.csv").touch()
    assert exchange.collect() == []
    assert exchange.collect() == [("ana", T)]
    assert not exchange.inbox.unsettled


def test_only_what_is_newer_takes_the_place_of_what_was_collected(exchange):
    exchange.hand_in(when=LATE, text="late")
    assert exchange.collect() == [("ana", T)]
    exchange.hand_in(when=EARLY, text="early")

    assert exchange.collect() == []
    exchange.hand_in(when="2027-01-01 00:00:00 UTC", text="latest")
    assert exchange.collect() == [("ana", T)]
    assert (exchange.course.submitted("ana", T) / f"{T}.ipynb").read_text() == "latest"


def test_another_start_collects_nothing_again(exchange):
    exchange.hand_in()
    exchange.collect()
    before = exchange.course.submitted("ana", T).stat().st_ino

    exchange.inbox = Inbox(exchange.course, exchange.inbound, NAMES, settle=1.0)

    assert exchange.collect() == []
    assert exchange.course.submitted("ana", T).stat().st_ino == before


def test_a_newer_submission_by_another_way_is_kept(exchange):
    folder = exchange.course.submitted("ana", T)
    folder.mkdir(parents=True)
    (folder / "timestamp.txt").write_text("2030-01-01 00:00:00 UTC")
    exchange.hand_in()

    assert exchange.collect() == []
    assert exchange.submitted() == {"timestamp.txt"}


@pytest.mark.parametrize("written", ["", "gestern", "\udcff"])
def test_a_time_that_cannot_be_read_is_older_than_any(exchange, written):
    folder = exchange.course.submitted("ana", T)
    folder.mkdir(parents=True)
    (folder / "timestamp.txt").write_text(written, errors="surrogateescape")
    exchange.hand_in()

    assert exchange.collect() == [("ana", T)]


def test_what_the_student_garbled_inside_is_not_collected_with_every_look(exchange):
    folder = exchange.hand_in()
    (folder / "timestamp.txt").write_text("gestern")

    assert [exchange.collect(), exchange.collect()] == [[("ana", T)], []]


def test_no_link_pipe_or_hidden_file_comes_along(exchange, tmp_path):
    secret = tmp_path / "course" / "solution.ipynb"
    secret.write_text("the solution")
    folder = exchange.hand_in()
    (folder / "enlace.ipynb").symlink_to(secret)
    (folder / "carpeta").symlink_to(tmp_path / "course")
    os.mkfifo(folder / "tubo")
    (folder / "datos").mkdir()
    (folder / "datos" / "x.csv").write_text("1")
    (folder / "datos" / "arriba").symlink_to("/etc")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / f"test_{T}.py").touch()

    assert exchange.collect() == [("ana", T)]
    came = exchange.submitted() - {"timestamp.txt", "submission_secret.txt"}
    # The names of hidden files are on nbgrader's list for assignments that there are.
    assert came - {f"test_{T}.py"} == {f"{T}.ipynb", "datos", "datos/x.csv"}


def test_a_link_in_the_place_of_the_folder_is_not_collected(exchange, tmp_path):
    target = tmp_path / "course"
    (exchange.inbound / f"ana+{T}+{EARLY}+x").symlink_to(target)

    assert exchange.collect() == []
    assert exchange.inbox.doubts == [f"ana+{T}+{EARLY}+x is not collected: it is no folder."]


def test_a_folder_that_changes_while_it_is_copied_is_collected_later(exchange, monkeypatch):
    from autograder.watch import exchange as module

    folder = exchange.hand_in()
    original, left = module._Copy.folder, [1]

    def copying(self, handle, target, depth=1):
        original(self, handle, target, depth)
        if left:
            left.pop()
            (folder / f"{T}.ipynb").write_text("newer")

    monkeypatch.setattr(module._Copy, "folder", copying)

    assert exchange.collect() == []
    assert not exchange.course.submitted("ana", T).exists()
    assert exchange.collect() == [("ana", T)]
    assert (exchange.course.submitted("ana", T) / f"{T}.ipynb").read_text() == "newer"


def test_what_is_too_large_for_nbgrader_is_named_once(exchange):
    folder = exchange.hand_in()
    for number in range(3):
        with (folder / f"{number}.bin").open("wb") as file:
            file.truncate(60_000_000)

    assert [exchange.collect(), exchange.collect()] == [[], []]
    (doubt,) = exchange.inbox.doubts
    assert doubt.endswith("its files have more than 100000 kB.")
    assert list((exchange.course_root / "submitted").iterdir()) == []


def test_names_that_nobody_can_have_and_times_that_are_none_are_named_once(exchange):
    exchange.hand_in(student="a*b")
    exchange.hand_in(when="gestern")

    assert [exchange.collect(), exchange.collect()] == [[], []]
    assert sorted(one.partition(" is not")[0] for one in exchange.inbox.doubts) == [
        f"a*b+{T}+{EARLY}+x",
        f"ana+{T}+gestern+x",
    ]


def test_whose_account_it_was_is_told_where_the_name_is_another(exchange):
    exchange.hand_in()

    (one,) = exchange.inbox.collect(1.0)

    assert one.owner not in ("", "ana")


def feedback(exchange, secret="geheim", student="ana"):
    folder = exchange.course_root / "feedback" / student / T
    folder.mkdir(parents=True)
    (folder / f"{T}.html").write_text("<p>8/10")
    if secret:
        (folder / "submission_secret.txt").write_text(secret)
    return Outbox(exchange.course, exchange.inbound.parent / "feedback")


def test_a_page_is_released_where_fetch_feedback_looks_for_it(exchange):
    outbox = feedback(exchange)

    assert not outbox.has("ana", T)
    assert outbox.release("ana", T) == 1
    name = hashlib.md5(b"geheim" + T.encode()).hexdigest()
    page = exchange.inbound.parent / "feedback" / f"{name}.html"
    assert page.read_text() == "<p>8/10"
    assert stat.S_IMODE(page.stat().st_mode) == 0o644
    # Nobody but its owner may list it; who knows a page's name may read it.
    assert stat.S_IMODE(page.parent.stat().st_mode) == 0o711
    assert outbox.has("ana", T)


def test_what_did_not_come_through_the_exchange_is_not_released(exchange):
    outbox = feedback(exchange, secret="")

    assert outbox.release("ana", T) == 0
    assert not outbox.path.exists()


def test_an_exchange_that_is_away_is_named(exchange, tmp_path):
    feedback(exchange)

    with pytest.raises(MachineError, match="there is no exchange"):
        Outbox(exchange.course, tmp_path / "away" / "curso" / "feedback").release("ana", T)
