"""``autograder check``: what students learn of their own notebook before they hand it in."""

from __future__ import annotations

import copy
import json

import nbformat
import pytest

P = "perceptron"


@pytest.fixture
def written(tmp_path):
    """Write a notebook in a folder without a course."""

    def write(notebook, name="mi cuaderno.ipynb"):
        path = tmp_path / name
        if isinstance(notebook, bytes):
            path.write_bytes(notebook)
        else:
            nbformat.write(notebook, path)
        return path

    return write


@pytest.fixture
def check(autograder, written, swift):
    """Check a notebook: how it ended and what it printed."""
    return lambda notebook, *more: autograder("check", written(notebook), *more)


def at(notebook, source):
    """The number of the cell whose text is ``source``, counted from 1."""
    return 1 + next(n for n, cell in enumerate(notebook.cells) if cell.source == source)


def lines_of(text, exercise):
    """What is said of one exercise: its own line and the indented ones below it."""
    lines = text.split("\n")
    start = next(n for n, line in enumerate(lines) if line[2:].split("  ")[0].strip() == exercise)
    end = next((n for n in range(start + 1, len(lines)) if not lines[n].startswith("    ")), None)
    return lines[start:end]


def test_a_right_notebook_is_told_that_all_is_fine(autograder, written, notebooks):
    ran = autograder("check", written(notebooks.of(P)))

    assert ran.status == 0
    assert ran.out.count("✓") == len(notebooks.ids(P))
    assert "✗" not in ran.out
    assert "Todo lo que se puede comprobar aquí está bien." in ran.out
    assert ran.err == ""
    assert autograder.asked == [], "a student's own check needs no sandbox"


@pytest.mark.parametrize(
    "assignment",
    ["actividad_1", "dos_capas_ocultas", "bucle_fit", "gradientes", "corazon_abierto"],
)
def test_the_references_of_the_other_assignments_are_fine_too(check, notebooks, assignment):
    ran = check(notebooks.of(assignment))

    assert ran.status == 0, ran.out
    assert "✗" not in ran.out


def test_the_released_notebook_is_not_solved_yet(check, notebooks):
    released = notebooks.released(P)

    ran = check(released)

    assert ran.status == 1
    for exercise in notebooks.ids(P):
        mark, problem = lines_of(ran.out, exercise)
        assert mark.startswith("✗ ")
        place = 1 + notebooks.place(released, exercise)
        assert problem == f"    celda {place}: Aún no has resuelto esta celda."


@pytest.fixture
def problems(notebooks, check):
    """One notebook with a mistake of its own in each exercise, and what is said of it."""
    answers = {
        "tensores": "y = torch.ones(4, 2)\nr = torch.ones(3, 2)\nz = y + y + y",
        "rebanadas": "elemento = 3.0\ncolumna = z[:, 1:].double()",
        "numpy": notebooks.solution(P, "numpy").replace("A.mul_(2)", "A = A * 2"),
        "conversion": notebooks.solution(P, "conversion") + "\nuno = 1\nuno / 0\n",
        "lineal": "H = torch.dot(W, X) + B + 1",
        "activacion": 'Y = input("¿cuánto?")',
        "funcion": "def perceptrón(x, w, b):\n    return x",
    }
    own = {
        "": ["1 +", "print(no_existe)"],
        "tensores": 'raise ValueError("mi\\nerror [b]rojo[/b]")',
    }
    notebook = notebooks.of(P, answers, own=own)
    for cell in notebook.cells:
        if cell.source.startswith("raise ValueError"):
            cell.metadata["tags"] = ["raises-exception"]
    return notebook, check(notebook).out


def test_another_shape_is_named_with_the_one_asked_for(problems):
    _, text = problems

    (_, problem) = lines_of(text, "tensores")

    assert problem.endswith("`r` tiene forma (3, 2) y se pedía (3, 3).")


def test_another_kind_and_another_dtype_are_named(problems):
    _, text = problems

    said = "\n".join(lines_of(text, "rebanadas"))

    assert "`elemento` es un número de Python y se pedía un tensor." in said
    assert "`columna` es de tipo `float64` y se pedía `float32`; la forma es correcta." in said


def test_the_message_of_a_public_assert_is_given_as_it_stands(problems, notebooks):
    notebook, text = problems
    place = 1 + notebooks.place(notebook, "lineal-check")

    (_, problem) = lines_of(text, "lineal")

    assert problem == (
        f"    celda {place}: `H` vale 3.3000 y debería valer 2.3. "
        "¿Están todos los productos, y está sumado el sesgo?"
    )


def test_an_assert_about_shared_memory_fails_where_memory_is_not_shared(problems):
    _, text = problems

    assert "comparten memoria" in "\n".join(lines_of(text, "numpy"))


def test_a_cell_that_raises_is_named_with_its_line_and_error_and_nothing_that_follows(problems):
    notebook, text = problems
    source = next(cell.source for cell in notebook.cells if "uno / 0" in cell.source)
    line = 1 + source.split("\n").index("uno / 0")

    (_, problem) = lines_of(text, "conversion")

    assert problem == (
        f"    celda {at(notebook, source)}: La celda se detiene en la línea {line} "
        "con ZeroDivisionError: division by zero."
    )


def test_a_question_is_refused_at_once_with_a_sentence(problems):
    _, text = problems

    problem = lines_of(text, "activacion")[1]

    assert "en la línea 1 con" in problem
    assert "input() no está disponible" in problem


def test_a_missing_name_is_named(problems):
    _, text = problems

    said = "\n".join(lines_of(text, "funcion"))

    assert "`perceptron` no está definido después de ejecutar la celda del ejercicio." in said


def test_own_cells_that_fail_are_listed_apart_and_one_that_may_raise_is_not(problems):
    notebook, text = problems

    _, first, second = lines_of(text, "otras celdas")

    assert first.startswith(f"    celda {at(notebook, '1 +')}: La celda se detiene en la línea 1")
    assert "SyntaxError" in first
    place = at(notebook, "print(no_existe)")
    assert second == (
        f"    celda {place}: La celda se detiene en la línea 1 con "
        "NameError: name 'no_existe' is not defined."
    )
    assert "mi error" not in text


def test_what_is_printed_to_the_screen_cannot_steer_the_terminal(check, notebooks):
    evil = 'raise ValueError("\\x1b[31mrojo\\x07\\u202e")'

    ran = check(notebooks.of(P, own={"": evil}))

    assert ran.status == 1
    assert not {"\x1b", "\x07", "\u202e"} & set(ran.out)
    assert "ValueError: [31mrojo" in ran.out


def test_an_endless_loop_is_interrupted_and_the_rest_goes_on(check, notebooks):
    ran = check(notebooks.of(P, {"funcion": "while True: pass"}), "--seconds", "1")

    assert ran.status == 1
    assert "La celda superó su límite de 1 s y se interrumpió." in ran.out
    assert lines_of(ran.out, "activacion") == ["✓ activacion  bien"]
    assert len(lines_of(ran.out, "funcion")) == 2


def test_a_cell_that_ends_the_process_is_named_with_all_that_never_ran(check, notebooks):
    notebook = notebooks.of(P, own={"lineal": "import os; os._exit(0)"})

    ran = check(notebook)

    assert ran.status == 1
    assert lines_of(ran.out, "conversion") == ["✓ conversion  bien"]
    place = at(notebook, "import os; os._exit(0)")
    assert f"celda {place}: No llegó a " not in ran.out
    assert f"celda {place}: " in ran.out
    assert "No llegó a ejecutarse: una celda anterior" in "\n".join(lines_of(ran.out, "funcion"))


def test_sys_exit_is_a_failing_cell_and_no_end(check, notebooks):
    ran = check(notebooks.of(P, own={"lineal": "import sys; sys.exit(1)"}))

    assert ran.status == 1
    assert "SystemExit" in ran.out
    (line,) = lines_of(ran.out, "funcion")
    assert line.startswith("✓ ")


def test_names_that_live_in_saved_outputs_only_get_the_hint_of_another_order(check, notebooks):
    notebook = notebooks.of(P, own={"lineal": "print(borrada)"})
    place = at(notebook, "print(borrada)")
    notebook.cells[place - 1].update(
        execution_count=12, outputs=[nbformat.v4.new_output("stream", text="42\n")]
    )

    ran = check(notebook)

    assert ran.status == 1
    assert f"→ ¿«Funciona en mi máquina»? La celda {place} tiene guardada una salida" in ran.out
    assert "(name 'borrada' is not defined)" in ran.out
    assert "Reiniciar el núcleo y ejecutar todas las celdas" in ran.out


def test_a_saved_error_gets_no_hint(check, notebooks):
    notebook = notebooks.of(P, own={"lineal": "print(borrada)"})
    error = nbformat.v4.new_output("error", ename="NameError", evalue="x", traceback=[])
    notebook.cells[at(notebook, "print(borrada)") - 1].update(execution_count=12, outputs=[error])

    assert "→" not in check(notebook).out


def test_cells_run_in_another_order_are_hinted_at_where_something_fails(check, notebooks):
    notebook = notebooks.of(P, {"funcion": "perceptron = 3"})
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(reversed(code), 1):
        cell.execution_count = number

    ran = check(notebook)

    assert ran.status == 1
    assert "→ Las celdas se ejecutaron en otro orden que el del cuaderno" in ran.out


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "está vacío."),
        (b"{", "no se puede leer: está cortado o no es un cuaderno (no es JSON)."),
        ('{"ñ": 1}'.encode("latin-1"), "no se puede leer: no es texto UTF-8."),
        (b"[]", "es JSON, pero no un cuaderno de Jupyter."),
        (b'{"cells": 3}', "es JSON, pero no un cuaderno de Jupyter."),
        (b"[" * 200_000, "no se puede leer: está cortado o no es un cuaderno (no es JSON)."),
    ],
    ids=["empty", "cut", "latin-1", "list", "no cells", "deep"],
)
def test_what_is_no_notebook_gets_one_sentence_and_status_2(check, written, content, sentence):
    ran = check(content)

    assert (ran.status, ran.out) == (2, "")
    assert ran.err == f"autograder: El archivo `{written(content)}` {sentence}\n"


def test_a_file_that_is_not_there_gets_one_sentence(autograder, tmp_path):
    for path in (tmp_path / "nada.ipynb", tmp_path):
        ran = autograder("check", path)

        assert (ran.status, ran.out) == (2, "")
        assert ran.err.count("\n") == 1
        assert f"`{path}`" in ran.err


def test_odd_notebooks_do_not_end_in_a_traceback(check, notebooks):
    plain = json.loads(json.dumps(notebooks.of(P)))
    solution = next(
        cell for cell in plain["cells"] if cell["metadata"].get("nbgrader", {}).get("solution")
    )
    cells = [
        {"cell_type": "code", "source": "1", "metadata": None},
        {"cell_type": "code", "source": None, "metadata": {}},
        {"cell_type": "code", "source": ["a = 1\n", "b = 2"], "metadata": {"nbgrader": []}},
        {"cell_type": "code", "source": "1", "metadata": {"tags": None}},
        {"cell_type": "code", "source": "1", "metadata": {"autograder": 3}},
        {"cell_type": "code", "source": "x = '\ud800'", "metadata": {}},
        {"cell_type": "code"},
        {**copy.deepcopy(solution), "metadata": {**solution["metadata"], "autograder": None}},
        7,
    ]

    for cell in cells:
        ran = check(json.dumps({**plain, "cells": [*plain["cells"], cell]}).encode())

        assert "a fault of ours" not in ran.err, cell
        assert ran.status in (0, 1), cell


def test_an_older_notebook_is_checked_like_one_of_today(check, notebooks, written):
    old = nbformat.convert(notebooks.of(P), 3)

    ran = check(nbformat.writes(old, version=3).encode())

    assert ran.status == 0, ran.err
    assert "Todo lo que se puede comprobar aquí está bien." in ran.out


def test_english_is_spoken_when_asked_for(check, notebooks):
    right = check(notebooks.of(P), "--language", "en")
    wrong = check(notebooks.of(P, {"funcion": "perceptron = 3"}), "--language", "en")

    assert "All that can be checked here is fine." in right.out
    assert "bien" not in right.out
    assert wrong.status == 1
    assert "`perceptron` is a Python integer; a function was asked for." in wrong.out


def test_a_language_that_is_not_spoken_is_refused(check, notebooks):
    ran = check(notebooks.of(P), "--language", "fr")

    assert (ran.status, ran.err) == (2, "autograder: --language fr: there are es and en.\n")


def test_a_notebook_without_exercises_is_not_called_fine(check):
    ran = check(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")]))

    assert ran.status == 1
    assert ran.out == "El cuaderno no tiene ejercicios marcados: ¿es el que se publicó?\n"


def test_files_beside_the_notebook_can_be_read_and_imported(check, notebooks, tmp_path):
    (tmp_path / "datos").mkdir()
    (tmp_path / "datos/medidas.csv").write_text("1,2\n")
    (tmp_path / "ayuda.py").write_text("DOS = 2\n")
    cell = (
        'import ayuda\nassert open("datos/medidas.csv").read() == "1,2\\n"\nassert ayuda.DOS == 2'
    )

    assert check(notebooks.of(P, own={"": cell})).status == 0


def test_no_course_no_checks_and_no_solutions_are_read(
    autograder, make_course, notebooks, written, swift, tmp_path, monkeypatch
):
    root = make_course(tmp_path / "course", only=[P])
    for path in (root / f"solutions/{P}").iterdir():
        path.write_text("raise SystemExit('leído')")
    (root / "grading_config.yaml").write_text("{")
    monkeypatch.chdir(root)

    ran = autograder("check", written(notebooks.of(P), f"course/{P}.ipynb"))

    assert ran.status == 0, ran.err


def test_the_notebook_and_its_folder_stay_as_they_are(check, notebooks, tmp_path):
    check(notebooks.of(P))

    assert [path.name for path in tmp_path.iterdir()] == ["mi cuaderno.ipynb"]


def test_the_program_itself_checks_a_notebook_in_another_folder(program, written, notebooks):
    path = written(notebooks.of(P, {"funcion": "perceptron = 3"}))

    ran = program("autograder", "check", path, cwd=path.parent)

    assert (ran.status, ran.err) == (1, "")
    assert "`perceptron` es un entero de Python y se pedía una función." in ran.out
