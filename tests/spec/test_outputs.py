"""The executed notebook has nbformat's outputs, in order and within bounds."""

from __future__ import annotations

import base64
import warnings

import nbformat
import pytest

A1 = "actividad_1"

CELLS = {
    "streams": """import sys
print("uno")
print("dos")
print("tres", file=sys.stderr)
print("cuatro")""",
    "display": """from IPython.display import HTML, display
print("antes")
display(HTML("<b>negrita</b>"))
print("después")""",
    "result": "2 + 3",
    "silent": "2 + 3;",
    "tensor": "torch.ones(2)",
    "figure": """import matplotlib.pyplot as plt
plt.plot([1, 2, 3])
plt.title("una figura")
plt.show()""",
    "figure left open": "plt.figure(); _ = plt.plot([3, 2, 1])",
    "error": "print('antes')\nraise ValueError('¡ay!')",
    "magic": "%timeit -n1 -r1 1 + 1\n%pwd",
    "shell": "!echo desde el intérprete",
    "shell value": "lineas = !printf 'a\\nb\\n'\nlineas",
    "await": "import asyncio\nawait asyncio.sleep(0, 'esperado')",
    "cleared": "from IPython.display import clear_output\nprint('no'); clear_output(); print('sí')",
    "carriage": "for i in range(3):\n    print(i, end='\\r', flush=True)",
    "warning": "import warnings; warnings.warn('ojo')",
    "html table": """class Tabla:
    def _repr_html_(self):
        return "<table></table>"
Tabla()""",
}


@pytest.fixture(scope="module")
def graded(bench, notebooks):
    return bench.grade(A1, notebooks.of(A1, own={"": list(CELLS.values())}))


@pytest.fixture
def outputs(graded):
    return lambda name: graded.outputs(CELLS[name])


def kinds(outputs):
    return [one.output_type for one in outputs]


def test_what_is_shown_costs_nobody_a_point(graded):
    assert graded.score == pytest.approx(10)


def test_the_executed_notebook_is_valid_and_every_code_cell_has_its_number(graded):
    notebook = graded.executed

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nbformat.validate(notebook)
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


def test_streams_keep_their_order_and_neighbours_are_joined(outputs):
    found = [(one.name, one.text) for one in outputs("streams")]

    assert found == [("stdout", "uno\ndos\n"), ("stderr", "tres\n"), ("stdout", "cuatro\n")]


def test_display_is_display_data_between_the_prints_around_it(outputs):
    before, shown, after = outputs("display")

    assert kinds([before, shown, after]) == ["stream", "display_data", "stream"]
    assert shown.data["text/html"] == "<b>negrita</b>"


def test_the_last_expression_is_an_execute_result_with_the_cells_number(graded, outputs):
    (result,) = outputs("result")

    assert (result.output_type, result.data["text/plain"]) == ("execute_result", "5")
    cell = next(one for one in graded.executed.cells if one.source == CELLS["result"])
    assert result.execution_count == cell.execution_count


def test_a_semicolon_keeps_the_last_expression_quiet(outputs):
    assert outputs("silent") == []


def test_a_tensor_is_shown_as_torch_writes_it(outputs):
    (result,) = outputs("tensor")

    assert result.data["text/plain"] == "tensor([1., 1.])"


@pytest.mark.parametrize("name", ["figure", "figure left open"])
def test_a_figure_is_a_png_that_decodes(outputs, name):
    pictures = [one for one in outputs(name) if "image/png" in one.get("data", {})]

    (picture,) = pictures
    assert picture.output_type == "display_data"
    assert base64.b64decode(picture.data["image/png"]).startswith(b"\x89PNG\r\n")


def test_an_error_is_an_error_output_behind_what_was_printed(outputs):
    printed, error = outputs("error")

    assert printed.text == "antes\n"
    assert (error.output_type, error.ename, error.evalue) == ("error", "ValueError", "¡ay!")
    assert any("raise ValueError" in line for line in error.traceback)
    assert "\x1b" not in "".join(error.traceback)


def test_magics_shell_and_await_work(outputs):
    timed, folder = outputs("magic")
    assert "1 run, 1 loop each" in timed.text
    assert folder.data["text/plain"].startswith("'/")
    (shell,) = outputs("shell")
    assert shell.text == "desde el intérprete\n"
    (value,) = outputs("shell value")
    assert value.data["text/plain"] == "['a', 'b']"
    (waited,) = outputs("await")
    assert waited.data["text/plain"] == "'esperado'"


def test_clear_output_takes_away_what_was_shown_before(outputs):
    (left,) = outputs("cleared")

    assert left.text == "sí\n"


def test_a_warning_is_shown_on_the_error_stream(outputs):
    (shown,) = outputs("warning")

    assert shown.name == "stderr"
    assert "UserWarning: ojo" in shown.text


def test_an_object_shows_itself_as_html(outputs):
    (shown,) = outputs("html table")

    assert shown.data["text/html"] == "<table></table>"


def test_outputs_that_were_saved_in_the_notebook_are_replaced(bench, notebooks):
    notebook = notebooks.of(A1, own={"": "1 + 1"})
    notebook.cells[-1].outputs = [
        nbformat.v4.new_output("execute_result", {"text/plain": "una mentira"}, execution_count=99)
    ]

    graded = bench.grade(A1, notebook)

    (result,) = graded.outputs("1 + 1")
    assert result.data["text/plain"] == "2"
    assert "una mentira" not in str(graded.executed)


@pytest.fixture(scope="module")
def talkative(make_course, notebooks, warm_sandbox, tmp_path_factory, bench):
    """Outputs of at most 4 KB a cell."""
    from autograder.course import Course

    folder = tmp_path_factory.mktemp("talkative")
    course = Course.at(make_course(folder / "course", output_kb=4))
    cells = {
        "lines": "for i in range(100_000):\n    print('línea', i)",
        "one": "print('x' * 10**7)",
        "display": "from IPython.display import HTML\ndisplay(HTML('y' * 10_000))\nprint('z')",
        "result": "'w' * 10_000",
        "fits": "print('poco')",
    }
    graded = type(bench)(course, warm_sandbox, folder / "in").grade(
        A1, notebooks.of(A1, own={"": list(cells.values())})
    )
    return graded, cells


@pytest.mark.parametrize("name", ["lines", "one", "display", "result"])
def test_outputs_are_cut_at_the_limit_with_a_spanish_sentence(talkative, name):
    graded, cells = talkative

    outputs = graded.outputs(cells[name])

    cut = [one for one in outputs if "la salida es demasiado larga y se cortó aquí" in str(one)]
    assert len(cut) == 1
    assert len(str(outputs)) < 3 * 4096
    assert graded.score == pytest.approx(10)


def test_what_was_printed_up_to_the_limit_stays(talkative):
    graded, cells = talkative

    assert graded.outputs(cells["lines"])[0].text.startswith("línea 0\nlínea 1\n")


def test_the_limit_is_each_cells_own(talkative):
    graded, cells = talkative

    (output,) = graded.outputs(cells["fits"])

    assert output.text == "poco\n"
