"""``autograder release``: assignments/ from solutions/, and the gradebook's assignments."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3

import pytest

P = "perceptron"


@pytest.fixture(scope="module")
def released(make_course, vouch, program, tmp_path_factory):
    """A course that the program has released, and what the program said."""
    root = make_course(tmp_path_factory.mktemp("released") / "course", only=[P])
    vouch(root)
    return root, program("autograder", "release", cwd=root, path="/usr/bin:/bin")


@pytest.fixture
def course(released, tmp_path):
    return shutil.copytree(released[0], tmp_path / "course")


def rows(course, query):
    with contextlib.closing(sqlite3.connect(course / "gradebook.db")) as database:
        return database.execute(query).fetchall()


def test_release_writes_the_students_notebook_and_says_so(released, repository):
    course, ran = released

    assert (ran.status, ran.err) == (0, "")
    assert ran.out == f"assignments/{P}/{P}.ipynb: released\n"
    written = (course / f"assignments/{P}/{P}.ipynb").read_bytes()
    assert written == (repository / f"assignments/{P}/{P}.ipynb").read_bytes()
    assert [path.name for path in (course / f"assignments/{P}").iterdir()] == [f"{P}.ipynb"]


def test_release_enters_the_assignment_and_its_points_in_the_gradebook(course):
    assert rows(course, "SELECT name FROM assignment") == [(P,)]
    points = rows(course, "SELECT sum(max_score) FROM grade_cells")
    assert points == [(10.0,)]


def test_a_second_release_changes_nothing_and_says_so(autograder, course):
    path = course / f"assignments/{P}/{P}.ipynb"
    before = path.stat().st_mtime_ns

    ran = autograder("release", "--course", course)

    assert ran.out == f"assignments/{P}/{P}.ipynb: already up to date\n"
    assert path.stat().st_mtime_ns == before


def test_a_release_that_somebody_changed_is_made_again(autograder, course, repository):
    path = course / f"assignments/{P}/{P}.ipynb"
    path.write_text("{}")
    (path.parent / f"test_{P}.py").write_text("a leak")

    ran = autograder("release", "--course", course)

    assert "released" in ran.out
    assert [one.name for one in path.parent.iterdir()] == [f"{P}.ipynb"]
    assert path.read_bytes() == (repository / f"assignments/{P}/{P}.ipynb").read_bytes()


def test_quiet_prints_nothing(autograder, course):
    shutil.rmtree(course / "assignments")

    ran = autograder("release", "--course", course, "--quiet")

    assert (ran.status, ran.out, ran.err) == (0, "", "")
    assert (course / f"assignments/{P}/{P}.ipynb").exists()


def test_files_beside_the_source_are_released_and_hidden_ones_are_not(autograder, course):
    (course / f"solutions/{P}/datos.csv").write_text("1,2\n")
    (course / f"solutions/{P}/misconceptions_{P}.yaml").write_text("secret: 1\n")

    autograder("release", "--course", course, "--unverified")

    released = sorted(path.name for path in (course / f"assignments/{P}").iterdir())
    assert released == ["datos.csv", f"{P}.ipynb"]


def test_an_assignment_that_is_not_in_the_config_is_named(autograder, course):
    ran = autograder("release", "otra", "--course", course)

    assert ran.status == 2
    assert ran.err.count("\n") == 1
    assert "'otra'" in ran.err
    assert P in ran.err


def test_two_cells_of_one_name_are_refused_before_anything_is_written(autograder, course):
    shutil.rmtree(course / "assignments")
    source = course / f"solutions/{P}/{P}.ipynb"
    notebook = json.loads(source.read_text("utf-8"))
    notebook["cells"].append({**notebook["cells"][5], "id": "again"})
    source.write_text(json.dumps(notebook), "utf-8")

    ran = autograder("release", "--course", course)

    assert ran.status == 2
    assert "are both called 'tensores'" in ran.err
    assert "Traceback" not in ran.err
    assert not (course / "assignments").exists()
