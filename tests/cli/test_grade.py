"""``autograder grade``: its JSON, its options and its exit statuses."""

from __future__ import annotations

import json
import shutil

import pytest

A1, P = "actividad_1", "perceptron"


@pytest.fixture(scope="module")
def template(make_course, hand_in, notebooks, lending, tmp_path_factory):
    """A graded course: two students, two assignments, one notebook that cannot be read."""
    from autograder.course import Course
    from autograder.grading import Grader

    root = make_course(
        tmp_path_factory.mktemp("template") / "course", only=[A1, P], misconceptions=True
    )
    hand_in(root, "ana", A1, notebooks.of(A1))
    hand_in(root, "ana", P, notebooks.of(P, {"lineal": "H = W @ X\nprint(H)"}))
    hand_in(root, "hugo", P, b"{")
    with lending(), Grader(Course.at(root)) as grader:
        for name in (A1, P):
            grader.grade(name)
    return root


@pytest.fixture
def course(template, tmp_path):
    return shutil.copytree(template, tmp_path / "course")


def stamps(course):
    return {
        path.relative_to(course): path.stat().st_mtime_ns
        for path in course.rglob("*")
        if path.is_file() and path.suffix not in (".pyc", "") and path.name != "log"
    }


def error_of(ran, status):
    """The one sentence that an error ends with."""
    assert ran.status == status, ran
    assert "Traceback" not in ran.err + ran.out
    lines = ran.err.strip().split("\n")
    assert len(lines) == 1, ran.err
    assert lines[0].startswith("autograder: ")
    return lines[0].removeprefix("autograder: ")


def test_json_has_the_schema_of_the_issue(autograder, course, tmp_path):
    ran = autograder("grade", P, "--course", course, "--json", tmp_path / "out.json")

    assert ran.status == 0
    data = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert set(data) == {"schema", "assignment", "reports"}
    assert (data["schema"], data["assignment"]) == (1, P)
    assert [report["student"] for report in data["reports"]] == ["ana", "hugo"]
    for report in data["reports"]:
        assert report.keys() >= {
            "student",
            "score",
            "max_score",
            "status",
            "device",
            "exercises",
        }
        assert isinstance(report["score"], float)
        assert isinstance(report["max_score"], float)
        assert report["status"] in ("graded", "errored", "timed_out", "broken")
        assert report["device"] == "cpu"
        for exercise in report["exercises"]:
            assert exercise.keys() >= {"id", "score", "max_score", "outcome", "checks"}
            for check in exercise["checks"]:
                assert check.keys() >= {"title", "points", "score", "outcome", "message"}
                assert all(isinstance(check[key], float) for key in ("points", "score"))
                assert all(isinstance(check[key], str) for key in ("title", "message"))


def test_json_holds_what_each_student_got(autograder, course, tmp_path):
    autograder("grade", P, "--course", course, "--json", tmp_path / "out.json")

    ana, hugo = json.loads((tmp_path / "out.json").read_text("utf-8"))["reports"]

    assert (ana["score"], ana["max_score"], ana["status"]) == (8.0, 10.0, "graded")
    assert {one["id"]: one["score"] for one in ana["exercises"]} == {
        "tensores": 1,
        "rebanadas": 1,
        "numpy": 2,
        "conversion": 1,
        "lineal": 0,
        "activacion": 1,
        "funcion": 2,
    }
    lineal = next(one for one in ana["exercises"] if one["id"] == "lineal")
    assert lineal["outcome"] == "failed"
    (check,) = lineal["checks"]
    assert check["difference"] == "`H` tiene forma () y se pedía (1,)."
    (reason,) = check["reasons"]
    assert (reason["kind"], reason["id"]) == ("misconception", "lineal-sin-sesgo")
    assert check["message"] == reason["message"]
    assert (hugo["score"], hugo["max_score"], hugo["status"]) == (0.0, 10.0, "errored")


def test_json_of_several_assignments_is_a_list_of_them(autograder, course, tmp_path):
    autograder("grade", "--course", course, "--json", tmp_path / "out.json")

    data = json.loads((tmp_path / "out.json").read_text("utf-8"))

    assert [one["assignment"] for one in data] == [A1, P]
    assert {one["schema"] for one in data} == {1}


def test_json_is_written_as_readable_utf8(autograder, course, tmp_path):
    autograder("grade", P, "--course", course, "--json", tmp_path / "out.json")

    text = (tmp_path / "out.json").read_text("utf-8")

    assert "El archivo `perceptron.ipynb` no se puede leer: está cortado" in text
    assert text.endswith("\n")


def test_a_second_run_with_nothing_new_starts_no_sandbox_and_changes_nothing(
    autograder, course, tmp_path
):
    first = autograder("grade", "--course", course, "--json", tmp_path / "1.json")
    before = stamps(course)

    second = autograder("grade", "--course", course, "--json", tmp_path / "2.json")

    assert autograder.asked == []
    assert (first.status, second.status) == (0, 0)
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()
    assert stamps(course) == before
    assert second.out == first.out


def test_force_grades_again_and_gives_the_same_json(autograder, course, tmp_path):
    autograder("grade", A1, "--course", course, "--json", tmp_path / "1.json")

    ran = autograder("grade", A1, "--course", course, "--force", "--json", tmp_path / "2.json")

    assert (ran.status, autograder.asked) == (0, ["full"])
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()


def test_the_number_of_jobs_changes_nothing_but_the_time(autograder, course, tmp_path):
    for jobs in (1, 3):
        ran = autograder(
            "grade",
            P,
            "--course",
            course,
            "--force",
            "--jobs",
            jobs,
            "--json",
            tmp_path / f"{jobs}",
        )
        assert ran.status == 0

    assert (tmp_path / "1").read_bytes() == (tmp_path / "3").read_bytes()


def test_one_sandbox_serves_all_assignments_of_a_run(autograder, course):
    autograder("grade", "--course", course, "--force", "--quiet")

    assert autograder.asked == ["full"]


def test_student_grades_only_that_student(autograder, course, hand_in, notebooks, tmp_path):
    for student in ("ana", "hugo"):
        hand_in(course, student, P, notebooks.of(P, {"funcion": "pass"}))

    ran = autograder(
        "grade", P, "--course", course, "--student", "hugo", "--json", tmp_path / "out.json"
    )

    assert ran.status == 0
    (report,) = json.loads((tmp_path / "out.json").read_text("utf-8"))["reports"]
    assert (report["student"], report["score"]) == ("hugo", 8)
    stored = json.loads((course / f".autograder/reports/{P}/ana.json").read_text("utf-8"))
    assert {one["id"]: one["score"] for one in stored["exercises"]}["funcion"] == 2


def test_the_table_shows_students_points_and_where_the_notebooks_are(autograder, course):
    ran = autograder("grade", "--course", course)

    lines = ran.out.split("\n")
    (ana,) = (line for line in lines if "ana" in line and "/10" in line)
    (hugo,) = (line for line in lines if "hugo" in line and "/10" in line)
    assert "10/10" in ana
    assert "8/10" in ana
    assert "0/10 errored" in hugo
    assert str(course / "autograded") in ran.out.replace("\n", "")


def test_quiet_prints_nothing(autograder, course):
    ran = autograder("grade", "--course", course, "--quiet")

    assert (ran.status, ran.out, ran.err) == (0, "", "")


def test_a_course_without_submissions_says_so(autograder, make_course, tmp_path):
    course = make_course(tmp_path / "empty", only=[P])

    ran = autograder("grade", "--course", course)

    assert ran.status == 0
    assert "nothing was handed in" in ran.out
    assert autograder.asked == []


def test_students_work_that_fails_is_no_failure_of_the_command(autograder, course, hand_in):
    hand_in(course, "hugo", P, b"not a notebook at all")

    assert autograder("grade", P, "--course", course).status == 0


def test_a_folder_without_a_config_is_named(autograder, tmp_path):
    sentence = error_of(autograder("grade", "--course", tmp_path), 2)

    assert sentence.startswith(f"{tmp_path}/grading_config.yaml: not found")


def test_a_course_that_is_missing_is_named(autograder, tmp_path):
    sentence = error_of(autograder("grade", "--course", tmp_path / "nowhere"), 2)

    assert "nowhere/grading_config.yaml: not found" in sentence


def test_an_unknown_assignment_is_named_with_those_that_there_are(autograder, course):
    sentence = error_of(autograder("grade", "perzeptron", "--course", course), 2)

    assert "'perzeptron'" in sentence
    assert f"{A1}, {P}" in sentence


def test_an_unknown_student_is_named_with_the_nearest(autograder, course):
    sentence = error_of(autograder("grade", P, "--course", course, "--student", "anna"), 2)

    assert "anna" in sentence
    assert "'ana'" in sentence


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("- cpu", "- gpu", "'gpu' is not a device; did you mean 'cuda'?"),
        ("trials: 2", "trails: 2", "there is no setting 'trails'; did you mean 'trials'?"),
        ("trials: 2", "trials: many", "trials"),
        ("trials: 2", "trials: 0", "trials"),
        ("language: es", "language: spanish", "did you mean 'es'?"),
        ("assignments:", "asignments:", "there is no setting 'asignments'"),
        ("course:", "course: [", ""),
    ],
    ids=["device", "setting", "type", "range", "language", "missing", "not yaml"],
)
def test_a_wrong_config_is_named_with_its_line_and_the_mend(autograder, course, old, new, said):
    config = course / "grading_config.yaml"
    text = config.read_text("utf-8")
    assert old in text
    config.write_text(text.replace(old, new, 1), "utf-8")

    sentence = error_of(autograder("grade", "--course", course), 2)

    assert sentence.startswith("grading_config.yaml:")
    assert sentence.split(":")[1].isdigit()
    assert said in sentence


def test_a_source_that_is_no_notebook_is_named(autograder, course):
    (course / f"solutions/{P}/{P}.ipynb").write_text("{", "utf-8")

    sentence = error_of(autograder("grade", "--course", course), 2)

    assert f"solutions/{P}/{P}.ipynb" in sentence


def test_checks_that_do_not_compile_are_named(autograder, course):
    (course / f"solutions/{P}/test_{P}.py").write_text("def (:\n", "utf-8")

    ran = autograder("grade", P, "--course", course)

    assert ran.status == 2
    assert f"test_{P}.py" in ran.err
    assert "SyntaxError" in ran.err


def test_a_reference_that_does_not_run_to_its_end_is_the_authors_error(
    autograder, course, notebooks
):
    import nbformat

    source = course / f"solutions/{P}/{P}.ipynb"
    notebook = nbformat.read(source, as_version=4)
    place = notebooks.place(notebook, "funcion")
    notebook.cells[place].source = "import os; os._exit(0)"
    nbformat.write(notebook, source)

    ran = autograder("grade", P, "--course", course)

    assert ran.status == 2
    assert "does not run to its end (died" in ran.err


def test_without_bubblewrap_grading_is_refused_with_status_3_and_what_to_install(
    program, course, tmp_path
):
    (tmp_path / "bin").mkdir()

    ran = program(
        "autograder", "grade", A1, "--force", "--course", course, path=str(tmp_path / "bin")
    )

    sentence = error_of(ran, 3)
    assert "bubblewrap" in sentence
    assert "apt install bubblewrap" in sentence


def test_without_cuda_asking_for_it_is_refused_with_status_3(autograder, course):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")

    ran = autograder("grade", A1, "--course", course, "--force", "--device", "cuda")

    assert "no CUDA device" in error_of(ran, 3)


def test_a_submission_that_breaks_us_ends_with_status_3_and_the_others_are_graded(
    autograder, course, hand_in, notebooks, tmp_path
):
    with (course / f"solutions/{A1}/test_{A1}.py").open("a", encoding="utf-8") as file:
        file.write(
            '\n\n@check("roto", exercise="formas")\n'
            "def test_broken(student, reference):\n"
            "    if 'bea' in str(student['w']):\n"
            "        raise KeyError('ours')\n"
        )
    hand_in(course, "bea", A1, notebooks.of(A1, {"formas": "w = 'bea'"}))

    ran = autograder("grade", A1, "--course", course, "--json", tmp_path / "out.json")

    assert "could not grade bea (actividad_1)" in error_of(ran, 3)
    reports = json.loads((tmp_path / "out.json").read_text("utf-8"))["reports"]
    statuses = {one["student"]: one["status"] for one in reports}
    assert (statuses["ana"], statuses["bea"]) == ("graded", "broken")
    assert "our fault" in ran.out


def test_the_program_grades_from_the_courses_folder_without_any_option(program, course, hand_in):
    """The real program, a sandbox of its own, nothing of this environment on the path."""
    hand_in(course, "hugo", P, b"")

    ran = program("autograder", "grade", cwd=course, path="/usr/bin:/bin")

    assert ran.status == 0, ran.err
    assert "10/10" in ran.out
