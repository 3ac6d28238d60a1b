"""The mutation operators that change an expression; each proposes, none promises a mutant."""

from __future__ import annotations

import ast
import builtins
import itertools
from collections.abc import Collection, Iterator

from autograder.verify.cell import SYMBOLS, Cell, Edit, Span, called, subject
from autograder.verify.proposal import Operator, Proposal, renamed, replace, swap, whole
from autograder.verify.siblings import (
    ACTIVATIONS,
    COMMUTATIVE,
    DROPPED,
    FUNCTIONS,
    IN_PLACE,
    LAYERS,
    ORDERED,
    TEXTS,
    TRANSPOSES,
    TWO_OPERANDS,
)

__all__ = ["expression_operators"]

NOT_COMMUTATIVE = (ast.Sub, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult)
EITHER_OPERAND = (ast.Add, ast.Mult, ast.Div, ast.MatMult)
OTHER_SIGN: dict[type[ast.operator], str] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "/",
    ast.Div: "*",
    ast.MatMult: "*",
    ast.Pow: "*",
    ast.FloorDiv: "/",
    ast.Mod: "//",
}
OTHER_COMPARISONS: dict[type[ast.cmpop], tuple[str, ...]] = {
    ast.Lt: ("<=", ">"),
    ast.LtE: ("<", ">="),
    ast.Gt: (">=", "<"),
    ast.GtE: (">", "<="),
    ast.Eq: ("!=",),
    ast.NotEq: ("==",),
}
ATOMS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)


def expression_operators(functions: Collection[str]) -> dict[str, Operator]:
    """The operators by name; a call of one of ``functions`` with one argument can be dropped."""
    return {
        "swap-operands": swap_operands,
        "swap-arguments": swap_arguments,
        "replace-arithmetic": replace_arithmetic,
        "drop-operand": drop_operand,
        "drop-activation": lambda cell: drop_activation(cell, functions),
        "swap-activation": swap_activation,
        "replace-function": lambda cell: replace_function(cell, functions),
        "drop-call": drop_call,
        "drop-transpose": drop_transpose,
        "share-memory": share_memory,
        "change-comparison": change_comparison,
        "negate-condition": negate_condition,
        "drop-negation": drop_negation,
    }


def swap_operands(cell: Cell) -> Iterator[Proposal]:
    """``x @ w`` → ``w @ x``; ``torch.mm(x, w)`` and ``x.mm(w)`` likewise."""
    for node in cell.find(ast.BinOp):
        if isinstance(node.op, NOT_COMMUTATIVE):
            left, _, right = cell.operation(node)
            yield swap(cell, left, right, cell.span(node))
    for call in cell.find(ast.Call):
        if called(call) in ORDERED and (operands := _operands(call)):
            one, other = operands
            yield swap(cell, cell.span(one), cell.span(other), cell.span(call))


def swap_arguments(cell: Cell) -> Iterator[Proposal]:
    """``nn.Linear(3, 2)`` → ``nn.Linear(2, 3)``; ``[n1, n2]`` → ``[n2, n1]``."""
    for node in cell.find(ast.expr):
        match node:
            case ast.Call(args=parts) if called(node) not in COMMUTATIVE | ORDERED:
                pass
            case ast.List(elts=parts, ctx=ast.Load()):
                parts = [] if all(isinstance(part, ast.Constant) for part in parts) else parts
            case _:
                continue
        for one, other in itertools.pairwise(parts):
            yield swap(cell, cell.span(one), cell.span(other), cell.span(node))


def replace_arithmetic(cell: Cell) -> Iterator[Proposal]:
    """``a + b`` → ``a - b``, ``w -= g`` → ``w += g``."""
    for node in cell.find(ast.BinOp):
        if other := OTHER_SIGN.get(type(node.op)):
            _, sign, _ = cell.operation(node)
            yield replace(cell, sign, other, node, loose=False)
    for update in cell.find(ast.AugAssign):
        if other := OTHER_SIGN.get(type(update.op)):
            sign = cell.sign(update.target, SYMBOLS[type(update.op)] + "=", update.value)
            yield replace(cell, sign, f"{other}=", update, loose=False)


def drop_operand(cell: Cell) -> Iterator[Proposal]:
    """``a + b`` → ``a``, and → ``b`` where that is a likely slip; ``torch.add(a, b)`` likewise."""
    for node in cell.find(ast.BinOp):
        left, _, right = cell.operation(node)
        yield replace(cell, node, cell.text(left))
        if isinstance(node.op, EITHER_OPERAND):
            yield replace(cell, node, cell.text(right))
    for call in cell.find(ast.Call):
        if called(call) in TWO_OPERANDS and (operands := _operands(call)):
            for operand in operands:
                yield replace(cell, call, cell.text(operand))


def drop_activation(cell: Cell, functions: Collection[str]) -> Iterator[Proposal]:
    """``torch.sigmoid(z)`` → ``z``, ``nn.ReLU()`` → ``nn.Identity()``."""
    for call in cell.find(ast.Call):
        name, operand = called(call), subject(call)
        match call:
            case ast.Call(func=ast.Name(id=own), args=[ast.expr()], keywords=[]) if (
                own in functions and own not in vars(builtins) and operand is not None
            ):
                yield replace(cell, call, cell.text(operand))
            case _ if name in LAYERS:
                if isinstance(call.func, ast.Attribute):
                    module = cell.text(call.func.value)
                    yield replace(cell, call, f"{module}.Identity()")
            case _ if name in ACTIVATIONS and operand is not None:
                yield replace(cell, call, cell.text(operand))


def swap_activation(cell: Cell) -> Iterator[Proposal]:
    """``torch.sigmoid`` → ``torch.tanh``."""
    for node in cell.find(ast.Attribute):
        for other in ACTIVATIONS.get(node.attr, ()):
            yield renamed(cell, node, other)


def replace_function(cell: Cell, functions: Collection[str]) -> Iterator[Proposal]:
    """``torch.sum`` → ``torch.mean``, ``w.reshape(3, 2)`` → ``w.t()``, ``cuda`` → ``cpu``."""
    for node in cell.find(ast.Attribute):
        if isinstance(node.ctx, ast.Load) and (other := FUNCTIONS.get(node.attr)):
            yield renamed(cell, node, other)
    known = {*functions, "max", "min", "any", "all", "sum"}  # any other would be undefined
    for name in cell.find(ast.Name):
        if isinstance(name.ctx, ast.Load) and FUNCTIONS.get(name.id) in known:
            yield replace(cell, name, FUNCTIONS[name.id], whole(cell, name))
    for call in cell.find(ast.Call):
        match call:
            case ast.Call(func=ast.Attribute(value=tensor, attr="reshape" | "view"), args=[_, _]):
                yield replace(cell, call, cell.text(tensor) + ".t()", loose=False)
    for text in cell.find(ast.Constant):
        if isinstance(text.value, str) and text.value in TEXTS:
            yield replace(cell, text, f'"{TEXTS[text.value]}"', whole(cell, text))


def drop_call(cell: Cell) -> Iterator[Proposal]:
    """``torch.sqrt(x)`` → ``x``, ``x.detach()`` → ``x``."""
    for call in cell.find(ast.Call):
        if called(call) in DROPPED and (operand := subject(call)) is not None:
            yield replace(cell, call, cell.text(operand))


def drop_transpose(cell: Cell) -> Iterator[Proposal]:
    """``w.t()`` and ``w.T`` → ``w``."""
    for node in cell.find(ast.expr):
        match node:
            case ast.Call() if called(node) in TRANSPOSES:
                if (operand := subject(node)) is not None:
                    yield replace(cell, node, cell.text(operand))
            case ast.Attribute(value=operand, attr=name, ctx=ast.Load()) if name in TRANSPOSES:
                parent = cell.parent(node)
                if not (isinstance(parent, ast.Call) and parent.func is node):
                    yield replace(cell, node, cell.text(operand))


def share_memory(cell: Cell) -> Iterator[Proposal]:
    """``A.mul_(2)`` → ``A.mul(2)``; a copy where ``view`` or ``numpy`` share."""
    for call in cell.find(ast.Call):
        match call.func:
            case ast.Attribute(attr=name) if name in IN_PLACE:
                yield renamed(cell, call.func, name.removesuffix("_"))
            case ast.Attribute(value=tensor, attr="view"):
                end = cell.span(tensor).end
                yield replace(cell, Span(end, end), ".clone()", call, loose=False)
            case ast.Attribute(attr="numpy"):
                end = cell.span(call).end
                edit = Edit(Span(end, end), ".copy()", loose=False)
                yield Proposal((edit,), cell.span(call))


def change_comparison(cell: Cell) -> Iterator[Proposal]:
    """``x > 0`` → ``x >= 0`` and ``x < 0``; ``==`` → ``!=``."""
    for node in cell.find(ast.Compare):
        sides = itertools.pairwise([node.left, *node.comparators])
        for sign, (left, right) in zip(node.ops, sides, strict=True):
            for other in OTHER_COMPARISONS.get(type(sign), ()):
                place = cell.sign(left, SYMBOLS[type(sign)], right)
                yield replace(cell, place, other, node, loose=False)


def negate_condition(cell: Cell) -> Iterator[Proposal]:
    """``if c:`` → ``if not c:``; also of ``while``, ``a if c else b`` and comprehensions."""
    for node in cell.find(ast.AST):
        match node:
            case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
                tests = [test]
            case ast.comprehension(ifs=tests):
                pass
            case _:
                continue
        for test in tests:
            match test:
                case ast.Compare(ops=[ast.Eq() | ast.NotEq()]):
                    continue  # what change-comparison does
            text = cell.text(test)
            yield replace(cell, test, f"not {text if isinstance(test, ATOMS) else f'({text})'}")


def drop_negation(cell: Cell) -> Iterator[Proposal]:
    """``-x`` → ``x``, ``not c`` → ``c``, ``~m`` → ``m``."""
    for node in cell.find(ast.UnaryOp):
        if not isinstance(node.op, ast.UAdd):
            yield replace(cell, node, cell.text(node.operand), whole(cell, node))


def _operands(call: ast.Call) -> tuple[ast.expr, ast.expr] | None:
    """The two operands of a function or method; None if there are not exactly two."""
    first = subject(call)
    rest = [argument for argument in call.args if argument is not first]
    if first is None or len(rest) != 1 or call.keywords or isinstance(rest[0], ast.Starred):
        return None
    return first, rest[0]
