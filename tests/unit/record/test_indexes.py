"""nbgrader's tables get the indexes that they lack, and are used without where that cannot be."""

import sqlite3

import nbformat
import pytest
from nbgrader.api import Gradebook as Nbgraders
from sqlalchemy import event

from autograder.record.gradebook import LOOKED_UP, Gradebook


@pytest.fixture
def file(tmp_path):
    return tmp_path / "gradebook.db"


def register(file):
    with Gradebook(f"sqlite:///{file}") as book:
        book.register("tarea", nbformat.v4.new_notebook())


@pytest.mark.parametrize(("table", "column"), LOOKED_UP)
def test_rows_are_looked_up_by_an_index(file, table, column):
    register(file)
    register(file)

    with sqlite3.connect(file) as database:
        query = f"EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE {column} = 'x'"
        ((*_, plan),) = database.execute(query)
    assert "USING INDEX" in plan


def test_an_older_gradebook_gets_them_too(file):
    Nbgraders(f"sqlite:///{file}").close()
    register(file)

    with sqlite3.connect(file) as database:
        names = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
    assert {f"ix_autograder_{table}" for table, _ in LOOKED_UP} <= names


def test_who_may_not_add_one_uses_the_gradebook_as_it_is(file):
    with Gradebook(f"sqlite:///{file}") as book:

        @event.listens_for(book.session.get_bind(), "before_cursor_execute")
        def refuse(connection, cursor, statement, *_):
            if statement.startswith("CREATE INDEX"):
                raise sqlite3.OperationalError("must be owner of table grade")

        assert book.register("tarea", nbformat.v4.new_notebook()) == []
        assert book.recorded("tarea") == set()

    with sqlite3.connect(file) as database:
        assert list(database.execute("SELECT name FROM assignment")) == [("tarea",)]
