"""What the service does when things go wrong or change: nobody is lost, everybody else goes on.

The grader is a fake: who is graded, and what it raises, is the test's.
"""

from __future__ import annotations

import gc
import io
import json
import os
import signal
import threading
import time

import pytest

from autograder.course import Course
from autograder.errors import AuthorError, MachineError
from autograder.exam import Options
from autograder.turn import turn
from autograder.watch import service as module
from autograder.watch.current import Current
from autograder.watch.log import Log
from autograder.watch.queue import Pace
from autograder.watch.service import Service, Settings

T, U = "tarea", "otra"
PATIENCE = 20.0


class FakeGrader:
    """Records whoever it is asked for, after ``act(name, students)``."""

    def __init__(self, act):
        self.act, self.batches, self.closed, self.prepared = act, [], 0, []
        self.recorded, self.before, self.reports = [], {}, {}
        self.course = self.names = self.notice = self.options = None

    def grade_in_turn(self, name):
        students = self.options.students
        self.batches.append((name, *students))
        statuses = self.act(name, students) or {}
        found = []
        for student in students:
            status = statuses.get(student, "graded")
            if status == "changed":
                continue
            if status == "graded":
                self.recorded.append((name, student))
            broken = "graded" if status == "unchanged" else status
            found.append({"student": student, "score": 1.0, "max_score": 2.0, "status": broken})
        return found

    def prepare(self, name, seconds):
        self.prepared.append(name)
        return self.prepared.count(name) == 2

    def __exit__(self, *_):
        self.closed += 1


class Room:
    """A course with a service in this thread, and a script in another."""

    def __init__(self, root, monkeypatch):
        self.root, self.acts = root, []
        self.config("assignments: {tarea: , otra: }\n")
        for name in (T, U):
            (root / "solutions" / name).mkdir(parents=True)
            (root / "solutions" / name / f"test_{name}.py").touch()
        self.grader = FakeGrader(self.act)

        def grader(current, students=()):
            self.grader.options = Options(students=students)
            self.grader.recorded.clear()
            current._grader = self.grader
            return self.grader

        monkeypatch.setattr(Current, "grader", grader)
        monkeypatch.setattr(module, "PATIENCE", (0.05,))
        monkeypatch.setattr(module, "RETRIES", (0.05,))
        monkeypatch.setattr(gc, "unfreeze", lambda: None)
        monkeypatch.setattr(gc, "collect", lambda: 0)

    def act(self, name, students):
        return self.acts.pop(0)(name, students) if self.acts else None

    def config(self, text):
        # At once: who looks while it is written would see an empty one.
        made = self.root / "grading_config.new"
        made.write_text(text)
        made.rename(self.root / "grading_config.yaml")

    def hand_in(self, *students, name=T, text="{}"):
        for student in students:
            made = self.root / "desks" / f"{student}-{time.monotonic_ns()}"
            made.mkdir(parents=True)
            (made / f"{name}.ipynb").write_text(text)
            time.sleep(0.01)
            place = self.root / "submitted" / student
            place.mkdir(parents=True, exist_ok=True)
            if (place / name).exists():
                (place / name).rename(made.with_name(f"{made.name}-old"))
            made.rename(place / name)

    def run(self, script=None, **settings):
        """Run the service until ``script`` is through; the events."""
        stream = io.StringIO()
        asked = Settings(**{"interval": 0.1, "feedback": False, "once": script is None, **settings})
        self.service = Service(self.root, asked, Options(), Log(stream, as_json=True))
        self.stream = stream
        failed = []

        def play():
            try:
                self.until(lambda: self.events("started"))
                script()
            except BaseException as error:
                failed.append(error)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)

        thread = threading.Thread(target=play)
        if script is not None:
            thread.start()
        try:
            self.service.run()
        finally:
            if script is not None:
                thread.join()
        if failed:
            raise failed[0]
        return self.events()

    def events(self, kind=""):
        told = [json.loads(one) for one in self.stream.getvalue().splitlines()]
        return [one for one in told if not kind or one["event"] == kind]

    def graded(self):
        return [one["student"] for one in self.events("graded")]

    def until(self, is_so):
        give_up = time.monotonic() + PATIENCE
        while not is_so():
            assert time.monotonic() < give_up, self.stream.getvalue()
            time.sleep(0.01)


@pytest.fixture
def room(tmp_path, monkeypatch):
    # A signal that comes when the service has ended already ends no test.
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    yield Room(tmp_path, monkeypatch)
    signal.signal(signal.SIGTERM, before)


def raising(error):
    def act(name, students):
        raise error

    return act


def test_what_is_there_is_graded_and_the_service_ends_where_once_is_asked(room):
    room.hand_in("ana", "bea")
    room.hand_in("ana", name=U)

    events = room.run()

    assert sorted((one["student"], one["assignment"]) for one in room.events("graded")) == [
        ("ana", U),
        ("ana", T),
        ("bea", T),
    ]
    assert (events[0]["event"], events[-1]["event"]) == ("started", "stopped")
    assert events[-1]["message"] == "stopped: 3 graded."


def test_what_arrives_later_is_graded_and_a_signal_ends_it_with_a_sentence(room):
    def script():
        room.hand_in("ana")
        room.until(lambda: room.graded() == ["ana"])
        room.hand_in("ana", text="[]")
        room.until(lambda: room.graded() == ["ana", "ana"])

    assert room.run(script)[-1]["message"] == "stopped by SIGTERM: 2 graded."
    assert room.grader.closed == 1


def test_a_signal_waits_for_the_batch_and_what_else_waits_is_counted(room):
    room.hand_in("ana", "bea", "carla")
    room.acts = [lambda *_: os.kill(os.getpid(), signal.SIGINT)]

    events = room.run(lambda: room.until(lambda: room.events("stopped")))

    assert len(room.graded()) == 3
    assert events[-1]["message"] == "stopped by SIGINT: 3 graded."


def test_the_sandbox_and_the_references_are_ready_before_anybody_comes(room):
    room.run(lambda: room.until(lambda: room.grader.prepared == [T, T, U, U]))

    assert room.grader.batches == []


def test_an_authors_mistake_holds_one_assignment_until_it_is_mended(room):
    checks = room.root / "solutions" / T / f"test_{T}.py"
    room.acts = [raising(AuthorError(f"{checks}:3: no."))]

    def script():
        room.hand_in("ana")
        room.until(lambda: room.events("held"))
        room.hand_in("bea", name=U)
        room.hand_in("carla")
        room.until(lambda: room.graded() == ["bea"])
        time.sleep(0.3)
        assert room.graded() == ["bea"]
        checks.write_text("# mended")
        room.until(lambda: sorted(room.graded()) == ["ana", "bea", "carla"])

    room.run(script)

    (held,) = room.events("held")
    assert held["assignment"] == T
    assert held["message"] == f"{checks}:3: no. What arrives waits until it is mended."
    assert room.grader.closed == 1  # at the end: it stays warm


def test_a_mistake_in_the_config_holds_everything_until_it_is_mended(room):
    def script():
        room.config("assignments: {tarea: {trials: 99}}\n")
        room.until(lambda: room.events("held"))
        room.hand_in("ana")
        time.sleep(0.3)
        assert room.graded() == []
        room.config("assignments: {tarea: }\n")
        room.until(lambda: room.graded() == ["ana"])

    room.run(script)

    (held,) = room.events("held")
    assert held["message"].startswith("grading_config.yaml:1: assignments.tarea.trials: ")


def test_an_assignment_that_is_new_in_the_config_is_watched(room):
    room.config("assignments: {tarea: }\n")

    def script():
        room.hand_in("ana", name=U)
        room.hand_in("bea")
        room.until(lambda: room.graded() == ["bea"])
        room.config("assignments: {tarea: , otra: }\n")
        room.until(lambda: "ana" in room.graded())

    room.run(script)


def test_what_was_graded_is_looked_at_again_when_a_check_changes(room):
    def script():
        room.hand_in("ana")
        room.until(lambda: room.graded() == ["ana"])
        (room.root / "solutions" / T / f"test_{T}.py").write_text("# another")
        room.until(lambda: len(room.grader.batches) == 2)

    room.run(script)

    assert room.grader.batches == [(T, "ana"), (T, "ana")]


def test_a_gradebook_that_is_away_is_named_once_and_nobody_is_lost(room):
    away = raising(MachineError("the gradebook is locked."))
    room.acts = [away, away, away]

    def script():
        room.hand_in("ana")
        room.until(lambda: room.events("trouble"))
        room.hand_in("bea")
        room.until(lambda: sorted(room.graded()) == ["ana", "bea"])

    room.run(script)

    told = [one["message"] for one in room.events("trouble") + room.events("resumed")]
    assert told == [
        "the gradebook is locked. What arrives waits; it is tried again and again.",
        "grading goes on.",
    ]
    assert room.grader.closed >= 3  # it may have failed for good


def test_with_once_a_machines_fault_ends_the_command(room):
    room.hand_in("ana")
    room.acts = [raising(MachineError("the gradebook is locked."))]

    with pytest.raises(MachineError, match="locked"):
        room.run()


def test_of_a_batch_with_one_that_nobody_foresaw_all_others_are_graded(room):
    def poisoned(name, students):
        if "eva" in students:
            raise ZeroDivisionError

    room.acts = [poisoned] * 40

    def script():
        room.hand_in("ana", "eva", "bea", "carla")
        room.until(lambda: sorted(room.graded()) == ["ana", "bea", "carla"])
        room.until(lambda: room.service.ungraded == {("eva", T)})
        room.acts.clear()
        room.until(lambda: "eva" in room.graded())

    room.run(script)

    assert room.service.ungraded == set()


def test_what_is_our_fault_is_tried_again_and_the_others_do_not_wait(room):
    room.acts = [lambda *_: {"ana": "broken"}] * 2

    def script():
        room.hand_in("ana", "bea")
        room.until(lambda: sorted(room.graded()) == ["ana", "bea"])

    room.run(script)

    (first, *_) = room.events("trouble")
    assert (first["student"], first["assignment"]) == ("ana", T)


def test_with_once_what_could_not_be_graded_is_left_and_named(room):
    room.hand_in("ana", "bea")
    room.acts = [lambda *_: {"ana": "broken"}] * 9

    room.run()

    assert room.graded() == ["bea"]
    assert room.service.ungraded == {("ana", T)}


def test_what_changes_while_it_is_graded_is_graded_again(room):
    room.acts = [lambda *_: {"ana": "changed"}]

    def script():
        room.hand_in("ana")
        room.until(lambda: room.graded() == ["ana"])

    room.run(script)

    assert [one for one in room.grader.batches if "ana" in one] == [(T, "ana")] * 2


def test_who_takes_a_submission_back_is_waited_for_by_nobody(room):
    def gone(name, students):
        (room.root / "submitted" / "ana" / T).rename(room.root / "away")
        raise AuthorError("--student ana: nobody of this name has handed in tarea.")

    room.acts = [gone]

    def script():
        room.hand_in("ana")
        room.until(lambda: (room.root / "away").exists())
        room.hand_in("bea")
        room.until(lambda: room.graded() == ["bea"])

    room.run(script)

    assert room.events("held") == []


def test_another_commands_turn_is_waited_for_and_said_once(room):
    course = Course.at(room.root)
    room.config("assignments: {tarea: }\n")

    def script():
        with turn(course, "export", print):
            room.hand_in("ana")
            room.until(lambda: room.events("notice"))
            time.sleep(0.8)
            assert room.graded() == []
        room.until(lambda: room.graded() == ["ana"])

    room.run(script)

    (notice,) = room.events("notice")
    assert notice["message"].startswith("waiting for `autograder export` (process ")


def test_other_commands_have_their_turn_while_it_is_idle_and_between_batches(room):
    course = Course.at(room.root)
    had = []

    def script():
        room.until(lambda: room.grader.prepared == [T, T, U, U])
        with turn(course, "export", had.append):
            pass
        room.acts = [lambda *_: time.sleep(0.05)] * 200
        room.service.pace = Pace(1.0, 1, 1, 1)
        room.hand_in(*(f"s{number:02}" for number in range(12)))
        with turn(course, "export", lambda _: None):
            had.append(len(room.graded()))
        room.until(lambda: len(room.graded()) == 12)

    room.run(script)

    (graded_before,) = [one for one in had if isinstance(one, int)]
    assert graded_before < 12


def test_another_version_on_the_disk_ends_it_before_it_vouches_for_that(room, monkeypatch):
    from autograder.watch import current

    def script():
        room.hand_in("ana")
        room.until(lambda: room.graded() == ["ana"])
        monkeypatch.setattr(current, "code_digest", lambda: "another")
        room.hand_in("bea")
        time.sleep(0.5)

    with pytest.raises(MachineError, match="changed on the disk; start again"):
        room.run(script)

    assert room.graded() == ["ana"]


def test_a_second_service_of_a_course_is_refused(room):
    def script():
        other = Service(room.root, Settings(once=True), Options(), Log(io.StringIO()))
        with pytest.raises(MachineError, match="watches this course already"):
            other.run()

    room.run(script)


def test_an_assignment_that_there_is_not_is_refused_at_once(room):
    with pytest.raises(AuthorError, match="there is no assignment 'tares'"):
        room.run(names=("tares",))


def test_what_is_unchanged_since_it_was_graded_is_no_event(room):
    room.hand_in("ana")
    report = Course.at(room.root).report_path("ana", T)
    report.parent.mkdir(parents=True)
    time.sleep(0.02)
    report.write_text("{}")
    room.acts = [lambda *_: {"ana": "unchanged"}]

    events = room.run()

    assert room.grader.batches == [(T, "ana")]
    assert [one["event"] for one in events] == ["started", "stopped"]


def test_the_queue_is_told_now_and_then_while_somebody_waits(room, monkeypatch):
    monkeypatch.setattr(module, "QUEUE_TOLD", 0.0)

    def script():
        room.service.pace = Pace(1.0, 1, 1, 1)
        room.acts = [lambda *_: time.sleep(0.02)] * 99
        room.hand_in("ana", "bea", "carla", "diana")
        room.until(lambda: len(room.graded()) == 4)

    room.run(script)

    assert all(one["queue"] >= 1 and one["oldest_s"] >= 0 for one in room.events("queue"))
    assert room.events("queue")
