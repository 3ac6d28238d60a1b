"""Ask the gradebook what a run with nothing to do has to know, in plain SQL.

Importing nbgrader would cost more than such a run. Writing goes through ``autograder.record``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from autograder.errors import MachineError

__all__ = [
    "GivenScore",
    "Handed",
    "cannot_open",
    "due_dates",
    "given_scores",
    "handed",
    "known_students",
    "recorded_students",
    "said_by",
    "scores_by_hand",
    "sqlite_file",
    "without_password",
]

SQLITE = "sqlite:///"
NO_ADDRESS = (
    "it is no address of a database; signs in a user or password are written by their codes, "
    "such as %40 for @, %3A for : and %2F for /"
)


@dataclass(frozen=True)
class GivenScore:
    """What the gradebook has for one student and one grade cell of a notebook.

    ``by_hand`` is what an assistant gave instead of the ``automatic`` score, ``extra`` what was
    added to either; ``None`` where nothing was. ``late`` is what the whole notebook loses.
    """

    student: str
    notebook: str
    cell: str
    automatic: float | None
    by_hand: float | None
    extra: float | None
    max_score: float
    late: float

    @property
    def exercise(self) -> str:
        return self.cell.removesuffix("-check")

    @property
    def score(self) -> float:
        """As nbgrader counts it."""
        counted = self.automatic if self.by_hand is None else self.by_hand
        return 0.0 if counted is None else counted + (self.extra or 0.0)


@dataclass(frozen=True)
class Handed:
    """A submitted notebook as the gradebook has it; ``timestamp`` in UTC, without a zone.

    ``score`` has what was overridden and added by hand in it, as nbgrader adds it up.
    """

    id: str
    student: str
    timestamp: datetime | None
    extension: timedelta | None
    penalty: float | None
    score: float


def due_dates(db_url: str) -> dict[str, datetime | None]:
    """When the assignments that the gradebook knows are due, in UTC, without a zone."""
    import sqlalchemy as sa

    query = sa.text("SELECT name, duedate FROM assignment")
    typed = query.columns(sa.column("name", sa.String), sa.column("duedate", sa.DateTime))
    return {row[0]: row[1] for row in _rows(db_url, typed)}


def handed(db_url: str, name: str) -> list[Handed]:
    """The notebooks that were handed in for assignment ``name`` and recorded."""
    import sqlalchemy as sa

    query = sa.text(
        "SELECT n.id, s.student_id, s.timestamp, s.extension, n.late_submission_penalty, "
        "COALESCE(SUM(CASE WHEN COALESCE(g.manual_score, g.auto_score) IS NULL THEN 0.0 ELSE "
        "COALESCE(g.manual_score, g.auto_score) + COALESCE(g.extra_credit, 0.0) END), 0.0) "
        "AS score FROM submitted_notebook n "
        "JOIN submitted_assignment s ON s.id = n.assignment_id "
        "JOIN assignment a ON a.id = s.assignment_id LEFT JOIN grade g ON g.notebook_id = n.id "
        "WHERE a.name = :name "
        "GROUP BY n.id, s.student_id, s.timestamp, s.extension, n.late_submission_penalty "
        "ORDER BY s.student_id, n.id"
    )
    typed = query.columns(
        sa.column("id", sa.String),
        sa.column("student_id", sa.String),
        sa.column("timestamp", sa.DateTime),
        sa.column("extension", sa.Interval),
        sa.column("late_submission_penalty", sa.Float),
        sa.column("score", sa.Float),
    )
    return [Handed(*row) for row in _rows(db_url, typed, name=name)]


def recorded_students(db_url: str, name: str) -> set[str]:
    """Whose submissions of assignment ``name`` the gradebook has."""
    return _asked(
        db_url,
        "SELECT s.student_id FROM submitted_assignment s JOIN assignment a "
        "ON a.id = s.assignment_id WHERE a.name = :name",
        name=name,
    )


def known_students(db_url: str) -> set[str]:
    """All students that the gradebook knows."""
    return _asked(db_url, "SELECT id FROM student")


def given_scores(db_url: str, name: str) -> list[GivenScore]:
    """All scores of assignment ``name``, in no order: the gradebook has none."""
    rows = _rows(
        db_url,
        "SELECT s.student_id, b.name, c.name, g.auto_score, g.manual_score, g.extra_credit, "
        "COALESCE(gc.max_score, tc.max_score, 0), n.late_submission_penalty "
        "FROM grade g JOIN base_cell c ON c.id = g.cell_id "
        "JOIN notebook b ON b.id = c.notebook_id "
        "JOIN submitted_notebook n ON n.id = g.notebook_id "
        "JOIN submitted_assignment s ON s.id = n.assignment_id "
        "JOIN assignment a ON a.id = s.assignment_id "
        "LEFT JOIN grade_cells gc ON gc.id = c.id LEFT JOIN task_cells tc ON tc.id = c.id "
        "WHERE a.name = :name",
        name=name,
    )
    return [
        GivenScore(who, notebook, cell, automatic, by_hand, extra, most, late or 0.0)
        for who, notebook, cell, automatic, by_hand, extra, most, late in rows
    ]


def scores_by_hand(db_url: str, name: str) -> dict[str, dict[str, float]]:
    """The scores of assignment ``name`` that assistants gave, by student and exercise."""
    found: dict[str, dict[str, float]] = {}
    for one in given_scores(db_url, name):
        if one.by_hand is not None:
            found.setdefault(one.student, {})[one.exercise] = one.by_hand
    return found


def without_password(db_url: str) -> str:
    """The URL as a message may show it."""
    import sqlalchemy

    try:
        url = sqlalchemy.make_url(db_url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        return "db_url"
    # What stands behind the "?" may hold another one; and where a password has an "@" that is
    # not written as %40, its rest is taken for the server's name.
    shown = url.set(query={})
    if "@" in (url.host or ""):
        shown = shown.set(host="…")
    return str(shown.render_as_string(hide_password=True))


def said_by(error: BaseException, db_url: str) -> str:
    """The first line of what a database's ``error`` says, without the password of ``db_url``, and
    what helps where that is known."""
    import sqlalchemy

    said = getattr(error, "strerror", None) or str(getattr(error, "orig", None) or error)
    lines = said.strip().splitlines()
    first = (lines[0] if lines else type(error).__name__).strip().rstrip(".:")
    try:
        url = sqlalchemy.make_url(db_url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        return NO_ADDRESS
    if "@" in (url.host or ""):
        return NO_ADDRESS
    secrets = [url.password, *(url.query.get(one) for one in ("password", "sslpassword"))]
    for secret in secrets:
        if secret:
            first = first.replace(str(secret), "***")
    if "locked" in first:
        first += "; another program is writing to it: wait for it or end it, and start again"
    return first


def sqlite_file(db_url: str) -> Path | None:
    """The file of an SQLite database; nothing for another's URL."""
    return Path(db_url.removeprefix(SQLITE)) if db_url.startswith(SQLITE) else None


def _asked(db_url: str, text: str, **values: str) -> set[str]:
    """The first column of what a query gives."""
    return {row[0] for row in _rows(db_url, text, **values)}


def _rows(db_url: str, query: Any, **values: str) -> Sequence[Sequence[Any]]:
    """What a query, a text or one with typed columns, gives; nothing where there is no gradebook
    yet."""
    import sqlalchemy

    file = sqlite_file(db_url)
    if file is not None and not file.exists():
        return []
    try:
        # Not a pool: a grader observes for an hour between two questions, and others need the
        # server's connections as well.
        engine = sqlalchemy.create_engine(db_url, poolclass=sqlalchemy.pool.NullPool)
    except (sqlalchemy.exc.ArgumentError, ValueError, ImportError) as error:
        raise cannot_open(db_url, error) from error
    try:
        with engine.connect() as connection:
            if not sqlalchemy.inspect(connection).has_table("student"):
                return []
            asked = sqlalchemy.text(query) if isinstance(query, str) else query
            return list(connection.execute(asked, values))
    except sqlalchemy.exc.SQLAlchemyError as error:
        if sqlite_file(db_url) is None:
            raise cannot_open(db_url, error) from error
        raise MachineError(
            f"the gradebook {without_password(db_url)} cannot be read: {said_by(error, db_url)}."
        ) from error
    finally:
        engine.dispose()


def cannot_open(db_url: str, error: BaseException) -> MachineError:
    """The sentence for a gradebook that cannot be asked at all."""
    return MachineError(
        f"the gradebook {without_password(db_url)} cannot be opened ({said_by(error, db_url)}); "
        "see db_url in grading_config.yaml, its server and its driver "
        "(`autograder doctor` looks at them)."
    )
