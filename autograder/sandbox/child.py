"""The host's end of one child: confine it, give it the job, hear its frames, see it dead."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import select
import signal
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from . import seccomp, wire
from .contract import Ended, How, Isolation, Limits, SandboxBroken, TooMuch
from .temporary import TemporaryFolder

__all__ = ["Child", "Guard", "Keeper", "OnFrame", "Refused"]

OnFrame = Callable[[dict[str, Any], bytes], None]

SETUP_SECONDS = 30.0
LEAVE_SECONDS = 0.5
END_SECONDS = 5.0
DRAIN_SECONDS = 0.5
PAUSE_SECONDS = 0.006
"""For which frames may gather: about what a child takes to be gone after its last word."""
STATUS_CAP = 1 << 16
TRACE_CAP = 4000
GPU_DATA = 8 << 30
"""Writable memory of its own that CUDA may map; the keeper counts what of it is used."""
OWN_FRAME_ROOM = 64  # what the child's side wraps around a frame of the entry module


class Guard(Protocol):
    """Limits the memory, and perhaps the number, of one child's processes until closed."""

    @property
    def alarm(self) -> int | None:
        """A descriptor that becomes readable when memory has run out, if there is one."""

    def ran_out(self) -> bool: ...
    def refused_processes(self) -> int: ...
    def close(self) -> None: ...


class Keeper(Protocol):
    """A way of limiting memory: one of the cgroup versions, or watching."""

    @property
    def kind(self) -> str: ...
    @property
    def counts_processes(self) -> bool: ...
    def guard(self, pid: int, limits: Limits) -> Guard: ...


class Refused(Exception):
    """The child could not be confined; the text is its traceback's last line."""


class Child:
    """A forked child, from birth to burial. Leaving the `with` block kills and buries it."""

    def __init__(
        self,
        channel: socket.socket,
        register: socket.socket,
        pidfd: int,
        *,
        isolation: Isolation,
        data_bytes: int,
    ) -> None:
        self._channel = channel
        self._register = register
        self._pidfd = pidfd
        self._isolation = isolation
        self._data_bytes = data_bytes
        self._guard: Guard | None = None
        self._scratch: TemporaryFolder | None = None
        self._status: int | None = None
        self._left = False
        self._cpu_limit = 0
        self._cpu = 0.0
        self._refused = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._bury()
        finally:
            self._close()

    def confine(
        self, keeper: Keeper, limits: Limits, files: Mapping[str, bytes] | None = None
    ) -> None:
        """Limit, isolate, write the files. OSError if `keeper` may not do its part."""
        files = files or {}
        pid = _pid_of(self._pidfd)
        full = self._isolation == "full"
        if not full:
            self._scratch = TemporaryFolder()
        watched = keeper.kind == "watcher"
        refuse = watched and not limits.gpu  # CUDA starts with memory of that kind
        filter_ = seccomp.program(refuse_uncounted=refuse) if full else b""
        setup = {
            "bounds": self._bounds(keeper, limits),
            "scratch": None if self._scratch is None else str(self._scratch.path),
            "seccomp": len(filter_),
            "files": [[name, len(content)] for name, content in files.items()],
        }
        reader = wire.Reader(
            self._channel, json_cap=1 << 20, total_cap=1 << 20, ends=[self._register.fileno()]
        )
        self._channel.settimeout(SETUP_SECONDS)
        try:
            wire.send(self._channel, setup, b"".join([filter_, *files.values()]))
        except OSError as error:
            raise SandboxBroken(f"a child died before it was set up: {error}") from error
        # The kernel takes milliseconds to move a process into a group: it sets itself up
        # meanwhile, and gets its job only afterwards.
        self._guard = keeper.guard(pid, limits)
        try:
            answer, _ = reader.read(time.monotonic() + SETUP_SECONDS)
        except (wire.WireError, OSError) as error:
            if self._guard.ran_out():
                raise SandboxBroken(
                    f"{limits.memory_mb} MB of memory are too little for the sandbox itself"
                ) from error
            raise SandboxBroken(f"a child died while it was set up: {error}") from error
        if "refused" in answer:
            trace = str(answer["refused"])
            raise Refused(trace.strip().splitlines()[-1]) from SandboxBroken(trace)

    def _bounds(self, keeper: Keeper, limits: Limits) -> dict[str, int | bool | None]:
        self._cpu_limit = _cpu_seconds(limits)
        tasks = None if keeper.counts_processes else limits.processes
        if tasks is not None and not (self._isolation == "full" and _counts_by_namespace()):
            tasks += _tasks_of_this_user()
        return {
            "cpu_seconds": self._cpu_limit,
            "scratch_bytes": limits.scratch_mb << 20,
            "data_bytes": self._data_bytes + (limits.memory_mb << 20) + limits.gpu * GPU_DATA,
            "tasks": tasks,
            "gpu": limits.gpu,
        }

    def serve(
        self, job: Mapping[str, Any], payload: bytes, *, limits: Limits, on_frame: OnFrame
    ) -> Ended:
        """Send the job and hand out frames until the end, whichever it is."""
        alarm = None if self._guard is None else self._guard.alarm
        reader = wire.Reader(
            self._channel,
            json_cap=(limits.frame_mb << 20) + OWN_FRAME_ROOM,
            total_cap=limits.reply_mb << 20,
            ends=[self._register.fileno(), *([] if alarm is None else [alarm])],
            pause=PAUSE_SECONDS,
        )
        started = time.monotonic()
        how, detail = self._converse(reader, job, payload, limits, on_frame, started)
        seconds = time.monotonic() - started
        if how == "timed_out":
            self.kill()
            how, detail = self._drain(reader, on_frame) or (how, detail)
        # Having said its last word it is about to exit by itself, and the status is of interest.
        status = self._bury(patience=LEAVE_SECONDS if how in ("finished", "died") else 0.0)
        if how in ("timed_out", "died"):
            how, detail = self._passed(limits, status) or (how, detail)
        if not detail:
            detail = _describe(status) if self._left else "it did not exit by itself"
        return Ended(how, detail, seconds)

    def _passed(self, limits: Limits, status: int) -> tuple[How, str] | None:
        """The limit that ended the run, or that it last ran into, if it was one of these."""
        if self._guard is not None and self._guard.ran_out():
            return "out_of_memory", f"more than {limits.memory_mb} MB"
        # As the first process of its namespace it outlives the warning, but not the kill behind.
        killed = self._left and status in (-signal.SIGXCPU, -signal.SIGKILL)
        if killed and self._cpu >= self._cpu_limit:
            return "out_of_cpu", f"more than {self._cpu_limit} s of processor time"
        if self._guard is not None and self._guard.refused_processes() > self._refused:
            return "too_many_processes", f"more than {limits.processes} processes"
        return None

    def _converse(
        self,
        reader: wire.Reader,
        job: Mapping[str, Any],
        payload: bytes,
        limits: Limits,
        on_frame: OnFrame,
        started: float,
    ) -> tuple[How, str]:
        deadline = started + limits.seconds
        self._channel.settimeout(limits.seconds)
        try:
            wire.send(self._channel, {"job": dict(job)}, payload)
            self._channel.shutdown(socket.SHUT_WR)
        except TimeoutError:
            return "timed_out", f"no end after {limits.seconds:g} s"
        except OSError:
            return "died", ""
        while True:
            try:
                frame, content = reader.read(deadline)
                if self._guard is not None:
                    if self._guard.ran_out():
                        # Version 1 of cgroups kills one process of several. The run ends all the
                        # same, or its later cells would miss what is gone; what it has sent counts.
                        self.kill()
                    # Whatever was refused until here did not keep it from going on.
                    self._refused = self._guard.refused_processes()
                ended = _take(frame, content, on_frame)
            except wire.Late:
                return "timed_out", f"no end after {limits.seconds:g} s"
            except wire.Closed:
                if self._guard is not None and self._guard.ran_out():
                    self.kill()
                return "died", ""
            except (wire.TooLarge, TooMuch) as error:
                return "too_large", str(error)
            except (wire.Garbled, _Objection) as error:
                return "garbled", str(error)
            if ended is not None:
                return ended

    def _drain(self, reader: wire.Reader, on_frame: OnFrame) -> tuple[How, str] | None:
        """Whole frames that were sent before the kill but not yet read; they count as sent."""
        deadline = time.monotonic() + DRAIN_SECONDS
        while True:
            try:
                frame, content = reader.read(deadline)
                if _take(frame, content, on_frame) is not None:
                    return None
            except TooMuch as error:
                return "too_large", str(error)
            except _Objection as error:
                return "garbled", str(error)
            except wire.WireError:
                return None

    def kill(self) -> None:
        """Kill the child; where it is the first of its pid namespace, all that it started too."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def _bury(self, *, patience: float = 0.0) -> int:
        """Its exit status, negative for a signal. It is killed if it does not leave in time."""
        if self._status is None:
            self._left = _has_ended(self._pidfd, patience)
            if not self._left:
                self.kill()
            self._register.settimeout(END_SECONDS)
            try:
                message = self._register.recv(STATUS_CAP)
            except OSError as error:
                raise SandboxBroken(f"the zygote does not tell of an end: {error}") from error
            if not message:
                raise SandboxBroken("the zygote died")
            told = json.loads(message)
            self._status, self._cpu = int(told["status"]), float(told["cpu"])
        return self._status

    def _close(self) -> None:
        if self._guard is not None:
            self._guard.close()
        self._channel.close()
        self._register.close()
        os.close(self._pidfd)
        if self._scratch is not None:
            self._scratch.close()


class _Objection(Exception):
    """A frame that the caller, or the protocol, does not accept."""


def _take(frame: Mapping[str, Any], content: bytes, on_frame: OnFrame) -> tuple[How, str] | None:
    """Hand out the entry module's frame; or the end, if the child's own side says so."""
    if "done" in frame:
        return "finished", ""
    if "raised" in frame:
        return "died", _trace(frame["raised"])
    body = frame.get("frame")
    if not isinstance(body, dict):
        raise _Objection("a frame that is neither a message nor an end")
    try:
        on_frame(body, content)
    except TooMuch:
        raise
    except ValueError as error:
        raise _Objection(str(error)) from error
    return None


def _trace(raised: object) -> str:
    """The end of the traceback that the child says it died of."""
    if not isinstance(raised, str):
        raise _Objection("a traceback that is no text")
    return raised[-TRACE_CAP:]


def _cpu_seconds(limits: Limits) -> int:
    """What one process may use: every core may be busy for all of the time."""
    return math.ceil(limits.seconds) * (os.cpu_count() or 1) + 5


def _has_ended(pidfd: int, patience: float) -> bool:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(patience * 1000))


def _describe(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"


def _pid_of(pidfd: int) -> int:
    """The process's number as the host sees it; the zygote knows only its own namespace's."""
    found = re.search(r"^Pid:\s*(\d+)", Path(f"/proc/self/fdinfo/{pidfd}").read_text(), re.M)
    if found is None:
        raise SandboxBroken("a child died before it was set up")
    return int(found[1])


def _counts_by_namespace() -> bool:
    """Whether the kernel (from 5.14) counts for RLIMIT_NPROC by user namespace, not by user alone.

    For root it counts nothing: there only the pids cgroup contains a fork bomb, and without one,
    the memory limit and the deadline do.
    """
    major, minor = re.findall(r"\d+", os.uname().release)[:2]
    return (int(major), int(minor)) >= (5, 14)


def _tasks_of_this_user() -> int:
    """Every thread of the user, which is what RLIMIT_NPROC counts otherwise."""
    tasks = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid == os.getuid():
                tasks += sum(1 for _ in (process / "task").iterdir())
        except OSError:
            continue
    return tasks
