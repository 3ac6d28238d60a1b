"""Loading an assignment: what cannot be right is told with file, cell and mend."""

from __future__ import annotations

import json

import pytest
from handmade import TENSOR, assignment, grade, locked, solution, source_cells
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from autograder.assignment import Name, hidden_files, load_assignment
from autograder.errors import AuthorError


def mistake(folder, cells):
    with pytest.raises(AuthorError) as caught:
        assignment(folder, cells)
    return str(caught.value).replace(str(folder), "")


def test_exercises_names_and_points_are_read_in_the_notebooks_order(tmp_path):
    loaded = assignment(tmp_path)
    assert [one.id for one in loaded.exercises] == ["uno", "dos"]
    assert [one.points for one in loaded.exercises] == [2.0, 3.0]
    assert loaded.max_score == 5.0
    assert loaded.exercise("uno").names == {"x": Name("x", "tensor", (1, 3), "float32", None)}
    assert loaded.exercise("dos").check_cell == "dos-check"
    assert list(loaded.cells) == ["enunciado", "datos", "uno", "uno-check", "dos", "dos-check"]
    assert loaded.cells["uno"].index == 3
    assert loaded.cells["uno"].solution
    assert not loaded.cells["uno"].grade
    assert loaded.cells["uno-check"].grade
    assert not loaded.cells["enunciado"].code


def test_files_lie_beside_the_source_and_probes_may_be_missing(tmp_path):
    loaded = assignment(tmp_path)
    assert loaded.checks_path.name == "test_tarea.py"
    assert loaded.probes == ""
    assert hidden_files("tarea") == [
        "test_tarea.py",
        "probes_tarea.py",
        "misconceptions_tarea.yaml",
        "proof_tarea.json",
    ]


def test_probes_are_read_as_text_and_never_run(tmp_path):
    folder = assignment(tmp_path).folder
    (folder / "probes_tarea.py").write_text("raise SystemExit('ñ')", encoding="utf-8")
    assert load_assignment(folder).probes == "raise SystemExit('ñ')"


def test_names_to_observe_and_parameters_are_read(tmp_path):
    one = solution("uno", "x = 1", {"f": {"kind": "function", "parameters": ["x", "w"]}})
    one.metadata["autograder"]["observe"] = ["w", "b"]
    loaded = assignment(tmp_path, [one, grade("uno")])
    assert loaded.exercises[0].observe == ("w", "b")
    assert loaded.exercises[0].names["f"].parameters == ("x", "w")


def test_a_missing_notebook_is_named(tmp_path):
    with pytest.raises(AuthorError) as caught:
        load_assignment(tmp_path / "tarea")
    assert str(caught.value) == (
        f"{tmp_path}/tarea/tarea.ipynb: not found; the source notebook of an assignment has its "
        "name."
    )


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", '{"a": 1}', '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}'],
)
def test_a_file_that_is_no_notebook_is_named(tmp_path, text):
    home = tmp_path / "tarea"
    home.mkdir()
    (home / "tarea.ipynb").write_text(text)
    with pytest.raises(AuthorError, match=r"tarea\.ipynb: "):
        load_assignment(home)


def test_a_notebook_that_is_not_utf8_is_named(tmp_path):
    home = tmp_path / "tarea"
    home.mkdir()
    (home / "tarea.ipynb").write_bytes(b'{"cells": ["\xff"]}')
    with pytest.raises(AuthorError, match=r"tarea\.ipynb: not a notebook"):
        load_assignment(home)


def test_duplicated_ids_are_told_with_both_cells(tmp_path):
    again = locked("uno", "z = 1")
    again["id"] = "otra"
    assert mistake(tmp_path, [*source_cells(), again]) == (
        "/solutions/tarea/tarea.ipynb: cells 4 and 8 are both called 'uno'; give one of them "
        "another nbgrader id."
    )


def test_a_solution_without_a_grade_cell_is_told(tmp_path):
    assert mistake(tmp_path, [new_markdown_cell("a", id="a"), solution("uno")]) == (
        "/solutions/tarea/tarea.ipynb: cell 2: the solution cell 'uno' has no grade cell "
        "'uno-check' behind it."
    )


def test_a_grade_cell_before_its_solution_is_told(tmp_path):
    assert "has no grade cell 'uno-check' behind it" in mistake(
        tmp_path, [grade("uno"), solution("uno")]
    )


def test_a_check_cell_that_grades_nothing_is_told(tmp_path):
    cells = [solution("uno"), locked("uno-check", "assert True")]
    assert "has no grade cell 'uno-check' behind it" in mistake(tmp_path, cells)


def test_an_assignment_without_exercises_is_told(tmp_path):
    assert mistake(tmp_path, [new_code_cell("1", id="a")]) == (
        "/solutions/tarea/tarea.ipynb: no exercise; mark solution and grade cells for nbgrader."
    )


@pytest.mark.parametrize("kind", ["tensr", None, 3, ["tensor"]])
def test_an_unknown_kind_of_name_is_told_with_the_known_ones(tmp_path, kind):
    cells = [solution("uno", "", {"x": {"kind": kind}}), grade("uno")]
    assert mistake(tmp_path, cells) == (
        f"/solutions/tarea/tarea.ipynb: uno: the kind of 'x' is {json.dumps(kind)}; there are "
        "tensor, array, function, list, module, object, size, dtype, device."
    )


def odd_points(cells):
    cells[1].metadata["nbgrader"]["points"] = "dos"


def names_as_list(cells):
    cells[0].metadata["autograder"]["names"] = ["x"]


def name_without_details(cells):
    cells[0].metadata["autograder"]["names"] = {"x": "tensor"}


def shape_as_number(cells):
    cells[0].metadata["autograder"]["names"] = {"x": {"kind": "tensor", "shape": 3}}


def marks_as_text(cells):
    cells[1].metadata["nbgrader"] = "uno-check"


@pytest.mark.parametrize(
    "spoil", [odd_points, names_as_list, name_without_details, shape_as_number, marks_as_text]
)
def test_malformed_metadata_is_a_mistake_of_the_author(tmp_path, spoil):
    cells = [solution("uno", "x = 1", {"x": TENSOR}), grade("uno")]
    spoil(cells)
    assert mistake(tmp_path, cells).startswith("/solutions/tarea/tarea.ipynb: ")


def test_cells_without_marks_are_left_alone(tmp_path):
    plain = new_code_cell("1", id="a", metadata={"nbgrader": {}})
    loaded = assignment(tmp_path, [plain, *source_cells()])
    assert "a" not in loaded.cells
    assert loaded.cells["uno"].index == 4


def test_the_notebook_keeps_its_solutions(tmp_path):
    loaded = assignment(tmp_path)
    assert loaded.notebook.cells[3].source == "x = datos + 1"
    assert isinstance(loaded.notebook, type(new_notebook()))
