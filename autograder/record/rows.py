"""The rows of one handed-in notebook in nbgrader's tables, read and written in plain SQL.

Through SQLAlchemy's objects the same takes as long as judging does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Self

from nbgrader.api import (
    Assignment,
    BaseCell,
    Comment,
    Grade,
    Notebook,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from sqlalchemy import Connection, Row, Table, and_, bindparam, insert, select, update
from sqlalchemy.orm.exc import StaleDataError

__all__ = ["Rows"]

ASSIGNMENT, NOTEBOOK, CELL = Assignment.__table__, Notebook.__table__, BaseCell.__table__
HANDED_IN, SUBMITTED = SubmittedAssignment.__table__, SubmittedNotebook.__table__
GRADE, COMMENT, STUDENT = Grade.__table__, Comment.__table__, Student.__table__
GRADED, NOTED = ("GradeCell", "TaskCell"), ("SolutionCell", "TaskCell")

PLACE = (
    select(SUBMITTED.c.id, SUBMITTED.c.notebook_id, HANDED_IN.c.id.label("handed_in"))
    .add_columns(HANDED_IN.c.timestamp)
    .join(HANDED_IN, HANDED_IN.c.id == SUBMITTED.c.assignment_id)
    .join(NOTEBOOK, NOTEBOOK.c.id == SUBMITTED.c.notebook_id)
    .join(ASSIGNMENT, ASSIGNMENT.c.id == HANDED_IN.c.assignment_id)
    .where(
        HANDED_IN.c.student_id == bindparam("student"),
        ASSIGNMENT.c.name == bindparam("assignment"),
        NOTEBOOK.c.name == bindparam("notebook"),
    )
)


REGISTERED = (
    select(ASSIGNMENT.c.id, NOTEBOOK.c.id.label("notebook"))
    .join(NOTEBOOK, NOTEBOOK.c.assignment_id == ASSIGNMENT.c.id)
    .where(ASSIGNMENT.c.name == bindparam("assignment"), NOTEBOOK.c.name == bindparam("notebook"))
)


def _of_cells(table: Table, kinds: tuple[str, ...]) -> Any:
    """Each cell of these kinds with its row in ``table``, or nothing in its place."""
    own = and_(table.c.cell_id == CELL.c.id, table.c.notebook_id == bindparam("submitted"))
    return (
        select(CELL.c.id.label("of_cell"), CELL.c.name.label("cell"), CELL.c.type, *table.c)
        .join_from(CELL, table, own, isouter=True)
        .where(CELL.c.notebook_id == bindparam("notebook"), CELL.c.type.in_(kinds))
    )


GRADES, COMMENTS = _of_cells(GRADE, GRADED), _of_cells(COMMENT, NOTED)


def _made(connection: Connection, table: Table, **values: str) -> str:
    """The id of the row of ``table`` that has these ``values``, made if there is none."""
    same = and_(*(table.c[name] == bindparam(f"own_{name}") for name in values))
    own = {f"own_{name}": value for name, value in values.items()}
    found = connection.execute(select(table.c.id).where(same), own).scalar_one_or_none()
    if found is None:
        found = connection.execute(insert(table).values(**values)).inserted_primary_key[0]
    return str(found)


def _changing(table: Table, *columns: str) -> Any:
    values = {one: bindparam(f"new_{one}") for one in columns}
    return update(table).where(table.c.id == bindparam("row")).values(values)


SCORED = _changing(GRADE, "auto_score", "needs_manual_grade")
COMMENTED = _changing(COMMENT, "auto_comment")
HANDED_IN_AT = _changing(HANDED_IN, "timestamp")


class Rows:
    """What stands in the gradebook for one notebook that a student handed in.

    ``grades`` and ``comments`` by the name of their cell. Writes only what is different;
    ``StaleDataError`` where somebody has removed a row meanwhile.
    """

    def __init__(
        self,
        connection: Connection,
        place: Row[Any],
        grades: Mapping[str, Row[Any]],
        comments: Mapping[str, Row[Any]],
    ) -> None:
        self._connection, self._place = connection, place
        self.grades, self.comments = MappingProxyType(grades), MappingProxyType(comments)

    @classmethod
    def find(
        cls, connection: Connection, student: str, assignment: str, notebook: str
    ) -> Self | None:
        """Those of ``student``; nothing unless there are all that the notebook's cells ask for."""
        whose = {"student": student, "assignment": assignment, "notebook": notebook}
        place = connection.execute(PLACE, whose).one_or_none()
        if place is None:
            return None
        where = {"submitted": place.id, "notebook": place.notebook_id}
        grades = {row.cell: row for row in connection.execute(GRADES, where)}
        comments = {row.cell: row for row in connection.execute(COMMENTS, where)}
        if any(row.id is None for row in (*grades.values(), *comments.values())):
            return None
        return cls(connection, place, grades, comments)

    @staticmethod
    def complete(connection: Connection, student: str, assignment: str, notebook: str) -> bool:
        """Make those of ``student`` that there are none of yet: a submission without scores and
        comments. Nothing, and no, where the gradebook does not know the notebook."""
        names = {"assignment": assignment, "notebook": notebook}
        known = connection.execute(REGISTERED, names).one_or_none()
        if known is None:
            return False
        _made(connection, STUDENT, id=student)
        handed_in = _made(connection, HANDED_IN, assignment_id=known.id, student_id=student)
        own = {"assignment_id": handed_in, "notebook_id": known.notebook}
        where = {"notebook": known.notebook, "submitted": _made(connection, SUBMITTED, **own)}
        for table, cells in ((GRADE, GRADES), (COMMENT, COMMENTS)):
            missing = [
                {"cell_id": row.of_cell, "notebook_id": where["submitted"]}
                for row in connection.execute(cells, where)
                if row.id is None
            ]
            if missing:
                connection.execute(insert(table), missing)
        return True

    def handed_in_at(self, moment: datetime) -> None:
        if self._place.timestamp != moment:
            self._write(HANDED_IN_AT, self._place.handed_in, timestamp=moment)

    def score(self, cell: str, score: float) -> None:
        """Write the automatic score of grade cell ``cell``."""
        row = self.grades[cell]
        # As nbgrader does: who overrode a score by hand is asked to look again when it moves.
        by_hand = row.manual_score is not None
        moved = by_hand and row.auto_score not in (None, score)
        self._graded(row, score, moved or (by_hand and bool(row.needs_manual_grade)))

    def leave(self, cell: str, *, changed: bool) -> None:
        """Nobody but an assistant can tell the score: asked for until there is one, and again when
        the answer is another one."""
        row = self.grades[cell]
        asked = changed or row.manual_score is None or bool(row.needs_manual_grade)
        self._graded(row, None, asked)

    def comment(self, cell: str, text: str | None) -> None:
        """Write the automatic comment under solution or task cell ``cell``."""
        row = self.comments[cell]
        if row.auto_comment != text:
            self._write(COMMENTED, row.id, auto_comment=text)

    def _graded(self, row: Row[Any], score: float | None, asked: bool) -> None:
        if (row.auto_score, row.needs_manual_grade) != (score, asked):
            self._write(SCORED, row.id, auto_score=score, needs_manual_grade=asked)

    def _write(self, statement: Any, row: str, **values: Any) -> None:
        new = {f"new_{name}": value for name, value in values.items()}
        if self._connection.execute(statement, {"row": row, **new}).rowcount != 1:
            raise StaleDataError("a row of the gradebook is gone")
