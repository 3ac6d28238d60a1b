"""What is exported is imported by the receivers' own rules, whatever students call themselves."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.export.canvas import as_canvas
from autograder.export.grades import ExerciseGrade, Grades, Mark, Person, Work
from autograder.export.gradescope import as_gradescope
from autograder.export.moodle import as_moodle
from autograder.export.plain import as_csv, as_json

from .receivers import Canvas, Moodle, Rejected, gradescope

A, B = Work("actividad_1", 10.0), Work("perceptrón", 5.0)
NASTY = [
    '=HYPERLINK("http://x.example","Ana")',
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "＝1+1",
    " =1+1",
    'Peña, "la Ñ"; José',
    "Points Possible",
    "línea\nnueva",
]


def grades(*people: Person, works=(A,), scores=(), language="es") -> Grades:
    """Each person with the score of its place; ``None`` is nothing handed in."""
    found = dict(scores) or {(one.id, work.name): 7.5 for one in people for work in works}
    marks = {}
    for one in people:
        for work in works:
            score = found.get((one.id, work.name))
            status = "missing" if score is None else "graded"
            marks[one.id, work.name] = Mark(one.id, work.name, status, score or 0.0)
    return Grades(tuple(people), tuple(works), marks, language)


def only(exported):
    assert list(exported.files) == [""]
    return exported.files[""]


def rows(content: bytes, **how) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8"), newline=""), **how))


ANA = Person("ana", "Ana", "Ñandú", "ana@x.mx", "17")
BEA = Person("bea", "Bea", "Peña", "bea@x.mx", "18")


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize(
    ("column", "users"),
    [
        ("Username", {"ana": "u1", "bea": "u2"}),
        ("ID number", {"17": "u1", "18": "u2"}),
        ("Email address", {"ana@x.mx": "u1", "bea@x.mx": "u2"}),
    ],
)
def test_moodle_imports_the_scores_whatever_its_language_and_the_field_chosen(
    column, users, decimal
):
    moodle = Moodle(users, decimal)
    scores = {("ana", "actividad_1"): 7.5, ("bea", "actividad_1"): 10.0, ("ana", "perceptrón"): 0.0}

    moodle.load(only(as_moodle(grades(ANA, BEA, works=(A, B), scores=scores))), column)

    assert moodle.grades == {
        ("u1", "actividad_1"): 7.5,
        ("u2", "actividad_1"): 10.0,
        ("u1", "perceptrón"): 0.0,
        ("u2", "perceptrón"): None,
    }


def test_moodle_can_make_new_grade_items_of_it():
    moodle = Moodle({"ana": "u1", "bea": "u2"})
    scores = {("ana", "actividad_1"): 7.5, ("bea", "perceptrón"): 1.0}

    moodle.load(
        only(as_moodle(grades(ANA, BEA, works=(A, B), scores=scores))),
        "Username",
        new=("actividad_1", "perceptrón"),
    )

    assert moodle.grades["u1", "perceptrón"] is None
    assert moodle.grades["u2", "perceptrón"] == 1.0


def test_moodle_gets_no_line_for_who_has_no_score_since_it_would_empty_one():
    scores = {("ana", "actividad_1"): 7.5}
    moodle = Moodle({"ana": "u1"})

    moodle.load(only(as_moodle(grades(ANA, BEA, scores=scores))), "Username")

    assert moodle.grades == {("u1", "actividad_1"): 7.5}


def test_a_column_that_somebody_lacks_is_left_out_since_moodle_would_mix_students_up():
    nameless = Person("caro", "Caro", "Díaz")
    exported = as_moodle(grades(ANA, nameless))

    assert rows(only(exported))[0] == ["First name", "Last name", "Username", "actividad_1"]
    assert exported.notes == (
        "no column for ID number and Email address: some students have none, and Moodle would give "
        "their grades to others.",
    )


def test_the_importer_of_these_tests_mixes_students_up_as_moodle_does():
    content = b"Email address,a\nana@x.mx,1\n,2\n"
    moodle = Moodle({"ana@x.mx": "u1"})

    moodle.load(content, "Email address")

    assert moodle.grades == {("u1", "a"): 2.0}


def test_moodle_is_said_to_be_emptied_where_there_is_no_score_and_to_have_a_limit():
    large = Work("grande", 120.0)
    scores = {("ana", "actividad_1"): 7.5, ("bea", "grande"): 99.0}

    notes = as_moodle(grades(ANA, BEA, works=(A, large), scores=scores)).notes

    assert [note.split(",")[0] for note in notes] == [
        "where there is no score stands '-'",
        "more than 100 points",
    ]


def canvas() -> Canvas:
    return Canvas(
        {17: "Ñandú, Ana", 18: "Peña, Bea", 19: "Díaz, Caro"}, {"ana": 17, "bea": 18, "caro": 19}
    )


def test_canvas_imports_the_scores_and_the_points():
    receiver = canvas()
    scores = {("ana", "actividad_1"): 7.5, ("bea", "actividad_1"): 10.0, ("ana", "perceptrón"): 0.0}

    receiver.load(only(as_canvas(grades(ANA, BEA, works=(A, B), scores=scores))))

    assert receiver.points == {"actividad_1": 10.0, "perceptrón": 5.0}
    assert receiver.grades == {
        (17, "actividad_1"): "7.5",
        (18, "actividad_1"): "10",
        (17, "perceptrón"): "0",
    }
    assert receiver.unknown == []


@pytest.mark.parametrize(
    "person",
    [
        Person("caro", "C.", "D."),
        Person("caro", lms_user_id="19"),
        Person("x", "C.", "D.", lms_user_id="19"),
        Person("x", "Caro", "Díaz"),
    ],
    ids=["by the login", "without a name", "by Canvas's number", "by the name"],
)
def test_canvas_finds_a_student_by_what_is_known_of_them(person):
    receiver = canvas()

    receiver.load(only(as_canvas(grades(person))))

    assert receiver.grades == {(19, "actividad_1"): "7.5"}


def test_a_number_that_is_not_canvass_is_never_taken_for_one():
    """The student whose id at the university is 17 is not Canvas's 17."""
    receiver = canvas()
    receiver.logins["17"] = 19

    receiver.load(only(as_canvas(grades(Person("17", "C.", "D.")))))

    assert receiver.grades == {(19, "actividad_1"): "7.5"}


def test_an_id_that_begins_like_a_number_of_canvass_is_not_taken_for_one():
    """Ruby reads `17bis` as 17."""
    receiver = canvas()

    receiver.load(only(as_canvas(grades(Person("caro", "C.", "D.", lms_user_id="17bis")))))

    assert receiver.grades == {(19, "actividad_1"): "7.5"}


def test_an_id_of_the_institution_goes_where_canvas_looks_for_it():
    receiver = canvas()
    receiver.sis["U-1900"] = 19

    receiver.load(only(as_canvas(grades(Person("x", "C.", "D.", lms_user_id="U-1900")))))

    assert receiver.grades == {(19, "actividad_1"): "7.5"}


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("export", [as_moodle, as_canvas, as_csv], ids=lambda one: one.__name__)
def test_no_name_becomes_a_formula_or_another_line(export, name):
    content = only(export(grades(Person("ana", name, name, "a@x.mx", "17"), BEA)))

    found = rows(content)
    assert len({len(row) for row in found}) == 1
    assert len(found) == (4 if export is as_canvas else 3)
    for row in found:
        for cell in row:
            assert not cell.startswith(("=", "+", "@", "\t", "\r", "\n", "＝"))
            assert not (cell.startswith("-") and len(cell) > 1)


@pytest.mark.parametrize("name", NASTY)
def test_nobodys_name_keeps_moodle_or_canvas_from_importing(name):
    person = Person("ana", name, name, "a@x.mx", "17")
    moodle, receiver = Moodle({"ana": "u1", "bea": "u2"}), canvas()

    moodle.load(only(as_moodle(grades(person, BEA))), "Username")
    receiver.load(only(as_canvas(grades(person, BEA))))

    assert moodle.grades == {("u1", "actividad_1"): 7.5, ("u2", "actividad_1"): 7.5}
    assert receiver.grades == {(17, "actividad_1"): "7.5", (18, "actividad_1"): "7.5"}
    assert receiver.points == {"actividad_1": 10.0}


def test_an_identifier_like_a_formula_is_neutralised_and_named():
    person = Person("=ana", "Ana", "Ñandú")

    for export, whose in ((as_moodle, "Moodle"), (as_canvas, "Canvas")):
        exported = export(grades(person))
        assert "'=ana" in [cell for row in rows(only(exported)) for cell in row]
        assert f"written with an apostrophe, which {whose} will not find: =ana." in exported.notes


@given(st.lists(st.text(max_size=12), min_size=6, max_size=6))
def test_any_names_are_read_back_on_their_own_lines(texts):
    people = [Person("ana", *texts[:2], "a@x.mx", "17"), Person("bea", *texts[3:5], "b@x.mx", "18")]
    receiver, moodle = canvas(), Moodle({"17": "u1", "18": "u2"})

    receiver.load(only(as_canvas(grades(*people))))
    moodle.load(only(as_moodle(grades(*people))), "ID number")

    assert set(receiver.grades) == {(17, "actividad_1"), (18, "actividad_1")}
    assert set(moodle.grades) == {("u1", "actividad_1"), ("u2", "actividad_1")}


EXERCISES = (
    ExerciseGrade("suma", 4.0, 4.0, "**4 de 4 puntos**\n"),
    ExerciseGrade("doble", 1.5, 6.0, "- ✗ la forma es `(3,)`", by_hand=True),
)
LATE = Mark("ana", "actividad_1", "graded", 5.5, 1.1, exercises=EXERCISES)


def late(language="es", **changed) -> Grades:
    people, mark = (ANA, BEA), Mark("bea", "actividad_1", "missing")
    marks = {("ana", "actividad_1"): LATE, ("bea", "actividad_1"): mark}
    return Grades(people, (A,), marks, language)


def test_gradescope_gets_each_exercise_and_a_score_without_the_late_penalty():
    exported = as_gradescope(late())

    assert list(exported.files) == ["actividad_1/ana/results.json"]
    results = gradescope(exported.files["actividad_1/ana/results.json"])
    assert results["total"] == 4.4
    assert results["output"] == "Penalización por entrega tardía: −1.1"
    assert [(one["name"], one["score"], one["max_score"]) for one in results["tests"]] == [
        ("suma", 4.0, 4.0),
        ("doble", 1.5, 6.0),
    ]
    assert results["tests"][1]["output"] == "- ✗ la forma es `(3,)`"
    assert {one["visibility"] for one in results["tests"]} == {"visible"}


def test_gradescope_is_told_in_the_courses_language():
    (content,) = as_gradescope(late("en")).files.values()

    assert json.loads(content)["output"] == "Penalty for late submission: −1.1"


def test_a_result_that_gradescope_does_not_know_is_rejected_by_these_tests():
    for wrong in ({"tests": [{}]}, {"score": 1, "tests": [{"visibility": "always"}]}):
        with pytest.raises(Rejected):
            gradescope(json.dumps(wrong).encode())


@pytest.mark.parametrize(
    ("student", "folder"),
    [
        ("josé.ñandú@x.mx", "josé.ñandú@x.mx"),
        ("..", "%2E%2E"),
        ("../../etc", "..%2F..%2Fetc"),
        ("a/b", "a%2Fb"),
        ("a%2Fb", "a%252Fb"),
        ("a\0b", "a%00b"),
    ],
)
def test_no_students_name_leads_out_of_the_folder(student, folder):
    (path,) = as_gradescope(grades(Person(student))).files

    assert path == f"actividad_1/{folder}/results.json"


def test_the_table_has_nbgraders_columns_and_numbers_a_program_reads():
    header, ana, bea = rows(only(as_csv(late())))

    assert header == [
        *("assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email"),
        *("raw_score", "late_submission_penalty", "score", "max_score", "status"),
    ]
    assert ana[3:] == ["ana", "Ñandú", "Ana", "ana@x.mx", "5.5", "1.1", "4.4", "10", "graded"]
    assert bea[7:] == ["0", "0", "0", "10", "missing"]


def test_the_columns_are_those_that_nbgrader_itself_writes(tmp_path, monkeypatch):
    from nbgrader.api import Gradebook
    from nbgrader.plugins import CsvExportPlugin

    with Gradebook(f"sqlite:///{tmp_path}/g.db") as book:
        CsvExportPlugin(to=str(tmp_path / "theirs.csv")).export(book)

    theirs = (tmp_path / "theirs.csv").read_text("utf-8").strip().split(",")
    assert rows(only(as_csv(late())))[0][: len(theirs)] == theirs


def test_excel_gets_a_mark_and_with_commas_its_own_separators():
    plain, point, comma = (only(as_csv(late(), form)) for form in (None, "point", "comma"))

    assert not plain.startswith(b"\xef\xbb\xbf")
    assert point == b"\xef\xbb\xbf" + plain
    assert comma.startswith(b"\xef\xbb\xbf")
    _, ana, _ = rows(comma.removeprefix(b"\xef\xbb\xbf"), delimiter=";")
    assert ana[7:11] == ["5,5", "1,1", "4,4", "10"]


def test_the_document_has_everything_and_is_the_same_every_time():
    first, second = (only(as_json(late())) for _ in range(2))

    assert first == second
    document = json.loads(first)
    assert document["grades"][0]["exercises"][1] == {
        "name": "doble",
        "score": 1.5,
        "max_score": 6.0,
        "by_hand": True,
        "comment": "- ✗ la forma es `(3,)`",
    }
    assert document["grades"][0]["score"] == 4.4
    assert document["students"][0]["last_name"] == "Ñandú"


@pytest.mark.parametrize(
    ("value", "text"),
    [(10.0, "10"), (0.0, "0"), (-0.0, "0"), (0.1 + 0.2, "0.3"), (1 / 3, "0.33333"), (1e-9, "0")],
)
def test_numbers_have_no_noise(value, text):
    from autograder.export.table import number

    assert number(value) == text
