"""The log's lines: only new results, whole or not at all, in the order in which they came."""

from __future__ import annotations

import errno
import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from autograder.basis import Basis, Kept
from autograder.errors import MachineError
from autograder.history import Entry, History

REPORT = {
    "student": "ana",
    "score": 1.5,
    "max_score": 2.0,
    "status": "graded",
    "device": "cpu",
    "message": "",
    "exercises": [{"id": "uno", "score": 1.5, "checks": [{"title": "«año»", "score": 1 / 3}]}],
    "made_from": {"key": "1234"},
}
ENTRY = Entry(
    student="ana",
    at="2025-05-02T10:00:00+00:00",
    basis="b1",
    submission={"digest": "d1", "notebook": "n1", "modified": "m1", "timestamp": None},
    trials=(("t0", "c0"), ("t1", "c1")),
    solutions={"uno": [1, 3]},
    damage={},
    unreadable=None,
    by_hand={},
    report=REPORT,
)
BASIS = Basis(
    files={"tarea.ipynb": "f1"},
    settings={"trials": 2},
    language="es",
    devices=("cpu",),
    key="1234",
    isolation="full",
    versions={"torch": "2.13.0"},
    code="c1",
    reference=(("r0", "of the reference"),),
    misconceptions={"media": (("m0", "of the mean"),)},
)


@pytest.fixture
def history(tmp_path):
    return History(tmp_path / "history", "tarea")


def scored(score, student="ana"):
    return replace(ENTRY, student=student, report={**REPORT, "score": score})


def scores(history, student="ana"):
    return [one.report["score"] for one in history.entries(student)[0]]


def test_what_is_read_is_what_was_logged(history):
    history.append([ENTRY])

    assert history.entries("ana") == ([ENTRY], [])


def test_nothing_is_logged_yet_without_a_file(history):
    assert history.entries("ana") == ([], [])
    assert history.referred() == set()


def test_a_student_is_found_among_others_whatever_the_name(history):
    names = ["ana", "ana maría", 'o"hara', "a\nb", "ñandú", "\udcff", "back\\", "{", ""]

    history.append([scored(number, name) for number, name in enumerate(names)])

    for number, name in enumerate(names):
        assert scores(history, name) == [number]
    assert history.path.read_bytes().count(b"\n") == len(names)


@pytest.mark.parametrize(
    "again",
    [
        ENTRY,
        replace(ENTRY, at="2026-01-01T00:00:00+00:00"),
        replace(ENTRY, basis="b2"),
        replace(ENTRY, trials=(("t0", "other bytes"), ("t1", "c1"))),
        replace(ENTRY, submission={**ENTRY.submission, "modified": "m2"}),
        replace(ENTRY, report={**REPORT, "made_from": {"key": "1234", "torch": "3"}}),
    ],
    ids=["all", "at", "basis", "trials", "modified", "made_from"],
)
def test_the_same_result_is_not_logged_twice(history, again):
    history.append([ENTRY])

    assert history.append([again]) == []
    assert history.entries("ana")[0] == [ENTRY]


@pytest.mark.parametrize(
    "other",
    [
        scored(1.0),
        replace(ENTRY, report={**REPORT, "message": "otra"}),
        replace(ENTRY, submission={**ENTRY.submission, "digest": "d2"}),
        replace(ENTRY, submission={**ENTRY.submission, "notebook": "n2"}),
        replace(ENTRY, submission={**ENTRY.submission, "timestamp": "2025-05-01"}),
        replace(ENTRY, by_hand={"uno": 2.0}),
    ],
    ids=["score", "message", "digest", "notebook", "timestamp", "by hand"],
)
def test_another_result_or_submission_is_logged(history, other):
    history.append([ENTRY])

    assert history.append([other]) == [other]
    assert history.entries("ana")[0] == [ENTRY, other]


def test_a_result_that_comes_back_is_logged_again(history):
    for score in (1.0, 2.0, 1.0):
        history.append([scored(score)])

    assert scores(history) == [1.0, 2.0, 1.0]


def test_only_the_same_student_is_compared_with(history):
    history.append([ENTRY])

    assert len(history.append([scored(1.5, "bea")])) == 1


def test_a_line_torn_anywhere_is_left_out_with_a_note_and_the_next_one_is_whole(history):
    history.append([scored(1.0)])
    whole = history.path.read_bytes()
    line = scored(2.0).line()

    # Every 7th place, and the last ones: cut within letters of two bytes, too.
    for cut in [*range(1, len(line) - 3, 7), len(line) - 3, len(line) - 2]:
        history.path.write_bytes(whole + line[:cut])
        assert scores(history) == [1.0]
        (note,) = history.entries("ana")[1]
        assert f"{history.path}:2: not a whole entry" in note

        history.append([scored(2.0)])

        assert scores(history) == [1.0, 2.0]
        assert history.path.read_bytes().endswith(b"\n" + line)


def test_a_line_that_lacks_only_its_end_counts(history):
    history.append([scored(1.0)])
    history.path.write_bytes(history.path.read_bytes()[:-1])

    assert scores(history) == [1.0]
    assert history.append([scored(1.0)]) == []
    history.append([scored(2.0)])
    assert (scores(history), history.entries("ana")[1]) == ([1.0, 2.0], [])


def test_a_torn_line_of_another_student_is_not_told(history):
    history.append([scored(1.0)])
    with history.path.open("ab") as file:
        file.write(scored(1.0, "bea").line()[:-9])

    assert history.entries("ana")[1] == []
    assert len(history.entries("bea")[1]) == 1


def test_a_line_of_another_version_is_left_out_with_a_note(history):
    history.append([ENTRY])
    text = history.path.read_text("utf-8")
    history.path.write_text(text.replace('"schema": 1', '"schema": 99'), "utf-8")

    assert history.entries("ana")[0] == []
    assert "written by another version" in history.entries("ana")[1][0]


def test_a_line_is_one_write(history, monkeypatch):
    written = []
    write = os.write
    monkeypatch.setattr(
        os, "write", lambda handle, data: written.append(data) or write(handle, data)
    )

    history.append([scored(1.0), scored(1.0, "bea")])

    assert written == [scored(1.0).line(), scored(1.0, "bea").line()]


def test_what_was_appended_is_on_the_disk(history, monkeypatch):
    history.append([scored(1.0)])
    order = []
    write, fsync = os.write, os.fsync
    monkeypatch.setattr(os, "write", lambda *a: order.append("write") or write(*a))
    monkeypatch.setattr(os, "fsync", lambda *a: order.append("fsync") or fsync(*a))

    history.append([scored(2.0), scored(2.0, "bea")])

    assert order == ["write", "write", "fsync"]


def test_several_graders_at_once_log_each_result_once_and_every_line_whole(history):
    students = [f"s{number}" for number in range(20)]

    def grade(grader):
        own = History(history.path.parent, "tarea")
        for score in (1.0, 2.0):
            for student in students:
                own.append([scored(score, student)])
        return grader

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(grade, range(4)))

    for student in students:
        found, notes = history.entries(student)
        assert notes == []
        # One grader may be at the second score when another one logs the first.
        told = [one.report["score"] for one in found]
        assert all(one != other for one, other in itertools.pairwise(told))
        assert told[0] == 1.0
        assert told[-1] == 2.0


def test_two_graders_with_the_same_result_log_it_once(history):
    with ThreadPoolExecutor(8) as pool:
        found = list(
            pool.map(lambda _: History(history.path.parent, "tarea").append([ENTRY]), range(40))
        )

    assert sum(map(len, found)) == 1
    assert len(history.entries("ana")[0]) == 1


@pytest.mark.parametrize("said", [OSError(errno.ENOSPC, "No space left on device"), 5])
def test_a_full_disk_is_said_in_a_sentence_and_the_next_run_goes_on(history, monkeypatch, said):
    history.append([scored(1.0)])
    write = os.write

    def full(handle, data):
        if isinstance(said, OSError):
            raise said
        return write(handle, data[:said])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(MachineError, match=r"cannot be logged \(.*\); nothing was recorded"):
            history.append([scored(2.0)])

    history.append([scored(2.0)])
    assert scores(history) == [1.0, 2.0]


def test_a_log_that_cannot_be_written_is_said_in_a_sentence(history):
    history.path.mkdir(parents=True)

    with pytest.raises(MachineError, match="cannot be logged"):
        history.append([ENTRY])


def test_what_results_refer_to_are_their_observations_and_those_of_what_they_rest_on(history):
    history.append([replace(ENTRY, basis=history.kept.put(BASIS.text()))])
    history.append([replace(scored(1.0, "bea"), trials=(("t0", "c9"),), basis="gone")])

    assert history.referred() == {"c0", "c1", "c9", "of the reference", "of the mean"}


def test_what_a_result_rests_on_comes_back_as_it_was(tmp_path):
    kept = Kept(tmp_path)

    assert kept.basis(kept.put(BASIS.text())) == BASIS


def test_a_text_is_kept_once_under_its_hash(tmp_path):
    kept = Kept(tmp_path)

    digest = kept.put("ñ\r\n".encode())
    before = (tmp_path / digest).stat().st_mtime_ns

    assert kept.put("ñ\r\n".encode()) == digest
    assert [one.name for one in tmp_path.iterdir()] == [digest]
    assert (tmp_path / digest).stat().st_mtime_ns == before
    assert kept.get(digest) == "ñ\r\n".encode()


def test_a_kept_text_that_was_changed_or_is_gone_is_said(tmp_path):
    kept = Kept(tmp_path)
    digest = kept.put(b"a check")
    (tmp_path / digest).write_bytes(b"an easier check")

    with pytest.raises(MachineError, match="the file was changed"):
        kept.get(digest)
    (tmp_path / digest).unlink()
    with pytest.raises(MachineError, match="is gone"):
        kept.get(digest)


def test_a_text_that_cannot_be_kept_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(MachineError, match="cannot be kept"):
        Kept(tmp_path).put(b"a check")
    assert list(tmp_path.iterdir()) == []


def test_a_basis_of_another_version_is_said(tmp_path):
    kept = Kept(tmp_path)

    with pytest.raises(MachineError, match="another version"):
        kept.basis(kept.put(b'{"files": {}}'))
    with pytest.raises(MachineError, match="another version"):
        kept.basis(kept.put(b"\xff"))
