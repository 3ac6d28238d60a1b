"""Mutants of a solution cell: each operator, what is never touched, and what always holds."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.verify.mutants import OPERATORS, Mutant, diff, mutants, thin

QUIET = settings(deadline=None)  # the machine may be busy
SOLUTIONS = Path(__file__).parents[3] / "solutions"


def solution_cells():
    for path in sorted(SOLUTIONS.glob("*/*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            marks = cell["metadata"].get("nbgrader", {})
            if cell["cell_type"] == "code" and marks.get("solution"):
                yield pytest.param("".join(cell["source"]), id=f"{path.stem}:{marks['grade_id']}")


def made(source, operator=None, **options):
    found = mutants(source, **options)
    return [one.source for one in found if operator in (None, one.operator)]


def changes(source, **options):
    return [one.change for one in mutants(source, **options)]


@pytest.mark.parametrize(
    ("operator", "source", "expected"),
    [
        ("swap-operands", "y = x @ w + b", ["y = w @ x + b"]),
        ("swap-operands", "y = a - b - c", ["y = c - (a - b)", "y = b - a - c"]),
        ("swap-operands", "y = (a + b) / c", ["y = c / (a + b)"]),
        ("swap-operands", "y = torch.mm(a, b.t())", ["y = torch.mm(b.t(), a)"]),
        ("swap-operands", "y = (a + b).matmul(c)", ["y = (c).matmul(a + b)"]),
        ("swap-arguments", "m = nn.Linear(3, 2)", ["m = nn.Linear(2, 3)"]),
        ("swap-arguments", "y = f([a, b], *c)", ["y = f(*c, [a, b])", "y = f([b, a], *c)"]),
        ("replace-arithmetic", "y = (a) + (b)", ["y = (a) - (b)"]),
        ("replace-arithmetic", "y = a @ b", ["y = a * b"]),
        ("replace-arithmetic", "w -= g", ["w += g"]),
        ("drop-operand", "y = (a + b) * c", ["y = (a + b)", "y = c", "y = (a) * c", "y = (b) * c"]),
        ("drop-operand", "y = a * b ** c", ["y = a", "y = b ** c", "y = a * b"]),
        ("drop-operand", "y = torch.add(a, b)", ["y = a", "y = b"]),
        ("drop-activation", "y = torch.sigmoid(a + b) * 2.0", ["y = (a + b) * 2.0"]),
        ("drop-activation", "y = F.softmax(z, dim=1)", ["y = z"]),
        ("drop-activation", "y = z.relu()", ["y = z"]),
        ("drop-activation", "m = nn.Sequential(nn.ReLU())", ["m = nn.Sequential(nn.Identity())"]),
        ("swap-activation", "y = torch.sigmoid(z)", ["y = torch.tanh(z)", "y = torch.relu(z)"]),
        ("replace-function", "y = torch.sum(z)", ["y = torch.mean(z)"]),
        ("replace-function", "y = fit(F.mse_loss)", ["y = fit(F.l1_loss)"]),
        ("replace-function", "y = w.reshape(3, 2)", ["y = w.t()"]),
        ("replace-function", 'y = t.to("cuda")', ['y = t.to("cpu")']),
        ("replace-function", "y = max(a)", ["y = min(a)"]),
        ("drop-call", "y = torch.sqrt(a + b) * c", ["y = (a + b) * c"]),
        ("drop-call", "y = x.detach().clone()", ["y = x.detach()", "y = x.clone()"]),
        ("drop-transpose", "y = x @ w.t()", ["y = x @ w"]),
        ("drop-transpose", "y = x @ w.T", ["y = x @ w"]),
        ("change-seed", "torch.manual_seed(7)", ["torch.manual_seed(8)"]),
        ("change-seed", "np.random.seed(seed=7)", ["np.random.seed(seed=8)"]),
        (
            "change-axis",
            "y = z.sum(dim=-1, keepdim=True)",
            ["y = z.sum()", "y = z.sum(dim=0, keepdim=True)", "y = z.sum(dim=-1, keepdim=False)"],
        ),
        ("change-axis", "y = f(z, dim=0)", ["y = f(z)", "y = f(z, dim=1)"]),
        ("change-dtype", "y = x.to(torch.float)", ["y = x.to(torch.double)"]),
        ("change-dtype", "y = x.float()", ["y = x.double()"]),
        ("change-dtype", "y = torch.ones(2)", ["y = torch.ones(2, dtype=torch.float64)"]),
        ("drop-keyword", "y = f(x, lr=a, shuffle=True)", ["y = f(x, shuffle=True)"]),
        ("share-memory", "A.mul_(2)", ["A.mul(2)"]),
        ("share-memory", "y = x.view(6)", ["y = x.clone().view(6)"]),
        ("share-memory", "y = x.numpy()", ["y = x.numpy().copy()"]),
        ("change-comparison", "y = a < b", ["y = a <= b", "y = a > b"]),
        ("change-comparison", "y = a == b", ["y = a != b"]),
        ("negate-condition", "y = a if f(b) else c", ["y = a if not f(b) else c"]),
        ("negate-condition", "y = [a for a in b if a < 1]", ["y = [a for a in b if not (a < 1)]"]),
        ("drop-negation", "y = torch.exp(-x)", ["y = torch.exp(x)"]),
        ("flip-boolean", "y = f(x, shuffle=True)", ["y = f(x, shuffle=False)"]),
        ("change-constant", "y = f(3)", ["y = f(4)", "y = f(0)"]),
        ("change-constant", "y = 1e-5 * x", ["y = 0.0001 * x", "y = 1e-06 * x"]),
        ("change-constant", "y = 0.0", ["y = 1.0"]),
        ("change-constant", "torch.manual_seed(7)\ny = f(x, dim=-1)", []),
        ("change-text", 'print("La pérdida:", x)', ['print(" pérdida:", x)', 'print("La :", x)']),
        (
            "change-text",
            'print(f"Loss: {x.item():.4f}")',
            ['print(f": {x.item():.4f}")', 'print(f"Loss: {x.item():.5f}")'],
        ),
        ("remove-statement", "opt.step()", ["pass"]),
        ("remove-statement", "a = f()\nopt.step()  # paso\nb = g()\n", ["a = f()\nb = g()\n"]),
        ("remove-statement", "for a in b:\n    w -= a", ["for a in b:\n    pass"]),
        ("remove-statement", "a = f(); opt.step()", ["a = f(); pass"]),
        ("reorder-statements", "l.backward()\no.step()", ["o.step()\nl.backward()"]),
        (
            "reorder-statements",
            "a = rand(1)  # uno\nb = rand(2)",
            ["b = rand(2)  # uno\na = rand(1)"],
        ),
        ("rebind", "w -= a + b", ["w = w - (a + b)"]),
        ("loop-once", "for a in b:\n    f(a)\nc()", ["for a in b:\n    f(a)\n    break\nc()"]),
        ("drop-no-grad", "with torch.no_grad():\n    a = b", ["if True:\n    a = b"]),
    ],
)
def test_an_operator_makes_these_mutants(operator, source, expected):
    assert made(source, operator) == expected


def test_every_operator_has_an_example():
    marks = test_an_operator_makes_these_mutants.pytestmark
    assert {example[0] for mark in marks for example in mark.args[1]} == set(OPERATORS)


def test_only_the_solution_regions_change():
    source = (
        "a = 1\n### BEGIN SOLUTION\nb = 2\n### END SOLUTION\n\n\n"
        "def f(x=3):\n    ### BEGIN SOLUTION\n    return x + 4\n    ### END SOLUTION\n"
    )
    found = mutants(source)
    assert {one.line for one in found} == {3, 9}
    for one in found:
        assert one.source.startswith("a = 1\n### BEGIN SOLUTION\nb = ")
        assert "\n### END SOLUTION\n\n\ndef f(x=3):\n    ### BEGIN SOLUTION\n" in one.source
        assert one.source.endswith("\n    ### END SOLUTION\n")


def test_what_reaches_out_of_the_region_stays():
    source = "y = (\n    x\n### BEGIN SOLUTION\n    + 3\n### END SOLUTION\n)"
    assert [(one.line, one.change) for one in mutants(source)] == [
        (4, "`x ### BEGIN SOLUTION + 3` → `x ### BEGIN SOLUTION - 3`"),
        (4, "`x ### BEGIN SOLUTION + 3` → `x ### BEGIN SOLUTION + 4`"),
        (4, "`x ### BEGIN SOLUTION + 3` → `x ### BEGIN SOLUTION + 0`"),
    ]


@pytest.mark.parametrize(
    "source",
    [
        "%matplotlib inline\nx = 1",
        "!pip list\nx = 1",
        "x = (",
        "return 1",
        "x = '\ud800'",
        "x = 1\0",
        "\ufeffx = 1",
        "x = 0x" + "f" * 9000,
        "",
        "# nada",
        "import torch\nfrom torch import nn",
        'def f(x: 1 + 1) -> 2 + 2:\n    """Suma 1 + 1."""\n    raise NotImplementedError(1 + 1)',
        "x: 1 + 1",
        "raise NotImplementedError",
        'def f():\n    """sum"""\n    raise NotImplementedError',
        'f"{a + 1}"',
    ],
)
def test_no_mutant_where_nothing_can_be_changed(source):
    assert mutants(source) == []


def test_functions_of_the_notebook_can_be_dropped_like_activations():
    assert made("y = model(x)", "drop-activation") == []
    assert made("y = model(x)", "drop-activation", functions=["model"]) == ["y = x"]
    assert made("y = model(x, 1)", "drop-activation", functions=["model"]) == []
    assert made("print(x)", "drop-activation", functions=["print"]) == []
    own = "def g(x):\n    return x\ny = g(x)"
    assert made(own, "drop-activation") == ["def g(x):\n    return x\ny = x"]


def test_statements_are_not_reordered_where_it_cannot_run_or_cannot_matter():
    for source in [
        "a = f()\nb = g(a)",
        "a = b\nc = d",
        "a = torch.from_numpy(x)\nb = torch.from_numpy(y)",
        "torch.manual_seed(7)\nb = torch.from_numpy(y)",
        "w -= w.grad * 2\nb -= b.grad * 2",
        '"""Texto."""\nf()',
    ]:
        assert made(source, "reorder-statements") == [], source
    for source in [
        "torch.manual_seed(7)\na = torch.randn(2)",
        "a = 1\na = f(a)\na = g(a)",
        "l.backward()\ng = w.grad",
        "b = A.numpy()\nA.mul_(2)",
        "A[0] = 2\nb = A",
        "def h(a):\n    a = f()\n    g(a)",
        "for a in b:\n    a = f()\n    g(a)",
    ]:
        assert len(made(source, "reorder-statements")) >= 1, source


def test_columns_are_counted_in_characters_where_python_counts_bytes():
    assert made('año = "ñandú €" if x < ü else 0', "change-comparison") == [
        'año = "ñandú €" if x <= ü else 0',
        'año = "ñandú €" if x > ü else 0',
    ]


def test_comments_between_operands_stay_where_they_are():
    source = "y = (a  # x - y\n     - b)  # fin"
    assert made(source, "swap-operands") == ["y = (b  # x - y\n     - a)  # fin"]
    assert made(source, "replace-arithmetic") == ["y = (a  # x - y\n     + b)  # fin"]


def test_other_ends_of_lines_stay():
    assert made("a = f\r\nx -= 3\r\n", "replace-arithmetic") == ["a = f\r\nx += 3\r\n"]


def test_a_change_is_told_in_one_line_around_the_difference():
    assert changes("y = x @ (\n    w)")[0] == "`x @ ( w)` → `( w) @ x`"
    long = f"y = f({', '.join(f'argumento_{n}' for n in range(9))}, lr=7)"
    told = changes(long)[-1]
    assert told == "`… argumento_7, argumento_8, lr=7)` → `… argumento_7, argumento_8, lr=0)`"
    assert "without `opt.step()`" in changes("opt.step()")


def test_a_diff_names_no_file():
    original = "a = 1\nb = 2\nc = x - y\n"
    mutant = Mutant("replace-arithmetic", 3, "a = 1\nb = 2\nc = x + y\n", "")
    assert diff(original, mutant) == "@@ -1,3 +1,3 @@\n a = 1\n b = 2\n-c = x - y\n+c = x + y"


def test_a_limit_represents_every_operator_and_spreads_evenly():
    source = "a = [" + ", ".join(str(n) for n in range(1, 60)) + "]\nw -= g\nopt.step()"
    everything = mutants(source)
    operators = {one.operator for one in everything}
    few = mutants(source, limit=len(operators))
    assert {one.operator for one in few} == operators
    assert len(few) == len(operators)
    some = mutants(source, limit=20)
    assert len(some) == 20
    assert [one for one in everything if one in some] == some
    assert mutants(source, limit=10**6) == everything
    assert mutants(source, limit=0) == []
    assert thin("aaaaaaaaab", 4, str) == ["a", "a", "a", "b"]
    assert thin(range(9), 3, lambda _: "") == [1, 4, 7]


@pytest.mark.parametrize("source", list(solution_cells()))
def test_every_mutant_of_our_solutions_keeps_the_promises(source):
    found = mutants(source)
    assert found
    promises(source, found)


def promises(source, found):
    assert found == mutants(source)
    trees = [ast.dump(ast.parse(text)) for text in [source, *(one.source for one in found)]]
    assert len(set(trees)) == len(trees)
    assert [one.line for one in found] == sorted(one.line for one in found)
    for one in found:
        assert one.operator in OPERATORS
        assert "\n" not in one.change
        assert outside(one.source) == outside(source)
        lines = source.split("\n")
        assert one.source.split("\n")[: one.line - 1] == lines[: one.line - 1]


def outside(source):
    """The lines that are not between marks; none if there are no marks."""
    kept, inside = [], "BEGIN SOLUTION" not in source
    for line in source.split("\n"):
        inside = inside or "BEGIN SOLUTION" in line
        if not inside or "SOLUTION" in line:
            kept.append(line)
        inside = inside and "END SOLUTION" not in line
    return kept


NAMES = st.sampled_from(["x", "w", "año", "torch.pi"])
SIGNS = st.sampled_from(["+", "-", "*", "/", "@", "%", "<", "==", "**"])
LEAVES = NAMES | st.sampled_from(["1", "-2", "0.5", "True", '"ñ€"', 'f"{x:.2f} é"', "[1, x]"])


def _larger(inner):
    return st.one_of(
        st.builds(
            "{} {} {}".format,
            inner,
            SIGNS,
            inner,
        ),
        st.builds("({}  # ñ - (\n )".format, inner),
        st.builds("torch.{}({})".format, st.sampled_from(["sum", "sigmoid", "exp", "mm"]), inner),
        st.builds("torch.mm(({}), {})".format, inner, inner),
        st.builds("({}).{}".format, inner, st.sampled_from(["t()", "T", "mean(dim=1)", "view(6)"])),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("(not {})".format, inner),
    )


EXPRESSIONS = st.recursive(LEAVES, _larger, max_leaves=6)
SIMPLE = st.one_of(
    st.builds("{} = {}".format, st.sampled_from("xwy"), EXPRESSIONS),
    st.builds("{} -= {}".format, st.sampled_from("xw"), EXPRESSIONS),
    st.builds("f({})  # ¿y?".format, EXPRESSIONS),
    st.just("torch.manual_seed(7)"),
    st.just('"""Texto 1 + 1"""'),
)


def _indented(lines):
    return "\n".join(f"    {line}" for line in lines)


BLOCKS = st.lists(SIMPLE, min_size=1, max_size=3)
STATEMENTS = st.one_of(
    SIMPLE,
    st.builds("for año in {}:\n{}".format, EXPRESSIONS, BLOCKS.map(_indented)),
    st.builds("with torch.no_grad():\n{}".format, BLOCKS.map(_indented)),
    st.builds("if {}:\n{}".format, EXPRESSIONS, BLOCKS.map(_indented)),
)
CELLS = st.builds(
    "{}\n### BEGIN SOLUTION\n{}\n### END SOLUTION\n{}".format,
    STATEMENTS,
    st.lists(STATEMENTS, min_size=1, max_size=3).map("\n".join),
    STATEMENTS,
)


@QUIET
@given(CELLS)
def test_every_mutant_of_any_cell_keeps_the_promises(source):
    promises(source, mutants(source))


@QUIET
@given(EXPRESSIONS)
def test_operands_are_dropped_and_swapped_as_they_were_grouped(text):
    tree = ast.parse(f"({text})", mode="eval").body
    results = {
        ast.dump(ast.parse(f"({one.removeprefix('y = ')}\n)", mode="eval").body)
        for one in made(f"y = ({text})")
    }
    if isinstance(tree, ast.BinOp):
        assert ast.dump(tree.left) in results
        if isinstance(tree.op, ast.Sub | ast.Div | ast.MatMult):
            swapped = ast.BinOp(tree.right, tree.op, tree.left)
            assert ast.dump(swapped) in results | {ast.dump(tree)}


@QUIET
@given(st.text(max_size=60))
def test_any_text_gives_mutants_or_none(source):
    for one in mutants(source):
        ast.parse(one.source)
