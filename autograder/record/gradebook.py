"""The adapter to nbgrader's gradebook: with ``rows``, the only place that writes its tables.

One session, one transaction a submission. Manual scores and manual comments are never written.
"""

from __future__ import annotations

import json
import logging
import time
import warnings
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import nbformat
from nbgrader import api, utils
from nbgrader.api import Assignment as AssignmentRow
from nbgrader.api import (
    Comment,
    Grade,
    GradeCell,
    InvalidEntry,
    Notebook,
    SolutionCell,
    SourceCell,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
    TaskCell,
)
from nbgrader.api import Gradebook as NbgraderGradebook
from nbgrader.dbutil import ALEMBIC_DIR
from sqlalchemy import func, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError
from sqlalchemy.orm.exc import ObjectDeletedError, StaleDataError

from autograder.database import cannot_open, said_by, sqlite_file, without_password
from autograder.errors import MachineError
from autograder.record.rows import Rows
from autograder.report import Report
from autograder.sandbox.temporary import TemporaryFolder

__all__ = ["Gradebook", "NotebookResult"]


@dataclass(frozen=True)
class NotebookResult:
    """What is written for one notebook of several, by the names of its cells.

    ``scores`` are automatic; ``by_hand`` are the cells that an assistant has to grade, ``changed``
    those among them whose answer is another one than before; ``comments`` stand under answers.
    """

    scores: Mapping[str, float]
    by_hand: Collection[str]
    changed: Collection[str]
    comments: Mapping[str, str]


log = logging.getLogger(__name__)

# nbgrader tells the screen of what it raises, too, with a traceback.
_nbgraders_log = logging.getLogger("tornado.application")
_nbgraders_log.addHandler(logging.NullHandler())
_nbgraders_log.propagate = False

LOOKED_UP = (
    ("grade", "notebook_id"),
    ("comment", "notebook_id"),
    ("submitted_notebook", "assignment_id"),
    ("base_cell", "notebook_id"),
)
"""By which columns nbgrader looks rows up without an index: each time it reads all that there are,
which with ten thousand submissions takes longer than judging one."""

Done = TypeVar("Done")
ATTEMPTS = 5
PAUSE_SECONDS = 0.2


class Gradebook:
    """nbgrader's gradebook at ``db_url``; a context manager. It holds one connection.

    Others may write to it at the same time: what they got ahead of is done again.
    """

    def __init__(self, db_url: str) -> None:
        self._db_url = db_url
        for attempt in range(1, ATTEMPTS + 1):
            try:
                file = sqlite_file(db_url)
                if file is not None and not file.exists():
                    _make(file)
                self._book = NbgraderGradebook(db_url)
                break
            except (SQLAlchemyError, InvalidEntry, ImportError, ValueError, OSError) as error:
                # Of two graders that make the tables at once, one finds that they are there.
                if attempt == ATTEMPTS or not (
                    isinstance(error, InvalidEntry) or _made_meanwhile(error)
                ):
                    raise cannot_open(db_url, error) from error
                time.sleep(PAUSE_SECONDS)
        self._db = self._book.db

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(SQLAlchemyError):  # of a server that is gone there is nothing to take back
            self._db.rollback()
        self._book.close()

    @property
    def session(self) -> Any:
        """The database session, for those of this package who read."""
        return self._db

    def _transaction(self, what: str, work: Callable[[], Done]) -> Done:
        """Do ``work`` and commit it: all or nothing.

        ``MachineError`` says that the gradebook cannot do ``what``. Work that somebody else's
        crossed is done again.
        """
        attempt = 1
        while True:
            try:
                done = work()
                self._db.commit()
                return done
            except (SQLAlchemyError, InvalidEntry, OSError) as error:
                with suppress(SQLAlchemyError, AttributeError):
                    self._db.rollback()
                if attempt == ATTEMPTS or not _crossed(error):
                    raise self._cannot(what, error) from error
            time.sleep(PAUSE_SECONDS * attempt)
            attempt += 1

    def _cannot(self, what: str, error: Exception) -> MachineError:
        said = f"the gradebook {without_password(self._db_url)} cannot {what}"
        why = said_by(error, self._db_url)
        if isinstance(error, OperationalError) and sqlite_file(self._db_url) is None:
            why += "; run the same again when the server answers: what was observed is kept"
        return MachineError(f"{said}: {why}.")

    def recorded(self, assignment: str) -> set[str]:
        """The students who have a submission of ``assignment`` in the gradebook."""
        rows = (
            self._db.query(Student.id)
            .join(SubmittedAssignment, SubmittedAssignment.student_id == Student.id)
            .join(AssignmentRow, AssignmentRow.id == SubmittedAssignment.assignment_id)
            .filter(AssignmentRow.name == assignment)
        )
        return self._transaction(f"tell of {assignment}", lambda: {row[0] for row in rows})

    def shown(self, assignment: str, students: Collection[str] = ()) -> dict[str, list[Any]]:
        """What a feedback page shows of each student's submission: scores and comments; of all, or
        of ``students``."""
        return self._transaction(f"tell of {assignment}", lambda: self._shown(assignment, students))

    def _shown(self, assignment: str, students: Collection[str]) -> dict[str, list[Any]]:
        rows: dict[str, list[Any]] = {}
        submissions = (
            self._db.query(SubmittedAssignment)
            .join(AssignmentRow, AssignmentRow.id == SubmittedAssignment.assignment_id)
            .filter(AssignmentRow.name == assignment)
        )
        if students:
            submissions = submissions.filter(SubmittedAssignment.student_id.in_(students))
        for submission in submissions:
            found: list[Any] = []
            for notebook in submission.notebooks:
                found.append(notebook.late_submission_penalty)
                found += [[row.name, row.score, row.max_score] for row in notebook.grades]
                found += [[row.name, row.comment] for row in notebook.comments]
            if submission.late_submission_penalty:
                due = submission.assignment.duedate
                moments = submission.timestamp, due, submission.extension
                found.append([str(one) for one in moments])
            rows[submission.student_id] = sorted(found, key=str)
        return rows

    def enrol(self, roster: Mapping[str, Mapping[str, str]]) -> None:
        """Enter the students of a roster who are not there yet, with what it tells of them; of the
        others only what the gradebook does not know."""

        def enter() -> None:
            known = {row.id: row for row in self._db.query(Student)}
            for id, details in roster.items():
                if id not in known:
                    self._db.add(Student(id=id, **details))
                    continue
                for field, value in details.items():
                    if not getattr(known[id], field):
                        setattr(known[id], field, value)

        self._transaction("take the students of the roster", enter)

    def register(
        self, name: str, released: nbformat.NotebookNode, called: str | None = None
    ) -> list[str]:
        """Make the gradebook's assignment agree with the released notebook; tell what changed.

        Cells that are gone go with their scores; cells and points that are new reach submissions
        that are already there, whose other scores stay. ``called`` is the notebook's name if it is
        not the assignment's.
        """
        self._index()
        return self._transaction(
            f"take {name}", lambda: self._registered(name, called or name, released)
        )

    def _index(self) -> None:
        """Add the indexes that nbgrader's tables lack. Where that is forbidden, or somebody else
        does the same just now, the gradebook works as it is."""
        try:
            inspector = inspect(self._db.connection())
            for table, column in LOOKED_UP:
                name = f"ix_autograder_{table}"
                if name not in {one["name"] for one in inspector.get_indexes(table)}:
                    self._db.execute(text(f"CREATE INDEX {name} ON {table} ({column})"))
            self._db.commit()
        except SQLAlchemyError as error:
            log.info("no index was added to the gradebook: %s", said_by(error, self._db_url))
            with suppress(SQLAlchemyError):
                self._db.rollback()

    def _registered(self, name: str, called: str, released: nbformat.NotebookNode) -> list[str]:
        assignment = self._db.query(AssignmentRow).filter_by(name=name).one_or_none()
        if assignment is None:
            assignment = AssignmentRow(name=name, course_id=self._book.course_id)
            self._db.add(assignment)
        notebook = next((one for one in assignment.notebooks if one.name == called), None)
        if notebook is None:
            spec = json.dumps(released.metadata.get("kernelspec", {}))
            notebook = Notebook(name=called, assignment=assignment, kernelspec=spec)
            self._db.add(notebook)
        self._db.flush()
        changes = self._cells(notebook, released)
        handed_in = dict(
            row
            for row in self._db.query(
                SubmittedAssignment.id, SubmittedAssignment.student_id
            ).filter_by(assignment_id=assignment.id)
        )
        # All are whole unless the cells have changed.
        for id in sorted(handed_in.keys() - self._whole(notebook)):
            Rows.complete(self._db.connection(), handed_in[id], name, called)
        # Where there is none, nobody has anything to lose or gain by it yet.
        return changes if handed_in else []

    def _whole(self, notebook: Notebook) -> set[str]:
        """The ids of the submissions that have rows for all cells of ``notebook``."""
        rows = self._db.query(SubmittedNotebook.id, SubmittedNotebook.assignment_id)
        found = dict(row for row in rows.filter_by(notebook_id=notebook.id))
        for model, cells in (
            (Grade, [*notebook.grade_cells, *notebook.task_cells]),
            (Comment, [*notebook.solution_cells, *notebook.task_cells]),
        ):
            ids = [cell.id for cell in cells]
            present = self._db.query(model.notebook_id).filter(model.cell_id.in_(ids))
            counted = present.group_by(model.notebook_id).having(func.count() >= len(ids))
            if ids:
                whole = {row[0] for row in counted}
                found = {id: of for id, of in found.items() if id in whole}
        return set(found.values())

    def _cells(self, notebook: Notebook, released: nbformat.NotebookNode) -> list[str]:
        grade: dict[str, dict[str, Any]] = {}
        task: dict[str, dict[str, Any]] = {}
        solution: dict[str, dict[str, Any]] = {}
        source: dict[str, dict[str, Any]] = {}
        for cell in released.cells:
            kinds = (utils.is_grade, utils.is_solution, utils.is_locked, utils.is_task)
            if not any(is_kind(cell) for is_kind in kinds):
                continue
            id = cell.metadata.nbgrader["grade_id"]
            if utils.is_grade(cell):
                points = float(cell.metadata.nbgrader["points"])
                grade[id] = {"max_score": points, "cell_type": cell.cell_type}
            if utils.is_task(cell):
                points = float(cell.metadata.nbgrader["points"])
                task[id] = {"max_score": points, "cell_type": cell.cell_type}
            if utils.is_solution(cell):
                solution[id] = {}
            source[id] = {
                "cell_type": cell.cell_type,
                "locked": utils.is_locked(cell),
                "source": cell.source,
                "checksum": cell.metadata.nbgrader.get("checksum"),
            }
        graded = [*notebook.grade_cells, *notebook.task_cells]
        before = {cell.name: cell.max_score for cell in graded}
        self._agree(notebook, GradeCell, notebook.grade_cells, grade)
        self._agree(notebook, TaskCell, notebook.task_cells, task)
        self._agree(notebook, SolutionCell, notebook.solution_cells, solution)
        self._agree(notebook, SourceCell, notebook.source_cells, source)
        self._db.flush()
        self._db.refresh(notebook)
        return _changes(before, {id: cell["max_score"] for id, cell in (grade | task).items()})

    def _agree(
        self, notebook: Notebook, kind: Any, rows: Any, wanted: Mapping[str, Mapping[str, Any]]
    ) -> None:
        """Make ``rows`` the ones that are ``wanted``, by name."""
        present = {row.name: row for row in rows}
        for name in present.keys() - wanted.keys():
            row = present[name]
            for model in (Grade, Comment):
                self._db.query(model).filter(model.cell_id == row.id).delete()
            self._db.delete(row)
        for name, fields in wanted.items():
            row = present.get(name)
            if row is None:
                self._db.add(kind(name=name, notebook=notebook, **fields))
                continue
            for field, value in fields.items():
                if getattr(row, field) != value:
                    setattr(row, field, value)

    def record(
        self, report: Report, comments: Mapping[str, str], timestamp: str | None = None
    ) -> None:
        """Write the automatic scores and comments of ``report``: all of them or none."""
        self._transaction(
            f"take {report.student}'s {report.assignment}",
            lambda: self._recorded(report, comments, timestamp),
        )

    def record_notebooks(
        self,
        student: str,
        name: str,
        timestamp: str | None,
        notebooks: Mapping[str, NotebookResult],
    ) -> None:
        """Write the automatic scores and comments of a submission of several notebooks: all of
        them or none. ``notebooks`` are all that the assignment has."""

        def write() -> None:
            for called, result in notebooks.items():
                rows = self._rows(student, name, called, timestamp)
                for cell, row in rows.grades.items():
                    if row.type != "GradeCell":
                        continue
                    if cell in result.scores:
                        rows.score(cell, result.scores[cell])
                    elif cell in result.by_hand:
                        rows.leave(cell, changed=cell in result.changed)
                for cell in rows.comments:
                    rows.comment(cell, result.comments.get(cell))

        self._transaction(f"take {student}'s {name}", write)

    def forget_notebooks(self, name: str, kept: Collection[str]) -> list[str]:
        """Take notebooks that are not among ``kept`` out of assignment ``name``, unless somebody
        has handed something in for it; sentences about those that stay therefore."""

        def forget() -> list[str]:
            assignment = self._book.find_assignment(name)
            gone = [one.name for one in assignment.notebooks if one.name not in kept]
            if assignment.submissions:
                return [f"the notebook {one!r} is gone; its points stay" for one in gone]
            for one in gone:
                self._book.remove_notebook(one, name)
            return []

        return self._transaction(f"take {name}", forget)

    def settle(
        self, name: str, due: datetime | None, penalties: Mapping[str, float | None]
    ) -> None:
        """Write when assignment ``name`` is due (``None`` leaves it) and late penalties, by the id
        of the submitted notebook: all of it or nothing. An assignment that was never registered
        is left for later."""

        def write() -> None:
            assignment = self._db.query(AssignmentRow).filter_by(name=name).one_or_none()
            if due is not None and assignment is not None:
                assignment.duedate = due.astimezone(UTC).replace(tzinfo=None)
            for id, penalty in penalties.items():
                submitted = self._db.get(SubmittedNotebook, id)
                if submitted is not None:
                    submitted.late_submission_penalty = penalty

        self._transaction(f"take the due date and late penalties of {name}", write)

    def _recorded(self, report: Report, comments: Mapping[str, str], timestamp: str | None) -> None:
        name = report.assignment
        rows = self._rows(report.student, name, name, timestamp)
        scores = {f"{one.id}-check": one.score for one in report.exercises}
        for cell in rows.grades.keys() & scores.keys():
            rows.score(cell, scores[cell])
        for cell in rows.comments.keys() & comments.keys():
            rows.comment(cell, comments[cell])

    def _rows(self, student: str, name: str, called: str, timestamp: str | None) -> Rows:
        """The rows of notebook ``called`` that ``student`` handed in for assignment ``name``, with
        those that were missing."""
        rows = Rows.find(self._db.connection(), student, name, called)
        if rows is None:
            if not Rows.complete(self._db.connection(), student, name, called):
                raise InvalidEntry(f"it does not know the notebook {called!r} of {name!r}")
            rows = Rows.find(self._db.connection(), student, name, called)
            if rows is None:
                raise StaleDataError("somebody removes rows of the gradebook")
        when = _time(timestamp)
        if when is not None:
            rows.handed_in_at(when)
        return rows


def _make(file: Path) -> None:
    """Make an empty gradebook. nbgrader itself creates table after table and notes its version
    last: stopped in between, it would leave one that it can neither use well nor upgrade."""
    with TemporaryFolder(file.parent) as folder:
        made = folder.path / file.name
        NbgraderGradebook(f"sqlite:///{made}").close()
        with suppress(FileExistsError):  # somebody else's, made meanwhile, is as good
            file.hardlink_to(made)


@cache
def _newest_schema() -> str:
    """The revision of nbgrader's newest tables, by its migrations."""
    from alembic.script import ScriptDirectory

    newest = ScriptDirectory(ALEMBIC_DIR).get_current_head()
    assert newest is not None
    return newest


# nbgrader itself runs the program ``alembic`` for it, which imports all of nbgrader and more, and
# need not be on the path of whoever calls ``.venv/bin/autograder``.
api.get_alembic_version = _newest_schema


def _changes(before: Mapping[str, float], after: Mapping[str, float]) -> list[str]:
    """What is different between two versions of the exercises and their points, in sentences."""
    added = [f"{_exercise(id)} is new" for id in after if id not in before]
    removed = [f"{_exercise(id)} is gone, and its scores" for id in before if id not in after]
    moved = [
        f"{_exercise(id)} is worth {after[id]:g} points instead of {before[id]:g}"
        for id in after
        if id in before and before[id] != after[id]
    ]
    return [*added, *removed, *moved]


def _exercise(check_cell: str) -> str:
    return check_cell.removesuffix("-check")


def _time(timestamp: str | None) -> Any:
    """The moment that a ``timestamp.txt`` names; ``None`` for text that is no moment.

    The student's side writes that file, so it may hold anything.
    """
    if not timestamp:
        return None
    with warnings.catch_warnings(), suppress(Exception):
        # dateutil raises, and warns of, whatever a text makes it do.
        warnings.simplefilter("ignore")
        return utils.parse_utc(timestamp)
    return None


def _crossed(error: Exception) -> bool:
    """Whether somebody else's writing came between, so that the same may go well now."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return False
    # SQLite's "database is locked" and a server's deadlock; not a server that is not there.
    waited = isinstance(error, OperationalError) and any(
        one in str(error.orig) for one in ("locked", "deadlock", "serialize")
    )
    return waited or isinstance(error, (IntegrityError, StaleDataError, ObjectDeletedError))


def _made_meanwhile(error: Exception) -> bool:
    return isinstance(error, DBAPIError) and (
        isinstance(error, IntegrityError) or "already exists" in str(error.orig)
    )
