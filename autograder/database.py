"""Ask the gradebook what a run with nothing to do has to know, in plain SQL.

Importing nbgrader would cost more than such a run. Writing goes through ``autograder.record``.
"""

from __future__ import annotations

from pathlib import Path

from autograder.errors import MachineError

__all__ = ["known_students", "recorded_students", "without_password"]

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


def _asked(db_url: str, text: str, **values: str) -> set[str]:
    """The first column of what a query gives; nothing where there is no gradebook yet."""
    import sqlalchemy

    if db_url.startswith(SQLITE) and not Path(db_url.removeprefix(SQLITE)).exists():
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
            return {row[0] for row in connection.execute(sqlalchemy.text(text), values)}
    except sqlalchemy.exc.SQLAlchemyError:
        # No tables yet, or no server: whoever writes to it next says so properly.
        return set()
    finally:
        engine.dispose()
