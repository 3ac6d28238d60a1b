"""``autograder export``, and nbgrader's ``export`` with our plugins: the same files."""

from __future__ import annotations

import csv
import json
import shutil

import pytest

P, A1 = "perceptron", "actividad_1"
ROSTER = (
    "id,first_name,last_name,email,lms_user_id\nana,Ana,Ñandú,ana@x.mx,17\nberto,=1+1,Peña,,18\n"
)


@pytest.fixture(scope="module")
def graded(make_course, hand_in, notebooks, lending, tmp_path_factory):
    """A course: ana was graded, berto handed in nothing, caro nothing that was graded yet."""
    from autograder.course import Course
    from autograder.grading import Grader

    root = make_course(tmp_path_factory.mktemp("export") / "course", only=[P, A1], trials=1)
    (root / "students.csv").write_text(ROSTER, "utf-8")
    hand_in(root, "ana", P, notebooks.of(P, {"lineal": "H = torch.dot(W, X)"}))
    with lending(), Grader(Course.at(root)) as grader:
        grader.grade(P)
    hand_in(root, "caro", P, notebooks.of(P))
    return root


@pytest.fixture
def course(graded, tmp_path):
    return shutil.copytree(graded, tmp_path / "course")


@pytest.fixture
def export(autograder, course):
    def run(*arguments, status=0):
        ran = autograder("export", "--course", course, *arguments)
        assert ran.status == status, ran.err
        return ran

    return run


def rows(path, **how):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, **how))


def test_by_default_a_table_of_all_that_the_gradebook_knows(export, course):
    ran = export()

    assert ran.out == f"{course}/exports/grades.csv: written\n"
    found = {(row[0], row[3]): row for row in rows(course / "exports/grades.csv")[1:]}
    assert found[P, "ana"][4:] == [
        *("Ñandú", "Ana", "ana@x.mx", "8", "0", "8", "10", "graded"),
    ]
    assert found[P, "berto"][4:] == ["Peña", "'=1+1", "", "0", "0", "0", "10", "missing"]
    # What was neither released nor graded is not in the gradebook.
    assert {assignment for assignment, _ in found} == {P}


def test_who_handed_in_and_was_not_graded_is_told_and_gets_no_score(export, course):
    (course / "students.csv").write_text("id,first_name\nana,Ana\ncaro,Caro\n", "utf-8")

    ran = export("--format", "moodle")

    assert f"{P}: 1 handed in and not graded; run `autograder grade`." in ran.err
    assert [row[2] for row in rows(course / "exports/moodle.csv")] == ["Username", "ana"]


@pytest.mark.parametrize(
    ("format", "made"),
    [
        ("csv", ["exports/grades.csv"]),
        ("json", ["exports/grades.json"]),
        ("moodle", ["exports/moodle.csv"]),
        ("canvas", ["exports/canvas.csv"]),
        ("gradescope", [f"exports/gradescope/{P}/ana/results.json"]),
    ],
)
def test_each_format_has_its_place(export, course, format, made):
    export("--format", format)

    assert [
        str(path.relative_to(course))
        for path in sorted((course / "exports").rglob("*"))
        if path.is_file()
    ] == made


def test_exercises_stand_in_the_notebooks_order_with_what_students_were_told(
    export, course, notebooks
):
    export("--format", "gradescope")

    results = json.loads((course / f"exports/gradescope/{P}/ana/results.json").read_text("utf-8"))
    assert [one["name"] for one in results["tests"]] == notebooks.ids(P)
    assert results["score"] == 8.0
    lineal = next(one for one in results["tests"] if one["name"] == "lineal")
    assert (lineal["score"], lineal["max_score"]) == (0.0, 2.0)
    assert "0 de 2 puntos" in lineal["output"]


def test_what_is_up_to_date_is_said_so_and_what_is_not_ours_is_not_overwritten(export, course):
    export()
    assert export().out.endswith("exports/grades.csv: already up to date\n")
    (course / "exports/grades.csv").write_text("my own notes")

    ran = export(status=2)

    assert ran.err.count("\n") == 1
    assert "overwrite it with --force." in ran.err
    assert (course / "exports/grades.csv").read_text() == "my own notes"
    export("--force")
    assert rows(course / "exports/grades.csv")[0][0] == "assignment"


def test_a_place_of_ones_own_may_be_a_file_or_a_folder(export, tmp_path):
    export("--to", tmp_path / "mine.csv")
    (tmp_path / "folder").mkdir()
    export("--to", tmp_path / "folder", "--format", "canvas")

    assert (tmp_path / "mine.csv").is_file()
    assert (tmp_path / "folder/canvas.csv").is_file()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["otra"], "the gradebook has no assignment 'otra'; release or grade it first."),
        (["perceptrn"], "the gradebook has no assignment 'perceptrn'; did you mean 'perceptron'?"),
        (["--student", "anna"], "the gradebook has no student 'anna'; did you mean 'ana'?"),
        (["--to", "/nowhere/x.csv"], "--to /nowhere/x.csv: there is no folder /nowhere."),
        (
            ["--format", "json", "--excel", "comma"],
            "--excel is for --format csv; json has a form of its own.",
        ),
    ],
)
def test_what_cannot_be_exported_is_said_in_a_sentence(export, course, arguments, sentence):
    assert export(*arguments, status=2).err == f"autograder: {sentence}\n"
    assert not (course / "exports").exists()


def test_only_those_who_were_asked_for_are_in_it(export, course):
    export("--student", "berto", P)

    assert [row[3] for row in rows(course / "exports/grades.csv")] == ["student_id", "berto"]


def test_excel_in_spanish_gets_semicolons_and_decimal_commas(export, course):
    export("--excel", "comma")

    text = (course / "exports/grades.csv").read_bytes()
    assert text.startswith(b"\xef\xbb\xbfassignment;duedate;")
    assert "Ñandú;Ana;".encode() in text


def test_a_course_without_any_grades_says_so(autograder, make_course, tmp_path):
    ran = autograder("export", "--course", make_course(tmp_path / "course", only=[P]))

    assert ran.status == 2
    assert ran.err == (
        "autograder: the gradebook has no assignment yet; release or grade one first.\n"
    )


def test_a_score_by_hand_counts_and_one_that_is_wanted_is_told(export, course):
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course}/gradebook.db") as book:
        grade = book.find_grade("lineal-check", P, P, "ana")
        grade.manual_score, grade.extra_credit, grade.needs_manual_grade = 1.5, 0.25, True
        book.db.commit()

    ran = export()

    assert f"{P}: 1 with a score that a person has still to look at." in ran.err
    row = next(row for row in rows(course / "exports/grades.csv") if row[3] == "ana")
    assert row[7:] == ["9.75", "0", "9.75", "10", "needs_manual_grade"]


@pytest.fixture
def nbgrader_export(course, monkeypatch):
    """nbgrader's own command in this process: as a program it takes seconds to start."""
    from nbgrader.apps import ExportApp

    def run(*arguments):
        monkeypatch.chdir(course)
        ExportApp.clear_instance()
        app = ExportApp.instance()
        try:
            app.initialize(list(arguments))
            app.start()
        finally:
            ExportApp.clear_instance()

    return run


@pytest.mark.parametrize(
    ("name", "format", "file"),
    [
        ("CsvExporter", "csv", "grades.csv"),
        ("JsonExporter", "json", "grades.json"),
        ("MoodleExporter", "moodle", "moodle.csv"),
        ("CanvasExporter", "canvas", "canvas.csv"),
        ("GradescopeExporter", "gradescope", f"gradescope/{P}/ana/results.json"),
    ],
)
def test_nbgraders_export_writes_the_same_with_our_plugins(
    nbgrader_export, export, course, repository, name, format, file
):
    shutil.copy(repository / "nbgrader_config.py", course)
    export("--format", format, P)

    nbgrader_export(f"--exporter=autograder.record.exporters.{name}", f"--assignment=[{P}]")

    theirs, ours = (course / place / file for place in (".", "exports"))
    if format == "gradescope":
        # The plugin knows the gradebook alone, which does not tell the exercises' order.
        theirs, ours = (json.loads(path.read_bytes()) for path in (theirs, ours))
        assert theirs["score"] == ours["score"]
        named = [{one["name"]: one["score"] for one in both["tests"]} for both in (theirs, ours)]
        assert named[0] == named[1]
    elif format == "json":
        theirs, ours = (json.loads(path.read_bytes()) for path in (theirs, ours))
        for both in (theirs, ours):
            for grade in both["grades"]:
                grade["exercises"].sort(key=lambda one: one["name"])
        assert theirs == ours
    else:
        assert theirs.read_bytes() == ours.read_bytes()


@pytest.mark.parametrize("option", ["--assignment=otra", "--student=anna"])
def test_an_unknown_name_ends_nbgraders_export_and_makes_no_empty_file(
    nbgrader_export, course, option
):
    with pytest.raises(SystemExit):
        nbgrader_export("--exporter=autograder.record.exporters.CsvExporter", option)

    assert not (course / "grades.csv").exists()


def test_nbgraders_options_count_and_what_is_not_ours_stays(nbgrader_export, course):
    (course / "mine.csv").write_text("my own notes")
    plugin = "--exporter=autograder.record.exporters.CsvExporter"

    with pytest.raises(SystemExit):
        nbgrader_export(plugin, "--to=mine.csv")
    assert (course / "mine.csv").read_text() == "my own notes"
    nbgrader_export(plugin, "--to=mine.csv", "--student=['ana']", "--CsvExporter.force=True")

    assert {row[3] for row in rows(course / "mine.csv")} == {"student_id", "ana"}


def test_a_course_of_plain_nbgrader_can_be_exported_too(nbgrader_export, course):
    (course / "grading_config.yaml").unlink()

    nbgrader_export("--exporter=autograder.record.exporters.MoodleExporter")

    assert rows(course / "moodle.csv")[1][2:] == ["ana", "17", "ana@x.mx", "8"]
