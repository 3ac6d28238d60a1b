"""Memory and process limits by control groups, version 2 or 1, where we may write to them.

A child is moved into a fresh group before it has done anything; the group goes when it is dead.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .contract import Limits

__all__ = ["Group", "Version1", "Version2", "find", "sweep"]

ROOT = Path("/sys/fs/cgroup")
PREFIX = "autograder-"
REMOVE_SECONDS = 2.0
EVENTS_CAP = 4096
OPTIONAL = {  # some kernels have no such files
    "memory.swap.max",
    "memory.oom.group",
    "memory.memsw.limit_in_bytes",
    "memory.swappiness",
}


class Group:
    """The folders, one for each controller, that hold one child's processes.

    ``alarm`` is signalled by version 1, which kills but one process when memory runs out; version 2
    kills all of them, and needs none.
    """

    def __init__(
        self,
        folders: Mapping[Path, Mapping[str, str]],
        events: str,
        pid: int,
        alarm: int | None = None,
    ) -> None:
        self._folders: list[Path] = []
        self._events = events
        self._files: dict[str, int] = {}
        self._rang = False
        self.alarm = alarm
        try:
            for folder, settings in folders.items():
                folder.mkdir()
                self._folders.append(folder)
                for name, value in settings.items():
                    _write(folder / name, value)
                (folder / "cgroup.procs").write_text(str(pid))
            if alarm is not None:
                _arm(alarm, self._folders[0])
        except BaseException:
            self.close()
            raise

    def ran_out(self) -> bool:
        """Whether the kernel has killed a process for memory. (failcnt alone also counts the
        times when reclaiming pages was enough.) The alarm is a little earlier than the count."""
        if self.alarm is not None and not self._rang:
            with contextlib.suppress(BlockingIOError):
                self._rang = os.eventfd_read(self.alarm) > 0
        return self._rang or self._count(self._folders[0], self._events, "oom_kill") > 0

    def refused_processes(self) -> int:
        """How often the kernel has refused to make a process or thread: 0 where it counts none."""
        return self._count(self._folders[-1], "pids.events", "max")

    def _count(self, folder: Path, events: str, name: str) -> int:
        """The number behind ``name`` in a file of events; 0 where there is none. It stays open: it
        is read after each frame, and opening it would take longer than all the rest."""
        if events not in self._files:
            try:
                self._files[events] = os.open(folder / events, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return 0
        for line in os.pread(self._files[events], EVENTS_CAP, 0).decode().splitlines():
            if line.startswith(f"{name} "):
                return int(line.split()[1])
        return 0

    def close(self) -> None:
        for file in self._files.values():
            os.close(file)
        self._files.clear()
        give_up = time.monotonic() + REMOVE_SECONDS
        for folder in self._folders:
            # The kernel may still be counting out the dead.
            while not _remove(folder) and time.monotonic() < give_up:
                time.sleep(0.005)
        self._folders.clear()
        if self.alarm is not None:
            os.close(self.alarm)
            self.alarm = None


@dataclass(frozen=True)
class Version2:
    """A group of version 2 below which we may make others."""

    parent: Path
    kind: str = "cgroup-v2"

    @property
    def counts_processes(self) -> bool:
        return "pids" in _words(self.parent / "cgroup.subtree_control")

    def guard(self, pid: int, limits: Limits) -> Group:
        settings = {
            "memory.max": str(limits.memory_mb << 20),
            "memory.swap.max": "0",
            "memory.oom.group": "1",
        }
        if self.counts_processes:
            settings["pids.max"] = str(limits.processes)
        return Group({self.parent / _name(): settings}, "memory.events", pid)


@dataclass(frozen=True)
class Version1:
    """Groups of version 1, memory's and pids', below which we may make others."""

    memory: Path
    pids: Path | None
    kind: str = "cgroup-v1"

    @property
    def counts_processes(self) -> bool:
        return self.pids is not None

    def guard(self, pid: int, limits: Limits) -> Group:
        name, size = _name(), str(limits.memory_mb << 20)
        folders = {
            self.memory / name: {
                "memory.limit_in_bytes": size,
                "memory.memsw.limit_in_bytes": size,  # memory and swap
                "memory.swappiness": "0",
            }
        }
        if self.pids is not None:
            folders[self.pids / name] = {"pids.max": str(limits.processes)}
        alarm = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        return Group(folders, "memory.oom_control", pid, alarm)


def find(root: Path = ROOT, membership: str | None = None) -> Iterator[Version1 | Version2]:
    """Candidates, best first. Only moving a process tells whether one works."""
    own = _own(Path("/proc/self/cgroup").read_text() if membership is None else membership)
    if "" in own:
        yield from _find_2(root, own[""])
    if "memory" in own:
        memory = _place(root / "memory", own["memory"])
        pids = _place(root / "pids", own["pids"]) if "pids" in own else None
        if memory is not None:
            yield Version1(memory, pids)
            if pids is not None:
                yield Version1(memory, None)


def sweep(candidate: Version1 | Version2) -> None:
    """Remove the empty groups of a grader that was killed."""
    parents = (
        [candidate.parent]
        if isinstance(candidate, Version2)
        else [parent for parent in (candidate.memory, candidate.pids) if parent is not None]
    )
    for parent in parents:
        for folder in parent.glob(f"{PREFIX}*"):
            owner = folder.name.removeprefix(PREFIX).split("-")[0]
            if not Path("/proc", owner).exists():
                _remove(folder)


def _find_2(root: Path, own: str) -> Iterator[Version2]:
    """Our own group or one above it that hands the memory controller on to its children.

    Our own hardly ever does, as a group with processes in it may not; a sibling of it will do.
    """
    place = _place(root, own)
    while place is not None and place.is_relative_to(root):
        if "memory" in _words(place / "cgroup.subtree_control") and os.access(place, os.W_OK):
            yield Version2(place)
        place = place.parent


def _own(membership: str) -> dict[str, str]:
    """Controller to path; "" for version 2. A line is `4:cpu,cpuacct:/path`."""
    found = {}
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            found[controller] = path
    return found


def _place(mount: Path, own: str) -> Path | None:
    """Inside a container the path may be the host's: what is mounted is then our own group."""
    for place in (mount / own.lstrip("/"), mount):
        if ".." not in place.parts and (place / "cgroup.procs").exists():
            return place
    return None


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []


def _arm(alarm: int, folder: Path) -> None:
    """Let the kernel tell when the group in ``folder`` has no memory left, if it still does."""
    with contextlib.suppress(OSError):
        control = os.open(folder / "memory.oom_control", os.O_RDONLY | os.O_CLOEXEC)
        try:
            (folder / "cgroup.event_control").write_text(f"{alarm} {control}")
        finally:
            os.close(control)


def _name() -> str:
    return f"{PREFIX}{os.getpid()}-{secrets.token_hex(6)}"


def _write(path: Path, value: str) -> None:
    if path.name in OPTIONAL and not path.exists():
        return
    path.write_text(value)


def _remove(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
