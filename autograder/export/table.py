"""Rows as CSV that a program can read and a spreadsheet cannot be made to run.

RFC 4180: commas, quotes doubled, CRLF. A text that a spreadsheet would take for a formula gets an
apostrophe before it (https://owasp.org/www-community/attacks/CSV_Injection); students choose their
own names.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Literal

from autograder.words import plain

__all__ = ["Excel", "is_formula", "number", "table"]

Excel = Literal["point", "comma"]
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
BOM = "\ufeff"
DECIMALS = 5


def table(rows: Iterable[Sequence[str | float]], excel: Excel | None = None) -> bytes:
    """UTF-8 text. For ``excel`` it begins with a byte-order mark, without which Excel shows no
    accents; with ``comma`` it has decimal commas, and semicolons between the columns, as Excel
    expects them in most of the Spanish-speaking countries."""
    comma = excel == "comma"
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";" if comma else ",")
    for row in rows:
        writer.writerow([_cell(one, comma) for one in row])
    return f"{BOM if excel else ''}{text.getvalue()}".encode()


def number(value: float) -> str:
    """A number with a point, as few digits as it takes, no noise: ``10``, ``7.5``, ``0.33333``."""
    text = f"{round(value, DECIMALS):.{DECIMALS}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would run ``text``: a lone sign is none."""
    return len(text) > 1 and text.startswith(FORMULA)


def _cell(value: str | float, comma: bool) -> str:
    if not isinstance(value, str):
        return number(value).replace(".", ",") if comma else number(value)
    # On one line and without control characters: a tab or line end may stand before a formula.
    text = plain(value)
    return f"'{text}" if is_formula(text) else text
