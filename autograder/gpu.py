"""Which GPU the sandbox can use, and for how many submissions at once; knows of no submission."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from autograder.sandbox import Limits, Sandbox, SandboxBroken, SandboxUnavailable
from autograder.sandbox.driver import nodes

if TYPE_CHECKING:
    from autograder.cluster.cluster import Kind

__all__ = ["CONTEXT_MB", "HOST_MB", "START_SECONDS", "Gpu", "NoGpu", "is_there", "look_for_gpu"]

CONTEXT_MB = 1024
"""Of the GPU's memory, what one process takes besides its tensors: CUDA's context, the libraries'
code and workspaces. An allowance, not a measurement: it differs by GPU, driver and torch."""
HOST_MB = 2048
"""Of the host's memory, what CUDA takes in a process; likewise."""
START_SECONDS = 30.0
"""What CUDA may take to start in a process; no part of the student's time."""

Json = dict[str, Any]
_lock = threading.Lock()
_found: WeakKeyDictionary[Sandbox | Kind, Gpu | NoGpu] = WeakKeyDictionary()


@dataclass(frozen=True)
class Gpu:
    """A GPU on which CUDA was started in the sandbox. ``cuda`` is the version torch is built for;
    memory in MB, ``free_mb`` when nothing of ours used it."""

    name: str
    driver: str
    cuda: str
    memory_mb: int
    free_mb: int

    @property
    def facts(self) -> Json:
        """What an observation depends on."""
        return {"gpu": self.name, "driver": self.driver, "cuda": self.cuda}

    def places(self, limit_mb: int) -> int:
        """How many submissions may use it at once, each with ``limit_mb`` for its tensors."""
        return max(1, self.free_mb // (limit_mb + CONTEXT_MB))

    @classmethod
    def of(cls, frame: Mapping[str, Any]) -> Gpu:
        """What a run says of its GPU before any code of a student's has run."""
        name, driver, cuda = (str(frame[one]) for one in ("name", "driver", "cuda"))
        return cls(name, driver, cuda, int(frame["memory_mb"]), int(frame["free_mb"]))


@dataclass(frozen=True)
class NoGpu:
    """There is none that can be used; ``why`` is empty where there is none at all."""

    why: str = ""


def is_there() -> bool:
    """Whether this machine has a GPU's device nodes: quick, and no promise that CUDA works."""
    return bool(nodes())


def look_for_gpu(sandbox: Sandbox | Kind) -> Gpu | NoGpu:
    """Start CUDA once, confined as submissions are: only that tells whether it works there."""
    with _lock:
        if sandbox not in _found:
            _found[sandbox] = _look(sandbox)
        return _found[sandbox]


def _look(sandbox: Sandbox | Kind) -> Gpu | NoGpu:
    if not sandbox.facts.get("cuda"):
        return NoGpu()
    frames: list[Json] = []
    job = {
        "cells": [],
        "names": {},
        "also": {},
        "probes": "",
        "devices": [],
        "threads": 1,
        "start": 0,
        "gpu_mb": 256,
        "shown": False,
        "shift": 0,
        "key": "",
        "limits": {"tensor_bytes": 0, "total_bytes": 0, "all_output_characters": 0},
        "texts": {"question": ""},
    }
    limits = Limits(seconds=2 * START_SECONDS, memory_mb=2 * HOST_MB, gpu=True)
    try:
        ended = sandbox.run(job, limits=limits, on_frame=lambda frame, _: frames.append(frame))
    except (SandboxBroken, SandboxUnavailable) as error:
        return NoGpu(str(error))
    if not frames:
        said = ended.detail.strip().splitlines()[-1:] or [""]
        return NoGpu(f"CUDA does not start in the sandbox ({ended.how}: {said[0]})")
    return Gpu.of(frames[0])
