"""Tell what a cell raised, as notebooks show it: where from, with the lines around it, and what.

IPython's own finds the module of every frame and takes each cell's syntax tree apart, which takes
longer than most notebooks run.
"""

from __future__ import annotations

import linecache
import re
import traceback
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from types import CodeType, TracebackType
from typing import Any

import IPython

__all__ = ["CELL_FILE", "told"]

CELL_FILE = "<ipython-input"
"""How the names begin that IPython gives cells as files."""
NUMBER = re.compile(re.escape(CELL_FILE) + r"-(\d+)")
MAX_FRAMES = 20
"""Places of a traceback that are shown at either end; what comes again and again is told once."""
MAX_CHAIN = 10
"""Exceptions that are shown of those that led to one another."""
AROUND = 2
"""Lines that are shown before and after those of a statement."""
MAX_LINES, MAX_LINE = 12, 500
"""Lines of one statement, and characters of one line."""
WIDTH = 75
HEAD, RULE = "Traceback (most recent call last)", "-" * WIDTH
OURS = tuple(f"{Path(one).resolve().parent}/" for one in (IPython.__file__, __file__))
BECAUSE = "The above exception was the direct cause of the following exception:"
DURING = "During handling of the above exception, another exception occurred:"

Frame = tuple[CodeType, int, int]
"""What ran, and the instruction and the line that it had come to."""


def told(
    kind: type[BaseException],
    error: BaseException | None,
    trace: TracebackType | None,
    *_: Any,
    **__: Any,
) -> list[str]:
    """The texts of an exception and of those that led to it, the first one first."""
    texts = [RULE]
    chain = [("", error)] if error is None else [*_chain(error)]
    for joint, one in reversed(chain):
        if one is error:
            texts += _one(kind, one, trace)
        else:
            assert one is not None
            texts += _one(type(one), one, one.__traceback__)
        if joint:
            texts += [f"\n{joint}\n"]
    return texts


def _chain(error: BaseException) -> Iterator[tuple[str, BaseException]]:
    """An exception and what led to it, each with the words that join it to the one before."""
    seen: set[int] = set()
    joint, one = "", error
    while len(seen) < MAX_CHAIN:
        seen.add(id(one))
        yield joint, one
        cause = one.__cause__
        hides = cause is not None or one.__suppress_context__
        before = cause if hides else one.__context__
        if before is None or id(before) in seen:
            return
        joint, one = (BECAUSE if cause is not None else DURING), before


def _one(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> list[str]:
    name = str(getattr(kind, "__name__", kind))
    texts = [f"{name}{HEAD:>{max(WIDTH - len(name), len(HEAD) + 1)}}"]
    runs = [(one, len([*same])) for one, same in groupby(_frames(trace))]
    hidden = len(runs) - 2 * MAX_FRAMES
    for place, (one, times) in enumerate(runs):
        if place < MAX_FRAMES or place >= MAX_FRAMES + hidden:
            texts += [_frame(*one), *([f"    [… × {times}]\n"] if times > 1 else [])]
        elif place == MAX_FRAMES:
            texts += [f"    [… {hidden} …]\n"]
    said = traceback.TracebackException(kind, error, None).format_exception_only()  # type: ignore[arg-type]
    module = f"{getattr(kind, '__module__', '')}."
    return [*texts, "".join(line.removeprefix(module) for line in said).rstrip("\n")]


def _frames(trace: TracebackType | None) -> Iterator[Frame]:
    """The student's frames, and those of the libraries that they called."""
    while trace is not None:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith(OURS):
            yield code, trace.tb_lasti, trace.tb_lineno or code.co_firstlineno
        trace = trace.tb_next


def _end(code: CodeType, instruction: int, line: int) -> int:
    """The last line of the expression that raised, if it begins at ``line``."""
    for place, (begin, end, _, _) in enumerate(code.co_positions()):
        if place == instruction // 2:
            return end if begin == line and end is not None else line
    return line


def _frame(code: CodeType, instruction: int, line: int) -> str:
    """Where it was, and the lines around, with an arrow at the one."""
    name = code.co_filename
    cell = NUMBER.match(name)
    where = f"Cell In[{cell[1]}], line {line}" if cell else f"File {name}:{line}"
    first = line - AROUND
    if code.co_name != "<module>":
        taken = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        where += f", in {code.co_qualname}({', '.join(taken)})"
        first = max(first, code.co_firstlineno)
    shown = [where]
    last = min(max(_end(code, instruction, line), line), line + MAX_LINES) + AROUND
    for number in range(max(first, 1), last + 1):
        text = linecache.getline(name, number).rstrip()[:MAX_LINE]
        if text or number <= line:
            arrow = "-" * (5 - len(str(number))) + "> " if number == line else ""
            shown.append(f"{arrow:{7 - len(str(number))}}{number} {text}".rstrip())
    return "\n".join([*shown, ""])
