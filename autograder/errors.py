"""The two kinds of error that end a command with a sentence; a student's errors are data instead.

``AuthorError``: somebody wrote something that cannot be right, and the sentence says where.
``MachineError``: this machine or our software cannot go on; nothing half-made is left.
"""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

__all__ = ["AuthorError", "MachineError", "MachineStopped", "log_to"]


class AuthorError(Exception):
    """A mistake in config, notebook, check or probe: names the file, the line and the mend."""


class MachineError(Exception):
    """Our fault or the machine's: grading cannot go on."""


class MachineStopped(MachineError):
    """What would befall every other submission, too: the command ends at once."""


def log_to(path: Path) -> None:
    """Keep the tracebacks of faults of ours in a file: the screen gets a sentence."""
    from autograder.words import harmless

    class Log(logging.FileHandler):
        """A full disk silences it: what stops a command is a sentence on the screen."""

        def emit(self, record: logging.LogRecord) -> None:
            with contextlib.suppress(OSError):
                super().emit(record)

        def handleError(self, record: logging.LogRecord) -> None:
            pass

    class Formatter(logging.Formatter):
        """What students named or raised is in the log too, and people read it on a terminal."""

        def format(self, record: logging.LogRecord) -> str:
            return harmless(super().format(record))

    path.parent.mkdir(parents=True, exist_ok=True)
    log = logging.getLogger("autograder")
    log.propagate = False
    for handler in log.handlers:
        if isinstance(handler, logging.FileHandler) and handler.baseFilename == str(path):
            return
    added = Log(path, encoding="utf-8", delay=True)
    added.setFormatter(Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(added)
