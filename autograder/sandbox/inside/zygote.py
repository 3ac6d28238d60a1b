"""The process that imports once and forks a child for each request; runs no student code.

Started as `python -m autograder.sandbox.inside.zygote JSON`. It stays single-threaded, as a fork
copies one thread only and a lock that another one held would stay locked for ever. On the control
socket comes first what to warm up for, which the host may learn while we import; then requests: to
fork, with two descriptors, the child's channel to the host and a register socket on which the host
is told of the birth (with a pidfd) and the exit of that one child; or to prepare for what the next
children have in common, with a file of it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from . import child, syscalls
from .confine import protect_devices

__all__ = ["main"]

TEXT_CAP = 8000
SWEEP_SECONDS = 2.0
FORKS_BEFORE_COLLAPSE = 12
"""Gathering memory into huge pages costs as much as it saves in about so many forks."""


class Zygote:
    """Its sockets and its living children."""

    def __init__(self, control: socket.socket, *, entry: ModuleType, isolation: str) -> None:
        self._control = control
        self._entry = entry
        self._isolation = isolation
        self._registers: dict[int, socket.socket] = {}
        self._own_pids = -1
        self._forks = 0
        if isolation == "full":
            self._own_pids = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def serve(self) -> None:
        """Until the host closes the control socket, or dies, which closes it too."""
        # A handler must exist for the wake-up descriptor to be written to.
        signal.signal(signal.SIGCHLD, _ignore)
        woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(woken, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if woken in ready:
                os.read(woken, 4096)
                self._reap()
            if self._control.fileno() in ready and not self._take_request():
                break
        self._kill_all()

    def _take_request(self) -> bool:
        message, descriptors, _, _ = socket.recv_fds(self._control, 64, 2)
        if not message:
            return False
        if message == b"prepare":
            self._prepare(descriptors[0])
            return True
        channel, register = (socket.socket(fileno=descriptor) for descriptor in descriptors)
        try:
            self._fork(channel, register)
        except (OSError, RuntimeError) as error:
            _tell(register, {"error": f"{type(error).__name__}: {error}"})
            register.close()
        finally:
            channel.close()
        return True

    def _prepare(self, descriptor: int) -> None:
        """Let the entry prepare for what children have in common; they inherit it."""
        with open(descriptor, "rb") as file:
            data = file.read()
        # What cannot be prepared for, each child does by itself, and says what is wrong with it.
        with contextlib.suppress(Exception):
            self._entry.prepare(data)
        gc.freeze()

    def _fork(self, channel: socket.socket, register: socket.socket) -> None:
        _assert_forkable()
        self._forks += 1
        if self._forks == FORKS_BEFORE_COLLAPSE:
            syscalls.collapse_memory()
        if self._isolation == "full":
            syscalls.unshare(syscalls.CLONE_NEWPID)
        try:
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                child.run(
                    channel.fileno(),
                    entry=self._entry,
                    isolation=self._isolation,
                )
        finally:
            if self._isolation == "full":
                syscalls.setns(self._own_pids, syscalls.CLONE_NEWPID)
        pidfd = os.pidfd_open(pid)
        try:
            _tell(register, {"born": True}, [pidfd])
        finally:
            os.close(pidfd)
        self._registers[pid] = register

    def _reap(self) -> None:
        """Collect the dead, then tell: once told, nothing of that child is left."""
        ended: list[tuple[socket.socket, dict[str, float]]] = []
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            register = self._registers.pop(pid, None)
            if register is not None:
                cpu = used.ru_utime + used.ru_stime
                ended.append((register, {"status": os.waitstatus_to_exitcode(status), "cpu": cpu}))
        if ended and self._isolation != "full":
            self._sweep()
        for register, end in ended:
            _tell(register, end)
            register.close()

    def _sweep(self) -> None:
        """Without a pid namespace, what a dead child started has become ours: kill it."""
        give_up = time.monotonic() + SWEEP_SECONDS
        while time.monotonic() < give_up:
            strays = _children() - self._registers.keys()
            if not strays:
                return
            for stray in strays:
                os.kill(stray, signal.SIGKILL)
            for stray in strays:
                os.waitpid(stray, 0)

    def _kill_all(self) -> None:
        for pid, register in self._registers.items():
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            register.close()
        self._registers.clear()
        if self._isolation != "full":
            self._sweep()


def _ignore(number: int, frame: FrameType | None) -> None:
    """Do nothing: the wake-up descriptor tells."""


def _children() -> set[int]:
    return {int(pid) for pid in Path("/proc/thread-self/children").read_text().split()}


def _tell(
    register: socket.socket, message: dict[str, Any], descriptors: Sequence[int] = ()
) -> None:
    with contextlib.suppress(ConnectionError):  # the host may have lost interest in this child
        socket.send_fds(register, [json.dumps(message).encode()], descriptors)


def _assert_forkable() -> None:
    threads = sum(1 for _ in Path("/proc/self/task").iterdir())
    if threads != 1:
        raise RuntimeError(f"the zygote has {threads} threads and would not survive a fork")
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        raise RuntimeError("CUDA is initialised in the zygote and would not survive a fork")


def main() -> None:
    options = json.loads(sys.argv[1])
    control = socket.socket(fileno=options["control"])
    gc.disable()  # what is imported stays
    try:
        entry = importlib.import_module(options["entry"])
        said = control.recv(TEXT_CAP)
        if not said:
            os._exit(0)  # the host has gone, or wants none any more
        facts = entry.warm_up(json.loads(said)["uses"])
        _assert_forkable()
        zygote = Zygote(control, entry=entry, isolation=options["isolation"])
        if options["isolation"] == "full":
            protect_devices()
        syscalls.become_subreaper()
        # Children have this user's id: they must not read the zygote's memory or descriptors.
        syscalls.set_dumpable(False)
        # Or the first collection in each child would touch, and copy, every page. What importing
        # left behind is little, and takes longer to be found than a child to run.
        gc.freeze()
        gc.enable()
        control.send(json.dumps({"facts": facts, "data_bytes": _data_bytes()}).encode())
    except BaseException:
        control.send(json.dumps({"failed": traceback.format_exc()[-TEXT_CAP:]}).encode())
        sys.exit(1)
    zygote.serve()
    os._exit(0)


def _data_bytes() -> int:
    """What counts for RLIMIT_DATA before a child has allocated anything."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) << 10
    return 0


if __name__ == "__main__":
    main()
