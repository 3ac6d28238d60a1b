"""Small wrong versions of a solution cell, made from its text alone; runs and judges nothing."""

from __future__ import annotations

import ast
import difflib
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from autograder.verify.cell import Cell, Span, parse
from autograder.verify.expressions import expression_operators
from autograder.verify.literals import LITERAL_OPERATORS
from autograder.verify.proposal import Operator, Proposal, told
from autograder.verify.statements import STATEMENT_OPERATORS

__all__ = ["OPERATORS", "Mutant", "diff", "mutants", "thin"]

Item = TypeVar("Item")

OPERATORS = (*expression_operators(()), *LITERAL_OPERATORS, *STATEMENT_OPERATORS)
"""The names of all operators, in the order in which they are tried at the same place."""


@dataclass(frozen=True)
class Mutant:
    """A changed solution cell.

    ``line``, from 1, is where the change begins in the source given; ``source`` is the whole
    changed cell; ``change`` tells it in one line: "`x @ w` → `w @ x`".
    """

    operator: str
    line: int
    source: str
    change: str


def mutants(
    source: str, *, functions: Collection[str] = (), limit: int | None = None
) -> list[Mutant]:
    """The mutants of a solution cell in the order of their places, all of different syntax.

    Only the lines between ``### BEGIN SOLUTION`` and ``### END SOLUTION`` are changed; all, where
    there is no such mark. ``functions`` are names that the notebook defines: a call of one with a
    single argument may be dropped, as that of an activation may (those that the cell itself
    defines are known). ``limit`` thins as `thin` does. A cell that is not plain Python (an IPython
    magic) has no mutants.
    """
    tree = parse(source)
    if tree is None:
        return []
    cell = Cell(source, tree)
    own = (node.name for node in cell.find(ast.FunctionDef))
    operators = expression_operators({*functions, *own})
    operators |= LITERAL_OPERATORS | STATEMENT_OPERATORS
    seen = {ast.dump(tree)}
    found = []
    for name, proposal in _proposals(cell, operators):
        applied = cell.applied(proposal.edits)
        if applied is None:
            continue
        changed, syntax = applied
        if (meaning := ast.dump(syntax)) not in seen:
            seen.add(meaning)
            line = cell.line(proposal.start)
            found.append(Mutant(name, line, changed, _told(cell, proposal, changed)))
    return found if limit is None else thin(found, limit, lambda mutant: mutant.operator)


def _proposals(cell: Cell, operators: dict[str, Operator]) -> list[tuple[str, Proposal]]:
    """What may be changed, by place; at the same place in the order of the operators."""
    proposals = [
        (name, proposal)
        for name, operator in operators.items()
        for proposal in operator(cell)
        if all(cell.may_change(edit.span) for edit in proposal.edits)
    ]
    return sorted(proposals, key=lambda named: named[1].start)


def _told(cell: Cell, proposal: Proposal, changed: str) -> str:
    if proposal.says:
        return proposal.says
    start, end = proposal.shown
    after = Span(start, end + len(changed) - len(cell.source))
    return told(cell.text(proposal.shown), changed[after.start : after.end])


def thin(items: Sequence[Item], limit: int, operator: Callable[[Item], str]) -> list[Item]:
    """At most ``limit`` of the items, in their order, always the same ones.

    The operators take turns until the limit is reached, so that each is represented where the
    limit allows; of one operator's items the chosen are spread evenly.
    """
    waiting = Counter(operator(item) for item in items)
    turns: Counter[str] = Counter()
    while turns.total() < min(limit, len(items)):
        for name in waiting:
            if turns[name] < waiting[name] and turns.total() < limit:
                turns[name] += 1
    places: dict[str, list[int]] = {name: [] for name in waiting}
    for place, item in enumerate(items):
        places[operator(item)].append(place)
    chosen = sorted(
        places[name][(2 * turn + 1) * waiting[name] // (2 * count)]
        for name, count in turns.items()
        for turn in range(count)
    )
    return [items[place] for place in chosen]


def diff(original: str, mutant: Mutant) -> str:
    """The changed lines with two lines around them, as a unified diff without file names."""
    lines = difflib.unified_diff(
        original.splitlines(), mutant.source.splitlines(), n=2, lineterm=""
    )
    return "\n".join(list(lines)[2:])
