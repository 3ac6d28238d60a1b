"""What runs on a worker: a sandbox kept warm for each course, and runs in it, bytes in, bytes out.

Needs our package and the sandbox, no course and no shared file system. Raises nothing: whatever
fails here is told in the answer, for an exception would travel as a pickle.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.cluster.parcel import Answer, Frame, Request, Wish, read_request
from autograder.isolation import INSIDE, PACKAGE_ROOT, open_sandbox
from autograder.sandbox import Sandbox, SandboxBroken, SandboxUnavailable

if TYPE_CHECKING:
    from distributed import Worker

__all__ = ["IDLE_SECONDS", "answer", "code_that_observes", "versions_here"]

IDLE_SECONDS = 600.0
"""A zygote that nobody has asked for so long is ended: it holds some hundred MB."""
MAX_WHY = 4000
OURS = (*INSIDE, "autograder/sandbox", "autograder/values.py", "autograder/observation.py")
OURS_HERE = ("autograder/cluster/parcel.py", "autograder/cluster/worker.py")
DRIVER = Path("/proc/driver/nvidia/gpus")
DRIVER_VERSION = Path("/sys/module/nvidia/version")


@functools.cache
def code_that_observes() -> str:
    """Hash of our code that runs on a worker, in the sandbox and outside."""
    hashed = hashlib.sha256()
    for name in (*OURS, *OURS_HERE):
        path = PACKAGE_ROOT / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            hashed.update(file.read_bytes())
    return hashed.hexdigest()


@functools.cache
def versions_here() -> dict[str, str]:
    """What has to be the same on all machines of a run: torch's build (``+cpu``) may differ."""
    return {
        "autograder": version("autograder"),
        "torch": version("torch").partition("+")[0],
        "ipython": version("ipython"),
    }


@dataclass
class _Kept:
    """A course's sandbox, how many runs it has now, and when it had the last one."""

    wish: Wish
    sandbox: Sandbox
    runs: int = 0
    retired: bool = False
    used: float = field(default_factory=time.monotonic)


class _Warm:
    """The sandboxes of this process, one a course."""

    def __init__(self, opened: Callable[[Wish], Sandbox]) -> None:
        self._opened = opened
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._kept: dict[str, _Kept] = {}

    @contextlib.contextmanager
    def lent(self, wish: Wish) -> Iterator[Sandbox]:
        kept = self._taken(wish)
        try:
            yield kept.sandbox
        except SandboxUnavailable:
            self._retire(kept)
            raise
        finally:
            self._give_back(kept)

    def _taken(self, wish: Wish) -> _Kept:
        with self._opening:  # opening takes seconds: whoever wants the same waits for it
            with self._lock:
                kept = self._kept.get(wish.course)
                if kept is not None and kept.wish == wish:
                    kept.runs += 1
                    return kept
            if kept is not None:
                self._retire(kept)
            made = _Kept(wish, self._opened(wish), runs=1)
            with self._lock:
                self._kept[wish.course] = made
            return made

    def _give_back(self, kept: _Kept) -> None:
        with self._lock:
            kept.runs -= 1
            kept.used = time.monotonic()
            idle = kept.retired and not kept.runs
        if idle:
            kept.sandbox.close()
            return
        timer = threading.Timer(IDLE_SECONDS + 1, self._end_if_idle, [kept])
        timer.daemon = True
        if not kept.runs:
            timer.start()

    def _end_if_idle(self, kept: _Kept) -> None:
        if time.monotonic() - kept.used >= IDLE_SECONDS:
            self._retire(kept)

    def _retire(self, kept: _Kept) -> None:
        """Give it to nobody any more; it ends with its last run."""
        with self._lock:
            if kept.retired:
                return
            kept.retired = True
            if self._kept.get(kept.wish.course) is kept:
                del self._kept[kept.wish.course]
            idle = not kept.runs
        if idle:
            kept.sandbox.close()


_warm = _Warm(lambda wish: open_sandbox(wish.isolation, wish.uses))


def answer(request: bytes) -> bytes:
    """The packed ``Answer`` to a packed ``Request``."""
    base = Answer({}, versions_here(), code_that_observes())
    try:
        return _answered(read_request(request), base).pack()
    except SandboxUnavailable as error:
        return replace(base, failed=_why(error), hopeless=True).pack()
    except SandboxBroken as error:
        return replace(base, failed=_why(error)).pack()
    except Exception:
        return replace(base, failed=traceback.format_exc()[-MAX_WHY:]).pack()


def _answered(request: Request, base: Answer) -> Answer:
    with _warm.lent(request.wish) as sandbox:
        threads, gpus = _place()
        base = replace(base, facts=_facts(sandbox, gpus), threads=threads, gpus=gpus)
        if request.job is None:
            return base
        from autograder.observation import Observation

        # What this accepts the machine that judges accepts, too; what it refuses ends the run
        # here, as it would there. The first frame of a run on a GPU tells of that.
        tells_of_gpu = bool(request.job.get("gpu_mb"))
        seen = Observation(device="cuda" if tells_of_gpu else "cpu")
        frames: list[Frame] = []

        def hear(frame: dict[str, Any], content: bytes) -> None:
            if frames or not tells_of_gpu:
                seen.accept(frame, content)
            frames.append((frame, content))

        ended = sandbox.run(request.job, limits=request.limits, files=request.files, on_frame=hear)
        return replace(base, ended=ended, frames=tuple(frames))


def _why(error: Exception) -> str:
    return str(error)[-MAX_WHY:] or type(error).__name__


def _place() -> tuple[int, int]:
    """Threads and GPUs that Dask gives this worker: ``--nthreads``, ``--resources GPU=1``."""
    worker = _dask_worker()
    if worker is None:
        return 1, 0
    return int(worker.state.nthreads), int(worker.state.total_resources.get("GPU", 0))


def _dask_worker() -> Worker | None:
    from distributed import get_worker

    try:
        return get_worker()
    except ValueError:  # called by itself, as in a test
        return None


def _facts(sandbox: Sandbox, gpus: int) -> dict[str, Any]:
    """The sandbox's, and which GPU it is. One that Dask was not told of is not used."""
    facts = dict(sandbox.facts)
    facts["cuda"] = bool(facts.get("cuda")) and gpus > 0
    if facts["cuda"]:
        facts.setdefault("gpu", gpu_models())
    return facts


@functools.cache
def gpu_models() -> str:
    """The models of this machine's GPUs and their driver, found without starting CUDA."""
    found = set()
    for path in DRIVER.glob("*/information"):
        for line in path.read_text("utf-8", "replace").splitlines():
            if line.startswith("Model:"):
                found.add(line.partition(":")[2].strip())
    if not found:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
            said = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
            found = {line.strip() for line in said.stdout.splitlines() if line.strip()}
    driver = DRIVER_VERSION.read_text().strip() if DRIVER_VERSION.exists() else "unknown"
    return f"{', '.join(sorted(found)) or 'unknown'}, driver {driver}"
