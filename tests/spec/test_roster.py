"""Students who are known but handed in nothing are in every view as such."""

from __future__ import annotations

import json
import shutil

import pytest

P = "perceptron"
ROSTER = "id,first_name,last_name,email\nana,Ana,Ñandú,ana@x.mx\nberto,Ümit,Peña,\n"
MISSING = {
    "student": "berto",
    "score": 0.0,
    "max_score": 10.0,
    "status": "missing",
    "device": "",
    "message": "",
    "exercises": [],
    "made_from": {},
}


@pytest.fixture(scope="module")
def prepared(make_course, hand_in, notebooks, lending, tmp_path_factory):
    """A course in which `ana` was graded."""
    from autograder.course import Course
    from autograder.grading import Grader

    root = make_course(tmp_path_factory.mktemp("roster") / "course", only=[P], trials=1)
    hand_in(root, "ana", P, notebooks.of(P))
    with lending(), Grader(Course.at(root)) as grader:
        grader.grade(P)
    return root


@pytest.fixture
def course(prepared, tmp_path):
    """A copy of it. The database's path is the course's, so nothing else has to change."""
    return shutil.copytree(prepared, tmp_path / "course")


@pytest.fixture
def grade(autograder, course, tmp_path):
    def run(*more, status=0):
        ran = autograder("grade", P, "--course", course, "--json", tmp_path / "r.json", *more)
        assert ran.status == status, ran.err
        if status:
            return ran
        reports = json.loads((tmp_path / "r.json").read_text("utf-8"))["reports"]
        return ran, {one["student"]: one for one in reports}

    return run


def gradebook(course):
    from nbgrader.api import Gradebook

    return Gradebook(f"sqlite:///{course / 'gradebook.db'}")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_who_stands_in_the_roster_only_is_missing_in_table_json_and_gradebook(
    grade, course, encoding
):
    (course / "students.csv").write_text(ROSTER, encoding)

    ran, reports = grade()

    assert reports["berto"] == MISSING
    assert reports["ana"]["status"] == "graded"
    (row,) = [line for line in ran.out.split("\n") if "berto" in line]
    assert "missing" in row
    with gradebook(course) as book:
        student = book.find_student("berto")
        assert (student.first_name, student.last_name, student.email) == ("Ümit", "Peña", None)
        assert [one.student.id for one in book.assignment_submissions(P)] == ["ana"]
        assert student.submissions == []
        assert student.score == 0


def test_who_handed_in_only_another_assignment_is_missing_from_the_first_run_on(
    make_course, hand_in, notebooks, lending, tmp_path
):
    from autograder.course import Course
    from autograder.grading import Grader

    root = make_course(tmp_path / "course", only=["actividad_1", P], trials=1)
    hand_in(root, "ana", "actividad_1", notebooks.of("actividad_1"))
    hand_in(root, "berto", P, notebooks.of(P))

    with lending(), Grader(Course.at(root)) as grader:
        first = [grader.grade(name) for name in ("actividad_1", P)]
        second = [grader.grade(name) for name in ("actividad_1", P)]

    assert first == second
    assert [[one["status"] for one in reports] for reports in first] == [
        ["graded", "missing"],
        ["missing", "graded"],
    ]


def test_a_roster_enters_nobody_twice_and_renames_nobody(grade, course):
    with gradebook(course) as book:
        book.update_or_create_student("berto", first_name="Alberto")
    (course / "students.csv").write_text(ROSTER, "utf-8")

    grade()
    _, reports = grade()

    assert sorted(reports) == ["ana", "berto"]
    with gradebook(course) as book:
        assert [one.id for one in book.students] == ["ana", "berto"]
        assert book.find_student("berto").first_name == "Alberto"


def test_who_is_known_to_the_gradebook_only_is_missing(grade, course):
    with gradebook(course) as book:
        book.add_student("berto")

    _, reports = grade()

    assert reports["berto"] == MISSING


def test_a_fresh_course_knows_its_roster(autograder, make_course, tmp_path):
    root = make_course(tmp_path / "fresh", only=[P], trials=1)
    (root / "students.csv").write_text(ROSTER, "utf-8")

    ran = autograder("grade", "--course", root, "--json", tmp_path / "r.json")

    assert ran.status == 0, ran.err
    reports = json.loads((tmp_path / "r.json").read_text("utf-8"))["reports"]
    assert [(one["student"], one["status"]) for one in reports] == [
        ("ana", "missing"),
        ("berto", "missing"),
    ]
    assert ran.out.count("missing") == 2


def test_who_hands_in_later_is_graded_then(grade, course, hand_in, notebooks):
    (course / "students.csv").write_text(ROSTER, "utf-8")
    grade()
    hand_in(course, "berto", P, notebooks.of(P, {"funcion": "pass"}))

    _, reports = grade()

    assert (reports["berto"]["status"], reports["berto"]["score"]) == ("graded", 8)


def test_a_student_who_is_missing_can_be_asked_for(grade, course):
    (course / "students.csv").write_text(ROSTER, "utf-8")

    _, reports = grade("--student", "berto")

    assert reports == {"berto": MISSING}


def test_a_student_whom_nobody_knows_is_named_with_the_nearest_name(grade, course):
    (course / "students.csv").write_text(ROSTER, "utf-8")

    ran = grade("--student", "bert", status=2)

    assert ran.err == (
        "autograder: --student bert: nobody of this name has handed in perceptron, stands in "
        "students.csv or in the gradebook (did you mean 'berto'?).\n"
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"name,mail\nana,x\n", "students.csv:2: no student id; the first line names an 'id'."),
        (b"id\nana\n,\n", "students.csv:3: no student id; the first line names an 'id'."),
        ("id\nÑandú\n".encode("latin-1"), "students.csv: cannot be read as CSV in UTF-8"),
        ("id\nana\n".encode("utf-16"), "students.csv: cannot be read as CSV in UTF-8"),
        (b'id,first_name\nana,"A\n' + b"x" * 200_000 + b'"\n', "students.csv"),
    ],
    ids=["no id column", "no id", "latin-1", "utf-16", "a huge field"],
)
def test_a_roster_that_cannot_be_right_gets_one_sentence(grade, course, content, sentence):
    (course / "students.csv").write_bytes(content)

    ran = grade(status=2)

    assert ran.err.count("\n") == 1
    assert sentence in ran.err


def test_a_roster_of_its_head_alone_or_with_empty_lines_is_fine(grade, course):
    (course / "students.csv").write_text("id,first_name\n\n\n", "utf-8")

    _, reports = grade()

    assert sorted(reports) == ["ana"]


def test_columns_that_nbgrader_has_not_and_short_lines_are_left_out(grade, course):
    (course / "students.csv").write_text("id,grupo,email\nberto,B\nzoe,A,z@x.mx,9,9\n", "utf-8")

    _, reports = grade()

    assert sorted(reports) == ["ana", "berto", "zoe"]
    with gradebook(course) as book:
        assert book.find_student("zoe").email == "z@x.mx"
