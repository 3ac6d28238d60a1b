"""The student's own check, from the notebook's side: which cell is told what."""

from __future__ import annotations

import json

import pytest

from autograder.selfcheck import NotANotebook, Problem, Result, check_notebook


def marked(id, source, *, grade=False, **more):
    marks = {"grade_id": id, "solution": not grade, "grade": grade, "locked": grade}
    return code(source, nbgrader=marks, **more)


def code(source, **metadata):
    return {
        "cell_type": "code",
        "source": source,
        "metadata": metadata,
        "outputs": [],
        "execution_count": None,
    }


@pytest.fixture
def checked(tmp_path, swift):
    """What is found in a notebook of the ``cells``."""

    def check(*cells, seconds=10.0):
        path = tmp_path / "n.ipynb"
        path.write_text(json.dumps({"cells": cells, "nbformat": 4, "metadata": {}}), "utf-8")
        return check_notebook(path, "es", seconds)

    return check


TEXT = {"cell_type": "markdown", "source": "# Hola", "metadata": {}}
Y = {"names": {"y": {"kind": "tensor", "shape": [2], "dtype": "float32"}}}


def test_a_result_passes_if_nothing_is_wrong_anywhere():
    problem = Problem(1, "no")

    assert Result({"a": []}).passed
    assert not Result({"a": [problem]}).passed
    assert not Result({"a": []}, [problem]).passed


def test_cells_are_counted_from_one_with_those_of_text(checked):
    result = checked(TEXT, code("a = 1"), TEXT, marked("e", "1 / 0"))

    assert [one.cell for one in result.exercises["e"]] == [4]


def test_what_an_assert_without_a_message_says(checked):
    result = checked(marked("e", "y = 1"), marked("e-check", "assert y == 2", grade=True))

    assert result.exercises["e"] == [Problem(2, "No se cumple lo que se pide.")]


def test_a_failing_solution_speaks_once_and_its_asserts_not_at_all(checked):
    result = checked(
        marked("e", "import torch\n1 / 0\ny = torch.ones(2)", autograder=Y),
        marked("e-check", "assert y.sum() == 2, 'falta `y`'", grade=True),
    )

    (problem,) = result.exercises["e"]
    assert (
        problem.sentence
        == "La celda se detiene en la línea 2 con ZeroDivisionError: division by zero."
    )


def test_an_assert_that_names_what_was_said_already_is_not_repeated(checked):
    result = checked(
        marked("e", "import torch\ny = torch.ones(3)", autograder=Y),
        marked("e-check", "assert y.shape == (2,), '`y` tiene otra forma'", grade=True),
    )

    assert result.exercises["e"] == [Problem(1, "`y` tiene forma (3,) y se pedía (2,).")]


def test_a_name_that_another_cell_bound_is_told_apart_from_a_missing_one(checked):
    result = checked(code("import torch; y = torch.ones(2)"), marked("e", "pass", autograder=Y))

    (problem,) = result.exercises["e"]
    assert problem.sentence.startswith("`y` existe, pero no lo definió la celda de este ejercicio")


def test_a_duplicated_solution_cell_is_read_after_its_last_copy(checked):
    right = "import torch\ny = torch.ones(2)"

    assert checked(marked("e", "y = 1", autograder=Y), marked("e", right, autograder=Y)).passed


def test_a_cell_that_hangs_is_told_its_limit(checked):
    result = checked(marked("e", "while True: pass"), marked("f", "z = 1"), seconds=1.0)

    assert result.exercises["e"] == [
        Problem(1, "La celda superó su límite de 1 s y se interrumpió.")
    ]
    assert result.exercises["f"] == []


def test_a_cell_that_may_raise_is_no_problem_wherever_it_stands(checked):
    assert checked(marked("e", "1"), code("1 / 0", tags=["raises-exception"])).passed


def test_what_a_cell_prints_does_not_reach_the_terminal(tmp_path, capfd):
    path = tmp_path / "n.ipynb"
    cell = marked("e", "import os\nprint('hola')\nos.write(1, b'adios')\nos.system('echo no')")
    path.write_text(json.dumps({"cells": [cell]}), "utf-8")

    assert check_notebook(path, "es", 10).passed

    assert capfd.readouterr() == ("", "")


def test_the_notebook_may_stand_on_a_path_with_spaces_and_accents(checked, tmp_path):
    folder = tmp_path / "mi tarea ñ"
    folder.mkdir()
    (folder / "datos.txt").write_text("sí", "utf-8")
    path = folder / "tarea 1.ipynb"
    cell = marked("e", "assert open('datos.txt', encoding='utf-8').read() == 'sí'")
    path.write_text(json.dumps({"cells": [cell]}), "utf-8")

    assert check_notebook(path, "es", 10).passed


def test_the_key_of_why_it_is_no_notebook_is_given(tmp_path):
    with pytest.raises(NotANotebook) as raised:
        check_notebook(tmp_path / "none.ipynb", "es", 1)

    assert raised.value.why == "missing"
