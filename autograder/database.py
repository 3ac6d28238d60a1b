"""Ask the gradebook what a run with nothing to do has to know, in plain SQL.

Importing nbgrader would cost more than such a run. Writing goes through ``autograder.record``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from autograder.errors import MachineError

__all__ = [
    "Handed",
    "due_dates",
    "handed",
    "known_students",
    "recorded_students",
    "without_password",
]

SQLITE = "sqlite:///"


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


def without_password(db_url: str) -> str:
    """The URL as a message may show it."""
    import sqlalchemy

    try:
        return str(sqlalchemy.make_url(db_url).render_as_string(hide_password=True))
    except sqlalchemy.exc.ArgumentError:
        return "db_url"


def _asked(db_url: str, text: str, **values: str) -> set[str]:
    """The first column of what a query gives; nothing where there is no gradebook yet."""
    import sqlalchemy

    return {row[0] for row in _rows(db_url, sqlalchemy.text(text), **values)}


def _rows(db_url: str, query: Any, **values: str) -> list[Any]:
    """What a query gives; nothing where there is no gradebook yet."""
    import sqlalchemy

    if db_url.startswith(SQLITE) and not Path(db_url.removeprefix(SQLITE)).exists():
        return []
    try:
        engine = sqlalchemy.create_engine(db_url)
    except (sqlalchemy.exc.ArgumentError, ImportError) as error:
        raise MachineError(
            f"the gradebook {without_password(db_url)} cannot be opened "
            f"({str(error).splitlines()[0]}); see db_url in grading_config.yaml and its driver."
        ) from error
    try:
        with engine.connect() as connection:
            return list(connection.execute(query, values))
    except sqlalchemy.exc.SQLAlchemyError:
        # No tables yet, or no server: whoever writes to it next says so properly.
        return []
    finally:
        engine.dispose()
