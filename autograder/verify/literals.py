"""The mutation operators that change what is written out: numbers, texts, types, keywords."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from decimal import Decimal

from autograder.verify.cell import Cell, Edit, Span, called
from autograder.verify.proposal import Operator, Proposal, renamed, replace, whole
from autograder.verify.siblings import AXES, DTYPE_METHODS, DTYPES, FACTORIES, SEEDS

__all__ = ["LITERAL_OPERATORS"]


def change_seed(cell: Cell) -> Iterator[Proposal]:
    """``torch.manual_seed(7)`` → ``torch.manual_seed(8)``."""
    for call in cell.find(ast.Call):
        if called(call) in SEEDS:
            for value in [*call.args, *(keyword.value for keyword in call.keywords)]:
                if isinstance(value, ast.Constant) and type(value.value) is int:
                    yield replace(cell, value, str(value.value + 1), call)


def change_axis(cell: Cell) -> Iterator[Proposal]:
    """``dim=1`` → ``dim=0``, ``keepdim`` turned over, or all of them left out."""
    for call in cell.find(ast.Call):
        axes = [keyword for keyword in call.keywords if keyword.arg in AXES]
        for keyword in axes:
            match keyword.value:
                case ast.Constant(value=bool(kept)):
                    yield replace(cell, keyword.value, str(not kept), call)
                case ast.Constant(value=int(axis)):
                    yield replace(cell, keyword.value, "0" if axis else "1", call)
                case ast.UnaryOp(op=ast.USub()):
                    yield replace(cell, keyword.value, "0", call)
        if axes:
            yield _without(cell, call, axes)


def change_dtype(cell: Cell) -> Iterator[Proposal]:
    """``torch.float32`` → ``torch.float64``, ``.float()`` → ``.double()``, or one that was free."""
    for node in cell.find(ast.Attribute):
        match node:
            case ast.Attribute(value=ast.Name(id="torch" | "np" | "numpy"), attr=name) if (
                name in DTYPES
            ):
                yield renamed(cell, node, DTYPES[name])
    for call in cell.find(ast.Call):
        match call.func:
            case ast.Attribute(attr=name) if name in DTYPE_METHODS and not call.args:
                yield renamed(cell, call.func, DTYPE_METHODS[name])
            case ast.Attribute(value=ast.Name(id="torch"), attr=name) if name in FACTORIES:
                if all(keyword.arg not in ("dtype", None) for keyword in call.keywords):
                    parts = [cell.text(part) for part in _parts(call)]
                    yield _called_with(cell, call, [*parts, "dtype=torch.float64"])


def drop_keyword(cell: Cell) -> Iterator[Proposal]:
    """``DataLoader(ds, batch_size=5)`` → ``DataLoader(ds)``; truth values are turned over."""
    for call in cell.find(ast.Call):
        for keyword in call.keywords:
            boolean = isinstance(keyword.value, ast.Constant) and type(keyword.value.value) is bool
            if keyword.arg not in AXES | {None} and not boolean and called(call) != "print":
                yield _without(cell, call, [keyword])


def flip_boolean(cell: Cell) -> Iterator[Proposal]:
    """``shuffle=True`` → ``shuffle=False``."""
    for node in cell.find(ast.Constant):
        if type(node.value) is bool:
            yield replace(cell, node, str(not node.value), whole(cell, node))


def change_constant(cell: Cell) -> Iterator[Proposal]:
    """An integer n → n + 1 and 0; a float x → 10x and x / 10. Seeds and axes have their own."""
    for node in cell.find(ast.Constant):
        if not _has_own_operator(cell, node):
            for other in _other_numbers(node.value):
                yield replace(cell, node, other, whole(cell, node))


def change_text(cell: Cell) -> Iterator[Proposal]:
    """A word left out of what is printed, or a digit more in how a number is printed."""
    for call in cell.find(ast.Call):
        if called(call) != "print":
            continue
        for argument in call.args:
            span, text = cell.span(argument), cell.text(argument)
            match argument:
                case ast.Constant(value=str(said)):
                    pieces, formats = [said], []
                case ast.JoinedStr(values=values):
                    pieces = [str(part.value) for part in values if isinstance(part, ast.Constant)]
                    formats = [spec for part in values for spec in _format(part)]
                case _:
                    continue
            for word in dict.fromkeys(re.findall(r"[^\W\d_]{2,}", " ".join(pieces))):
                found = list(re.finditer(rf"\b{word}\b", text))
                if len(found) == 1:
                    place = Span(span.start + found[0].start(), span.start + found[0].end())
                    yield replace(cell, place, "", argument, loose=False)
            for spec in dict.fromkeys(formats):
                for found_spec in re.finditer(re.escape(f":{spec}}}"), text):
                    more = re.sub(r"\d+(?=\D*$)", lambda digits: str(int(digits[0]) + 1), spec)
                    start = span.start + found_spec.start() + 1
                    place = Span(start, start + len(spec))
                    yield replace(cell, place, more, argument, loose=False)


LITERAL_OPERATORS: dict[str, Operator] = {
    "change-seed": change_seed,
    "change-axis": change_axis,
    "change-dtype": change_dtype,
    "drop-keyword": drop_keyword,
    "flip-boolean": flip_boolean,
    "change-constant": change_constant,
    "change-text": change_text,
}


def _format(part: ast.expr) -> list[str]:
    match part:
        case ast.FormattedValue(format_spec=ast.JoinedStr(values=[ast.Constant(value=str(spec))])):
            return [spec]
    return []


def _other_numbers(value: object) -> Iterator[str]:
    if type(value) is int:
        yield str(value + 1)
        yield "0"
    elif type(value) is float and math.isfinite(value):
        exact = Decimal(repr(value))
        yield from [repr(float(exact * 10)), repr(float(exact / 10))] if value else ["1.0"]


def _has_own_operator(cell: Cell, node: ast.Constant) -> bool:
    """Whether a number is a seed or names an axis."""
    place: ast.AST = cell.parent(node)
    if isinstance(place, ast.UnaryOp):
        place = cell.parent(place)
    if isinstance(place, ast.keyword):
        if place.arg in AXES:
            return True
        place = cell.parent(place)
    return isinstance(place, ast.Call) and called(place) in SEEDS


def _parts(call: ast.Call) -> list[ast.expr | ast.keyword]:
    return [*call.args, *call.keywords]


def _without(cell: Cell, call: ast.Call, dropped: list[ast.keyword]) -> Proposal:
    return _called_with(
        cell, call, [cell.text(part) for part in _parts(call) if part not in dropped]
    )


def _called_with(cell: Cell, call: ast.Call, parts: list[str]) -> Proposal:
    """The call with other arguments, all on one line unless one is not."""
    arguments = Span(cell.span(call.func).end, cell.span(call).end)
    edit = Edit(arguments, f"({', '.join(parts)})", loose=False)
    return Proposal((edit,), cell.span(call))
