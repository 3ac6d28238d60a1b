"""A grader in a process of its own that is killed at a chosen moment, and what stays of it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DRIVER = HERE / "crash_driver.py"
PATIENCE = 240.0
PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """From now on processes that lose their parent become this process's children, to be seen."""
    assert ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def below(top: int, *, dead: bool = False) -> list[int]:
    """All processes below ``top``, parents first; also the ``dead`` that nobody has buried yet."""
    children: dict[int, list[int]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, parent = (process / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z" or dead:
                children.setdefault(int(parent), []).append(int(process.name))
    found, waiting = [], [top]
    while waiting:
        for child in children.get(waiting.pop(0), []):
            found.append(child)
            waiting.append(child)
    return found


@dataclass
class Grader:
    """``autograder ARGUMENTS`` in ``course``, with its temporary files in ``temporary``."""

    course: Path
    temporary: Path
    arguments: tuple[str, ...]
    stop_before: int = 0
    marks: list[tuple[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._heard, told = os.pipe()
        self._rest = b""
        self.begun = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, DRIVER, str(told), str(self.stop_before), *self.arguments],
            cwd=self.course,
            env={
                **os.environ,
                "TMPDIR": str(self.temporary),
                "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[told],
        )
        os.close(told)

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_for(self, mark: str) -> bool:
        """Whether it has come so far; not if it ended before."""
        give_up = time.monotonic() + PATIENCE
        while all(mark != said for said, _ in self.marks):
            ready, _, _ = select.select([self._heard], [], [], give_up - time.monotonic())
            assert ready, f"no {mark!r} in {PATIENCE:.0f} s"
            content = os.read(self._heard, 4096)
            if not content:
                return False
            *lines, self._rest = (self._rest + content).split(b"\n")
            self.marks += [(line.decode(), time.monotonic()) for line in lines]
        return True

    def when(self, mark: str) -> float:
        """Seconds after the start at which it came so far for the first time."""
        return next(moment for said, moment in self.marks if said == mark) - self.begun

    def count(self, mark: str) -> int:
        return sum(said == mark for said, _ in self.marks)

    def finish(self) -> int:
        """Wait for its end; its exit status."""
        self.wait_for("the end of the pipe")
        return self._close()

    def kill(self, how: str) -> bool:
        """Kill it ``alone``, or with its helpers, them ``first`` or ``last``; whether it lived."""
        helpers = below(self.pid)
        order = {"alone": [self.pid], "first": [*helpers, self.pid], "last": [self.pid, *helpers]}
        for pid in order[how]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return self._close() == -signal.SIGKILL

    def _close(self) -> int:
        assert self.process.stdout is not None
        status = self.process.wait(PATIENCE)
        self.said = b""
        if status != -signal.SIGKILL:  # else its orphans may still hold the pipe
            self.said = self.process.stdout.read()
        self.process.stdout.close()
        os.close(self._heard)
        return status


def strays(before: list[int], seconds: float = 10.0) -> list[int]:
    """Processes below us, but for those ``before``, that do not end by themselves in time."""
    give_up = time.monotonic() + seconds
    while True:
        for pid in set(below(os.getpid(), dead=True)) - set(before):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        found = sorted(set(below(os.getpid())) - set(before))
        if not found or time.monotonic() > give_up:
            return found
        time.sleep(0.05)


def groups_of(pid: int) -> list[Path]:
    """Control groups that the grader ``pid`` has made."""
    return list(Path("/sys/fs/cgroup").rglob(f"autograder-{pid}-*"))


def mounts_of(folder: Path) -> list[str]:
    """Mounts of this machine that have to do with ``folder``."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line for line in lines if str(folder) in line]
