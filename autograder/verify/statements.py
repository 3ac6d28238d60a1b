"""The mutation operators that change statements; each proposes, none promises a mutant."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator

from autograder.verify.cell import MODULES, SYMBOLS, Cell, Edit, Span, called
from autograder.verify.proposal import Operator, Proposal, one_line
from autograder.verify.siblings import PURE, RANDOM, SEEDS

__all__ = ["STATEMENT_OPERATORS"]


def remove_statement(cell: Cell) -> Iterator[Proposal]:
    """``opt.step()`` left out, or ``pass`` in its place; never what only binds or shows a value."""
    for block in cell.blocks():
        for statement in block:
            match statement:
                case ast.Assign(targets=targets) if any(
                    isinstance(target, ast.Name | ast.Tuple | ast.List) for target in targets
                ):
                    continue
                case (
                    ast.Expr(value=ast.Call() | ast.Await())
                    | ast.AugAssign()
                    | ast.Assign()
                    | ast.Break()
                    | ast.Continue()
                ):
                    span = cell.span(statement)
                    says = f"without {one_line(cell.text(span))}"
                    if len(block) > 1 and _alone_on_its_lines(cell, span):
                        edit = Edit(cell.whole_lines(span), "", loose=False)
                    else:
                        edit = Edit(span, "pass", loose=False)
                    yield Proposal((edit,), span, says)


def reorder_statements(cell: Cell) -> Iterator[Proposal]:
    """Two neighbours in each other's place, where that neither cannot run nor cannot matter."""
    for block in cell.blocks():
        for one, other in itertools.pairwise(block):
            if not (_movable(one) and _movable(other)) or _needs(cell, other, one):
                continue
            if _commute(one, other):
                continue
            here, there = cell.span(one), cell.span(other)
            edits = (
                Edit(here, cell.text(there), loose=False),
                Edit(there, cell.text(here), loose=False),
            )
            says = f"{one_line(cell.text(there))} before {one_line(cell.text(here))}"
            yield Proposal(edits, here, says)


def rebind(cell: Cell) -> Iterator[Proposal]:
    """``w -= g`` → ``w = w - g``: a new tensor, not the same one changed."""
    for node in cell.find(ast.AugAssign):
        symbol = SYMBOLS[type(node.op)]
        sign = cell.sign(node.target, symbol + "=", node.value)
        value = Span(sign.end, cell.span(node).end)
        text = cell.text(value)
        edits = (
            Edit(sign, f"= {cell.text(node.target)} {symbol}", loose=False),
            Edit(Span(value.start + len(text) - len(text.lstrip()), value.end), text.strip()),
        )
        yield Proposal(edits, cell.span(node))


def loop_once(cell: Cell) -> Iterator[Proposal]:
    """A loop that ends after its first round."""
    for node in cell.find(ast.stmt):
        if not isinstance(node, ast.For | ast.While):
            continue
        first, last = node.body[0], node.body[-1]
        start = cell.whole_lines(cell.span(first)).start
        margin = cell.source[start : cell.span(first).start]
        if margin.strip() or isinstance(last, ast.Break | ast.Return | ast.Raise | ast.Continue):
            continue
        end = cell.whole_lines(cell.span(last)).end
        end = start + len(cell.source[start:end].rstrip("\r\n"))
        header = Span(cell.span(node).start, _header_end(node, cell))
        says = f"{one_line(cell.text(header))} ends after one round"
        yield Proposal((Edit(Span(end, end), f"\n{margin}break", loose=False),), header, says)


def drop_no_grad(cell: Cell) -> Iterator[Proposal]:
    """``with torch.no_grad():`` → ``if True:``."""
    for node in cell.find(ast.With):
        match node.items:
            case [ast.withitem(context_expr=ast.Call() as call, optional_vars=None)] if called(
                call
            ) in ("no_grad", "inference_mode", "set_grad_enabled"):
                span = Span(cell.span(node).start, cell.span(call).end)
                says = f"without {one_line(cell.text(span))}"
                yield Proposal((Edit(span, "if True", loose=False),), span, says)


STATEMENT_OPERATORS: dict[str, Operator] = {
    "remove-statement": remove_statement,
    "reorder-statements": reorder_statements,
    "rebind": rebind,
    "loop-once": loop_once,
    "drop-no-grad": drop_no_grad,
}


def _header_end(node: ast.For | ast.While, cell: Cell) -> int:
    return cell.span(node.iter if isinstance(node, ast.For) else node.test).end


def _alone_on_its_lines(cell: Cell, span: Span) -> bool:
    lines = cell.whole_lines(span)
    before = cell.source[lines.start : span.start]
    after = cell.source[span.end : lines.end]
    return not before.strip() and re.fullmatch(r"\s*(#.*)?\s*", after) is not None


def _movable(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Constant(value=str())):
            return False
    return isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Expr)


def _names(node: ast.AST, context: type[ast.expr_context]) -> set[str]:
    return {
        part.id
        for part in ast.walk(node)
        if isinstance(part, ast.Name) and isinstance(part.ctx, context)
    }


def _needs(cell: Cell, later: ast.stmt, earlier: ast.stmt) -> bool:
    """Whether ``later`` reads a name that does not exist before ``earlier``."""
    start = cell.span(earlier).start
    names = (name for name in cell.find(ast.Name) if isinstance(name.ctx, ast.Store))
    before = {name.id for name in names if cell.span(name).start < start}
    before |= {name.arg for name in cell.find(ast.arg) if cell.span(name).start < start}
    fresh = _names(earlier, ast.Store) - _names(earlier, ast.Load) - before
    if isinstance(earlier, ast.AugAssign):
        fresh = set()
    return bool(fresh & _names(later, ast.Load))


def _commute(one: ast.stmt, other: ast.stmt) -> bool:
    """Whether their order cannot matter, as far as the text tells."""
    here, there = _effects(one), _effects(other)
    if here is None or there is None or "random" in here & there:
        return False
    touched = _names(one, ast.expr_context), _names(other, ast.expr_context)
    return not (here & touched[1] or there & touched[0])


def _effects(statement: ast.stmt) -> set[str] | None:
    """The names that it changes, and "random" for the generators; None if a call may do more."""
    changed = _names(statement, ast.Store)
    for node in ast.walk(statement):
        match node:
            case ast.Attribute(ctx=ast.Store()) | ast.Subscript(ctx=ast.Store()):
                changed.add(_root(node))
            case ast.Call(func=ast.Attribute(attr=name) as function) if name in SEEDS | RANDOM:
                changed.add("random")
                if _root(function) not in MODULES:
                    return None
            case ast.Call(func=ast.Attribute(attr=name) as function) if name.endswith(
                "_"
            ) and not name.endswith("__"):
                changed.add(_root(function))
            case ast.Call(func=ast.Attribute(attr=name)) if name in PURE:
                pass
            case ast.Call():
                return None
    return changed


def _root(node: ast.expr) -> str:
    """The name before the first dot or bracket."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
