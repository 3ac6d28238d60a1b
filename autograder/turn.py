"""One command at a time changes what a course has recorded; the others wait and say for whom."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain

from autograder.course import Course
from autograder.errors import MachineError
from autograder.sandbox import sweep
from autograder.sandbox.temporary import remove_abandoned

__all__ = ["CourseTaken", "alone", "turn"]


class CourseTaken(MachineError):
    """Another command has the course; the sentence says which."""


@contextmanager
def turn(
    course: Course, doing: str, notice: Callable[[str], None], *, waits: bool = True
) -> Iterator[None]:
    """Have the course to oneself, and rid of what killed commands have left half written.

    ``doing`` is the command, for those who come meanwhile; ``notice`` is told for whom we wait.
    Who does not wait gets ``CourseTaken`` where it is another's turn.
    """
    # flock, which the kernel gives back when its process ends, however it ends; a lock file that is
    # simply there would outlive a killed grader. On NFS, Linux makes of it a lock of the server's:
    # that holds among machines too, unless the mount says nolock or local_lock, and when a machine
    # dies, not a process, the server may keep it until that machine is up again.
    with _held(course, "lock", doing, notice if waits else None):
        sweep()
        remove_abandoned(
            course.root,
            course.released("").parent,
            course.state,
            course.state / "feedback",
            *chain(
                course.observations.glob("*"),
                (course.state / "reports").glob("*"),
                (course.root / "autograded").glob("*"),
            ),
        )
        yield


@contextmanager
def alone(course: Course, doing: str) -> Iterator[None]:
    """Be the only one of this course that is ``doing`` such a thing; it takes nobody's turn.

    ``CourseTaken`` where there is another one already.
    """
    with _held(course, f"{doing}.lock", doing, None):
        yield


@contextmanager
def _held(
    course: Course, name: str, doing: str, notice: Callable[[str], None] | None
) -> Iterator[None]:
    """Hold the lock file ``name``; without ``notice`` it is not waited for."""
    path = course.state / name
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            if not _locked(handle, fcntl.LOCK_EX | fcntl.LOCK_NB):
                if notice is None:
                    raise CourseTaken(_who(handle))
                notice(f"waiting for {_who(handle)} to end.")
                _locked(handle, fcntl.LOCK_EX)
        except OSError as error:
            raise MachineError(f"{path} cannot be locked ({error.strerror}).") from error
        _sign(handle, doing)
        yield
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _locked(handle: int, how: int) -> bool:
    try:
        fcntl.flock(handle, how)
    except BlockingIOError:
        return False
    return True


def _sign(handle: int, doing: str) -> None:
    """Leave a note for those who wait."""
    host, since = socket.gethostname(), time.strftime("%H:%M")
    text = f"`autograder {doing}` (process {os.getpid()} on {host}, since {since})"
    with suppress(OSError):  # a full disk is told of where it matters
        os.ftruncate(handle, 0)
        os.pwrite(handle, text.encode(), 0)


def _who(handle: int) -> str:
    """What the holder of the lock has signed; it may be just about to."""
    for _ in range(20):
        if note := os.pread(handle, 1000, 0):
            return note.decode(errors="replace")
        time.sleep(0.05)
    return "another command on this course"
