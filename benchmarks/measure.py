"""Run a command and measure it: wall clock, processor time and peak memory of all its processes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Measured", "pss", "run", "tree"]


@dataclass(frozen=True)
class Measured:
    """``wall`` and ``cpu`` in seconds; ``peak_mb`` is the largest sum of PSS, 0 where not asked."""

    wall: float
    cpu: float
    peak_mb: int
    out: str


def run(
    command: list[str], folder: Path, *, may_fail: bool = False, memory: bool = False
) -> Measured:
    """Measure ``command`` in ``folder``, with everything that it starts and waits for."""
    programs = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    log = folder / ".measured"
    with log.open("w+b") as out:
        before = os.times()
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT
        )
        watch = _Memory(process.pid)
        if memory:
            watch.start()
        status = process.wait()
        wall = time.perf_counter() - begun
        after = os.times()
        watch.stop()
        out.seek(0)
        said = out.read().decode(errors="replace")
    log.unlink()
    if status and not may_fail:
        sys.exit(f"{' '.join(command)} failed in {folder}:\n{said[-2000:]}")
    cpu = sum(after[2:4]) - sum(before[2:4])
    return Measured(wall, cpu, watch.peak_kb // 1024, said)


class _Memory(threading.Thread):
    """Looks several times a second, but not so often that looking takes more than a twentieth of a
    core; a peak between two looks is missed."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak_kb = 0
        self._pid = pid
        self._ended = threading.Event()

    def run(self) -> None:
        pause = 0.2
        while not self._ended.wait(pause):
            begun = time.perf_counter()
            self.peak_kb = max(self.peak_kb, sum(map(pss, tree(self._pid))))
            pause = max(0.2, 20 * (time.perf_counter() - begun))

    def stop(self) -> None:
        self._ended.set()
        if self.is_alive():
            self.join()


def tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found, new = [], [pid]
    while new:
        found += new
        new = [child for one in new for child in _children(one)]
    return found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    # A process, or a thread of it, may end between any two looks.
    with contextlib.suppress(OSError):
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                children += [int(one) for one in path.read_text().split()]
    return children


def pss(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)
