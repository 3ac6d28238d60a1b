"""What is written of a submission: only what is different, and all of it or nothing."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import replace

import pytest
from gradebooks import T, released, report
from sqlalchemy import event
from sqlalchemy.orm.exc import StaleDataError

from autograder.errors import MachineError
from autograder.record.gradebook import ATTEMPTS, Gradebook
from autograder.record.rows import Rows

WHEN = "2026-03-01 12:00:00 UTC"
SAID = {"suma": "bien", "doble": "mal"}


@pytest.fixture(scope="module")
def registered(tmp_path_factory):
    """A gradebook that knows the assignment: making one takes seconds."""
    file = tmp_path_factory.mktemp("registered") / "gradebook.db"
    with Gradebook(f"sqlite:///{file}") as book:
        book.register(T, released())
    return file


@pytest.fixture
def book(registered, tmp_path, monkeypatch):
    monkeypatch.setattr("autograder.record.gradebook.PAUSE_SECONDS", 0.0)
    shutil.copy(registered, tmp_path)
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as opened:
        yield opened


@pytest.fixture
def written(book):
    """The tables that were written to since the list was last emptied, in order."""
    tables = []

    @event.listens_for(book.session.get_bind(), "before_cursor_execute")
    def note(connection, cursor, statement, *_):
        first, table, *_ = (*statement.replace("INTO ", "").split(), "")
        if first in ("INSERT", "UPDATE", "DELETE"):
            tables.append(table)

    return tables


def scores(tmp_path):
    with sqlite3.connect(tmp_path / "gradebook.db") as database:
        return {
            name: (auto, asked, said)
            for name, auto, asked, said in database.execute(
                "SELECT g_cell.name, auto_score, needs_manual_grade, auto_comment FROM grade "
                "JOIN base_cell g_cell ON g_cell.id = grade.cell_id "
                "JOIN base_cell c_cell ON c_cell.name || '-check' = g_cell.name "
                "JOIN comment ON comment.cell_id = c_cell.id"
            )
        }


def test_a_second_time_nothing_is_written(book, written, tmp_path):
    book.record(report("ana"), SAID, WHEN)
    assert {"student", "submitted_assignment", "grade", "comment"} <= set(written)
    assert scores(tmp_path) == {"suma-check": (4.0, 0, "bien"), "doble-check": (6.0, 0, "mal")}

    written.clear()
    book.record(report("ana"), SAID, WHEN)
    assert written == []


@pytest.mark.parametrize(
    ("again", "tables"),
    [
        ((report("ana", doble=3.0), SAID, WHEN), ["grade"]),
        ((report("ana"), {**SAID, "suma": "casi"}, WHEN), ["comment"]),
        ((report("ana"), SAID, "2026-03-02 12:00:00 UTC"), ["submitted_assignment"]),
        ((report("ana"), SAID, None), []),
        ((report("ana"), {"suma": "bien"}, WHEN), []),
    ],
    ids=["score", "comment", "time", "no time", "no comment"],
)
def test_what_is_different_is_written(book, written, again, tables):
    book.record(report("ana"), SAID, WHEN)
    written.clear()
    book.record(*again)
    assert written == tables


def test_what_was_never_registered_is_not_recorded(book, written):
    other = replace(report("ana"), assignment="otra")
    with pytest.raises(MachineError, match="does not know the notebook 'otra' of 'otra'"):
        book.record(other, {}, WHEN)
    assert written == []


def test_a_cell_that_is_new_reaches_who_has_handed_in(book, tmp_path):
    book.record(report("ana"), SAID, WHEN)
    book.record(report("luis"), SAID, WHEN)
    more = released()
    for cell in released().cells[:2]:
        marks = cell.metadata.nbgrader
        marks.grade_id = marks.grade_id.replace("suma", "resta")
        more.cells.append(cell)
    told = book.register(T, more)
    assert told == ["resta is new"]
    with sqlite3.connect(tmp_path / "gradebook.db") as database:
        rows = database.execute(
            "SELECT name, count(*), max(auto_score), min(needs_manual_grade) FROM base_cell "
            "JOIN grade ON grade.cell_id = base_cell.id GROUP BY name ORDER BY name"
        ).fetchall()
        notes = database.execute(
            "SELECT count(*) FROM base_cell JOIN comment ON comment.cell_id = base_cell.id "
            "WHERE name = 'resta'"
        ).fetchall()
    assert rows == [
        ("doble-check", 2, 6.0, 0),
        ("resta-check", 2, None, 1),
        ("suma-check", 2, 4.0, 0),
    ]
    assert notes == [(2,)]


def test_rows_that_somebody_removed_are_made_again(book, tmp_path):
    book.record(report("ana"), SAID, WHEN)
    with sqlite3.connect(tmp_path / "gradebook.db") as database:
        database.execute("DELETE FROM grade WHERE auto_score = 4.0")
        database.execute("DELETE FROM comment")
    book.record(report("ana"), SAID, WHEN)
    assert scores(tmp_path) == {"suma-check": (4.0, 0, "bien"), "doble-check": (6.0, 0, "mal")}


def between(monkeypatch, work):
    """Do ``work`` after rows have been found, and before they are written."""
    find = Rows.find

    def found(connection, *whose):
        rows = find(connection, *whose)
        if rows is not None:
            work(connection)
        return rows

    monkeypatch.setattr(Rows, "find", found)


def test_rows_that_somebody_removes_meanwhile_are_made_again(book, tmp_path, monkeypatch):
    book.record(report("ana", suma=1.0, doble=1.0), SAID, WHEN)
    times = []

    def remove_once(connection):
        if not times:
            connection.exec_driver_sql("DELETE FROM grade")
        times.append(1)

    between(monkeypatch, remove_once)
    book.record(report("ana"), SAID, WHEN)
    assert scores(tmp_path) == {"suma-check": (4.0, 0, "bien"), "doble-check": (6.0, 0, "mal")}
    assert len(times) == 2


def test_who_removes_them_every_time_is_told_of(book, tmp_path, monkeypatch):
    book.record(report("ana", suma=1.0), SAID, WHEN)
    before, times = scores(tmp_path), []

    def remove(connection):
        times.append(1)
        connection.exec_driver_sql("DELETE FROM grade")

    between(monkeypatch, remove)
    with pytest.raises(MachineError, match="cannot take ana's tarea") as refused:
        book.record(report("ana"), SAID, WHEN)
    assert isinstance(refused.value.__cause__, StaleDataError)
    assert len(times) == ATTEMPTS
    assert scores(tmp_path) == before
