"""Parse and compile each cell once, the cells that all students have before the fork."""

from __future__ import annotations

import ast
import warnings
from typing import Any

from IPython.core.compilerop import CachingCompiler

__all__ = ["Compiler"]


class Compiler(CachingCompiler):
    """Keeps the last tree: a cell's is asked for before it runs, when it runs, and after it. Knows
    cells that it was prepared for, as parsing and compiling take longer than running most of them.
    """

    flags: int

    def __init__(self) -> None:
        super().__init__()
        self._last: tuple[str, int, ast.AST] | None = None
        self._trees: dict[tuple[str, int], ast.AST] = {}
        self._codes: dict[tuple[int, str, str, int], Any] = {}
        """By node of a tree above, file name, mode and flags."""

    def ast_parse(self, source: str, filename: str = "<unknown>", symbol: str = "exec") -> ast.AST:
        if (source, self.flags) in self._trees:
            return self._trees[source, self.flags]
        if self._last is None or self._last[:2] != (source, self.flags):
            self._last = source, self.flags, super().ast_parse(source, filename, symbol)
        return self._last[2]

    def __call__(self, source: Any, filename: str, symbol: str, **named: Any) -> Any:
        body = getattr(source, "body", None)  # an expression's is a node, not a list
        if isinstance(body, list) and len(body) == 1:
            key = id(body[0]), filename, symbol, self.flags
            if key in self._codes:
                return self._codes[key]
        return super().__call__(source, filename, symbol, **named)

    def prepare(self, source: str, number: int, flags: int) -> None:
        """Parse and compile a cell, node by node, as IPython does when it runs as cell ``number``
        under ``flags``. One that is refused, warned of or changes the compiler is left to its run.
        """
        before, name = self.flags, self.get_code_name(source, source, number)
        codes = {}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                tree: Any = super().ast_parse(source)
                for node in tree.body:
                    is_shown = node is tree.body[-1] and isinstance(node, ast.Expr)
                    mode = "single" if is_shown else "exec"
                    wrapped = ast.Interactive([node]) if is_shown else ast.Module([node], [])
                    with self.extra_flags(flags):
                        key = id(node), name, mode, self.flags
                        codes[key] = super().__call__(wrapped, name, mode)
        except Exception:
            return
        finally:
            changed, self.flags = self.flags != before, before
        if not changed:
            self._trees[source, before] = tree
            self._codes |= codes

    def forget(self) -> None:
        """Forget the cells that it was prepared for."""
        self._trees.clear()
        self._codes.clear()
