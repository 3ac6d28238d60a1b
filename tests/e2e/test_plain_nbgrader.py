"""Courses made with plain nbgrader: our scores of them beside those of nbgrader itself.

nbgrader's own course (`nbgrader quickstart`) with the submissions of its documentation, and an
assignment of two notebooks with a cell for every rule.
"""

from __future__ import annotations

import copy
import json
import shutil
import sqlite3
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

pytestmark = pytest.mark.e2e

MANUAL = Path(__import__("nbgrader").__file__).parent / "docs/source/user_guide"
CONFIG = """
course: course101
language: es
assignments:
  ps1:
  reglas:
"""
HEADER = 'c.IncludeHeaderFooter.header = "solutions/header.ipynb"\n'
NOISE = "import sys, warnings\n    warnings.warn('aviso')\n    print('ruido', file=sys.stderr)"

RULES = {
    # by exercise: what the test cell does after calling f(), and the student's f(); the source's
    # returns 1
    "passes": ("assert f() == 1", "return 1"),
    "fails": ("assert f() == 1", "return 2"),
    "raises": ("assert f() == 1", "return indefinida"),
    "is-no-python": ("assert f() == 1", "return return"),
    "gives-a-part": ("f()", "return 1.5"),
    "gives-nothing": ("f()", "return 0"),
    "gives-all": ("f()", "return 2"),
    "gives-a-text": ("f()", "return 'hola'"),
    "gives-a-truth": ("f() == 1", "return 2"),
    "gives-less-than-nothing": ("f()", "return -1"),
    "gives-no-number": ("f()", "return float('nan')"),
    "gives-none": ("f()", "return None"),
    "gives-a-numpy-number": ("import numpy\nnumpy.float64(f())", "return 0.5"),
    "prints": ("print(f())", "return 0"),
    "is-quiet": ("f();", "return 0"),
    "assigns": ("x = f()", "return 0"),
    "shows-and-fails": (
        "from IPython.display import display\ndisplay(f())\nassert f()",
        "return 0",
    ),
    "hidden": (
        "assert f() > 0\n### BEGIN HIDDEN TESTS\nassert f() == 1\n### END HIDDEN TESTS",
        "return 2",
    ),
    "asks-where": ("import os\nassert os.environ['NBGRADER_EXECUTION'] == 'autograde'", "pass"),
    "reads": ("assert open('datos.txt').read() == 'del curso'", "pass"),
    "asks-the-shell": ("x = !echo hola\nassert x == ['hola']", "pass"),
    "awaits": ("import asyncio\nawait asyncio.sleep(0)\nf()", "return 1.5"),
    "is-noisy": ("assert f() == 1", f"{NOISE}\n    return 1"),
    "is-gone": ("assert f() == 1", "return 2"),
    "is-edited": ("assert f() == 1", "return 2"),
    "is-text": ("assert f() == 1", "return 1"),
}
POINTS = 2.0
OURS = {"is-noisy": (2.0, 0), "is-gone": (0.0, 0)}
"""Where we differ: stderr costs nothing, and a test that was deleted is put back and run."""
THEIRS = {"is-noisy": (0.0, 0), "is-gone": (None, 1)}


def marked(cell, id, **marks):
    flags = {"grade": False, "solution": False, "locked": False, "task": False, **marks}
    cell.metadata.nbgrader = {"grade_id": id, "schema_version": 3, **flags}
    return cell


def rules():
    """The source notebook of all rules."""
    cells = [marked(new_code_cell("dato = 7"), "dato", locked=True)]
    for id, (test, _) in RULES.items():
        stub = "def f():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION"
        cells += [
            marked(new_code_cell(stub), id, solution=True),
            marked(new_code_cell(test), f"{id}-test", grade=True, locked=True, points=POINTS),
        ]
    test = marked(new_code_cell("assert dato == 7"), "dato-test", grade=True, points=1)
    essay = marked(new_markdown_cell("Porque sí."), "ensayo", grade=True, solution=True, points=3)
    silence = marked(new_markdown_cell("Tal vez."), "callado", grade=True, solution=True, points=3)
    code = marked(new_code_cell("x = 1"), "a-mano", grade=True, solution=True, points=1)
    idle = marked(new_code_cell("y = 1"), "sin-tocar", grade=True, solution=True, points=1)
    task = marked(new_markdown_cell("Haz algo."), "tarea", task=True, locked=True, points=4)
    return notebook([*cells, test, essay, silence, code, idle, task])


def notebook(cells):
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": spec})


def second():
    answer = "def g():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION"
    test = new_code_cell("assert g() == 1")
    return notebook(
        [
            marked(new_code_cell(answer), "g", solution=True),
            marked(test, "g-test", grade=True, locked=True, points=5),
        ]
    )


def place(notebook, id):
    return next(
        at
        for at, cell in enumerate(notebook.cells)
        if cell.metadata.get("nbgrader", {}).get("grade_id") == id
    )


def answered(released):
    """What a student makes of the release of ``rules``."""
    made = copy.deepcopy(released)
    for id, (_, answer) in RULES.items():
        made.cells[place(made, id)].source = f"def f():\n    {answer}"
    made.cells[place(made, "ensayo")].source = "Creo que es así."
    made.cells[place(made, "a-mano")].source = "x = 3"
    made.cells[place(made, "dato")].source = "dato = 8"
    made.cells[place(made, "is-edited-test")].source = "assert True"
    del made.cells[place(made, "is-gone-test")]
    text = made.cells[place(made, "is-text")]
    made.cells[place(made, "is-text")] = new_markdown_cell(text.source, metadata=text.metadata)
    return made


def solved(source, released):
    made = copy.deepcopy(released)
    for cell in source.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            made.cells[place(made, cell.metadata.nbgrader.grade_id)].source = cell.source
    return made


def read(path):
    return nbformat.read(path, as_version=4)


def write(path, notebook):
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def scores(root):
    """By student, notebook and cell: the automatic score, and whether it waits for somebody."""
    query = """
    SELECT s.student_id, b.name, c.name, x.auto_score, x.needs_manual_grade
    FROM grade x JOIN base_cell c ON c.id = x.cell_id JOIN notebook b ON b.id = c.notebook_id
    JOIN submitted_notebook n ON n.id = x.notebook_id
    JOIN submitted_assignment s ON s.id = n.assignment_id
    """
    with sqlite3.connect(root / "gradebook.db") as database:
        rows = database.execute(query).fetchall()
    return {tuple(row[:3]): tuple(row[3:]) for row in rows}


@pytest.fixture(scope="module")
def theirs(program, tmp_path_factory):
    """nbgrader's own course as nbgrader itself grades it."""
    folder = tmp_path_factory.mktemp("plain")
    assert program("nbgrader", "quickstart", "course101", cwd=folder).status == 0
    root = folder / "course101"
    write(root / "source/reglas/uno.ipynb", rules())
    write(root / "source/reglas/dos.ipynb", second())
    (root / "source/reglas/datos.txt").write_text("del curso")
    for name in ("ps1", "reglas"):
        assert program("nbgrader", "generate_assignment", name, cwd=root).status == 0
    shutil.copytree(MANUAL / "submitted", root / "submitted")
    for one in ("problem1", "problem2"):
        source, released = (
            read(root / f"{step}/ps1/{one}.ipynb") for step in ("source", "release")
        )
        write(root / f"submitted/solved/ps1/{one}.ipynb", solved(source, released))
        write(root / f"submitted/stub/ps1/{one}.ipynb", released)
    first, other = (read(root / f"release/reglas/{one}.ipynb") for one in ("uno", "dos"))
    write(root / "submitted/todo/reglas/uno.ipynb", answered(first))
    write(root / "submitted/todo/reglas/dos.ipynb", other)
    (root / "submitted/todo/reglas/datos.txt").write_text("mío")
    write(root / "submitted/falta/reglas/uno.ipynb", solved(rules(), first))
    for name in ("ps1", "reglas"):
        ran = program("nbgrader", "autograde", name, cwd=root)
        assert ran.status == 0, ran.err
    return root


@pytest.fixture(scope="module")
def moved(theirs, repository, tmp_path_factory):
    """The same course, moved here as the README says; not graded yet."""
    root = tmp_path_factory.mktemp("moved") / "course"
    ignore = shutil.ignore_patterns("autograded", "gradebook.db", "nbgrader_config.py")
    shutil.copytree(theirs, root, ignore=ignore)
    (root / "source").rename(root / "solutions")
    (root / "release").rename(root / "assignments")
    (root / "grading_config.yaml").write_text(CONFIG)
    ours = (repository / "nbgrader_config.py").read_text("utf-8")
    (root / "nbgrader_config.py").write_text(f"{ours}\n{HEADER}")
    return root


@pytest.fixture(scope="module")
def graded(moved, lending):
    """The moved course, graded by ours; the reports, by assignment and student; what was said."""
    from autograder.course import Course
    from autograder.grading import Grader

    said, reports = [], {}
    with lending(), Grader(Course.at(moved), notice=said.append) as grader:
        for name in ("ps1", "reglas"):
            reports[name] = {one["student"]: one for one in grader.grade(name)}
    return moved, reports, said


def test_nbgraders_own_course_gets_nbgraders_own_scores(theirs, graded):
    root, _, _ = graded

    expected = {key: one for key, one in scores(theirs).items() if key[1].startswith("problem")}
    found = {key: one for key, one in scores(root).items() if key[1].startswith("problem")}

    assert {student for student, *_ in expected} == {"bitdiddle", "hacker", "solved", "stub"}
    assert found == expected


def test_every_rule_gives_what_nbgrader_gives_but_for_stderr_and_deleted_tests(theirs, graded):
    root, _, _ = graded
    ours, expected = scores(root), scores(theirs)

    assert {id: expected["todo", "uno", f"{id}-test"] for id in THEIRS} == THEIRS
    expected |= {("todo", "uno", f"{id}-test"): score for id, score in OURS.items()}
    assert ours == expected


def test_the_scores_of_the_rules_are_these(graded):
    """So that two that go wrong together are noticed."""
    root, _, _ = graded

    found = {cell: one for (who, _, cell), one in scores(root).items() if who == "todo"}

    all_points = dict.fromkeys(
        ["passes", "gives-all", "gives-a-text", "gives-a-truth", "gives-less-than-nothing",
         "gives-no-number", "gives-none", "gives-a-numpy-number", "prints", "is-quiet", "assigns",
         "asks-where", "reads", "asks-the-shell", "is-noisy", "is-text"],
        2.0,
    )  # fmt: skip
    part = {"gives-a-part": 1.5, "awaits": 1.5}
    assert {id: found[f"{id}-test"][0] for id in RULES} == dict.fromkeys(
        RULES, 0
    ) | all_points | part
    assert found["dato-test"] == (1, 0)
    assert {found[id] for id in ("callado", "sin-tocar")} == {(0, 0)}
    assert {found[id] for id in ("ensayo", "a-mano", "tarea")} == {(None, 1)}


def test_a_notebook_of_the_group_that_is_missing_costs_its_own_points_only(graded):
    root, reports, _ = graded

    found = {key[1:]: one for key, one in scores(root).items() if key[0] == "falta"}

    assert found["dos", "g-test"] == (0, 0)
    assert found["uno", "passes-test"] == (2, 0)
    assert (
        "No se entregó el cuaderno: falta el archivo `dos.ipynb`."
        in (reports["reglas"]["falta"]["message"])
    )
    assert read(root / "autograded/falta/reglas/dos.ipynb").cells


def test_one_line_says_by_what_it_is_graded_and_one_what_its_tests_give(graded):
    _, _, said = graded

    assert [one for one in said if "no checks of ours" in one] == [
        "ps1: no checks of ours (test_ps1.py), so graded by the test cells of its 2 notebooks, as "
        "nbgrader does.",
        "reglas: no checks of ours (test_reglas.py), so graded by the test cells of its 2 "
        "notebooks, as nbgrader does.",
    ]
    assert (
        "reglas: uno: gives-a-text-test: its value \"'hola'\" is no number, which counts as all "
        "points." in said
    )
    assert (
        "reglas: uno: gives-a-numpy-number-test: its value 'np.float64(1.0)' is no number, which "
        "counts as all points (1 more like it)." in said
    )


def test_answers_as_they_were_and_tests_that_were_put_back_are_seen(graded):
    root, _, _ = graded

    notebook = read(root / "autograded/todo/reglas/uno.ipynb")

    assert notebook.cells[place(notebook, "is-gone-test")].outputs[0].ename == "AssertionError"
    assert notebook.cells[place(notebook, "is-edited-test")].source == "assert f() == 1"
    assert "BEGIN HIDDEN TESTS" in notebook.cells[place(notebook, "hidden-test")].source
    assert notebook.cells[place(notebook, "dato")].source == "dato = 7"
    assert (root / "autograded/todo/reglas/datos.txt").read_text() == "del curso"


def test_no_student_sees_our_configuration_in_english(graded):
    root, _, _ = graded
    with sqlite3.connect(root / "gradebook.db") as database:
        said = {row[0] for row in database.execute("SELECT auto_comment FROM comment")}

    assert "Sin respuesta: la celda quedó como estaba." in said
    assert "No response." not in said


def test_scores_by_hand_stay_when_a_course_moves_over(theirs, repository, program, tmp_path):
    root = tmp_path / "course"
    shutil.copytree(theirs, root, ignore=shutil.ignore_patterns("nbgrader_config.py"))
    (root / "source").rename(root / "solutions")
    (root / "release").rename(root / "assignments")
    (root / "grading_config.yaml").write_text(CONFIG)
    ours = (repository / "nbgrader_config.py").read_text("utf-8")
    (root / "nbgrader_config.py").write_text(f"{ours}\n{HEADER}")
    with sqlite3.connect(root / "gradebook.db") as database:
        database.execute("UPDATE grade SET manual_score = 1.5, needs_manual_grade = 0")
        before = database.execute("SELECT id FROM grade").fetchall()

    ran = program("autograder", "grade", "--course", root)

    assert ran.status == 0, ran.err
    with sqlite3.connect(root / "gradebook.db") as database:
        after = database.execute("SELECT id FROM grade WHERE manual_score = 1.5").fetchall()
    assert sorted(after) == sorted(before)


@pytest.fixture
def copied(graded, tmp_path):
    root = graded[0]
    return shutil.copytree(root, tmp_path / "course")


def test_nbgraders_command_does_the_same_with_it(copied, by_nbgrader, recorded, forget):
    ours = recorded(copied)
    forget(copied)

    for name in ("ps1", "reglas"):
        done = by_nbgrader(copied, name)
        assert done["success"], done["error"]

    theirs = recorded(copied)
    assert theirs.grades == ours.grades
    assert theirs.comments == ours.comments
    assert theirs.notebooks == ours.notebooks
    done = by_nbgrader(copied, "reglas")
    assert "2 graded before and unchanged since" in done["log"]


def test_neither_a_notebook_that_cannot_be_read_nor_a_doubled_cell_costs_more_than_its_points(
    copied, by_nbgrader
):
    notebook = read(copied / "assignments/reglas/uno.ipynb")
    right = notebook.cells[place(notebook, "passes")]
    right.source = "def f(): return 1"
    wrong = copy.deepcopy(right)
    wrong.update(id="the-copy", source="def f(): return 2")
    notebook.cells.insert(place(notebook, "passes"), wrong)
    write(copied / "submitted/roto/reglas/uno.ipynb", notebook)
    (copied / "submitted/roto/reglas/dos.ipynb").write_text('{"cells": [')

    done = by_nbgrader(copied, "reglas")

    assert done["success"], done["error"]
    found = scores(copied)
    assert found["roto", "dos", "g-test"] == (0, 0)
    assert found["roto", "uno", "asks-where-test"] == (2, 0)
    assert found["roto", "uno", "passes-test"] == (2, 0)


def test_what_was_graded_by_hand_is_asked_for_again_only_when_the_answer_is_another(
    copied, by_nbgrader
):
    with sqlite3.connect(copied / "gradebook.db") as database:
        database.execute(
            "UPDATE grade SET manual_score = 1, needs_manual_grade = 0 WHERE needs_manual_grade"
        )

    assert by_nbgrader(copied, "reglas", force=True)["success"]
    assert not any(waits for _, waits in scores(copied).values())

    path = copied / "submitted/todo/reglas/uno.ipynb"
    notebook = read(path)
    notebook.cells[place(notebook, "ensayo")].source = "Lo pensé mejor."
    write(path, notebook)
    assert by_nbgrader(copied, "reglas")["success"]

    waiting = {key for key, (_, waits) in scores(copied).items() if waits}
    assert waiting == {("todo", "uno", "ensayo")}


def test_the_release_is_made_and_its_own_solutions_are_tried(copied, autograder):
    shutil.rmtree(copied / "assignments")

    verified = autograder("verify", "ps1", "--course", copied)
    released = autograder("release", "--course", copied)

    assert (verified.status, verified.err) == (0, "")
    assert "ps1: its own solutions pass its 4 tests" in verified.out
    assert (released.status, released.err) == (0, "")
    assert "assignments/ps1: released" in released.out
    cells = read(copied / "assignments/ps1/problem1.ipynb").cells
    assert "COLLABORATORS" in cells[1].source
    assert not any("BEGIN SOLUTION" in cell.source for cell in cells)
    assert not any(
        "HIDDEN" in cell.source for cell in read(copied / "assignments/reglas/uno.ipynb").cells
    )


def test_a_source_whose_solution_fails_its_own_test_is_found(copied, autograder):
    path = copied / "solutions/reglas/dos.ipynb"
    notebook = read(path)
    notebook.cells[place(notebook, "g-test")].source = "assert g() == 3"
    write(path, notebook)

    ran = autograder("verify", "reglas", "--course", copied)

    assert ran.status == 1
    assert "reglas: its own solution does not pass: dos/g-test: The cell stops" in ran.out


def test_feedback_pages_are_made_of_all_notebooks(copied, autograder):
    ran = autograder("feedback", "reglas", "--course", copied)

    assert (ran.status, ran.err) == (0, "")
    assert "reglas: 4 feedback pages, 4 of them made now" in ran.out
    page = (copied / "feedback/todo/reglas/uno.html").read_text("utf-8")
    assert "<h1>Retroalimentación</h1>" in page


@pytest.fixture(scope="module")
def hashed(program, tmp_path_factory):
    """nbgrader's own course with tests that nbgrader writes by itself."""
    folder = tmp_path_factory.mktemp("hashed")
    assert program("nbgrader", "quickstart", "--autotest", "c", cwd=folder).status == 0
    root = folder / "c"
    ran = program("nbgrader", "generate_assignment", "ps1", cwd=root)
    assert ran.status == 0, ran.err
    for one in ("problem1", "problem2"):
        source, released = (
            read(root / f"{step}/ps1/{one}.ipynb") for step in ("source", "release")
        )
        write(root / f"submitted/solved/ps1/{one}.ipynb", solved(source, released))
        write(root / f"submitted/stub/ps1/{one}.ipynb", released)
    return root


def test_tests_that_nbgrader_writes_by_itself_grade_too(hashed, program, repository, tmp_path):
    root = tmp_path / "course"
    shutil.copytree(hashed, root, ignore=shutil.ignore_patterns("gradebook.db", "release"))
    (root / "source").rename(root / "solutions")
    (root / "grading_config.yaml").write_text(CONFIG.replace("  reglas:\n", ""))
    shutil.copy(repository / "nbgrader_config.py", root)
    assert program("nbgrader", "autograde", "ps1", cwd=hashed).status == 0

    for _ in range(2):
        assert program("autograder", "grade", "--course", root).status == 0

    assert scores(root) == scores(hashed)
    # Their salt is another one each time that nbgrader writes them: it has done so once.
    kept = json.loads((root / ".autograder/plain/ps1.json").read_text("utf-8"))
    assert "AUTOTEST" not in json.dumps(kept["notebooks"]["problem1"][0])
    # One for each student's `problem1`; `problem2` asks for texts only, so that the same is run.
    assert len(list((root / ".autograder/observations").rglob("*.safetensors"))) == 3
