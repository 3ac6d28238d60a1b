"""Keep one grader of this process warm: nbgrader's formgrader asks for one submission at a time.

It is given back after ``IDLE_SECONDS`` in which nobody has asked, and when the process ends.
"""

from __future__ import annotations

import atexit
import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from autograder.course import Course
from autograder.exam import Options
from autograder.grading import Grader

__all__ = ["IDLE_SECONDS", "close", "lent"]

IDLE_SECONDS = 120.0

_lock = threading.RLock()
_kept: Grader | None = None
_timer: threading.Timer | None = None


@contextmanager
def lent(
    course: Course,
    options: Options,
    names: tuple[str, ...],
    *,
    progress: Callable[[int, int], None],
    notice: Callable[[str], None],
) -> Iterator[Grader]:
    """A grader of ``course`` as it is now, warm if this process has had one before."""
    global _kept
    with _lock:
        _stop_timer()
        if _kept is not None and not _serves(_kept, course):
            close()
        grader = _kept or Grader(course)
        # A grader that failed may have failed for good: the next one begins anew.
        _kept = None
        grader.course, grader.options, grader.names = course, options, names
        grader.progress, grader.notice = progress, notice
        grader.recorded.clear()
        try:
            yield grader
        except BaseException:
            grader.__exit__()
            raise
        finally:
            # What judging froze (see grading.py) would stay in a server for ever.
            gc.unfreeze()
        _kept = grader
        _start_timer()


def close() -> None:
    """End the grader that is kept, if there is one."""
    global _kept
    with _lock:
        _stop_timer()
        grader, _kept = _kept, None
        if grader is not None:
            grader.__exit__()


def _serves(grader: Grader, course: Course) -> bool:
    was = grader.course
    return (was.root, was.config.sandbox) == (course.root, course.config.sandbox)


def _start_timer() -> None:
    global _timer
    _timer = threading.Timer(IDLE_SECONDS, close)
    _timer.daemon = True
    _timer.start()


def _stop_timer() -> None:
    global _timer
    if _timer is not None:
        _timer.cancel()
        _timer = None


atexit.register(close)
