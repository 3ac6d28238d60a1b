"""How a command ends: exit statuses, and errors as one sentence."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from autograder.errors import AuthorError, MachineError

__all__ = ["BROKEN", "FAILED", "USAGE", "end", "notice", "sentences"]

FAILED, USAGE, BROKEN = 1, 2, 3
"""Exit statuses: something does not hold; a mistake in what was asked or written; our fault or
the machine's."""

ROOM, RIGHTS = "make room", "give this user the right to write there"
MENDS = {
    errno.ENOSPC: ROOM,
    errno.EDQUOT: ROOM,
    errno.EFBIG: ROOM,
    errno.EROFS: RIGHTS,
    errno.EACCES: RIGHTS,
    errno.EPERM: RIGHTS,
    errno.EIO: "look after the disk",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.ENFILE: "allow more open files (sysctl fs.file-max)",
    errno.ENOMEM: "free memory",
}
"""What a machine may refuse at any moment, and what helps. Other errors of the system are ours."""


@contextmanager
def sentences() -> Iterator[None]:
    """Errors end a command with one sentence and a status; ours keep their traceback in a log."""
    try:
        yield
    except AuthorError as error:
        end(str(error), USAGE)
    except MachineError as error:
        cause = error.__cause__
        logging.getLogger("autograder").error("%s", error, exc_info=cause)
        # The error's sentence says what helps, but for a disk that may be full anywhere.
        is_full = isinstance(cause, OSError) and MENDS.get(cause.errno or 0) == ROOM
        said = (
            f"{str(error).removesuffix('.')}; {ROOM}, and start again." if is_full else str(error)
        )
        end(said, BROKEN)
    except OSError as error:
        if error.errno not in MENDS:
            raise
        log = logging.getLogger("autograder")
        log.error("%s", error, exc_info=error)
        where = error.filename2 or error.filename or "this machine"
        end(f"{where}: {error.strerror}; {MENDS[error.errno]}, and start again.", BROKEN)
    except KeyboardInterrupt:
        end("interrupted; what was observed until now is kept.", 130)


def end(sentence: str, status: int) -> NoReturn:
    """End the command with a sentence and its exit status."""
    notice(sentence)
    raise SystemExit(status)


def notice(sentence: str) -> None:
    """Say a sentence beside the results, on the error stream."""
    from autograder.words import harmless

    typer.echo(f"autograder: {harmless(sentence)}", err=True)
