"""What assistants give by hand survives every way of grading again."""

from __future__ import annotations

import datetime
import shutil
from typing import Any

import pytest
from crash_batch import rows

pytestmark = pytest.mark.crashes

NAME = "tarea"
CELL = "doble-check"


@pytest.fixture
def marked(done) -> Any:
    """A course in which somebody has graded by hand, commented and granted time."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{done.path('gradebook.db')}") as book:
        for student in ("s00", "s03"):
            book.find_submission(NAME, student).extension = datetime.timedelta(hours=30)
            kept = book.find_submission_notebook(NAME, NAME, student)
            kept.flagged = True
            grade = book.find_grade(CELL, NAME, NAME, student)
            grade.manual_score, grade.extra_credit = 0.75, 0.25
            book.find_comment("doble", NAME, NAME, student).manual_comment = "Hablamos."
            book.find_comment("suma", NAME, NAME, student).manual_comment = ""
        book.find_assignment(NAME).duedate = datetime.datetime(2026, 3, 1)
        book.db.commit()
    return done


def by_hand(case: Any) -> dict[str, Any]:
    """All that a person has entered, but for the mark that asks to look at a score again."""
    found = rows(case.path("gradebook.db"))
    return {
        "extensions": [(row["id"], row["extension"]) for row in found["submitted_assignment"]],
        "flags": [(row["id"], row["flagged"]) for row in found["submitted_notebook"]],
        "scores": [(row["id"], row["manual_score"], row["extra_credit"]) for row in found["grade"]],
        "comments": [(row["id"], row["manual_comment"]) for row in found["comment"]],
        "due": [row["duedate"] for row in found["assignment"]],
    }


def again(case: Any, *options: str) -> None:
    ran = case.grade(*options)
    assert ran.status == 0, ran


def by_force(case: Any) -> None:
    again(case, "--force")


def with_a_newer_notebook(case: Any) -> None:
    shutil.copy(case.submitted(3) / f"{NAME}.ipynb", case.submitted(0))
    (case.submitted(0) / "timestamp.txt").write_text("2026-05-05 05:05:05 UTC")
    again(case)


def with_a_notebook_that_cannot_be_read(case: Any) -> None:
    (case.submitted(0) / f"{NAME}.ipynb").write_bytes(b"{")
    again(case)


def with_a_changed_check(case: Any) -> None:
    path = case.path(f"solutions/{NAME}/test_{NAME}.py")
    path.write_text(path.read_text("utf-8") + "\n# another\n", "utf-8")
    again(case)


def with_a_changed_title(case: Any) -> None:
    path = case.path(f"solutions/{NAME}/test_{NAME}.py")
    path.write_text(path.read_text("utf-8").replace("`doble`", "`doble` dobla"), "utf-8")
    again(case)


def with_other_points(case: Any) -> None:
    for name, old, new in (
        (f"test_{NAME}.py", 'exercise="doble", points=1', 'exercise="doble", points=2'),
        (f"{NAME}.ipynb", '"points": 1.0', '"points": 2.0'),
        (f"misconceptions_{NAME}.yaml", "doble: 1", "doble: 2"),
    ):
        path = case.path(f"solutions/{NAME}", name)
        text = path.read_text("utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), "utf-8")
    again(case)


def without_what_it_had_stored(case: Any) -> None:
    for name in (".autograder/reports", ".autograder/observations", "autograded"):
        shutil.rmtree(case.path(name))
    again(case)


def after_a_kill_between_the_gradebook_and_the_report(case: Any) -> None:
    from autograder import grading

    class Killed(BaseException):
        pass

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    shutil.copy(case.submitted(3) / f"{NAME}.ipynb", case.submitted(0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grading, "write_json", killed)
        with pytest.raises(Killed):
            case.grade()
    again(case)


def twice(case: Any) -> None:
    by_force(case)
    with_a_newer_notebook(case)
    with_a_notebook_that_cannot_be_read(case)


@pytest.mark.parametrize(
    "grade_again",
    [
        by_force,
        with_a_newer_notebook,
        with_a_notebook_that_cannot_be_read,
        with_a_changed_check,
        with_a_changed_title,
        with_other_points,
        without_what_it_had_stored,
        after_a_kill_between_the_gradebook_and_the_report,
        twice,
    ],
    ids=lambda one: one.__name__,
)
def test_what_was_given_by_hand_survives(marked, grade_again):
    before = by_hand(marked)
    assert sum(score is not None for _, score, _ in before["scores"]) == 2
    assert any(extension for _, extension in before["extensions"])

    grade_again(marked)

    assert by_hand(marked) == before


def test_a_score_by_hand_is_to_be_looked_at_again_where_the_automatic_one_moves(marked):
    with_a_newer_notebook(marked)

    found = {row["id"]: row for row in rows(marked.path("gradebook.db"))["grade"]}
    asked = [id for id, row in found.items() if row["needs_manual_grade"]]
    assert len(asked) == 1
    assert "/s00/" in asked[0]
    assert CELL in asked[0]


def test_a_submission_that_comes_back_to_what_it_was_is_recorded_again(done):
    """Also where the grader was killed after recording another one: the report of the first, which
    is still the right one, must not vouch for the gradebook."""
    first = (done.submitted(0) / f"{NAME}.ipynb").read_bytes()
    before = rows(done.path("gradebook.db"))

    after_a_kill = pytest.MonkeyPatch()
    from autograder import grading

    shutil.copy(done.submitted(3) / f"{NAME}.ipynb", done.submitted(0))
    after_a_kill.setattr(
        grading, "write_json", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    assert done.grade().status == 130
    after_a_kill.undo()
    assert rows(done.path("gradebook.db")) != before

    (done.submitted(0) / f"{NAME}.ipynb").write_bytes(first)

    done.goes_on(spare=True)
