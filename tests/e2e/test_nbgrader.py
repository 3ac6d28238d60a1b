"""Real nbgrader on what `autograder grade` leaves: its API, its feedback, its export."""

from __future__ import annotations

import csv
import json
import shutil

import nbformat
import pytest

pytestmark = pytest.mark.e2e

A1, P = "actividad_1", "perceptron"
POINTS = {"ana": {A1: 10, P: 10}, "carla": {A1: 6.5, P: 8}, "hugo": {A1: 9, P: 0}}


@pytest.fixture
def open_gradebook():
    """Open a course's gradebook by nbgrader's own API; all are closed at the end."""
    from nbgrader.api import Gradebook

    opened = []

    def open_gradebook(root):
        opened.append(Gradebook(f"sqlite:///{root}/gradebook.db"))
        return opened[-1]

    yield open_gradebook
    for one in opened:
        one.close()


@pytest.fixture
def book(open_gradebook, course):
    return open_gradebook(course)


def autograded(course, student, name):
    return nbformat.read(course / f"autograded/{student}/{name}/{name}.ipynb", as_version=4)


def test_grading_a_course_without_a_gradebook_makes_it(course):
    assert (course / "gradebook.db").stat().st_size > 0


def test_nbgrader_knows_the_assignments_and_their_points(book):
    assert {one.name: one.max_score for one in book.assignments} == {A1: 10, P: 10}


def test_nbgrader_reads_every_students_score(book):
    for student, scores in POINTS.items():
        for name, points in scores.items():
            submission = book.find_submission(name, student)
            assert submission.score == pytest.approx(points), (student, name)
            assert submission.needs_manual_grade is False


def test_nbgrader_reads_the_scores_of_single_cells(book):
    def score(name, cell, student):
        return book.find_grade(cell, name, name, student).auto_score

    assert score(A1, "actividad-1-check", "carla") == pytest.approx(1.5)
    assert score(A1, "neurona-check", "carla") == 2
    assert score(P, "lineal-check", "carla") == 0
    assert score(P, "lineal-check", "hugo") == 0
    assert score(A1, "formas-check", "hugo") == 0


def test_every_grade_cell_of_the_assignment_has_its_row(book, notebooks):
    for student, scores in POINTS.items():
        for name in scores:
            grades = book.find_submission_notebook(name, name, student).grades
            assert {one.name for one in grades} == {f"{id}-check" for id in notebooks.ids(name)}
            assert all(one.auto_score is not None for one in grades)


def test_messages_are_comments_of_the_solution_cells(book):
    def comment(name, cell, student):
        return book.find_comment(cell, name, name, student).comment

    assert "La capa oculta tiene 4 neuronas" in comment(A1, "actividad-1", "carla")
    assert "Calculado a partir de tus valores" in comment(A1, "actividad-1", "carla")
    assert "1.5 de 5 puntos" in comment(A1, "actividad-1", "carla")
    assert "Falta la celda de solución" in comment(A1, "formas", "hugo")
    assert "2 de 2 puntos" in comment(P, "lineal", "ana")


def test_every_solution_cell_of_an_unreadable_notebook_has_the_sentence(book, notebooks):
    for id in notebooks.ids(P):
        comment = book.find_comment(id, P, P, "hugo").comment
        assert "está cortado o no es un cuaderno" in comment.replace("\\", "")


def test_the_timestamp_that_was_handed_in_is_recorded(book):
    assert str(book.find_submission(P, "carla").timestamp) == "2026-03-01 12:30:00"
    assert book.find_submission(P, "ana").timestamp is None


def test_executed_notebooks_are_where_nbgrader_looks_with_their_outputs(course):
    for student, scores in POINTS.items():
        for name in scores:
            nbformat.validate(autograded(course, student, name))
    text = json.dumps(autograded(course, "carla", A1))
    assert "4.5520" in text
    assert "execution_count" in text


def test_a_deleted_solution_cell_is_put_back_so_that_its_comment_shows(course, notebooks):
    notebook = autograded(course, "hugo", A1)

    assert notebooks.place(notebook, "formas") < notebooks.place(notebook, "formas-check")
    assert notebook.cells[notebooks.place(notebook, "formas")].source == ""


def test_an_unreadable_notebook_has_an_autograded_stub_with_all_cells(course, notebooks):
    notebook = autograded(course, "hugo", P)

    for id in notebooks.ids(P):
        assert notebook.cells[notebooks.place(notebook, id)].source == ""
        assert notebooks.place(notebook, f"{id}-check")


def test_nothing_hidden_reaches_an_autograded_folder(course, repository):
    for path in (course / "autograded").rglob("*"):
        assert not path.name.startswith(("test_", "probes_", "misconceptions_"))
        if path.is_file():
            text = path.read_text("utf-8")
            assert "BEGIN SOLUTION" not in text
            assert "assert_matches" not in text


def test_two_runs_in_a_row_change_nothing(copied, program):
    def stamps():
        kept = ("gradebook.db", ".ipynb", ".safetensors", ".json", "key", ".txt")
        return {
            path: (path.stat().st_mtime_ns, path.stat().st_size)
            for path in copied.rglob("*")
            if path.name.endswith(kept) and path.name != "2.json"
        }

    before = stamps()

    ran = program("autograder", "grade", "--course", copied, "--json", copied / "2.json")

    assert ran.status == 0, ran.err
    assert stamps() == before
    assert (copied / "2.json").read_bytes() == (copied / "1.json").read_bytes()


@pytest.fixture(scope="module")
def regraded(course, tmp_path_factory, lending):
    """A copy in which somebody graded by hand; then it was graded again by force."""
    from nbgrader.api import Gradebook

    from autograder.course import Course
    from autograder.exam import Options
    from autograder.grading import Grader

    root = shutil.copytree(course, tmp_path_factory.mktemp("manual") / "course")
    with Gradebook(f"sqlite:///{root}/gradebook.db") as book:
        grade = book.find_grade("lineal-check", P, P, "carla")
        grade.manual_score, grade.extra_credit = 1.5, 0.25
        book.find_comment("lineal", P, P, "carla").manual_comment = "Hablamos en clase."
        book.find_comment("numpy", P, P, "carla").manual_comment = ""
        book.find_grade("numpy-check", P, P, "ana").auto_score = 0.0
        book.find_comment("numpy", P, P, "ana").auto_comment = "lo que haya"
        book.db.commit()
    with lending(), Grader(Course.at(root), Options(force=True)) as grader:
        grader.grade(P)
    return root


def test_manual_scores_survive_a_regrade(open_gradebook, regraded):
    book = open_gradebook(regraded)

    grade = book.find_grade("lineal-check", P, P, "carla")

    assert (grade.manual_score, grade.auto_score, grade.extra_credit) == (1.5, 0, 0.25)
    assert grade.needs_manual_grade is False
    assert book.find_submission(P, "carla").score == pytest.approx(9.75)


def test_manual_comments_survive_a_regrade_and_automatic_ones_are_kept_beside_them(
    open_gradebook, regraded
):
    book = open_gradebook(regraded)

    comment = book.find_comment("lineal", P, P, "carla")

    assert comment.comment == comment.manual_comment == "Hablamos en clase."
    assert "es solo el producto interno" in comment.auto_comment
    assert book.find_comment("numpy", P, P, "carla").manual_comment == ""


def test_automatic_scores_and_comments_are_written_anew_by_a_regrade(open_gradebook, regraded):
    book = open_gradebook(regraded)

    assert book.find_grade("numpy-check", P, P, "ana").auto_score == 2
    assert "2 de 2 puntos" in book.find_comment("numpy", P, P, "ana").comment


def test_a_regrade_makes_no_second_row_of_anything(open_gradebook, regraded):
    book = open_gradebook(regraded)

    assert len(book.students) == 3
    assert len(book.assignment_submissions(P)) == 3
    assert len(book.find_submission_notebook(P, P, "ana").grades) == 7


def test_a_manual_score_is_looked_at_again_when_the_automatic_one_moves(
    open_gradebook, regraded, tmp_path, lending, hand_in, notebooks
):
    from autograder.course import Course
    from autograder.grading import Grader

    root = shutil.copytree(regraded, tmp_path / "course")
    hand_in(root, "carla", P, notebooks.of(P))
    with lending(), Grader(Course.at(root)) as grader:
        grader.grade(P)

    grade = open_gradebook(root).find_grade("lineal-check", P, P, "carla")

    assert (grade.manual_score, grade.auto_score) == (1.5, 2)
    assert grade.needs_manual_grade is True


@pytest.fixture(scope="module")
def feedback(course, program, tmp_path_factory):
    """nbgrader's own command, in the course's folder."""
    root = shutil.copytree(course, tmp_path_factory.mktemp("feedback") / "course")
    return root, program("nbgrader", "generate_feedback", P, cwd=root)


def test_nbgrader_makes_feedback_of_every_student_by_its_own_command(feedback):
    root, ran = feedback

    assert ran.status == 0, ran.err
    pages = sorted(path.parent.parent.name for path in root.glob(f"feedback/*/{P}/{P}.html"))
    assert pages == ["ana", "carla", "hugo"]


def test_nbgraders_feedback_shows_points_and_messages(feedback):
    root, _ = feedback

    def page(student):
        return (root / f"feedback/{student}/{P}/{P}.html").read_text("utf-8")

    assert "es solo el producto interno" in page("carla")
    assert "está cortado o no es un cuaderno" in page("hugo")
    for student in POINTS:
        assert "No response" not in page(student)
        assert "BEGIN SOLUTION" not in page(student)


def test_nbgrader_exports_the_scores_by_its_own_command(copied, program):
    ran = program("nbgrader", "export", "--to", "grades.csv", cwd=copied)

    assert ran.status == 0, ran.err
    with (copied / "grades.csv").open(encoding="utf-8") as file:
        rows = {(row["student_id"], row["assignment"]): row for row in csv.DictReader(file)}
    for student, scores in POINTS.items():
        for name, points in scores.items():
            assert float(rows[student, name]["score"]) == pytest.approx(points)
            assert float(rows[student, name]["max_score"]) == 10


@pytest.fixture(scope="module")
def generated(course, program, tmp_path_factory):
    """nbgrader's own command, over the gradebook that has scores."""
    root = shutil.copytree(course, tmp_path_factory.mktemp("generated") / "course")
    return root, program("nbgrader", "generate_assignment", P, "--force", cwd=root)


def test_nbgrader_makes_the_release_itself_with_the_same_bytes(generated, repository):
    root, ran = generated

    assert ran.status == 0, ran.err
    name = f"assignments/{P}/{P}.ipynb"
    assert (root / name).read_bytes() == (repository / name).read_bytes()
    assert [path.name for path in (root / f"assignments/{P}").iterdir()] == [f"{P}.ipynb"]


def test_the_scores_stay_after_nbgrader_made_the_release(generated, open_gradebook):
    book = open_gradebook(generated[0])

    assert book.find_submission(P, "carla").score == pytest.approx(POINTS["carla"][P])
