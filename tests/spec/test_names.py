"""Names are read right after their own cell, and only what that cell made counts."""

from __future__ import annotations

import pytest

ELSEWHERE = "existe, pero no lo definió la celda de este ejercicio"
UNDEFINED = "no está definido después de ejecutar la celda"
A1 = "actividad_1"

SHAPES = """w = torch.tensor([[1, 2, 3], [4, 5, 6]])
w_rsh = w.reshape(3, 2)
w_plano = w.view(1, 6)"""
WRONG_SHAPES = """w = torch.zeros(2, 3)
w_rsh = torch.zeros(3)
w_plano = torch.zeros(1)"""


def test_a_name_has_the_value_that_its_own_cell_gave_though_a_later_cell_changes_it(
    bench, notebooks
):
    """`features` is (1, 5) after neurona and (1, 3) after actividad-1."""
    graded = bench.grade(A1, notebooks.of(A1, own={"": "features = W1 = w = y = None"}))

    assert graded.score == pytest.approx(10)


def test_a_left_over_of_an_earlier_exercise_does_not_count_and_the_message_says_so(
    bench, notebooks
):
    answer = notebooks.changed(A1, "actividad-1", "features = torch.randn(1, 3)", "pass")

    graded = bench.grade(A1, notebooks.of(A1, {"actividad-1": answer}))

    check = graded.check("actividad-1", "features")
    assert (check["score"], check["outcome"]) == (0, "failed")
    assert ELSEWHERE in check["message"]


def test_a_left_over_with_the_right_value_does_not_count_either(bench, notebooks):
    """An untouched `rebanadas` after an own cell that did its work."""
    answer = notebooks.solution("perceptron", "rebanadas")
    notebook = notebooks.of(
        "perceptron", {"rebanadas": "# lo hice arriba"}, own={"rebanadas": answer}
    )

    graded = bench.grade("perceptron", notebook)

    assert graded.points("rebanadas") == 0
    assert ELSEWHERE in graded.message("rebanadas", "elemento")
    assert ELSEWHERE in graded.message("rebanadas", "columna")
    assert graded.score == pytest.approx(9)


def test_an_untouched_stub_is_called_unsolved_though_an_earlier_cell_left_its_name(
    bench, notebooks
):
    """`y` is there since `grafo`, whose cell is given with it."""
    released = notebooks.released("gradientes")
    stub = released.cells[notebooks.place(released, "derivada")].source

    graded = bench.grade("gradientes", notebooks.of("gradientes", {"derivada": stub}))

    assert graded.points("derivada") == 0
    assert graded.message("derivada", "y") == "Aún no has resuelto esta celda."


def test_a_function_of_an_own_cell_does_not_count(bench, notebooks):
    answer = notebooks.solution("perceptron", "funcion")
    notebook = notebooks.of("perceptron", {"funcion": "listo = True"}, own={"funcion": answer})

    graded = bench.grade("perceptron", notebook)

    assert graded.points("funcion") == 0
    assert ELSEWHERE in graded.said("funcion")


def test_a_name_that_a_cell_changes_in_place_is_its_own(bench, notebooks):
    answer = "w.copy_(torch.tensor([[1, 2, 3], [4, 5, 6]]))\n" + SHAPES.split("\n", 1)[1]
    own = "w = torch.zeros(2, 3, dtype=torch.int64)"

    graded = bench.grade(A1, notebooks.of(A1, {"formas": answer}, own={"formas": own}))

    assert graded.points("formas") == 1


def test_a_name_that_a_cell_binds_again_to_the_same_object_is_its_own(bench, notebooks):
    graded = bench.grade(
        A1, notebooks.of(A1, {"formas": f"{SHAPES}\nw = w"}, own={"formas": SHAPES})
    )

    assert graded.points("formas") == 1


@pytest.mark.parametrize(
    "answer",
    [
        f"if True:\n    {SHAPES.replace(chr(10), chr(10) + '    ')}",
        f"with torch.no_grad():\n    {SHAPES.replace(chr(10), chr(10) + '    ')}",
        f"for _ in range(2):\n    {SHAPES.replace(chr(10), chr(10) + '    ')}",
        f"exec({SHAPES!r})",
        "w, w_rsh = [torch.arange(1, 7).view(s) for s in [(2, 3), (3, 2)]]\nw_plano = w.view(1, 6)",
        "(w := torch.arange(1, 7).view(2, 3))\nw_rsh = w.reshape(3, -1)\nw_plano = w.view(1, -1)",
    ],
    ids=["if", "with", "for", "exec", "unpacked", "walrus"],
)
def test_however_a_cell_binds_a_name_it_counts(bench, notebooks, answer):
    graded = bench.grade(A1, notebooks.of(A1, {"formas": answer}))

    assert graded.points("formas") == 1


def test_a_name_that_no_cell_defines_is_called_undefined(bench, notebooks):
    answer = notebooks.changed(A1, "neurona", "y_mm", "y_nm")

    graded = bench.grade(A1, notebooks.of(A1, {"neurona": answer}))

    assert graded.points("neurona") == 1.6
    assert UNDEFINED in graded.message("neurona", "y_mm")


def test_a_cell_that_raises_half_way_keeps_the_names_bound_before_and_shows_the_error(
    bench, notebooks
):
    answer = notebooks.changed(
        A1,
        "actividad-1",
        "output = activation(torch.mm(hidden",
        "output = activation(torch.mm(oculta",
    )

    graded = bench.grade(A1, notebooks.of(A1, {"actividad-1": answer}))

    assert graded.points("actividad-1") == 3.5
    check = graded.check("actividad-1", "output")
    assert check["outcome"] == "errored"
    assert "se detuvo en la línea" in check["message"]
    assert "NameError: name 'oculta' is not defined" in check["message"]


def test_the_line_of_an_error_is_the_line_of_the_students_cell(bench, notebooks):
    graded = bench.grade(
        A1, notebooks.of(A1, {"formas": "w = torch.tensor([[1, 2, 3], [4, 5, 6]])\n\n1 / 0"})
    )

    assert graded.points("formas") == pytest.approx(1 / 3)
    assert "línea 3 con ZeroDivisionError" in graded.message("formas", "w_rsh")


def test_a_cell_with_a_syntax_error_costs_its_own_points_only(bench, notebooks):
    graded = bench.grade(A1, notebooks.of(A1, {"formas": SHAPES + "\nw_rsh = = 3"}))

    assert graded.points("activacion", "neurona", "formas", "actividad-1") == [2, 2, 0, 5]
    assert graded.outcome("formas") == "errored"
    assert "SyntaxError" in graded.said("formas")


def test_of_a_duplicated_solution_cell_the_last_counts(bench, notebooks):
    batch = bench.grade_all(
        A1,
        {
            "right-last": notebooks.doubled(A1, "formas", WRONG_SHAPES, SHAPES),
            "wrong-last": notebooks.doubled(A1, "formas", SHAPES, WRONG_SHAPES),
        },
    )

    assert batch["right-last"].score == pytest.approx(10)
    assert batch["wrong-last"].points("formas") == 0
    assert batch["wrong-last"].score == pytest.approx(9)


def test_all_copies_of_a_duplicated_solution_cell_run(bench, notebooks):
    first, second = SHAPES.rsplit("\n", 1)

    graded = bench.grade(A1, notebooks.doubled(A1, "formas", first, second))

    assert graded.points("formas") == 1


def test_a_solution_cell_that_is_missing_or_no_longer_code_costs_only_its_own_points(
    bench, notebooks
):
    deleted, retyped = notebooks.of(A1), notebooks.of(A1)
    del deleted.cells[notebooks.place(deleted, "formas")]
    retyped.cells[notebooks.place(retyped, "formas")].cell_type = "markdown"
    for key in ("outputs", "execution_count"):
        del retyped.cells[notebooks.place(retyped, "formas")][key]

    batch = bench.grade_all(A1, {"deleted": deleted, "retyped": retyped})

    for graded in batch.values():
        assert graded.points("activacion", "neurona", "formas", "actividad-1") == [2, 2, 0, 5]
        assert graded.status == "graded"
    assert "Falta la celda de solución" in batch["deleted"].said("formas")
    assert "dejó de ser de código" in batch["retyped"].said("formas")


def test_grade_cells_that_were_emptied_changed_or_deleted_cost_nothing(bench, notebooks):
    notebook = notebooks.of(A1)
    notebook.cells[notebooks.place(notebook, "activacion-check")].source = ""
    notebook.cells[notebooks.place(notebook, "neurona-check")].source = "raise SystemExit"
    del notebook.cells[notebooks.place(notebook, "formas-check")]

    graded = bench.grade(A1, notebook)

    assert graded.score == pytest.approx(10)
    texts = [cell.source for cell in graded.executed.cells]
    source = notebooks.source(A1)
    for id in ("activacion-check", "neurona-check", "formas-check"):
        assert source.cells[notebooks.place(source, id)].source in texts
