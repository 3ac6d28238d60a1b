"""A stand-in for ``torch._dynamo``, torch's compiler, until somebody compiles something.

The first step of any optimiser imports the compiler, 800 modules and a second of time, to tell it
what not to compile. Where nothing is compiled there is nobody to be told; whoever asks for more
than that gets the compiler itself.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch

__all__ = ["put_off_compiler"]

NAME = "torch._dynamo"
Function = Callable[..., Any]


class _Uncompiled(ModuleType):
    def graph_break(self, msg: str = "") -> None:
        """There is no graph to be broken."""

    def disable(self, fn: Function, recursive: bool = True, **options: Any) -> Function:
        """``fn``, which runs as it is while nothing is compiled and is disabled from then on."""

        @functools.cache
        def disabled() -> Function:
            found: Function = sys.modules[NAME].disable(fn, recursive, **options)
            return found

        @functools.wraps(fn)
        def run(*args: Any, **named: Any) -> Any:
            return (fn if sys.modules.get(NAME) is self else disabled())(*args, **named)

        return run

    def __getattr__(self, name: str) -> Any:
        # `__path__` is what importing one of its modules asks for; `inspect` asks every module that
        # there is for others of such names.
        if name.startswith("__") and name != "__path__":
            raise AttributeError(name)
        if sys.modules.get(NAME) is self:
            del sys.modules[NAME]
        return getattr(importlib.import_module(NAME), name)


def put_off_compiler() -> None:
    """Let optimisers work without torch's compiler, unless it has been imported already."""
    if NAME not in sys.modules:
        sys.modules[NAME] = torch._dynamo = _Uncompiled(NAME)
