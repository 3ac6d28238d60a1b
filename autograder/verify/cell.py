"""One solution cell as text that can be edited where its syntax stands; knows no mutation."""

from __future__ import annotations

import ast
import itertools
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

__all__ = ["MODULES", "SYMBOLS", "Cell", "Edit", "Span", "called", "parse", "subject"]

Node = TypeVar("Node", bound=ast.AST)

BEGIN, END = "BEGIN SOLUTION", "END SOLUTION"
MODULES = ("torch", "nn", "F", "optim", "functional", "np", "numpy", "math", "random")
SYMBOLS: dict[type[ast.operator] | type[ast.cmpop], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.MatMult: "@",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.BitAnd: "&",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}


class Span(NamedTuple):
    """Characters ``start`` up to, not including, ``end`` of a source."""

    start: int
    end: int


@dataclass(frozen=True)
class Edit:
    """``text`` in the place of ``span``; ``loose``: within parentheses, if it needs them there."""

    span: Span
    text: str
    loose: bool = True


def parse(source: str) -> ast.Module | None:
    """The syntax of a cell that can be compiled; None for any other, magics included."""
    if source.startswith("\ufeff"):  # columns would count it
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(source)
            compile(tree, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
            ast.dump(tree)  # refuses an integer of thousands of digits
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
    return tree


def called(call: ast.Call) -> str:
    """The last name of what is called: ``sigmoid`` of ``torch.sigmoid(z)`` and ``z.sigmoid()``."""
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return str(name)
    return ""


def subject(call: ast.Call) -> ast.expr | None:
    """What a function or method works on: ``z`` of ``torch.sigmoid(z)`` and ``z.sigmoid()``."""
    if isinstance(call.func, ast.Attribute) and not _of_module(call.func):
        return call.func.value
    if call.args and not isinstance(call.args[0], ast.Starred):
        return call.args[0]
    return None


def _of_module(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id in MODULES


class Cell:
    """The text and the syntax of a cell that parses.

    What is found leaves out imports, annotations, bare strings (docstrings), the inside of
    f-strings, whose positions Python 3.11 tells wrong, and ``raise NotImplementedError``.
    """

    def __init__(self, source: str, tree: ast.Module) -> None:
        self.source = source
        self._lines = re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z", source)
        self._starts = [0, *itertools.accumulate(len(line) for line in self._lines)]
        self._open = _solution_lines(self._lines)
        self._parents: dict[ast.AST, ast.AST] = {}
        self._nodes: list[ast.AST] = []
        self._visit(tree)

    def _visit(self, node: ast.AST) -> None:
        self._nodes.append(node)
        for child in _children(node):
            self._parents[child] = node
            self._visit(child)

    def find(self, kind: type[Node]) -> Iterator[Node]:
        """The nodes of a kind, outer before inner."""
        return (node for node in self._nodes if isinstance(node, kind))

    def parent(self, node: ast.AST) -> ast.AST:
        return self._parents[node]

    def blocks(self) -> Iterator[Sequence[ast.stmt]]:
        """Statements that stand one below the other, docstrings included."""
        for node in self._nodes:
            for name in ("body", "orelse", "finalbody"):
                block = getattr(node, name, None)
                if isinstance(block, list):
                    yield block

    def span(self, node: ast.expr | ast.stmt | ast.keyword | ast.arg) -> Span:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return Span(
            self._place(node.lineno, node.col_offset),
            self._place(node.end_lineno, node.end_col_offset),
        )

    def _place(self, line: int, column: int) -> int:
        """The character at a line (from 1) and a column in bytes of UTF-8."""
        head = self._lines[line - 1].encode()[:column] if column else b""
        return self._starts[line - 1] + len(head.decode())

    def text(self, what: Span | ast.expr | ast.stmt | ast.keyword) -> str:
        start, end = what if isinstance(what, Span) else self.span(what)
        return self.source[start:end]

    def line(self, place: int) -> int:
        """The line, from 1, of a character."""
        count = sum(start <= place for start in self._starts[: max(len(self._lines), 1)])
        return max(count, 1)

    def whole_lines(self, span: Span) -> Span:
        """From the start of the span's first line to the start of the line after its last."""
        return Span(
            self._starts[self.line(span.start) - 1],
            self._starts[self.line(max(span.start, span.end - 1))],
        )

    def may_change(self, span: Span) -> bool:
        """Whether a span lies in a solution region, or the cell marks none."""
        first, last = self.line(span.start), self.line(max(span.start, span.end - 1))
        return all(line in self._open for line in range(first, last + 1))

    def operation(self, node: ast.BinOp) -> tuple[Span, Span, Span]:
        """Left operand, operator and right operand; operands with their own parentheses."""
        whole = self.span(node)
        sign = self.sign(node.left, SYMBOLS[type(node.op)], node.right)
        gap = self._bare(Span(self.span(node.left).end, sign.start))
        left = Span(whole.start, self.span(node.left).end + len(gap.rstrip()))
        gap = self._bare(Span(sign.end, self.span(node.right).start))
        right = Span(sign.end + len(gap) - len(gap.lstrip(" \t\r\n\\")), whole.end)
        return left, sign, right

    def sign(self, left: ast.expr, symbol: str, right: ast.expr) -> Span:
        """Where an operator stands between two expressions."""
        start = self.span(left).end
        start += self._bare(Span(start, self.span(right).start)).index(symbol)
        return Span(start, start + len(symbol))

    def _bare(self, gap: Span) -> str:
        """What stands between two expressions, blanks in place of comments."""
        return re.sub(r"#[^\r\n]*", lambda comment: " " * len(comment[0]), self.text(gap))

    def applied(self, edits: Iterable[Edit]) -> tuple[str, ast.Module] | None:
        """The source with the edits, and its syntax; None where it does not parse."""
        edits = sorted(edits, key=lambda edit: edit.span)
        bound = {number for number, edit in enumerate(edits) if edit.loose}
        best = self._with(edits, bound)
        tree = parse(best)
        if tree is None:
            # Where no parentheses may stand (a starred element), none are needed.
            best = self._with(edits, set())
            tree = parse(best)
            return None if tree is None else (best, tree)
        meant = ast.dump(tree)
        for number in sorted(bound):
            simpler = self._with(edits, bound - {number})
            same = parse(simpler)
            if same is not None and ast.dump(same) == meant:
                best, bound = simpler, bound - {number}
        return best, tree

    def _with(self, edits: Sequence[Edit], bound: set[int]) -> str:
        parts, place = [], 0
        for number, edit in enumerate(edits):
            text = f"({edit.text})" if number in bound else edit.text
            parts += [self.source[place : edit.span.start], text]
            place = edit.span.end
        return "".join([*parts, self.source[place:]])


def _children(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.JoinedStr):
        return
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _closed(child):
                yield child


def _closed(node: ast.AST) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant(value=str())):
            return True
        case ast.Raise(exc=ast.Name(id=name) | ast.Call(func=ast.Name(id=name))):
            return bool(name == "NotImplementedError")
    return False


def _solution_lines(lines: Sequence[str]) -> set[int]:
    """The lines between nbgrader's marks, from 1; all, if there is no mark."""
    inside, found, open_lines = False, False, set()
    for number, line in enumerate(lines, 1):
        if BEGIN in line:
            inside = found = True
        elif END in line:
            inside = False
        elif inside:
            open_lines.add(number)
    return open_lines if found else set(range(1, len(lines) + 1))
