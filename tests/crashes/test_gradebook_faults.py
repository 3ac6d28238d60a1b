"""A gradebook that is locked, read-only, broken or gone is a sentence; nothing is half written."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from crash_batch import rows
from sqlalchemy.engine.default import DefaultDialect

pytestmark = pytest.mark.crashes

NAME = "tarea"
GONE = "server closed the connection unexpectedly"


@pytest.fixture
def impatient(monkeypatch):
    """SQLite waits for a lock for a moment instead of five seconds."""
    connect = sqlite3.dbapi2.connect

    def quickly(*arguments: Any, **options: Any) -> sqlite3.Connection:
        return connect(*arguments, **{**options, "timeout": 0.2})

    monkeypatch.setattr(sqlite3.dbapi2, "connect", quickly)


@contextmanager
def locked(gradebook: Path, how: str = "EXCLUSIVE") -> Iterator[None]:
    """Another connection writes to it all the time."""
    connection = sqlite3.connect(gradebook, check_same_thread=False, isolation_level=None)
    connection.execute(f"BEGIN {how}")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


@contextmanager
def worse(case: Any) -> Iterator[None]:
    """Meanwhile ``s00`` has handed in what loses a point, so that something is to be recorded."""
    path = case.submitted(0) / f"{NAME}.ipynb"
    good = path.read_bytes()
    path.write_bytes((case.submitted(3) / f"{NAME}.ipynb").read_bytes())
    yield
    path.write_bytes(good)


def score(gradebook: Path) -> float:
    """All points of ``s00``."""
    found = [row for row in rows(gradebook)["grade"] if "/s00/" in row["id"]]
    return sum(row["auto_score"] for row in found)


def test_a_locked_gradebook_is_named_before_anything_is_observed(done, impatient, lend_sandbox):
    before = rows(done.path("gradebook.db"))

    with locked(done.path("gradebook.db")):
        sentence = done.refused(saying="database is locked; another program is writing to it")

    assert "cannot be read" in sentence
    assert lend_sandbox == []
    assert rows(done.path("gradebook.db")) == before
    done.goes_on()


@pytest.mark.parametrize("how", ["EXCLUSIVE", "IMMEDIATE"])
def test_a_gradebook_that_gets_locked_while_we_observe_is_named(done, impatient, monkeypatch, how):
    from autograder.grading import Grader

    path = done.path("gradebook.db")
    before, record = rows(path), Grader._record

    def recording(*arguments: Any) -> Any:
        with locked(path, how):
            return record(*arguments)

    with worse(done):
        with monkeypatch.context() as patch:
            patch.setattr(Grader, "_record", recording)
            done.refused(saying="database is locked")
        assert rows(path) == before
        assert done.grade().status == 0
        assert score(path) == 2
    done.goes_on(spare=True)


def test_a_gradebook_that_is_locked_for_a_moment_is_waited_for(done):
    lock = locked(done.path("gradebook.db"))
    lock.__enter__()
    timer = threading.Timer(1.5, lock.__exit__, (None, None, None))
    timer.start()

    with worse(done):
        ran = done.grade()

    timer.join()
    assert (ran.status, ran.err) == (0, "")
    assert score(done.path("gradebook.db")) == 2


def test_a_read_only_gradebook_is_named(done, common_user):
    path = done.path("gradebook.db")
    before = rows(path)
    path.chmod(0o444)
    with worse(done):
        done.refused(saying="readonly database")

        path.chmod(0o644)
        assert rows(path) == before
        assert done.grade().status == 0
        assert score(path) == 2
    done.goes_on(spare=True)


def test_a_course_where_no_gradebook_can_be_made_is_named(fresh, common_user):
    fresh.path("db").mkdir(mode=0o555)
    config = fresh.path("grading_config.yaml")
    text = config.read_text("utf-8")
    config.write_text(f"{text}db_url: sqlite:///db/gradebook.db\n", "utf-8")

    fresh.refused(saying="Permission denied")

    config.write_text(text, "utf-8")
    fresh.path("db").rmdir()
    fresh.goes_on()


def garbage(path: Path) -> None:
    path.write_bytes(b"no database at all " * 100)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def scribbled(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096 : len(content) // 2] = bytes(len(content) // 2 - 4096)
    path.write_bytes(content)


@pytest.mark.parametrize("spoil", [garbage, cut, scribbled])
def test_a_corrupt_gradebook_is_named_and_left_as_it_is(done, spoil):
    good = done.path("gradebook.db").read_bytes()
    spoil(done.path("gradebook.db"))
    bad = done.path("gradebook.db").read_bytes()

    sentence = done.refused(saying="the gradebook sqlite:///")

    assert "gradebook.db" in sentence
    assert done.path("gradebook.db").read_bytes() == bad
    done.path("gradebook.db").write_bytes(good)
    done.goes_on()


def test_a_gradebook_of_no_bytes_is_filled(done):
    done.path("gradebook.db").write_bytes(b"")

    done.goes_on()


def test_a_gradebook_that_was_put_back_from_yesterday_gets_what_it_lacks(done, autograder):
    """The reports beside it say that all is recorded; it is not."""
    connection = sqlite3.connect(done.path("gradebook.db"))
    for table in ("grade", "comment", "submitted_notebook", "submitted_assignment"):
        connection.execute(f"DELETE FROM {table}")
    connection.commit()
    connection.close()

    done.goes_on()


class Server:
    """A database whose connection is lost after ``last`` statements, for good."""

    def __init__(self, last: int | None) -> None:
        self.left, self.asked = last, 0

    def ask(self) -> None:
        self.asked += 1
        if self.left is not None and self.asked > self.left:
            raise sqlite3.OperationalError(GONE)


@contextmanager
def served_until(last: int | None) -> Iterator[Server]:
    server = Server(last)

    def asking(original: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*arguments: Any, **options: Any) -> Any:
            server.ask()
            return original(*arguments, **options)

        return asked

    with pytest.MonkeyPatch.context() as patch:
        for name in ("do_execute", "do_executemany", "do_commit"):
            patch.setattr(DefaultDialect, name, asking(getattr(DefaultDialect, name)))
        yield server


@pytest.fixture(scope="module")
def reports(graded) -> tuple[Any, dict[str, str]]:
    """A report that differs from what is recorded of ``s00``, and its comments."""
    from autograder.report import CheckResult, ExerciseResult, Report

    check = CheckResult("uno", "one", 2.0, 1.5, "passed", None)
    return (
        Report("s00", NAME, (ExerciseResult("suma", 2.0, (check,)),), "cpu", None, None, {}),
        {"suma": "Otra cosa.", "doble": "Otra más."},
    )


def recorder(reports: tuple[Any, dict[str, str]]) -> Callable[[Path], None]:
    from autograder.record.gradebook import Gradebook

    def record(gradebook: Path) -> None:
        report, comments = reports
        with Gradebook(f"sqlite:///{gradebook}") as book:
            book.record(report, comments, "2026-05-05 05:05:05 UTC")

    return record


def test_a_connection_lost_at_any_statement_leaves_all_of_a_result_or_none(
    graded, reports, tmp_path
):
    from autograder.errors import MachineError

    record, path = recorder(reports), tmp_path / "gradebook.db"
    shutil.copy(graded / "gradebook.db", path)
    before = rows(path)
    with served_until(None) as server:
        record(path)
    after = rows(path)
    assert before != after

    for last in range(server.asked):
        shutil.copy(graded / "gradebook.db", path)
        with served_until(last), pytest.raises(MachineError, match=GONE) as raised:
            record(path)
        assert str(raised.value).startswith("the gradebook sqlite:///")
        assert rows(path) == before, last
        record(path)
        assert rows(path) == after, last
    assert server.asked > 10


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.95])
def test_a_connection_lost_in_the_middle_of_a_batch_is_a_sentence_and_the_next_run_goes_on(
    fresh, graded, share
):
    shutil.copy(graded / "gradebook.db", fresh.path("gradebook.db"))
    with served_until(None) as server:
        fresh.grade()
    for name in (".autograder/reports", "autograded"):
        shutil.rmtree(fresh.path(name))

    with served_until(int(share * server.asked)):
        sentence = fresh.refused(saying=GONE)

    assert "the gradebook sqlite:///" in sentence
    fresh.goes_on()


def test_a_new_gradebook_is_made_whole_or_not_at_all(tmp_path, graded):
    """nbgrader makes table after table and notes its version last: killed in between, it would
    leave a gradebook that its own upgrade refuses."""
    from autograder.errors import MachineError
    from autograder.record.gradebook import Gradebook

    path = tmp_path / "gradebook.db"
    with served_until(None) as server:
        Gradebook(f"sqlite:///{path}").__exit__(None, None, None)
    whole = {table: kept for table, kept in rows(path).items() if kept}
    path.unlink()

    for last in range(server.asked):
        with served_until(last), pytest.raises(MachineError, match=GONE):
            Gradebook(f"sqlite:///{path}")
        assert not path.exists() or rows(path).items() >= whole.items(), last
        path.unlink(missing_ok=True)
    assert server.asked > 15
    assert list(tmp_path.iterdir()) == []
    assert whole.keys() == {"alembic_version", "course"}
