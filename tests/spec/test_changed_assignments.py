"""An assignment may change after it was graded: only what must be is done again, nothing lost."""

from __future__ import annotations

import copy
import json
import shutil

import nbformat
import pytest

P = "perceptron"


@pytest.fixture(scope="module")
def graded(make_course, hand_in, notebooks, lending, tmp_path_factory):
    """A course with a right and a half right submission, graded."""
    from autograder.course import Course
    from autograder.grading import Grader

    folder = tmp_path_factory.mktemp("changed") / "course"
    root = make_course(folder, only=[P], trials=1)
    hand_in(root, "ana", P, notebooks.of(P))
    hand_in(root, "berto", P, notebooks.of(P, {"funcion": "pass", "lineal": "H = X"}))
    with lending(), Grader(Course.at(root)) as grader:
        grader.grade(P)
    return root


@pytest.fixture
def course(graded, tmp_path):
    """A copy of it."""
    return shutil.copytree(graded, tmp_path / "course")


@pytest.fixture
def grade(autograder, course, tmp_path):
    """Grade again: the reports by student, and what was said beside them."""

    def run():
        ran = autograder("grade", P, "--course", course, "--json", tmp_path / "r.json")
        assert ran.status == 0, ran.err
        reports = json.loads((tmp_path / "r.json").read_text("utf-8"))["reports"]
        return {one["student"]: one for one in reports}, ran.err

    return run


def observations(course):
    """When each stored observation was written."""
    files = (course / ".autograder/observations").rglob("*.safetensors")
    return {path.name: path.stat().st_mtime_ns for path in files}


@pytest.fixture
def rewrite(course):
    """Replace text in a file of the assignment."""

    def change(name, old, new):
        path = course / f"solutions/{P}/{name}"
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    return change


@pytest.fixture
def change_source(course):
    """Change the cells of the source notebook: ``change(cells, place of the id)``."""

    def apply(id, change):
        path = course / f"solutions/{P}/{P}.ipynb"
        notebook = nbformat.read(path, as_version=4)
        places = [
            place
            for place, cell in enumerate(notebook.cells)
            if cell.metadata.get("nbgrader", {}).get("grade_id") == id
        ]
        change(notebook.cells, *places)
        # Not nbformat.write, which sorts the names in the metadata.
        path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1), "utf-8")

    return apply


def gradebook(course):
    from nbgrader.api import Gradebook

    return Gradebook(f"sqlite:///{course / 'gradebook.db'}")


def by_hand(course):
    """What an assistant does: another score for `activacion`, extra credit and a comment."""
    with gradebook(course) as book:
        grade = book.find_grade("activacion-check", P, P, "berto")
        grade.manual_score, grade.extra_credit = 0.25, 0.5
        grade.needs_manual_grade = False
        book.find_comment("activacion", P, P, "berto").manual_comment = "Casi."
        book.db.commit()


def kept_by_hand(course):
    with gradebook(course) as book:
        grade = book.find_grade("activacion-check", P, P, "berto")
        comment = book.find_comment("activacion", P, P, "berto")
        return grade.manual_score, grade.extra_credit, comment.manual_comment


def recorded(course, student):
    """Automatic score and worth of each exercise in the gradebook."""
    with gradebook(course) as book:
        notebook = book.find_submission_notebook(P, P, student)
        return {
            grade.name.removesuffix("-check"): (grade.auto_score, grade.max_score)
            for grade in notebook.grades
        }


def total(course, student):
    with gradebook(course) as book:
        submission = book.find_submission(P, student)
        return submission.score, submission.max_score


@pytest.fixture
def no_student_code(warm_sandbox, monkeypatch):
    """Nothing may run in the sandbox."""

    def refuse(*_, **__):
        raise AssertionError("something ran in the sandbox")

    monkeypatch.setattr(warm_sandbox, "run", refuse)


def test_nothing_changed_means_nothing_done(grade, course, no_student_code):
    before = observations(course)

    reports, said = grade()

    assert {who: one["score"] for who, one in reports.items()} == {"ana": 10, "berto": 6}
    assert (observations(course), said) == (before, "")


def test_a_reworded_title_is_in_the_new_reports_without_running_student_code(
    grade, course, rewrite, no_student_code
):
    by_hand(course)
    before = observations(course)
    rewrite(f"test_{P}.py", '"`Y` es la sigmoide de `H`"', '"`Y`, con otras palabras"')

    reports, said = grade()

    (found,) = [one for one in reports["berto"]["exercises"] if one["id"] == "activacion"]
    assert found["checks"][0]["title"] == "`Y`, con otras palabras"
    assert reports["berto"]["score"] == 6
    assert observations(course) == before
    assert said == ""
    assert kept_by_hand(course) == (0.25, 0.5, "Casi.")


def test_a_changed_check_judges_again_from_what_was_seen(grade, course, rewrite, no_student_code):
    path = course / f"solutions/{P}/test_{P}.py"
    text = path.read_text("utf-8")
    path.write_text(text + "\n\ndef assert_matches(*_, **__):\n    pass\n", "utf-8")
    before = observations(course)

    reports, _ = grade()

    # The definition at the file's end hides the imported one: now nothing is compared any more.
    assert reports["berto"]["score"] > 6
    assert recorded(course, "berto")["lineal"] == (2, 2)
    assert observations(course) == before


def test_a_changed_tolerance_judges_again_from_what_was_seen(grade, course, no_student_code):
    path = course / "grading_config.yaml"
    text = path.read_text("utf-8")
    lax = "  tolerances:\n    float64: {rtol: 1.0e+9}\n"
    path.write_text(text.replace("defaults:\n", f"defaults:\n{lax}"), "utf-8")
    before = observations(course)

    grade()

    assert observations(course) == before


def test_a_changed_statement_observes_nothing_again(grade, course, change_source, no_student_code):
    def reword(cells, place):
        cells[place].source += "\n\nOtra frase."

    change_source("lineal-enunciado", reword)

    reports, said = grade()

    assert {who: one["score"] for who, one in reports.items()} == {"ana": 10, "berto": 6}
    assert said == ""


def test_a_changed_probe_observes_again(grade, course, rewrite):
    by_hand(course)
    before = observations(course)
    path = course / f"solutions/{P}/probes_{P}.py"
    path.write_text(path.read_text("utf-8") + "\n\nUNUSED = 1\n", "utf-8")

    reports, said = grade()

    assert before.items() <= observations(course).items()
    # The reference and two submissions, one trial each.
    assert len(observations(course)) == len(before) + 3
    assert {who: one["score"] for who, one in reports.items()} == {"ana": 10, "berto": 6}
    assert kept_by_hand(course) == (0.25, 0.5, "Casi.")
    assert said == ""


def test_changed_points_reach_the_gradebook_and_are_told(grade, course, change_source, rewrite):
    by_hand(course)

    def dearer(cells, place):
        cells[place].metadata.nbgrader.points = 6

    change_source("lineal-check", dearer)
    rewrite(f"test_{P}.py", 'exercise="lineal",\n    points=2', 'exercise="lineal",\n    points=6')

    reports, said = grade()

    assert (reports["ana"]["score"], reports["ana"]["max_score"]) == (14, 14)
    assert said == (
        "autograder: perceptron: lineal is worth 6 points instead of 2; "
        "scores given by hand are kept.\n"
    )
    assert recorded(course, "ana")["lineal"] == (6, 6)
    assert total(course, "ana") == (14, 14)
    assert kept_by_hand(course) == (0.25, 0.5, "Casi.")
    assert grade()[1] == ""


NEW_CHECK = """


@check("`nueva`", exercise="nueva", points=3)
def test_new(student, reference):
    assert_matches(student["nueva"], reference["nueva"])
"""


def test_an_added_exercise_reaches_the_gradebook_and_is_told(
    grade, course, change_source, hand_in, notebooks
):
    by_hand(course)

    def add(cells, place):
        for id, text, source in (
            ("nueva", "### BEGIN SOLUTION\nnueva = torch.ones(2)\n### END SOLUTION", -1),
            ("nueva-check", "assert nueva.sum() == 2", 0),
        ):
            cell = copy.deepcopy(cells[place + source])
            cell["id"] = cell.metadata.nbgrader["grade_id"] = id
            cell.source = text
            if source:
                cell.metadata["autograder"] = {"names": {"nueva": {"kind": "tensor"}}}
            else:
                cell.metadata.nbgrader["points"] = 3
            cells.append(cell)

    change_source("funcion-check", add)
    checks = course / f"solutions/{P}/test_{P}.py"
    checks.write_text(checks.read_text("utf-8") + NEW_CHECK, "utf-8")

    reports, said = grade()

    assert said == "autograder: perceptron: nueva is new; scores given by hand are kept.\n"
    assert (reports["ana"]["score"], reports["ana"]["max_score"]) == (10, 13)
    assert recorded(course, "ana")["nueva"] == (0, 3)
    assert kept_by_hand(course) == (0.25, 0.5, "Casi.")
    notebook = notebooks.of(P)
    solved = nbformat.v4.new_code_cell("nueva = torch.ones(2)")
    solved.metadata["nbgrader"] = {"grade_id": "nueva", "solution": True, "grade": False}
    notebook.cells.append(solved)
    hand_in(course, "ana", P, notebook)

    reports, said = grade()

    assert (reports["ana"]["score"], said) == (13, "")
    assert recorded(course, "ana")["nueva"] == (3, 3)


def test_a_removed_exercise_goes_with_its_scores_and_is_told(grade, course, change_source, rewrite):
    by_hand(course)

    def remove(cells, place):
        del cells[place - 1 : place + 1]

    change_source("funcion-check", remove)
    checks = course / f"solutions/{P}/test_{P}.py"
    text = checks.read_text("utf-8")
    parts = text.split("@check(")
    kept = [part for part in parts if 'exercise="funcion"' not in part]
    assert len(kept) < len(parts)
    checks.write_text("@check(".join(kept), "utf-8")
    probes = course / f"solutions/{P}/probes_{P}.py"
    probes.write_text("", "utf-8")

    reports, said = grade()

    assert said == (
        "autograder: perceptron: funcion is gone, and its scores; scores given by hand are kept.\n"
    )
    assert (reports["ana"]["score"], reports["ana"]["max_score"]) == (8, 8)
    assert "funcion" not in recorded(course, "ana")
    assert total(course, "ana") == (8, 8)
    assert kept_by_hand(course) == (0.25, 0.5, "Casi.")


def test_release_carries_changes_into_the_gradebook_as_well(
    autograder, course, change_source, rewrite
):
    by_hand(course)

    def dearer(cells, place):
        cells[place].metadata.nbgrader.points = 6

    change_source("lineal-check", dearer)
    rewrite(f"test_{P}.py", 'exercise="lineal",\n    points=2', 'exercise="lineal",\n    points=6')

    ran = autograder("release", P, "--course", course, "--unverified")

    assert ran.status == 0
    assert "lineal is worth 6 points instead of 2; scores given by hand are kept." in ran.err
    assert recorded(course, "ana")["lineal"] == (2, 6)
    assert kept_by_hand(course) == (0.25, 0.5, "Casi.")


def test_one_student_asked_for_leaves_the_others_scores_and_tells_of_the_change(
    autograder, course, change_source, rewrite
):
    def dearer(cells, place):
        cells[place].metadata.nbgrader.points = 6

    change_source("lineal-check", dearer)
    rewrite(f"test_{P}.py", 'exercise="lineal",\n    points=2', 'exercise="lineal",\n    points=6')

    ran = autograder("grade", P, "--course", course, "--student", "berto")

    assert ran.status == 0
    assert "lineal is worth 6 points instead of 2" in ran.err
    assert recorded(course, "ana")["lineal"] == (2, 6)
    assert recorded(course, "berto")["lineal"] == (0, 6)
