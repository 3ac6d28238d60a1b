"""Temporary files and folders that do not outlast a killed process: the next one removes them.

Each is locked while it is in use. The lock goes with its process, whatever ends that, so what is
not locked has been abandoned: neither ages nor process numbers, which are used again, have to tell.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Self

__all__ = ["TemporaryFolder", "remove_abandoned", "written"]

PREFIX = ".autograder-tmp-"


class TemporaryFolder:
    """A private folder in ``parent`` (default: the machine's place for such), until closed."""

    def __init__(self, parent: Path | None = None) -> None:
        self.path, lock = _claimed(lambda: Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent)))
        self._close = weakref.finalize(self, _close, self.path, lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove it with all that is in it."""
        self._close()


@contextlib.contextmanager
def written(path: Path, mode: int = 0o600) -> Iterator[IO[bytes]]:
    """A file that stands at ``path``, with this ``mode``, once the block is left; if that is by an
    exception, nothing has changed there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        temporary, lock = _claimed(lambda: _new_file(path.parent))
        try:
            with temporary.open("wb") as file:
                yield file
            temporary.chmod(mode)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        finally:
            os.close(lock)
    except OSError as error:
        # Writing names no file, and the temporary one's name tells nobody anything.
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def remove_abandoned(*folders: Path) -> None:
    """Remove from ``folders`` what processes that have ended left there; what may not be removed,
    or is another user's, stays."""
    for folder in folders:
        with contextlib.suppress(OSError):
            for entry in list(os.scandir(folder)):
                if entry.name.startswith(PREFIX) and _is_own(entry.path):
                    _remove_unless_locked(Path(entry.path))


def _close(folder: Path, lock: int) -> None:
    _remove(folder)
    os.close(lock)


def _new_file(folder: Path) -> Path:
    handle, name = tempfile.mkstemp(prefix=PREFIX, dir=folder)
    os.close(handle)
    return Path(name)


def _claimed(make: Callable[[], Path]) -> tuple[Path, int]:
    """What ``make`` makes, with the descriptor that keeps it locked.

    Between the two somebody may take it for abandoned; then another one is made.
    """
    while True:
        path = make()
        try:
            handle = _open(path)
        except FileNotFoundError:
            continue
        if _lock(handle) and path.exists():
            return path, handle
        os.close(handle)


def _remove_unless_locked(path: Path) -> None:
    with contextlib.suppress(OSError):
        handle = _open(path)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(path)
        finally:
            os.close(handle)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _lock(handle: int) -> bool:
    """Whether it is ours now. Where a file system has no locks, nobody removes anything either."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _is_own(path: str) -> bool:
    return os.lstat(path).st_uid == os.geteuid()


def _remove(path: Path) -> None:
    """Delete a file or a folder, even if its owner took its own rights away."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    _allow(path)
    for inside, names, _ in os.walk(path):
        for folder in (Path(inside, name) for name in names):
            if not folder.is_symlink():
                _allow(folder)
    shutil.rmtree(path, ignore_errors=True)


def _allow(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.chmod(0o700)
