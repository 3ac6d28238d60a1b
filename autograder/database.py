"""Ask the gradebook what a run with nothing to do has to know, in plain SQL.

Importing nbgrader would cost more than such a run. Writing goes through ``autograder.record``.
"""

from __future__ import annotations

from pathlib import Path

from autograder.errors import MachineError

__all__ = ["known_students", "reason", "recorded_students", "sqlite_file", "without_password"]

SQLITE = "sqlite:///"


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


def reason(error: Exception) -> str:
    """What the database says, in one line, and what helps where that is known."""
    said = getattr(error, "strerror", None) or str(getattr(error, "orig", None) or error)
    said = said.strip().splitlines()[0]
    if "locked" in said:
        return f"{said}; another program is writing to it: wait for it or end it, and start again"
    return said


def sqlite_file(db_url: str) -> Path | None:
    """The file of an SQLite database; nothing for another's URL."""
    return Path(db_url.removeprefix(SQLITE)) if db_url.startswith(SQLITE) else None


def _asked(db_url: str, text: str, **values: str) -> set[str]:
    """The first column of what a query gives; nothing where there is no gradebook yet."""
    import sqlalchemy

    file = sqlite_file(db_url)
    if file is not None and not file.exists():
        return set()
    try:
        engine = sqlalchemy.create_engine(db_url)
    except (sqlalchemy.exc.ArgumentError, ImportError) as error:
        raise MachineError(
            f"the gradebook {without_password(db_url)} cannot be opened "
            f"({str(error).splitlines()[0]}); see db_url in grading_config.yaml and its driver."
        ) from error
    try:
        with engine.connect() as connection:
            if not sqlalchemy.inspect(connection).has_table("student"):
                return set()
            return {row[0] for row in connection.execute(sqlalchemy.text(text), values)}
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise MachineError(
            f"the gradebook {without_password(db_url)} cannot be read: {reason(error)}."
        ) from error
    finally:
        engine.dispose()
