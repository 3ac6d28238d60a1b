"""Memory over all processes of a submission, where no cgroup may be used: look often, then kill.

Weaker than a cgroup, and honest about it: it sees pages that are mapped by a living process, and
their page tables, every 30 ms, so what is allocated between two looks gets through. Files in the
scratch folders count by their file systems, sockets as if they were full. Shared memory that is no
file there (memfd, shared anonymous maps) stays when no process maps it any more and can not be
counted, so the filter refuses it. The kernel itself bounds what pipes of one user hold.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

from .contract import Limits

__all__ = ["Watch", "Watcher"]

PERIOD = 0.03


class Watch:
    """One child's memory, watched by a thread until closed. It kills, so it needs no alarm."""

    alarm = None

    def __init__(self, pid: int, limits: Limits) -> None:
        self._pid = pid
        self._pidfd = os.pidfd_open(pid)
        # A fork shares the zygote's pages, so what it starts with is not the submission's.
        self._given = _resident(pid)
        self._allowed = (limits.memory_mb << 20) + _tables(pid)
        self._ran_out = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="memory-watch", daemon=True)
        self._thread.start()

    def ran_out(self) -> bool:
        return self._ran_out

    def refused_processes(self) -> int:
        """Nobody counts: what limits processes here is a limit of the kernel's that tells only
        the process itself."""
        return 0

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        os.close(self._pidfd)

    def _look(self) -> None:
        while not self._stop.wait(PERIOD):
            if self._is_over():
                self._ran_out = True
                try:
                    signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
                except ProcessLookupError:
                    return

    def _is_over(self) -> bool:
        """Cheap and too high first, as forks count shared pages twice; exact only if it matters."""
        tree = list(_tree(self._pid))
        certain = sum(map(_tables, tree)) + _scratch(self._pid) + _sockets(self._pid)
        if certain > self._allowed:
            # The exact way, through all of the tables, would take seconds where they are many.
            return True
        left = self._allowed + self._given - certain
        return sum(map(_resident, tree)) > left and sum(map(_proportional, tree)) > left


class Watcher:
    """Guards by watching; made where no cgroup will do."""

    kind = "watcher"
    counts_processes = False

    def guard(self, pid: int, limits: Limits) -> Watch:
        return Watch(pid, limits)


def _tree(top: int) -> Iterator[int]:
    """The process and all below it; whatever vanishes while we look is gone."""
    waiting = [top]
    while waiting:
        pid = waiting.pop()
        yield pid
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except OSError:
            continue


def _tables(pid: int) -> int:
    """Of pages: a process has its own, and a huge map that is only read from has nothing else."""
    return _sum(Path(f"/proc/{pid}/status"), ("VmPTE:",)) or 0


def _resident(pid: int) -> int:
    return _sum(Path(f"/proc/{pid}/status"), ("RssAnon:", "RssShmem:")) or 0


def _proportional(pid: int) -> int:
    """Shared pages are divided among those who share them. A process can hide this from us (by
    not being dumpable); then it is counted in full."""
    exact = _sum(Path(f"/proc/{pid}/smaps_rollup"), ("Pss_Anon:", "Pss_Shmem:"))
    return _resident(pid) if exact is None else exact


def _sum(path: Path, names: tuple[str, ...]) -> int | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(names))


def _sockets(pid: int) -> int:
    """Bytes that the sockets of the child's own network namespace could hold (the filter keeps
    them at the usual size): how full they are is not told, and most programs have few."""
    try:
        if Path(f"/proc/{pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink():
            return 0  # not its own but the host's
        count = len(Path(f"/proc/{pid}/net/unix").read_bytes().splitlines()) - 1
        full = int(Path("/proc/sys/net/core/wmem_default").read_text())
    except OSError:
        return 0
    return count * full


def _scratch(pid: int) -> int:
    """Bytes in files of the child's own file systems."""
    used = 0
    for name in ("tmp", "dev/shm"):
        inside = Path(f"/proc/{pid}/root/{name}")
        try:
            if inside.stat().st_dev == Path("/", name).stat().st_dev:
                continue  # not its own but the host's
            state = os.statvfs(inside)
        except OSError:
            continue
        used += (state.f_blocks - state.f_bfree) * state.f_frsize
    return used
