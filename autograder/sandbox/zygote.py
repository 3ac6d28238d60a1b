"""The host's end of the zygote: start it, ask it for children, end it; sends no job itself."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from . import cgroup, interpreter, obstacles, seccomp
from .bubblewrap import HOME, MODULES, Bubblewrap
from .child import Child, Keeper, Refused
from .contract import Isolation, Limits, SandboxBroken
from .staging import Staging
from .watcher import Watcher

__all__ = ["Zygote"]

START_SECONDS = 180.0  # a cold import of torch from a network disk is slow
BIRTH_SECONDS = 30.0
END_SECONDS = 2.0
MESSAGE_CAP = 1 << 20
STDERR_CAP = 4000
MAIN = "autograder.sandbox.inside.zygote"


class Zygote:
    """One running zygote. Thread-safe; after any SandboxBroken it is to be closed."""

    def __init__(
        self, staging: Staging, *, entry: str, isolation: Isolation, uses: Iterable[str]
    ) -> None:
        self._isolation = isolation
        self._lock = threading.Lock()
        self._prepared = b""
        self._stderr = os.memfd_create("stderr", os.MFD_CLOEXEC)
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process: subprocess.Popen[bytes] | None = None
        self._init: int | None = None  # pidfd of the zygote itself, behind bubblewrap
        try:
            with theirs:
                self._start(staging, theirs, entry)
            self._warm_for(uses)
            hello = self._hello()
            self.facts: dict[str, Any] = hello["facts"]
            self.data_bytes: int = hello["data_bytes"]
            self.keeper: Keeper = self._rehearse()
        except BaseException:
            self.close(patience=0)
            raise

    def _start(self, staging: Staging, theirs: socket.socket, entry: str) -> None:
        full = self._isolation == "full"
        modules, home = (MODULES, HOME) if full else (str(staging.modules), str(staging.home))
        environment = interpreter.environment(modules=modules, home=home, isolated=full)
        options: dict[str, Any] = {
            "control": theirs.fileno(),
            "isolation": self._isolation,
            "entry": entry,
        }
        if not full:
            self._launch([], options, [theirs.fileno()], environment, cwd=staging.home)
            return
        seccomp.program()  # each child needs it: better to learn now that there is none
        bubblewrap = Bubblewrap(staging, environment)
        try:
            descriptors = [theirs.fileno(), *bubblewrap.descriptors]
            self._launch(bubblewrap.command, options, descriptors, {"PATH": os.defpath})
        finally:
            bubblewrap.close()
        with os.fdopen(bubblewrap.info) as info:
            self._init = _pidfd_of(info.read())

    def _launch(
        self,
        prefix: list[str],
        options: dict[str, Any],
        descriptors: list[int],
        environment: dict[str, str],
        cwd: Path | None = None,
    ) -> None:
        self._process = subprocess.Popen(
            [*prefix, *interpreter.command(isolated=bool(prefix)), "-m", MAIN, json.dumps(options)],
            stdin=subprocess.DEVNULL,
            stdout=self._stderr,
            stderr=self._stderr,
            pass_fds=descriptors,
            env=environment,
            cwd=cwd,
            start_new_session=True,
        )

    def _warm_for(self, uses: Iterable[str]) -> None:
        """Tell it what to warm up for; that may have to be waited for, and it imports meanwhile."""
        message = json.dumps({"uses": list(uses)}).encode()
        with contextlib.suppress(ConnectionError):  # why it has ended is asked next
            self._control.send(message)

    def _hello(self) -> dict[str, Any]:
        """Its first message: the facts, once the entry module has warmed up."""
        self._control.settimeout(START_SECONDS)
        try:
            message = self._control.recv(MESSAGE_CAP)
        except TimeoutError:
            raise SandboxBroken(f"the zygote was not up after {START_SECONDS:.0f} s") from None
        except ConnectionError:
            message = b""
        if not message:
            said = self._complaint()
            if said.startswith("bwrap:") or (self._isolation == "full" and self._init is None):
                raise obstacles.forbidden(said or "bubblewrap ended without a word")
            raise SandboxBroken(f"the zygote ended before it was up: {said}")
        hello: dict[str, Any] = json.loads(message)
        if "failed" in hello:
            raise SandboxBroken(f"the zygote could not warm up:\n{hello['failed']}")
        return hello

    def _rehearse(self) -> Keeper:
        """Set up one child and throw it away: what this machine forbids comes to light now, and
        which way of limiting memory works."""
        limits = Limits()
        candidates: list[Keeper] = [*cgroup.find(), Watcher()]
        for keeper in candidates:
            with self.bear() as child:
                try:
                    child.confine(keeper, limits)
                except OSError:
                    continue
                except Refused as refused:
                    raise obstacles.forbidden(str(refused)) from refused
                except SandboxBroken as error:
                    raise SandboxBroken(f"{error} {self._said()}") from error
                return keeper
        raise AssertionError("the watcher needs no permission")

    def prepare(self, data: bytes) -> None:
        """Hand ``data`` to the entry's ``prepare``, before the next child is forked; nothing where
        it was the last to be prepared for."""
        with self._lock:
            if data == self._prepared:
                return
            self._prepared = data
            with os.fdopen(os.memfd_create("prepared", os.MFD_CLOEXEC), "wb") as file:
                file.write(data)
                file.flush()
                file.seek(0)
                self._control.settimeout(BIRTH_SECONDS)
                try:
                    socket.send_fds(self._control, [b"prepare"], [file.fileno()])
                except OSError as error:
                    raise self._mute(error) from error

    def bear(self) -> Child:
        """Ask for a new child. It waits for its set-up; the caller closes it."""
        channel, childs = socket.socketpair()
        register, zygotes = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with childs, zygotes, self._lock:
                self._control.settimeout(BIRTH_SECONDS)
                descriptors = [childs.fileno(), zygotes.fileno()]
                socket.send_fds(self._control, [b"fork"], descriptors)
            register.settimeout(BIRTH_SECONDS)
            message, received, _, _ = socket.recv_fds(register, MESSAGE_CAP, 1)
            answer = json.loads(message) if message else {"error": "it is gone"}
            if "error" in answer:
                raise SandboxBroken(f"the zygote could not fork: {answer['error']}{self._last()}")
        except OSError as error:
            channel.close()
            register.close()
            raise self._mute(error) from error
        except BaseException:
            channel.close()
            register.close()
            raise
        return Child(
            channel, register, received[0], isolation=self._isolation, data_bytes=self.data_bytes
        )

    def close(self, patience: float = END_SECONDS) -> None:
        """End it and, with it, all that it has started; it has ``patience`` seconds to do so."""
        with contextlib.suppress(OSError):  # it may have gone by itself
            self._control.shutdown(socket.SHUT_RDWR)
        if self._process is not None:
            try:
                self._process.wait(patience)
            except subprocess.TimeoutExpired:
                self._kill()
        if self._init is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init, signal.SIGKILL)
            _wait_for_end(self._init)
            os.close(self._init)
            self._init = None
        self._control.close()
        if self._stderr >= 0:
            os.close(self._stderr)
            self._stderr = -1

    def _kill(self) -> None:
        assert self._process is not None
        if self._init is not None:
            # Killing bubblewrap would leave the zygote behind.
            signal.pidfd_send_signal(self._init, signal.SIGKILL)
        else:
            self._process.kill()
        self._process.wait()

    def _complaint(self) -> str:
        """What was written to standard error, once the process has ended; bounded."""
        if self._process is not None:
            try:
                self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self._kill()
        return self._said()

    def _said(self) -> str:
        if self._stderr < 0:  # another thread has closed us
            return ""
        size = os.fstat(self._stderr).st_size
        text = os.pread(self._stderr, STDERR_CAP, max(0, size - STDERR_CAP))
        return text.decode(errors="replace").strip()

    def _mute(self, error: OSError) -> SandboxBroken:
        return SandboxBroken(f"the zygote does not answer: {error}{self._last()}")

    def _last(self) -> str:
        if self._process is None or self._process.poll() is None:
            return ""
        return f" (exit status {self._process.returncode}) {self._complaint()}"


def _pidfd_of(info: str) -> int | None:
    """bubblewrap tells the process in JSON, or nothing if it has failed before."""
    found = re.search(r'"child-pid":\s*(\d+)', info)
    if found is None:
        return None
    try:
        return os.pidfd_open(int(found[1]))
    except ProcessLookupError:
        return None


def _wait_for_end(pidfd: int) -> None:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.poll(END_SECONDS * 1000)
