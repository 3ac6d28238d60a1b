"""Cells run in IPython's shell, past errors. In a process of its own: a shell takes it over."""

from __future__ import annotations

import pytest
from handmade import in_own_process

CODE = r"""
import json, sys
from autograder.inside.shell import Shell

shell = Shell()
stdout = sys.stdout

def run(source, number=1, seconds=60.0, limit=1 << 20):
    cell = shell.run(source, number, seconds=seconds, late_text="tarde", output_limit=limit,
                     cut_text="CORTADO")
    return {"status": cell.status, "outputs": cell.outputs, "error": cell.error,
            "characters": cell.characters}

said = {}
said["ok"] = run("print('a'); x = 1\nprint('b')", 1)
said["streams"] = run("import sys\nprint('a')\nprint('e', file=sys.stderr)\nprint('b')", 2)
said["result"] = run("x + 1", 3)
said["silent"] = run("x + 1;", 3)
said["none"] = run("None", 3)
said["raises"] = run("y = 1\nz = 2\n1 / 0\nw = 3", 4)
said["kept"] = {name: shell.namespace.get(name) for name in ("y", "z", "w")}
said["syntax"] = run("y = 5\nz = (", 5)
said["after syntax"] = shell.namespace["y"]
said["exit"] = run("import sys\nsys.exit(3)", 6)
said["quit"] = run("exit", 6)
said["keyboard"] = run("raise KeyboardInterrupt", 6)
said["odd error"] = run("class E(Exception):\n    def __str__(self): raise ValueError\nraise E", 6)
said["late"] = run("while True: pass", 7, seconds=0.05)
swallows = "while True:\n    try:\n        while True: pass\n    except Exception: pass"
said["swallows"] = run(swallows, 7, seconds=0.05)
said["after late"] = run("print('bien')", 8)
said["cut"] = run("print('x' * 100)\nprint('y')", 9, limit=10)
said["cut once"] = run("for i in range(100): print('x' * 9)", 9, limit=20)
cleared = "from IPython.display import clear_output\nprint('x' * 100)\nclear_output()\n"
said["cleared"] = run(f"{cleared}7", 9, limit=10)
said["cleared before it is cut"] = run(f"{cleared}print('y' * 100)", 9, limit=10)
said["figure"] = run("import matplotlib.pyplot as plt\nplt.plot([1, 2]);", 9)
said["magic"] = run("%matplotlib inline\n!echo hola", 10)
said["display"] = run("from IPython.display import display, HTML\ndisplay(HTML('<b>x</b>'))", 11)
said["odd display"] = run(
    "from IPython.display import publish_display_data\n"
    "publish_display_data({'application/json': {'a': float('nan'), 'b': {1, 2}.__class__}})", 11)
said["helper"] = run("\n\n\ndef helper():\n    return 1 / 0", 13)
said["in helper"] = run("q = 1\nhelper()", 14)
shell.refuse_questions("nadie responde")
said["input"] = run("input('¿?')", 15)
said["password"] = run("import getpass\ngetpass.getpass()", 15)
said["breakpoint"] = run("breakpoint()", 15)
said["surrogate"] = run("print('\\ud800')", 16)
said["empty"] = run("", 17)
said["closes"] = run("import sys\nsys.stdout.close()\nprint('a')", 18)
said["replaces"] = run("import sys\nsys.stdout = None", 18)
said["stdout is ours again"] = sys.stdout is stdout
said["write"] = run("import sys\nsys.stdout.write(3)", 18)
said["underscore"] = run("_", 19)
said["plain lines"] = run("\n\na = 1\n1 / 0", 20)
said["prompts"] = run("In [1]: p = 6\nIn [2]: p * 7", 20)
said["await"] = run("import asyncio\nawait asyncio.sleep(0, 'esperado')", 20)
said["own transformation"] = run(
    "ip = get_ipython()\n"
    "ip.input_transformers_post.append(lambda all: [one.replace('uno', '4') for one in all])", 20)
said["transformed"] = run("v = uno\nv", 20)
shell.run("get_ipython().input_transformers_post.clear()", 20, seconds=9, late_text="",
          output_limit=9, cut_text="")
said["alternating"] = run(
    "import sys\nfor i in range(3000):\n    print(i % 9)\n    print(i % 9, file=sys.stderr)", 20,
    limit=10**6)
said["after many"] = run("print(1)", 20)
said["large JSON"] = run(
    "from IPython.display import JSON, display\ndisplay(JSON({'a': ['x'] * 50_000}))", 20,
    limit=10**6)
said["many errors"] = run(
    "for i in range(3000):\n"
    "    try: 1 / 0\n"
    "    except Exception: get_ipython().showtraceback()", 20, limit=10**6)
said["recursion"] = run("def f(n):\n    return f(n + 1)\nf(0)", 20)
unseen = {"seconds": 9.0, "late_text": "", "output_limit": 99, "cut_text": "", "shown": False}
said["unseen"] = shell.run("print(1)\nx", 20, **unseen).outputs
said["unseen error"] = vars(shell.run("x = 8\n1 / 0", 20, **unseen))
shell.prepare_figures()
run("import matplotlib.pyplot as plt\n"
    "from matplotlib.backends.backend_agg import FigureCanvasAgg as Canvas\n"
    "times, draw = [], Canvas.draw\n"
    "Canvas.draw = lambda self: (times.append(1), draw(self))[1]", 21)
said["drawn"] = [run("plt.plot([1, 2]);", 22), run("len(times)", 23)]
said["ion"] = run("plt.ioff()\nplt.ion()\nplt.plot([1]);", 24)
run("times.clear()", 24)
said["unseen figure"] = shell.run("plt.plot([1])\nplt.show()", 25, **unseen).outputs
said["unseen draws"] = run("len(times)", 26)
said["trees"] = [
    type(tree).__name__ for tree in map(shell.tree, (
        "x = 1\ny = 2", "%matplotlib inline\n!ls\nx = 1\n", "x = (", "x = 1\x00", "\ud800",
        "(" * 1000, "x = \\\n" + "-" * 100_000 + "1"))]
said["tree of magics"] = [type(one).__name__ for one in shell.tree("%pwd\n!ls\nx = 1\n").body]
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said():
    return in_own_process(CODE)


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def test_what_is_printed_is_one_stream(said):
    assert said["ok"] == {
        "status": "ok",
        "outputs": [stream("a\nb\n")],
        "error": None,
        "characters": 4,
    }
    assert said["streams"]["outputs"] == [stream("a\n"), stream("e\n", "stderr"), stream("b\n")]


def test_the_last_expression_is_a_result_with_its_number(said):
    assert said["result"]["outputs"] == [
        {
            "output_type": "execute_result",
            "data": {"text/plain": "2"},
            "metadata": {},
            "execution_count": 3,
        }
    ]
    assert said["silent"]["outputs"] == said["none"]["outputs"] == said["empty"]["outputs"] == []


def test_an_error_is_an_output_and_names_before_it_stay(said):
    cell = said["raises"]
    assert cell["status"] == "error"
    assert cell["error"] == {"name": "ZeroDivisionError", "message": "division by zero", "line": 3}
    (output,) = cell["outputs"]
    assert (output["output_type"], output["ename"], output["evalue"]) == (
        "error",
        "ZeroDivisionError",
        "division by zero",
    )
    assert not any("\x1b" in line for line in output["traceback"])
    assert said["kept"] == {"y": 1, "z": 2, "w": None}


def test_a_syntax_error_runs_nothing(said):
    assert (said["syntax"]["status"], said["syntax"]["error"]["name"]) == ("error", "SyntaxError")
    assert said["syntax"]["error"]["line"] == 2
    assert said["after syntax"] == 1


def test_python_keeps_its_line_numbers_and_notebook_prompts_are_taken_away(said):
    assert said["plain lines"]["error"]["line"] == 4
    assert said["prompts"]["outputs"][0]["data"] == {"text/plain": "42"}


def test_await_at_the_top_level_and_a_transformation_of_the_students_own_work(said):
    assert said["await"]["outputs"][0]["data"] == {"text/plain": "'esperado'"}
    assert said["transformed"]["outputs"][0]["data"] == {"text/plain": "4"}


def test_the_traceback_of_an_endless_recursion_is_short(said):
    (output,) = said["recursion"]["outputs"]
    assert output["ename"] == said["recursion"]["error"]["name"] == "RecursionError"
    assert sum("return f(n + 1)" in line for line in output["traceback"]) == 2
    assert "f(0)" in "\n".join(output["traceback"])


def test_where_nobody_looks_values_and_errors_are_not_put_into_words(said):
    assert said["unseen"] == [stream("1\n")]
    assert said["unseen error"]["outputs"] == []
    assert said["unseen error"]["error"]["name"] == "ZeroDivisionError"


def test_a_cell_is_read_as_ipython_reads_it_and_nothing_is_raised(said):
    assert said["trees"] == ["Module", "Module", *["NoneType"] * 5]
    assert said["tree of magics"] == ["Expr", "Expr", "Assign"]


def test_leaving_does_not_end_the_notebook(said):
    assert said["exit"]["error"]["name"] == "SystemExit"
    assert said["quit"]["status"] == "ok"
    assert said["keyboard"]["error"]["name"] == "KeyboardInterrupt"


def test_an_error_that_cannot_be_shown_is_recorded(said):
    assert said["odd error"]["error"] == {"name": "E", "message": "", "line": 3}


def test_a_cell_that_is_late_is_interrupted_and_the_next_one_runs(said):
    for late in (said["late"], said["swallows"]):
        assert late["status"] == "interrupted"
        assert late["error"]["message"] == "tarde"
    assert said["after late"]["outputs"] == [stream("bien\n")]


def test_outputs_over_the_limit_are_cut_with_one_line(said):
    assert said["cut"]["outputs"] == [stream("x" * 10), stream("CORTADO", "stderr")]
    texts = [one["text"] for one in said["cut once"]["outputs"]]
    assert texts.count("CORTADO") == 1
    assert sum(len(text) for text in texts if text != "CORTADO") == 20


def test_outputs_beyond_number_are_cut_with_one_line(said):
    outputs = said["alternating"]["outputs"]
    assert len(outputs) == 1001
    assert outputs[-1] == stream("CORTADO", "stderr")
    assert outputs[:2] == [stream("0\n"), stream("0\n", "stderr")]
    assert said["after many"]["outputs"] == [stream("1\n")]
    assert len(said["many errors"]["outputs"]) <= 1002


def test_what_comes_after_cleared_outputs_has_their_room(said):
    """A value that was left out without a word would count as all points of a plain test."""
    (value,) = said["cleared"]["outputs"]
    assert value["data"] == {"text/plain": "7"}
    outputs = said["cleared before it is cut"]["outputs"]
    assert outputs == [stream("y" * 10), stream("CORTADO", "stderr")]


def test_a_large_value_that_is_shown_as_json_is_shown_as_text_alone(said):
    (output,) = said["large JSON"]["outputs"]
    assert list(output["data"]) == ["text/plain"]


def test_magics_and_shell_commands_run(said):
    assert said["magic"]["status"] == "ok"
    assert said["magic"]["outputs"] == [stream("hola\n")]


def test_displays_are_outputs_that_json_holds(said):
    (output,) = said["display"]["outputs"]
    assert output["output_type"] == "display_data"
    assert output["data"]["text/html"] == "<b>x</b>"
    (odd,) = said["odd display"]["outputs"]
    assert odd["data"]["application/json"] == {"a": None, "b": "<class 'set'>"}


def test_a_figure_is_drawn_to_be_shown_and_not_at_all_where_nobody_looks(said):
    (figure,), (times,) = (one["outputs"] for one in said["drawn"])
    assert "image/png" in figure["data"]
    # Once to see how large it is, once to be shown.
    assert times["data"]["text/plain"] == "2"
    assert "image/png" in said["ion"]["outputs"][0]["data"]
    assert said["unseen figure"] == []
    assert said["unseen draws"]["outputs"][0]["data"]["text/plain"] == "0"


def test_a_figure_is_an_output_without_being_asked_for(said):
    (figure,) = said["figure"]["outputs"]
    assert figure["output_type"] == "display_data"
    assert figure["data"]["image/png"].startswith("iVBOR")


def test_the_line_of_an_error_is_that_of_the_cell_that_runs(said):
    assert said["in helper"]["error"]["line"] == 2


@pytest.mark.parametrize("key", ["input", "password", "breakpoint"])
def test_questions_are_refused_at_once(said, key):
    assert said[key]["error"]["name"] == "RuntimeError"
    assert said[key]["error"]["message"] == "nadie responde"


def test_stdout_can_be_spoilt_for_one_cell_alone(said):
    assert said["stdout is ours again"]
    assert said["write"]["error"]["name"] == "TypeError"
    assert said["surrogate"]["status"] == "ok"
    assert said["underscore"]["status"] in ("ok", "error")
