"""What a feedback page shows of outputs has an end, whatever a student's code has put out."""

from __future__ import annotations

import time

import nbformat
import pytest
from bs4 import BeautifulSoup as parser
from nbconvert.exporters import HTMLExporter
from traitlets.config import Config

from autograder.record.settings import TEMPLATES
from autograder.templates import page as page_module
from autograder.templates.page import MAX_SHOWN, Page

CUT = "… la salida es demasiado larga y se cortó aquí"


def page(*outputs, **metadata):
    """The page of a notebook of one cell with these outputs."""
    traits = Config()
    traits.HTMLExporter.template_name = "retroalimentacion"
    traits.HTMLExporter.extra_template_basedirs = [str(TEMPLATES)]
    cell = {
        "cell_type": "code",
        "source": "1",
        "metadata": {},
        "execution_count": 1,
        "outputs": list(outputs),
    }
    notebook = {"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 4}
    return HTMLExporter(config=traits).from_notebook_node(nbformat.from_dict(notebook))[0]


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def shown(**data):
    bundle = {kind.replace("_", "/"): value for kind, value in data.items()}
    return {"output_type": "display_data", "data": bundle, "metadata": {}}


FLOODS = {
    "one text": [stream("<" * 8_000_000)],
    "colours": [stream("\x1b[31mx" * 1_999, "stderr" if i % 2 else "stdout") for i in range(200)],
    "texts": [stream("a", "stderr" if i % 2 else "stdout") for i in range(3_000)],
    "one markdown": [shown(text_markdown="*a* [b] `" * 900_000)],
    "formula": [shown(text_latex="x" * 8_000_000)],
    "an error": [
        {"output_type": "error", "ename": "E" * 10**6, "evalue": "", "traceback": ["x" * 9] * 9000}
    ],
}


@pytest.mark.parametrize("outputs", FLOODS.values(), ids=FLOODS.keys())
def test_a_flood_of_outputs_makes_a_page_all_the_same(outputs):
    started = time.monotonic()
    html = page(*outputs)
    assert time.monotonic() - started < 30
    assert len(html) < 6 * MAX_SHOWN


def test_what_is_shown_up_to_the_end_stays_and_the_cut_is_told():
    html = page(stream("primera línea\n"), stream("x" * 2 * MAX_SHOWN, "stderr"), stream("última"))
    assert "primera línea" in html
    assert "última" not in html
    assert html.count(CUT) == 1


def test_what_anybody_reads_is_shown_whole():
    text = "\n".join(f"época {i}: pérdida \x1b[31m{i / 7:.4f}\x1b[0m" for i in range(1000))
    html = page(stream(text))
    assert "época 999" in html
    assert html.count('class="ansi-red-fg"') == 1000
    assert CUT not in html


def test_colours_are_counted_over_the_page():
    made = Page()
    assert [made.has_colours("\x1b" * 2_000) for _ in range(6)] == [True] * 5 + [False]


@pytest.mark.parametrize("unclosed", ["<b ", "<!--", "<a href='", "<![CDATA[", "<?"])
def test_html_is_made_whole_before_python_parses_it(unclosed, monkeypatch):
    # html.parser needs the square of the time for what never closes.
    parsed = []
    monkeypatch.setattr(
        page_module, "BeautifulSoup", lambda html, kind: parsed.append(html) or parser(html, kind)
    )

    Page().html(unclosed * 100)

    (html,) = parsed
    assert html.count(unclosed) == 0


@pytest.mark.parametrize(
    ("honest", "hostile"),
    [("<br>" * 20_000, "<br>" * 20_001), ("<i>a</i>" * 100, "<i>a</i>" * 101)],
    ids=["tags", "elements that a parser opens anew"],
)
def test_html_with_more_tags_than_anybody_reads_is_not_shown(honest, hostile):
    assert Page().html(honest)
    assert Page().html(hostile) == ""


def test_tags_are_counted_over_the_page():
    one = Page()
    shown = [bool(one.html("<br>" * 15_000)) for _ in range(3)]
    assert shown == [True, True, False]
