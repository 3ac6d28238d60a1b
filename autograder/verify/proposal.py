"""One thing to change in a cell: its edits, and how they are told; not yet known to be a mutant."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from autograder.verify.cell import Cell, Edit, Span

__all__ = ["Operator", "Proposal", "one_line", "renamed", "replace", "swap", "told", "whole"]

LONGEST = 70
AROUND = 30


@dataclass(frozen=True)
class Proposal:
    """``shown`` is the part of the source that tells the change; ``says`` is told in its place."""

    edits: tuple[Edit, ...]
    shown: Span
    says: str = ""

    @property
    def start(self) -> int:
        return min(edit.span.start for edit in self.edits)


Operator = Callable[[Cell], Iterator[Proposal]]


def one_line(text: str) -> str:
    """``text`` in backquotes on one line, cut where it is long."""
    text = " ".join(text.split())
    return f"`{text if len(text) <= LONGEST else text[: LONGEST - 1] + '…'}`"


def told(before: str, after: str) -> str:
    """Both texts on one line, ``x @ w`` → ``w @ x``; of long ones the part that differs."""
    before, after = " ".join(before.split()), " ".join(after.split())
    pairs = enumerate(zip(before, after, strict=False))
    same = next((place for place, (one, other) in pairs if one != other), 0)
    cut = max(0, same - AROUND) if max(len(before), len(after)) > LONGEST else 0
    lead = "…" if cut else ""
    return f"{one_line(lead + before[cut:])} → {one_line(lead + after[cut:])}"


def replace(
    cell: Cell, node: ast.expr | Span, text: str, shown: ast.AST | None = None, loose: bool = True
) -> Proposal:
    """``text`` for an expression, told by the call or operation that it is part of."""
    span = node if isinstance(node, Span) else cell.span(node)
    if not isinstance(shown, ast.expr | ast.stmt | ast.keyword):
        return Proposal((Edit(span, text, loose),), span)
    return Proposal((Edit(span, text, loose),), cell.span(shown))


def swap(cell: Cell, one: Span, other: Span, shown: Span) -> Proposal:
    """Two expressions in each other's place."""
    return Proposal((Edit(one, cell.text(other)), Edit(other, cell.text(one))), shown)


def whole(cell: Cell, node: ast.expr) -> ast.AST:
    """The call, operation or element that a small part is best shown in."""
    place = cell.parent(node)
    while isinstance(place, ast.UnaryOp | ast.keyword | ast.Slice | ast.Tuple):
        place = cell.parent(place)
    return place if isinstance(place, ast.Call | ast.BinOp | ast.Compare | ast.Subscript) else node


def renamed(cell: Cell, node: ast.Attribute, name: str) -> Proposal:
    """Another name after the last dot."""
    end = cell.span(node).end
    edit = Edit(Span(end - len(node.attr), end), name, loose=False)
    parent = cell.parent(node)
    shown = parent if isinstance(parent, ast.Call) and parent.func is node else node
    return Proposal((edit,), cell.span(shown))
