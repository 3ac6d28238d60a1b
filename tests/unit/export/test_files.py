"""Exported files are written whole or not at all, and nobody else's is overwritten unasked."""

from __future__ import annotations

import os
import stat

import pytest

from autograder.errors import AuthorError, MachineError
from autograder.export.files import put


@pytest.fixture
def write(tmp_path):
    def write(files, name="out", **how):
        return put(tmp_path / name, files, tmp_path / ".autograder/exports.json", **how)

    return write


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".autograder" not in path.parts
    }


def test_a_file_and_a_folder_of_files_are_written(write, tmp_path):
    assert write({"": b"1"}, "grades.csv") == 1
    assert write({"a/b/results.json": b"2", "a/c/results.json": b"3"}, "folder") == 2

    assert files(tmp_path) == {
        "grades.csv": b"1",
        "folder/a/b/results.json": b"2",
        "folder/a/c/results.json": b"3",
    }
    assert stat.S_IMODE((tmp_path / "grades.csv").stat().st_mode) == 0o644


def test_what_we_wrote_ourselves_is_replaced_and_what_is_the_same_left_alone(write, tmp_path):
    write({"": b"1"})
    before = (tmp_path / "out").stat().st_ino

    assert write({"": b"1"}) == 0
    assert (tmp_path / "out").stat().st_ino == before
    assert write({"": b"2"}) == 1
    assert files(tmp_path) == {"out": b"2"}


def test_what_somebody_else_wrote_stays_unless_it_is_forced(write, tmp_path):
    (tmp_path / "out").write_bytes(b"theirs")

    with pytest.raises(AuthorError, match="overwrite it with --force"):
        write({"": b"1"})
    assert files(tmp_path) == {"out": b"theirs"}
    assert write({"": b"1"}, force=True) == 1
    assert files(tmp_path) == {"out": b"1"}


def test_what_was_changed_since_we_wrote_it_is_somebody_elses(write, tmp_path):
    write({"": b"1"})
    (tmp_path / "out").write_bytes(b"1 and a remark")

    with pytest.raises(AuthorError):
        write({"": b"2"})
    assert files(tmp_path) == {"out": b"1 and a remark"}


def test_a_course_that_was_moved_still_knows_its_files(write, tmp_path):
    write({"": b"1"}, "course/exports/out")
    (tmp_path / ".autograder").rename(tmp_path / "course/.autograder")
    ledger = tmp_path / "course/.autograder/exports.json"
    put(tmp_path / "course/exports/out", {"": b"1"}, ledger)
    (tmp_path / "course").rename(tmp_path / "moved")

    moved = tmp_path / "moved"
    assert put(moved / "exports/out", {"": b"2"}, moved / ".autograder/exports.json") == 1


def test_a_file_that_happens_to_be_the_same_becomes_ours(write, tmp_path):
    (tmp_path / "out").write_bytes(b"1")

    assert write({"": b"1"}) == 0
    assert write({"": b"2"}) == 1


def test_one_foreign_file_of_a_folder_keeps_all_of_it_from_being_written(write, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/b").write_bytes(b"theirs")

    with pytest.raises(AuthorError, match="out/b: "):
        write({"a": b"1", "b": b"2"})
    assert files(tmp_path) == {"out/b": b"theirs"}


def test_other_files_of_a_folder_stay(write, tmp_path):
    write({"a": b"1"})
    (tmp_path / "out/notes.txt").write_bytes(b"theirs")

    write({"b": b"2"})

    assert files(tmp_path) == {"out/a": b"1", "out/b": b"2", "out/notes.txt": b"theirs"}


def test_nothing_is_replaced_if_something_cannot_be_written(write, tmp_path, monkeypatch):
    write({"a": b"1", "b": b"1"})
    real, calls = os.fsync, []

    def full(handle):
        calls.append(handle)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MachineError, match="cannot be written"):
        write({"a": b"2", "b": b"2"})

    assert files(tmp_path) == {"out/a": b"1", "out/b": b"1"}


def test_a_folder_in_the_place_of_a_file_is_refused(write, tmp_path):
    (tmp_path / "out").mkdir()

    with pytest.raises(AuthorError):
        write({"": b"1"})


def test_a_file_in_the_place_of_a_folder_is_refused(write, tmp_path):
    (tmp_path / "out").write_bytes(b"theirs")

    with pytest.raises(MachineError, match="cannot be written"):
        write({"a": b"1"})
    assert files(tmp_path) == {"out": b"theirs"}


def test_a_ledger_that_cannot_be_read_makes_all_files_foreign(write, tmp_path):
    write({"": b"1"})
    (tmp_path / ".autograder/exports.json").write_text("{")

    with pytest.raises(AuthorError):
        write({"": b"2"})
