"""One forked child: confine itself, write the job's files, serve the job, say done, exit."""

from __future__ import annotations

import os
import signal
import socket
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from .. import wire
from . import syscalls
from .confine import Bounds, confine, limit_resources, settle

__all__ = ["run"]

CHANNEL = 3
SETUP_CAP = 1 << 50  # the host is trusted; its frames are as large as it likes
EXIT_RAISED = 70
TEXT_CAP = 4000


def run(channel: int, *, entry: ModuleType, isolation: str) -> NoReturn:
    """The child's whole life, from fork to exit; `channel` is its one link to the host."""
    status = EXIT_RAISED
    try:
        os.setsid()
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sock = _keep_only(channel)
        status = _answer(sock, entry, isolation)
    except wire.Closed:
        pass  # the host gave up before there was a job
    except Exception:
        # Only while the zygote's standard error is still ours does anybody see this.
        os.write(2, traceback.format_exc().encode())
    finally:
        # Not sys.exit: what a student registered with atexit, and threads, must not hold it up.
        os._exit(status)


def _keep_only(channel: int) -> socket.socket:
    """Close every descriptor of the zygote's but the channel, which gets a fixed number."""
    null = os.open("/dev/null", os.O_RDWR)
    spare = os.dup(channel)  # duplicates until it is out of the way of 0 to 3
    while spare <= CHANNEL:
        spare = os.dup(spare)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.dup2(spare, CHANNEL, inheritable=False)
    os.closerange(CHANNEL + 1, os.sysconf("SC_OPEN_MAX"))
    return socket.socket(fileno=CHANNEL)


def _answer(sock: socket.socket, entry: ModuleType, isolation: str) -> int:
    reader = wire.Reader(sock, json_cap=SETUP_CAP, total_cap=SETUP_CAP)
    setup, contents = reader.read()
    try:
        _prepare(setup, contents, isolation)
    except Exception:
        wire.send(sock, {"refused": traceback.format_exc()[-TEXT_CAP:]})
        return EXIT_RAISED
    del contents
    wire.send(sock, {"ready": True})
    job, payload = reader.read()
    owner = os.getpid()

    def send(frame: Mapping[str, Any], payload: bytes = b"") -> None:
        _leave_unless(owner)
        wire.send(sock, {"frame": frame}, payload)

    try:
        entry.serve(job["job"], payload, send)
    except BaseException:  # SystemExit too: only a return means that serve has finished
        _leave_unless(owner)
        wire.send(sock, {"raised": traceback.format_exc()[-TEXT_CAP:]})
        return EXIT_RAISED
    _leave_unless(owner)
    wire.send(sock, {"done": True})
    return 0


def _leave_unless(owner: int) -> None:
    """A student's os.fork() copies the whole runner; the copy must not speak in its name."""
    if os.getpid() != owner:
        os._exit(0)


def _prepare(setup: Mapping[str, Any], contents: bytes, isolation: str) -> None:
    sys.argv[:] = [""]
    bounds = Bounds(**setup["bounds"])
    filter_size = setup["seccomp"]
    if isolation == "full":
        confine(bounds, contents[:filter_size])
    else:
        # Orphans stay below this process, and below the zygote when it is gone, to be killed.
        syscalls.become_subreaper()
        syscalls.set_dumpable(True)
        syscalls.forbid_new_privileges()  # what a set-uid program starts could not be killed
        settle(Path(setup["scratch"]))
        limit_resources(bounds)
    _write_files(setup["files"], contents[filter_size:])


def _write_files(listing: Sequence[tuple[str, int]], contents: bytes) -> None:
    start = 0
    for name, size in listing:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents[start : start + size])
        start += size
