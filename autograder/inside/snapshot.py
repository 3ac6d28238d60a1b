"""Read the names that an exercise asks for, right after its cell, and only what that cell made."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from autograder.inside.record import Recorder, Tree, bounds_of

__all__ = ["Watch", "snapshot"]


class Watch:
    """Tells which of ``names`` a cell bound or changed in place.

    A name counts if its object is another one than before, if its recorded value changed, or if
    a statement of the cell's top level that was carried out binds it. (Python 3.11 cannot watch
    a dictionary, and a namespace that is not a plain dictionary slows the student's loops.)
    """

    def __init__(self, namespace: dict[str, Any], names: Sequence[str], largest: int) -> None:
        self._namespace = namespace
        self._names = names
        self._largest = largest
        self.bound: set[str] = set()
        self._before: dict[str, tuple[Any, tuple[Tree, list[bytes]]]] = {}

    def start(self) -> None:
        """Remember the names' objects and values: call it right before the cell runs."""
        self._before = {
            name: (self._namespace[name], self._print(self._namespace[name]))
            for name in self._names
            if name in self._namespace
        }

    def stop(self, tree: ast.AST | None, error_line: int | None) -> None:
        """Compare: call it right after. ``tree`` is the cell as Python sees it, if it does;
        ``error_line`` is where it raised, if it did."""
        written = _bound_at_top(tree, error_line)
        for name in self._names:
            if name not in self._namespace:
                self.bound.discard(name)
                continue
            value = self._namespace[name]
            before = self._before.get(name)
            if (
                before is None
                or before[0] is not value
                or name in written
                or before[1] != self._print(value)
            ):
                self.bound.add(name)
        self._before = {}

    def _print(self, value: Any) -> tuple[Tree, list[bytes]]:
        recorder = Recorder(self._largest, 4 * self._largest)
        return recorder.tree(value), recorder.raw()


def _bound_at_top(tree: ast.AST | None, error_line: int | None) -> set[str]:
    """Names bound by statements of the top level that end before ``error_line``."""
    names: set[str] = set()
    for statement in tree.body if isinstance(tree, ast.Module) else ():
        if error_line is not None and (statement.end_lineno or 0) >= error_line:
            break
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(statement.name)
        elif isinstance(statement, ast.Assign):
            targets = [node for target in statement.targets for node in ast.walk(target)]
            names.update(node.id for node in targets if _stored(node))  # type: ignore[attr-defined]
        elif (
            isinstance(statement, ast.AugAssign | ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and statement.value is not None
        ):
            names.add(statement.target.id)
    return names


def _stored(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def snapshot(
    namespace: Mapping[str, Any],
    names: Sequence[str],
    also: Sequence[str],
    bound: set[str],
    recorder: Recorder,
) -> Tree:
    """The data of ``names``: values, which of them share memory, the generator's state.

    A name that exists but that the exercise's own cell did not bind stands under ``elsewhere``;
    the names of ``also`` are read whoever bound them.
    """
    present = [name for name in names if name in namespace]
    return {
        "names": {name: recorder.tree(namespace[name]) for name in present if name in bound},
        "also": {name: recorder.tree(namespace[name]) for name in also if name in namespace},
        "elsewhere": [name for name in present if name not in bound],
        "memory": _shared({name: namespace[name] for name in present if name in bound}),
        "generator": recorder.tree(torch.get_rng_state())["value"],
    }


def _shared(values: Mapping[str, Any]) -> list[list[str]]:
    """Groups of names whose memory overlaps."""
    groups: list[tuple[int, int, list[str]]] = []
    for name, value in values.items():
        bounds = bounds_of(value)
        if bounds is None:
            continue
        start, end = bounds
        joined = [name]
        apart = []
        for low, high, members in groups:
            if start < high and low < end:
                joined, start, end = members + joined, min(low, start), max(high, end)
            else:
                apart.append((low, high, members))
        groups = [*apart, (start, end, joined)]
    return sorted(sorted(members) for _, _, members in groups if len(members) > 1)
