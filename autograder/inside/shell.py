"""Run notebook cells in an IPython shell, past errors."""

from __future__ import annotations

import ast
import builtins
import contextlib
import getpass
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any, NoReturn

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.formatters import DisplayFormatter
from IPython.core.inputtransformer2 import TransformerManager
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

from autograder.inside.compiler import Compiler
from autograder.inside.figures import fonts_by_header, without_property_lists
from autograder.inside.outputs import MAX_OUTPUTS, OUTPUTS, Output, Stream, bundle_of
from autograder.inside.traces import CELL_FILE, told

__all__ = ["Cell", "Interrupted", "Shell", "time_limit"]

MAX_MESSAGE = 2_000
MAX_TRACEBACK = 20_000
PROMPT = re.compile(r"^\s*In \[", re.MULTILINE)
REPEAT_SECONDS = 0.5
"""How often a cell that swallows its interruption is interrupted again."""


class Interrupted(BaseException):
    """A cell or a probe passed its time limit. Not an ``Exception``: ``except Exception`` lets it
    through, as it does Ctrl-C."""


@contextlib.contextmanager
def time_limit(seconds: float, text: str = "") -> Iterator[None]:
    """Raise ``Interrupted(text)`` in the main thread after ``seconds``, repeatedly until left."""
    if not hasattr(signal, "setitimer"):
        # Windows: whoever waits for this process bounds it as a whole.
        yield
        return
    armed = True

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        if armed:
            raise Interrupted(text)

    previous = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.01), REPEAT_SECONDS)
    try:
        yield
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


@dataclass
class Cell:
    """What running one cell gave. ``status`` is ``ok``, ``error`` or ``interrupted``."""

    status: str
    outputs: list[Output]
    seconds: float
    characters: int
    error: dict[str, Any] | None = None


class Formatter(DisplayFormatter):
    """Puts values into words where somebody looks: the text of a tensor takes longer than most
    cells, and a figure longer than most notebooks."""

    def format(self, obj: Any, *more: Any, **named: Any) -> Any:
        return super().format(obj, *more, **named) if OUTPUTS.shown else ({}, {})


class Publisher(DisplayPublisher):
    """``display(…)`` becomes a ``display_data`` output."""

    def publish(
        self, data: dict[str, Any], metadata: dict[str, Any] | None = None, **_: Any
    ) -> None:
        bundle, size = bundle_of(data)
        OUTPUTS.add({"output_type": "display_data", "data": bundle, "metadata": {}}, size)

    def clear_output(self, wait: bool = False) -> None:
        OUTPUTS.clear()


class Hook(DisplayHook):
    """The value of a cell's last expression becomes an ``execute_result`` output."""

    exec_result: Any = None  # no trait: see NotebookShell

    def quiet(self) -> bool:
        # IPython's own looks for the `;` in the history, and there is none.
        result = self.exec_result
        return (
            result is not None
            and ";" in result.info.raw_cell
            and self.semicolon_at_end_of_expression(result.info.transformed_cell)
        )

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        bundle, size = bundle_of(format_dict)
        OUTPUTS.add(
            {
                "output_type": "execute_result",
                "data": bundle,
                "metadata": {},
                "execution_count": self.shell.execution_count,
            },
            size,
        )

    def finish_displayhook(self) -> None:
        self._is_active = False

    def log_output(self, format_dict: Any) -> None:
        pass


class NotebookShell(InteractiveShell):
    """IPython's shell without a terminal, a history file, a pty or anyone to answer a question."""

    # Not traits, whose notices to nobody take longer than a line of a cell.
    execution_count: Any = 1
    last_execution_succeeded: Any = True
    last_execution_result: Any = None

    display_pub_class = Type(Publisher)
    displayhook_class = Type(Hook)
    compiler_class = Type(Compiler)

    def init_display_formatter(self) -> None:
        self.display_formatter = Formatter(parent=self)
        self.configurables.append(self.display_formatter)

    def init_traceback_handlers(self, custom_exceptions: Any) -> None:
        super().init_traceback_handlers(custom_exceptions)
        self.InteractiveTB.structured_traceback = told

    def _tee(self, channel: str) -> contextlib.AbstractContextManager[None]:
        """What is written is kept for a history, and there is none."""
        return contextlib.nullcontext()

    def transform_cell(self, raw_cell: str) -> str:
        """The cell as Python. IPython tokenises every cell for its magics, which takes longer than
        most cells do: what is Python already is left as it is. (A single line may still be an
        automatic magic, such as `pwd`.)"""
        if "\n" in raw_cell.strip() and not PROMPT.search(raw_cell) and self._unextended():
            python = raw_cell if raw_cell.endswith("\n") else f"{raw_cell}\n"
            # What is no Python, or too deep or strange for the parser, is IPython's to transform.
            with contextlib.suppress(Exception):
                self.compile.ast_parse(python)
                return python
        return super().transform_cell(raw_cell)  # type: ignore[no-any-return]

    def transform_ast(self, node: Any) -> Any:
        if self.ast_transformers:  # what they change in place is no longer what was compiled
            self.compile.forget()
        return super().transform_ast(node)

    def _unextended(self) -> bool:
        """Whether no cell has added a transformation of its own."""
        manager, own = self.input_transformer_manager, TransformerManager()
        return not self.input_transformers_post and (
            manager.cleanup_transforms == own.cleanup_transforms
            and manager.line_transforms == own.line_transforms
            and manager.token_transformers == own.token_transformers
        )

    def should_run_async(self, raw_cell: str, *, transformed_cell: str, **more: Any) -> bool:
        # IPython compiles the cell once more to find out.
        if "await" not in transformed_cell and "async" not in transformed_cell:
            return False
        run_async = super().should_run_async(raw_cell, transformed_cell=transformed_cell, **more)
        return bool(run_async)

    def showtraceback(self, exc_tuple: Any = None, *more: Any, **named: Any) -> None:
        if OUTPUTS.shown or (exc_tuple or sys.exc_info())[0] is None:
            super().showtraceback(exc_tuple, *more, **named)

    def _showtraceback(self, etype: Any, evalue: Any, stb: list[str]) -> None:
        text = "\n".join(stb)[:MAX_TRACEBACK]
        output = {
            "output_type": "error",
            "ename": getattr(etype, "__name__", str(etype))[:200],
            "evalue": _message(evalue),
            "traceback": text.split("\n"),
        }
        # Of many, the rest stays away; but a long text before it must not hide what went wrong.
        if len(OUTPUTS.items) <= MAX_OUTPUTS:
            OUTPUTS.items.append(output)

    def system(self, cmd: str) -> None:
        # IPython's own goes through a pseudo-terminal, which the sandbox does not have.
        done = subprocess.run(
            self.var_expand(cmd, depth=1),
            shell=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        sys.stdout.write(done.stdout)
        self.user_ns["_exit_code"] = done.returncode

    def enable_gui(self, gui: str | None = None) -> None:
        """There is no screen: nothing to enable."""

    def ask_exit(self) -> None:
        """``exit`` does not end the notebook."""


def _message(error: BaseException | None) -> str:
    try:
        return str(error)[:MAX_MESSAGE]
    except Exception:
        return ""


def _refuse(text: str) -> Callable[..., NoReturn]:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise RuntimeError(text)

    return refuse


class Shell:
    """The shell of one process. Make it before the fork; run cells after it."""

    def __init__(self) -> None:
        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "nocolor"
        config.InteractiveShell.cache_size = 0
        # The advice that IPython gives after `sys.exit()` is for a terminal, and in English.
        warnings.filterwarnings("ignore", message="To exit: use")
        self._shell = NotebookShell.instance(config=config)
        # Whoever imports matplotlib draws into the notebook from the first figure on: a change of
        # the backend afterwards would close what was drawn.
        os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")

    def tree(self, source: str) -> ast.AST | None:
        """What Python makes of a cell; ``None`` if that is nothing."""
        try:
            tree: ast.AST = self._shell.compile.ast_parse(self._shell.transform_cell(source))
        except Exception:
            return None
        return tree

    def prepare(self, cells: Sequence[tuple[int, str]]) -> None:
        """Compile ``cells``, each with its number, in advance. Runs none of them."""
        self._shell.compile.forget()
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if self._shell.autoawait else 0
        for number, source in cells:
            self._shell.compile.prepare(self._shell.transform_cell(source), number, flags)

    def prepare_figures(self) -> None:
        """Show figures at the end of the cell that draws them, also in a notebook that never says
        ``%matplotlib``. Imports matplotlib."""
        with without_property_lists(), fonts_by_header():
            self._shell.run_line_magic("matplotlib", "inline")
        from matplotlib import pyplot

        # What draws all open figures after every cell comes after what shows and closes them: else
        # each would be drawn once more.
        self._shell.events.unregister("post_execute", pyplot._draw_all_if_interactive)
        self._shell.events.register("post_execute", pyplot._draw_all_if_interactive)

    @property
    def namespace(self) -> dict[str, Any]:
        return self._shell.user_ns  # type: ignore[no-any-return]

    def refuse_questions(self, text: str) -> None:
        """Make ``input()`` and the like raise ``text`` at once: nobody is there to answer."""
        builtins.input = _refuse(text)
        getpass.getpass = _refuse(text)
        sys.breakpointhook = _refuse(text)

    def run(
        self,
        source: str,
        number: int,
        *,
        seconds: float,
        late_text: str,
        output_limit: int,
        cut_text: str,
        shown: bool = True,
    ) -> Cell:
        """Run one cell. ``number`` is its execution count, ``output_limit`` in characters.

        ``late_text`` is the message of its interruption, ``cut_text`` ends outputs over the limit.
        Where nobody looks at them (not ``shown``), values and errors are not put into words.
        """
        OUTPUTS.start(output_limit, cut_text, shown)
        self._shell.execution_count = number
        stdout, stderr = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = Stream(OUTPUTS, "stdout"), Stream(OUTPUTS, "stderr")
        begun = time.monotonic()
        raised: BaseException | None = None
        try:
            with time_limit(seconds, late_text):
                result = self._shell.run_cell(source, store_history=False)
                raised = result.error_before_exec or result.error_in_exec
        except BaseException as error:
            raised = error
            self._shell.showtraceback((type(error), error, error.__traceback__))
        finally:
            sys.stdout, sys.stderr = stdout, stderr
        spent = time.monotonic() - begun
        if raised is None:
            return Cell("ok", OUTPUTS.finished(), spent, OUTPUTS.kept)
        status = "interrupted" if isinstance(raised, Interrupted) else "error"
        return Cell(status, OUTPUTS.finished(), spent, OUTPUTS.kept, describe(raised))


def describe(error: BaseException) -> dict[str, Any]:
    """An exception as data: type, message and the line of the cell (or of the probes' file).

    The cell is the outermost one: a function of an earlier cell may have raised inside it.
    """
    line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
    trace: TracebackType | None = error.__traceback__
    cell = None
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if cell is None and name.startswith((CELL_FILE, "<probes>")):
            cell = name
        if name == cell:
            line = trace.tb_lineno
        trace = trace.tb_next
    return {
        "name": type(error).__name__[:200],
        "message": _message(error),
        "line": line if isinstance(line, int) else None,
    }
