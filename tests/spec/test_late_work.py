"""Late work: one rule for `autograder grade` and nbgrader's commands, from what is true now.

The gradebook is filled by the adapter itself, without observing anything: what is judged does not
depend on when it was handed in.
"""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from gradebooks import CONFIG, Handmade, T, released

from autograder.course import Course
from autograder.delays import doubts
from autograder.record.gradebook import Gradebook

P = "perceptron"
ON_TIME, LATE = "2026-03-02 04:59:00.000000 UTC", "2026-03-03 05:30:00.000000 UTC"


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    return Handmade.at(tmp_path_factory.mktemp("late") / "course").root


@pytest.fixture
def late(template, tmp_path) -> Handmade:
    return Handmade(shutil.copytree(template, tmp_path / "course"))


def test_the_due_date_of_the_config_is_written_to_the_gradebook_in_utc(late):
    late.settle()

    with late.nbgrader() as book:
        assert book.find_assignment(T).duedate == datetime(2026, 3, 2, 4, 59)


def test_who_is_late_loses_the_percentage_in_nbgraders_column_and_the_others_nothing(late):
    late.hand_in("ana", ON_TIME)
    late.hand_in("bea", LATE, doble=1.0)

    found, change = late.settle()

    assert change == ""
    assert late.penalties() == {"ana": None, "bea": 1.0}
    (bea,) = found
    assert (bea.student, bea.score, bea.penalty) == ("bea", 5.0, 1.0)
    with late.nbgrader() as book:
        submission = book.find_submission(T, "bea")
        assert submission.score - submission.late_submission_penalty == 4.0
        assert submission.total_seconds_late == bea.late.lateness.seconds == 24 * 3600 + 31 * 60


@pytest.mark.parametrize(
    ("timestamp", "penalty"),
    [
        ("2026-03-02 05:14:00 UTC", None),
        ("2026-03-02 05:14:01 UTC", 1.0),
        ("2026-03-03 05:14:01 UTC", 2.0),
        ("2026-04-03 05:14:01 UTC", 5.0),
    ],
    ids=["in the grace period", "one day begun", "two days begun", "at the cap"],
)
def test_grace_days_and_cap_count_in_the_gradebook(late, timestamp, penalty):
    late.hand_in("ana", timestamp)

    late.settle()

    assert late.penalties() == {"ana": penalty}


def test_behind_the_moment_of_zero_the_whole_score_is_lost_and_an_extension_moves_it(late):
    late.change("cap_percent: 50", "zero_after: 2026-03-08 23:59")
    late.hand_in("ana", "2026-03-09 05:00:00 UTC")
    late.hand_in("bea", "2026-03-09 05:00:00 UTC")
    with late.nbgrader() as book:
        book.grant_extension(T, "bea", days=2)

    late.settle()

    assert late.penalties() == {"ana": 10.0, "bea": 5.0}


def test_an_extension_of_nbgraders_is_honoured_also_when_it_is_granted_later(late):
    late.hand_in("ana", LATE)
    late.settle()
    assert late.penalties() == {"ana": 2.0}

    with late.nbgrader() as book:
        book.grant_extension(T, "ana", days=1)
    late.settle()
    assert late.penalties() == {"ana": 1.0}

    with late.nbgrader() as book:
        book.grant_extension(T, "ana", days=1, minutes=20)
    late.settle()
    assert late.penalties() == {"ana": None}

    with late.nbgrader() as book:
        book.grant_extension(T, "ana")
    late.settle()
    assert late.penalties() == {"ana": 2.0}


def test_scores_given_by_hand_count_and_stay(late):
    late.hand_in("ana", LATE)
    with late.nbgrader() as book:
        grade = book.find_grade("suma-check", T, T, "ana")
        grade.manual_score, grade.extra_credit = 1.0, 0.5
        book.db.commit()

    late.settle()

    assert late.penalties() == {"ana": 1.5}
    late.hand_in("ana", LATE, doble=0.0)
    late.settle()
    assert late.penalties() == {"ana": 0.3}
    with late.nbgrader() as book:
        grade = book.find_grade("suma-check", T, T, "ana")
        assert (grade.manual_score, grade.extra_credit, grade.auto_score) == (1.0, 0.5, 4.0)


def test_a_policy_that_is_taken_away_takes_its_penalties_away(late):
    late.hand_in("ana", LATE)
    late.settle()
    late.change("    due:", "    late:\n    due:")

    found, _ = late.settle()

    assert late.penalties() == {"ana": None}
    assert [one.student for one in found] == ["ana"]


def test_a_due_date_of_nbgraders_own_counts_where_the_config_has_none(late):
    late.change("    due: 2026-03-01 23:59\n", "    trials: 1\n")
    late.hand_in("ana", LATE)
    assert late.settle() == ([], "")
    with late.nbgrader() as book:
        book.update_or_create_assignment(T, duedate="2026-03-02 23:59:00 America/Bogota")

    late.settle()

    assert late.penalties() == {"ana": 1.0}
    with late.nbgrader() as book:
        assert book.find_assignment(T).duedate == datetime(2026, 3, 3, 4, 59)


def test_a_due_date_that_was_set_elsewhere_is_replaced_with_a_sentence(late):
    with late.nbgrader() as book:
        book.update_or_create_assignment(T, duedate="2026-03-05 12:00:00 UTC")

    _, change = late.settle()

    assert change == (
        "tarea is due 2026-03-01 23:59 (America/Bogota), as grading_config.yaml says, instead of "
        "2026-03-05 07:00 (America/Bogota)."
    )
    assert late.settle() == ([], "")


def test_an_extension_without_any_due_date_breaks_nothing(late):
    late.change("    due: 2026-03-01 23:59\n", "    trials: 1\n")
    late.hand_in("ana", LATE)
    with late.nbgrader() as book:
        book.grant_extension(T, "ana", days=1)

    assert late.settle() == ([], "")


def test_what_is_as_it_should_be_is_not_written_again(late, monkeypatch):
    late.hand_in("ana", LATE)
    first = late.settle()
    monkeypatch.setattr(Gradebook, "__init__", lambda *_: pytest.fail("the gradebook is opened"))

    assert late.settle() == first


def test_only_those_who_were_asked_for_are_touched(late):
    late.hand_in("ana", LATE)
    late.hand_in("bea", LATE)

    found, _ = late.settle("bea")

    assert [one.student for one in found] == ["bea"]
    assert late.penalties() == {"ana": None, "bea": 2.0}


@pytest.mark.parametrize(
    ("timestamp", "penalty"),
    [
        ("2026-03-01 23:59:00.000000 -05", None),
        ("2026-03-02 00:15:00.000000 -05", 1.0),
        ("2026-03-02 00:15:00.000000 -0500", 1.0),
        ("2026-03-02 06:15:00.000000 +0100", 1.0),
    ],
)
def test_a_timestamp_in_the_courses_time_is_read_rightly_though_nbgrader_does_not(
    late, timestamp, penalty
):
    late.hand_in("ana", timestamp)

    found, _ = late.settle()

    assert late.penalties() == {"ana": penalty}
    assert [one.doubt for one in found] == ["misread"]
    (sentence,) = doubts(T, found)
    assert sentence.endswith("keep the exchange's timezone at UTC, its default: ana.")


@pytest.mark.parametrize("timestamp", [None, "", "ayer", "July", "2026-03-05 10:00:00 XYZ"])
def test_without_a_readable_timestamp_nobody_is_late_and_the_assistant_is_told(late, timestamp):
    late.hand_in("ana", timestamp)
    late.hand_in("bea", ON_TIME)

    found, _ = late.settle()

    assert late.penalties() == {"ana": None, "bea": None}
    assert doubts(T, found) == [
        "tarea: no timestamp.txt that can be read, so counted as on time: ana."
    ]


def test_a_timestamp_that_only_the_gradebook_has_counts(late):
    late.hand_in("ana", None)
    with late.nbgrader() as book:
        book.find_submission(T, "ana").timestamp = datetime(2026, 3, 3, 5, 30)
        book.db.commit()

    late.settle()

    assert late.penalties() == {"ana": 2.0}


@pytest.mark.parametrize("file", ["timestamp.txt", f"{T}.ipynb"])
def test_a_file_of_the_exchange_that_is_newer_than_the_timestamp_is_told(late, file):
    folder = late.hand_in("ana", ON_TIME)
    (folder / "submission_secret.txt").write_text("x")
    for path in folder.iterdir():
        os.utime(path, (at := datetime(2026, 3, 2, 4, 59, tzinfo=UTC).timestamp(), at))
    assert late.settle()[0] == []
    os.utime(folder / file, (at := datetime(2026, 3, 2, 20, 0, tzinfo=UTC).timestamp(), at))

    found, _ = late.settle()

    assert late.penalties() == {"ana": None}
    assert doubts(T, found) == [
        "tarea: late by the times of the files, but not so late by timestamp.txt, which counts: "
        "ana."
    ]


def test_files_that_did_not_come_through_the_exchange_have_the_time_of_copying_and_say_nothing(
    late,
):
    late.hand_in("ana", ON_TIME)

    assert late.settle() == ([], "")


def test_many_doubts_are_one_sentence(late):
    for number in range(12):
        late.hand_in(f"s{number:02}", None)

    (sentence,) = doubts(T, late.settle()[0])

    assert sentence.endswith(": s00, s01, s02, s03, s04, s05, s06, s07, s08, s09 and 2 more.")


@pytest.fixture
def nbgraders(late):
    """nbgrader's own preprocessor for late penalties, under our configuration."""
    from autograder.record.settings import nbgrader_settings

    def run(kind, student):
        traits = nbgrader_settings(late.root)
        ours = {"notebook": T, "assignment": T, "student": student, "db_url": late.course.db_url}
        kind(config=traits).preprocess(released(), {"nbgrader": ours})

    return run


def test_nbgraders_own_preprocessor_asks_our_plugin_and_gets_the_same(late, nbgraders):
    from nbgrader.preprocessors import AssignLatePenalties

    late.hand_in("ana", ON_TIME)
    late.hand_in("bea", LATE)
    late.hand_in("flo", "2026-03-02 05:10:00 UTC")
    late.settle()
    expected = late.penalties()
    with late.nbgrader() as book:
        for row in book.find_assignment(T).submissions:
            row.notebooks[0].late_submission_penalty = 3.0
        book.db.commit()

    for student in expected:
        nbgraders(AssignLatePenalties, student)

    assert late.penalties() == expected == {"ana": None, "bea": 2.0, "flo": None}


def test_our_preprocessor_does_what_autograder_grade_does_also_where_nbgrader_errs(late, nbgraders):
    from autograder.record.late import AssignPenalties

    late.hand_in("ana", "2026-03-02 00:15:00.000000 -05")
    late.hand_in("bea", LATE)

    nbgraders(AssignPenalties, "ana")

    assert late.penalties() == {"ana": 1.0, "bea": None}
    with late.nbgrader() as book:
        assert book.find_assignment(T).duedate == datetime(2026, 3, 2, 4, 59)
    nbgraders(AssignPenalties, "bea")
    assert late.penalties() == {"ana": 1.0, "bea": 2.0}


def test_an_assignment_that_the_config_does_not_know_is_left_to_nbgrader(late, nbgraders):
    from autograder.record.late import AssignPenalties

    late.hand_in("ana", LATE)
    late.settle()
    late.change("  tarea:\n    due: 2026-03-01 23:59", "  otra:")

    nbgraders(AssignPenalties, "ana")

    assert late.penalties() == {"ana": None}


def test_nbgraders_autograde_ends_with_our_penalties(late):
    from nbgrader.converters import Autograde
    from nbgrader.coursedir import CourseDirectory

    from autograder.record.late import AssignPenalties
    from autograder.record.settings import nbgrader_settings

    traits = nbgrader_settings(late.root)
    ours = Autograde(coursedir=CourseDirectory(config=traits), config=traits)
    names = [getattr(one, "__name__", one) for one in ours.autograde_preprocessors]

    assert names[-1].endswith(AssignPenalties.__name__)
    assert "AssignLatePenalties" not in names


# Through the real commands.


@pytest.fixture(scope="module")
def graded(make_course, hand_in, notebooks, lending, tmp_path_factory):
    """A course that was graded once: ana on time, bea late, eva without a timestamp."""
    from autograder.grading import Grader

    root = make_course(tmp_path_factory.mktemp("late") / "course", only=[P], trials=1)
    config = yaml.safe_load((root / "grading_config.yaml").read_text("utf-8"))
    ours = yaml.safe_load(CONFIG)
    config["timezone"] = ours["timezone"]
    config["defaults"]["late"] = ours["defaults"]["late"]
    config["assignments"][P] = ours["assignments"][T]
    (root / "grading_config.yaml").write_text(yaml.safe_dump(config), "utf-8")
    for student, text in (("ana", ON_TIME), ("bea", LATE), ("eva", "ayer")):
        path = hand_in(root, student, P, notebooks.of(P))
        (path.parent / "timestamp.txt").write_text(text)
    with lending(), Grader(Course.at(root)) as grader:
        grader.grade(P)
    return root


@pytest.fixture
def course(graded, tmp_path):
    return shutil.copytree(graded, tmp_path / "course")


def test_table_json_and_screen_tell_who_was_late(autograder, course, tmp_path):
    ran = autograder("grade", "--course", course, "--json", tmp_path / "r.json")

    assert (ran.status, autograder.asked) == (0, [])
    (row,) = [line for line in ran.out.split("\n") if "bea" in line]
    assert "10/10 late −2" in row
    assert ran.err == (
        "autograder: perceptron: no timestamp.txt that can be read, so counted as on time: eva.\n"
    )
    reports = json.loads((tmp_path / "r.json").read_text("utf-8"))["reports"]
    ana, bea, eva = reports
    assert "late" not in ana
    assert eva["late"]["doubt"] == "unread"
    assert bea["score"] == 10.0
    assert bea["late"] == {
        "due": "2026-03-02T04:59:00Z",
        "submitted": "2026-03-03T05:30:00Z",
        "seconds": 88_260.0,
        "percent": 20.0,
        "penalty": 2.0,
        "score": 8.0,
        "doubt": "",
        "message": "Entregado con 1 día de retraso: el plazo terminó el 2026-03-01 23:59 "
        "(America/Bogota). Se descuenta el 20 % de los puntos obtenidos.",
    }


def test_a_new_due_date_counts_without_anything_being_judged_again(
    autograder, course, tmp_path, monkeypatch
):
    from autograder.grading import Grader

    monkeypatch.setattr(Grader, "_judged", lambda *_: pytest.fail("judged again"))
    path = course / "grading_config.yaml"
    path.write_text(path.read_text("utf-8").replace("2026-03-01", "2026-03-02"), "utf-8")

    ran = autograder("grade", "--course", course, "--json", tmp_path / "r.json")

    assert "perceptron is due 2026-03-02 23:59 (America/Bogota)" in ran.err
    reports = json.loads((tmp_path / "r.json").read_text("utf-8"))["reports"]
    assert reports[1]["late"]["penalty"] == 1.0


def test_the_feedback_page_tells_it_in_spanish_and_is_made_anew_when_it_changes(autograder, course):
    def page(student):
        return (course / f"feedback/{student}/{P}/{P}.html").read_text("utf-8")

    assert autograder("feedback", "--course", course).status == 0
    assert "Entregado con 1 día de retraso: el plazo terminó el 2026-03-01 23:59" in page("bea")
    assert "Penalización por entrega tardía" in page("bea")
    assert "<strong>8</strong>" in page("bea")
    assert "retraso" not in page("ana")
    from nbgrader.api import Gradebook as Book

    with Book(f"sqlite:///{course}/gradebook.db") as book:
        book.grant_extension(P, "bea", hours=1)
    autograder("grade", "--course", course)
    ran = autograder("feedback", "--course", course)

    assert "1 of them made now" in ran.out
    assert "Entregado con 23 horas y 31 minutos de retraso" in page("bea")
    assert "<strong>9</strong>" in page("bea")


def test_release_writes_the_due_date_and_tells_when_it_replaces_one(autograder, course):
    from nbgrader.api import Gradebook as Book

    def due():
        with Book(f"sqlite:///{course}/gradebook.db") as book:
            return book.find_assignment(P).duedate

    path = course / "grading_config.yaml"
    path.write_text(path.read_text("utf-8").replace("2026-03-01", "2026-03-09"), "utf-8")
    ran = autograder("release", "--unverified", "--course", course)

    assert ran.status == 0, ran.err
    assert due() == datetime(2026, 3, 10, 4, 59)
    assert "instead of 2026-03-01 23:59 (America/Bogota)" in ran.err


def test_a_mistake_in_the_due_date_ends_grading_with_a_sentence(autograder, course):
    path = course / "grading_config.yaml"
    path.write_text(path.read_text("utf-8").replace("2026-03-01 23:59", "2026-03-01"), "utf-8")

    ran = autograder("grade", "--course", course)

    assert ran.status == 2
    assert "assignments.perceptron.due: '2026-03-01' is no moment" in ran.err
