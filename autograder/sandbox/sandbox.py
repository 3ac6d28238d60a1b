"""Run jobs of untrusted code, each in its own fork of a warm process; knows nothing of notebooks.

The zygote is started once and forks; this class starts it again when it has died, checks what
callers give, and is the one face of the package.
"""

from __future__ import annotations

import platform
import tempfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import MappingProxyType, TracebackType
from typing import Any, Self

from . import cgroup
from .child import OnFrame, Refused
from .contract import Ended, Isolation, Limits, SandboxBroken, SandboxUnavailable
from .staging import Staging
from .temporary import remove_abandoned
from .zygote import Zygote

__all__ = ["Sandbox", "sweep"]

NO_FILES: Mapping[str, bytes] = MappingProxyType({})
NAME_CAP = 255  # bytes of one part of a path, on every file system that matters
FILES_CAP = 10_000
MAX_DEATHS = 4
"""Of zygotes, without one run in between that came to its end."""


class Sandbox:
    """A context manager; `run` may be called from several threads at once."""

    attempts = 2
    """How often a run is worth being begun that ends with SandboxBroken."""

    def __init__(
        self,
        *,
        entry: str,
        package_root: Path,
        modules: Sequence[str],
        isolation: Isolation = "full",
        uses: Iterable[str] = (),
    ) -> None:
        """Start the zygote with the module `entry`, found among copies of `modules`.

        `entry` has `warm_up(uses) -> dict`, called once in the zygote, and
        `serve(job, payload, send)`, called in each child; `uses` is its own affair, and is looked
        at while the entry is being imported. What warm_up opens (descriptors, event loops,
        threads) does not reach serve; what it imports and computes does. Where `run` is given what
        to prepare, it has `prepare(data: bytes)`, too.
        """
        if isolation not in ("full", "none"):
            raise ValueError(f"isolation is 'full' or 'none', not {isolation!r}")
        self._entry = entry
        self._isolation: Isolation = isolation
        self._uses = uses
        self._lock = threading.Lock()
        self._closed = False
        self._zygote: Zygote | None = None
        self._deaths: list[str] = []  # of zygotes, since a run last came to its end
        sweep()
        self._staging = Staging(package_root, modules)
        try:
            self._living()
        except BaseException:
            self.close()
            raise

    def run(
        self,
        job: Mapping[str, Any],
        payload: bytes = b"",
        *,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        files: Mapping[str, bytes] = NO_FILES,
        on_frame: OnFrame,
        prepared: bytes = b"",
    ) -> Ended:
        """Serve one job in a fresh child; `on_frame` gets what it sends, in this thread.

        `prepared` is what the zygote lets the entry prepare before, unless it has done so for the
        job before: work that children of the same kind would each do again. It is only for speed.

        Whatever `on_frame` raises kills the child: TooMuch makes the run "too_large", any other
        ValueError makes it "garbled", anything else goes on to the caller.
        """
        _check_files(files, limits)
        zygote = self._living()
        try:
            if prepared:
                zygote.prepare(prepared)
            with zygote.bear() as child:
                try:
                    child.confine(zygote.keeper, limits, files)
                except (OSError, Refused) as error:
                    raise SandboxBroken(f"a child could not be set up: {error}") from error
                ended = child.serve(job, payload, limits=limits, on_frame=on_frame)
        except SandboxBroken as error:
            self._discard(zygote, str(error))
            raise
        self._deaths.clear()
        return ended

    @property
    def facts(self) -> dict[str, Any]:
        """What warm_up returned, the isolation, the kind of memory limit in force and the machine's
        architecture."""
        return dict(self._facts)

    def close(self) -> None:
        """End the zygote and all children; runs in other threads raise SandboxBroken."""
        with self._lock:
            self._closed = True
            zygote, self._zygote = self._zygote, None
        if zygote is not None:
            zygote.close()
        self._staging.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _living(self) -> Zygote:
        """The zygote; started here if there is none. Other threads wait for it meanwhile."""
        with self._lock:
            if self._closed:
                raise SandboxBroken("the sandbox is closed")
            if self._zygote is None:
                self._zygote = self._started()
            return self._zygote

    def _started(self) -> Zygote:
        if len(self._deaths) >= MAX_DEATHS:
            raise SandboxUnavailable(
                f"The sandbox's process died {MAX_DEATHS} times in a row ({self._deaths[-1]}): "
                "look for what ends it, such as too little memory (dmesg), and start again."
            )
        try:
            zygote = Zygote(
                self._staging, entry=self._entry, isolation=self._isolation, uses=self._uses
            )
        except SandboxBroken as error:
            self._deaths.append(str(error))
            raise
        self._facts = zygote.facts | {
            "isolation": self._isolation,
            "memory_limit": zygote.keeper.kind,
            "architecture": platform.machine(),
        }
        return zygote

    def _discard(self, zygote: Zygote, why: str) -> None:
        with self._lock:
            if self._zygote is not zygote:
                return  # another thread was faster
            self._zygote = None
            self._deaths.append(why)
        zygote.close()


def sweep() -> None:
    """Remove what processes of ours that were killed have left on this machine: temporary folders
    and empty control groups. (Their children are gone with them.)"""
    remove_abandoned(Path(tempfile.gettempdir()))
    for candidate in cgroup.find():
        cgroup.sweep(candidate)


def _check_files(files: Mapping[str, bytes], limits: Limits) -> None:
    """Refuse, before anything is started, what could leave the scratch folder or not fit."""
    folders: set[PurePosixPath] = set()
    for name in files:
        path = PurePosixPath(name)
        parts_fit = all(len(part.encode()) <= NAME_CAP for part in path.parts)
        if path.is_absolute() or ".." in path.parts or "\0" in name or not path.parts:
            raise ValueError(f"file name {name!r} is not a path inside the working directory")
        if not parts_fit:
            raise ValueError(f"file name {name[:40]!r}... is too long")
        folders.update(path.parents)
    for name in files:
        if PurePosixPath(name) in folders:
            raise ValueError(f"file name {name!r} is also a folder's")
    if len(files) > FILES_CAP:
        raise ValueError(f"{len(files)} files are more than {FILES_CAP}")
    size = sum(map(len, files.values()))
    if size > limits.scratch_mb << 20:
        raise ValueError(f"files of {size} bytes do not fit into {limits.scratch_mb} MB of scratch")
