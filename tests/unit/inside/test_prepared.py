"""Cells that were compiled before the fork run as all others do."""

from __future__ import annotations

import pytest
from handmade import in_own_process

SHELL = r"""
import ast, builtins, codeop, json, sys, warnings
from autograder.inside.shell import Shell

shell = Shell()

def run(source, number):
    cell = shell.run(source, number, seconds=60.0, late_text="tarde", output_limit=1 << 20,
                     cut_text="CORTADO")
    return {"status": cell.status, "outputs": cell.outputs, "error": cell.error}

compiled = []
own = builtins.compile
def counted(source, *more, **named):
    compiled.append(source)
    return own(source, *more, **named)

def counting(source, number):
    '''How many times Python's compiler was asked for anything of this cell.'''
    compiled.clear()
    builtins.compile = counted
    try:
        run(source, number)
    finally:
        builtins.compile = own
    return len(compiled)
"""

CELLS = [
    "x = 2\nx + 1",
    "x + 1;\n",
    "def f(n):\n    return 1 / n\nf(0)\n",
    "class A:\n    a = 1\nA.a\n",
    "1",
    "\n\n# nothing\n",
    "",
    "%pwd\nx = 1\n",
    "x = (",
    "return 3\nx = 1",
    "import asyncio\nawait asyncio.sleep(0, 'esperado')",
    "x is 2\n4\n",
    "from __future__ import annotations\ndef g(a: nadie): return g.__annotations__\ng(1)",
    "def g(a: int): return g.__annotations__\ng(1)",
    "assert False, 'mal'\nx = 7",
]


def test_what_comes_out_is_the_same():
    """One after the other, each at the number that it was prepared for; where a cell changes the
    compiler, it changes it for those behind it."""
    code = """
cells = list(enumerate({cells!r}, 1))
{prepare}
print(json.dumps([run(source, number) for number, source in cells]))
"""
    plain, prepared = (
        in_own_process(SHELL + code.format(cells=CELLS, prepare=one))
        for one in ("", "shell.prepare(cells)")
    )
    assert prepared == plain
    assert [one["status"] for one in plain].count("error") == 4
    assert any("SyntaxWarning" in str(one["outputs"]) for one in plain)


TIMED = ["%time 1 + 1", "%time z = 1", "%%time\nx = 1\nx + 1", "%timeit -n1 -r1 1 + 1"]


@pytest.mark.parametrize("prepare", ["", "shell.prepare(cells)"])
def test_magics_that_compile_by_themselves_work(prepare):
    code = f"""
cells = list(enumerate({TIMED!r}, 1))
{prepare}
print(json.dumps([run(source, number)["status"] for number, source in cells]))
"""
    assert in_own_process(SHELL + code) == ["ok"] * len(TIMED)


COUNTS = """
source = "def f(n):\\n    return n + 1\\nx = f(1)\\nx\\n"
said = [counting(source, 3)]
shell.prepare([(3, source)])
said += [counting(source, 3), counting(source, 4), counting(source + "# otra", 3)]
shell.prepare([])
said += [counting("pass\\npass\\n", 9) and counting(source, 3)]
print(json.dumps(said))
"""


def test_a_prepared_cell_is_neither_parsed_nor_compiled():
    """At another number its tree is known, but its code bears the number."""
    plain, prepared, elsewhere, other, forgotten = in_own_process(SHELL + COUNTS)
    assert (plain, prepared, elsewhere) == (4, 0, 3)
    assert other == forgotten == plain


CHANGED = """
shell.prepare([(2, "x = 1\\nx\\n")])
run('''
import ast
class Ten(ast.NodeTransformer):
    def visit_Constant(self, node):
        node.value = 10
        return node
get_ipython().ast_transformers.append(Ten())
''', 1)
print(json.dumps(run("x = 1\\nx\\n", 2)))
"""


def test_a_notebook_may_still_change_trees():
    (output,) = in_own_process(SHELL + CHANGED)["outputs"]
    assert output["data"] == {"text/plain": "10"}


QUIET = r"""
shell.prepare([(1, "'\\d'\n"), (2, "x = ("), (3, "1 / 0\n"), (4, "print(1)\n")])
shell.prepare([(5, "from __future__ import annotations\n")])
print(json.dumps([shell._shell.compile.flags, codeop.Compile().flags, sorted(shell.namespace)]))
"""


def test_preparing_runs_nothing_and_leaves_the_compiler_as_it_was():
    flags, before, names = in_own_process(SHELL + QUIET)
    assert flags == before
    assert "x" not in names


RUNNER = """
import builtins, json
from autograder.inside import probing, runner

runner.open_shell()
probes = "from autograder.probes import probe\\n@probe('uno')\\ndef f(student, draws): return 1\\n"
runner.prepare(json.dumps({"cells": [[1, "1 + 1\\n2\\n"]], "probes": probes}).encode())
builtins.compile = None
print(json.dumps([one.name for one in probing.load_probes(probes)]))
"""


def test_probes_are_compiled_once():
    assert in_own_process(RUNNER) == ["f"]


@pytest.mark.parametrize("probes", ["def f(:", "1 / 0"])
def test_what_is_wrong_with_probes_is_said_where_they_run(probes):
    code = f"""
import json
from autograder.inside import probing, runner

runner.open_shell()
data = json.dumps({{"cells": [], "probes": {probes!r}}}).encode()
said = []
for step in (lambda: runner.prepare(data), lambda: probing.load_probes({probes!r})):
    try:
        step()
        said.append(None)
    except Exception as error:
        said.append(type(error).__name__)
print(json.dumps(said))
"""
    wrong = "SyntaxError" if "def" in probes else "ZeroDivisionError"
    assert in_own_process(code)[1] == wrong
