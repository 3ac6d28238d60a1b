"""The comment under a cell: Markdown in which nothing of the student's is markup."""

from __future__ import annotations

import re

import pytest
from nbconvert.filters.markdown_mistune import markdown2html_mistune

from autograder.judge.finding import Finding
from autograder.render.comment import comments, escape
from autograder.report import CheckResult, ExerciseResult, Report


def check(outcome="passed", finding=None, title="`x`", points=1.0, score=None, **more):
    if score is None:
        score = points if outcome == "passed" else 0.0
    return CheckResult(title, f"the {title}", points, score, outcome, finding, **more)


def comment(*checks, language="es", **changes):
    fields = {"unreadable": None, "broken": None, "made_from": {}, **changes}
    exercise = ExerciseResult("uno", 5.0, checks)
    return comments(Report("ana", "tarea", (exercise,), "cpu", **fields), language)["uno"]


def test_a_comment_is_written_whole():
    shape = Finding("shape", {"name": "W1", "got": [3, 4], "expected": [3, 2]})
    gone = Finding("elsewhere", {"name": "y"})
    got = comment(
        check(title="`features`", points=0.5),
        check("failed", shape, "`W1`", 0.5),
        check(title="`hidden`", points=1, carried=True),
        check("failed", Finding("undefined", {"name": "y"}), "`y`"),
        check("failed", Finding("undefined", {"name": "y"}), "`y` otra vez"),
        check("not_run", Finding("not_run", {"devices": "cuda"}), "`f`"),
        check("failed", gone, "a mano", 0, -1.0),
        check(title="sin nada que decir", points=0),
    )
    assert got == (
        "**0.5 de 5 puntos**\n"
        "\n"
        "- ✓ `features`\n"
        "- ✗ `W1` tiene forma (3, 4) y se pedía (3, 2).\n"
        "- ✓ `hidden`: Calculado a partir de tus valores.\n"
        "- ✗ `y` otra vez: `y` no está definido después de ejecutar la celda del ejercicio.\n"
        "- – `f`: No se comprobó: aquí no hay cuda.\n"
        "- ✗ a mano: `y` existe, pero no lo definió la celda de este ejercicio: es un valor "
        "anterior o de otra celda. Defínelo en la celda del ejercicio.\n"
    )


def test_a_comment_is_written_in_english():
    assert comment(check(title="`features`"), language="en") == (
        "**1 of 5 points**\n\n- ✓ the `features`\n"
    )


def test_an_unreadable_notebook_is_told_in_every_comment():
    assert comment(unreadable="empty") == (
        "**0 de 5 puntos**\n\nEl archivo `tarea.ipynb` está vacío.\n"
    )


def test_a_weaker_sandbox_is_told_beside_the_checks():
    got = comment(check(), made_from={"isolation": "none"})
    assert got == "**1 de 5 puntos**\n\nCorregido sin el aislamiento habitual.\n\n- ✓ `x`\n"


def raised(message, error="ValueError"):
    told = {"name": "x", "error": error, "message": message, "line": 3}
    return comment(check("errored", Finding("cell_raised", told)))


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "`</code><b>x</b>",
    "`` a ` b ``",
    "[x](javascript:alert(1))",
    "![x](http://evil/x.png)",
    "</li></ul><h1>100 puntos</h1>",
    "a\n\n# Título\n\n- punto",
    "a | b | c",
    "**10 de 10 puntos**",
    "~~tachado~~ _cursiva_ $x^2$",
    "&lt;script&gt;&#60;script&#62;",
    "\\<script>\\`",
    "<!-- ",
    "\x1b[31m\u202e",
]


def no_markup(page):
    """Nothing in ``page`` but the markup of one comment with one line; a bare URL is a link."""
    tags = {tag.lower() for tag in re.findall(r"<\s*/?\s*(\w+)", page)}
    assert tags <= {"p", "strong", "ul", "li", "code", "a"}
    assert (page.count("<li>"), page.count("<strong>")) == (1, 1)
    assert all(link.startswith("http") for link in re.findall(r'href="([^"]*)"', page))
    assert "<!--" not in page
    assert not re.search("[\x1b\u202e]", page)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.filterwarnings("ignore")
def test_text_of_the_students_shows_as_it_is(text):
    no_markup(markdown2html_mistune(raised(text)))


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(
    "finding",
    [
        lambda text: Finding("changed_argument", {"name": text}),
        lambda text: Finding("kind", {"name": "x", "got": text, "asked": "tensor"}),
        lambda text: Finding("dtype", {"name": "x", "got": text, "expected": "float32"}),
        lambda text: Finding("undefined", {"name": text}),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_names_that_come_from_the_students_process_are_no_markup(text, finding):
    no_markup(markdown2html_mistune(comment(check("failed", finding(text)))))


@pytest.mark.filterwarnings("ignore")
def test_a_type_of_the_students_shows_without_backslashes():
    finding = Finding("kind", {"name": "x", "got": "__main__.Mi_Red", "asked": "tensor"})
    page = markdown2html_mistune(comment(check("failed", finding)))
    assert "<code>__main__.Mi_Red</code>" in page


def test_what_is_markup_is_escaped_and_the_rest_is_not():
    assert escape("a*b_c`d[e](f)#g|h~i$j!k") == (r"a\*b\_c\`d\[e\]\(f\)\#g\|h\~i\$j\!k")
    assert escape("<&>") == "&lt;&amp;&gt;"
    assert escape("división entre 0, año") == "división entre 0, año"
