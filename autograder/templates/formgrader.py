"""What nbgrader's formgrader shows of a student's notebook, made safe; named in its configuration.

The formgrader's own template puts HTML and Markdown into a page of the grader's Jupyter, where a
script could do whatever the grader may. Unlike on a feedback page, formulas are left to MathJax.
"""

from __future__ import annotations

from typing import Any

from jinja2 import pass_context
from markupsafe import Markup

from autograder.templates.page import Page

__all__ = ["clean_html", "markdown2html"]


@pass_context
def markdown2html(context: Any, source: object) -> Markup:
    """Markdown as HTML, in the place of nbconvert's filter, which lets raw HTML through."""
    cell = context.get("cell") or {}
    return Page(draws_formulas=False).markdown(source, cell.get("attachments"))


def clean_html(source: object) -> Markup:
    """HTML that a cell has shown, in the place of nbconvert's filter."""
    text = source.decode("utf-8", "replace") if isinstance(source, bytes) else source
    return Page().html(text)
