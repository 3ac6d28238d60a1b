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
    "due_dates",
    "given_scores",
    "handed",
    "known_students",
    "recorded_students",
    "scores_by_hand",
    "without_password",
]

SQLITE = "sqlite:///"


@dataclass(frozen=True)
class GivenScore:
    """What the gradebook has for one student and one grade cell.

    ``by_hand`` is what an assistant gave instead of the ``automatic`` score, ``extra`` what was
    added to either; ``None`` where nothing was. ``late`` is what the whole notebook loses.
    """

    student: str
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
        "SELECT s.student_id, c.name, g.auto_score, g.manual_score, g.extra_credit, "
        "COALESCE(gc.max_score, tc.max_score, 0), n.late_submission_penalty "
        "FROM grade g JOIN base_cell c ON c.id = g.cell_id "
        "JOIN submitted_notebook n ON n.id = g.notebook_id "
        "JOIN submitted_assignment s ON s.id = n.assignment_id "
        "JOIN assignment a ON a.id = s.assignment_id "
        "LEFT JOIN grade_cells gc ON gc.id = c.id LEFT JOIN task_cells tc ON tc.id = c.id "
        "WHERE a.name = :name",
        name=name,
    )
    return [
        GivenScore(who, cell, automatic, by_hand, extra, most, late or 0.0)
        for who, cell, automatic, by_hand, extra, most, late in rows
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
        return str(sqlalchemy.make_url(db_url).render_as_string(hide_password=True))
    except sqlalchemy.exc.ArgumentError:
        return "db_url"


def _asked(db_url: str, text: str, **values: str) -> set[str]:
    """The first column of what a query gives."""
    return {row[0] for row in _rows(db_url, text, **values)}


def _rows(db_url: str, query: Any, **values: str) -> Sequence[Sequence[Any]]:
    """What a query, a text or one with typed columns, gives; nothing where there is no gradebook
    yet."""
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
            asked = sqlalchemy.text(query) if isinstance(query, str) else query
            return list(connection.execute(asked, values))
    except sqlalchemy.exc.SQLAlchemyError:
        # No tables yet, or no server: whoever writes to it next says so properly.
        return []
    finally:
        engine.dispose()
