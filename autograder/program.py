"""The program: what is done before any command begins, and after it ended."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading
from typing import Any, NoReturn

import typer

from autograder.cli import app
from autograder.ending import BROKEN
from autograder.unneeded import leave_out

__all__ = ["main", "run"]


def main(arguments: list[str] | None = None) -> Any:
    """Run a command. An error that nobody foresaw is ours: a sentence, and a log to send us."""
    leave_out()
    # Python looks for garbage so often that importing takes a third longer. Much more seldom than
    # this, and what batches leave behind would pile up.
    gc.set_threshold(50_000, 5, 2)
    try:
        return app(arguments)
    except Exception as error:
        typer.echo(
            f"autograder: a fault of ours ({type(error).__name__}); the details: {_kept()}",
            err=True,
        )
        sys.exit(BROKEN)


def run() -> NoReturn:
    """The program. Ends the process without taking apart what was imported, which takes a sixth of
    a second with torch: the system frees it at once. What was to be done at the end is done."""
    try:
        status = _status()
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    except KeyboardInterrupt:
        status = 130  # who says it twice does not want to wait for threads
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        sys.exit(status)  # Python has a way of its own to say that nobody reads
    os._exit(status)


def _status() -> int:
    """The exit status of ``main``; words instead of one are said."""
    try:
        main()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        typer.echo(end.code, err=True)
        return 1
    return 0


def _kept() -> str:
    """Where the traceback of the exception is that is being handled; itself if nowhere."""
    import tempfile
    import traceback

    text = traceback.format_exc()
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="autograder-", suffix=".log", delete=False, encoding="utf-8"
        ) as file:
            file.write(text)
    except OSError:
        return f"\n{text}"
    return file.name
