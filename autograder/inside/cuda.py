"""CUDA in one process, after the fork: hidden, or made ready under a limit; and what GPU there is.

Nothing but ``possible`` may run before the fork, for CUDA does not survive one.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import warnings
from pathlib import Path
from typing import Any

import torch

from autograder.inside.shell import describe

__all__ = ["fault", "hide", "make_ready", "possible"]

MEGABYTE = 2**20


def possible() -> bool:
    """Whether it is worth asking for a GPU; asks neither the driver nor CUDA."""
    return torch.version.cuda is not None and any(Path("/dev").glob("nvidia[0-9]*"))


def hide() -> None:
    """Let this process and all that it starts see no GPU: what a notebook computes in its cells
    is then the same on every machine."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""


def make_ready(memory_mb: int) -> dict[str, Any]:
    """Start CUDA on the first visible GPU, repeatable and with ``memory_mb`` for tensors.

    Gives the GPU's name, driver and memory (total and free, in MB). Raises what torch raises where
    CUDA cannot be started. The limit is the allocator's: whoever wants to can lift it.
    """
    with warnings.catch_warnings():
        # Of two ways to say this each version of torch warns of one.
        warnings.simplefilter("ignore")
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    # Only a warning where there is no such algorithm: which operators have one is no concern of a
    # student's, and tolerances are wider on CUDA.
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.cuda.init()  # type: ignore[no-untyped-call]
    found = torch.cuda.get_device_properties(0)
    share = min(1.0, memory_mb * MEGABYTE / found.total_memory)
    torch.cuda.set_per_process_memory_fraction(share, 0)
    free, total = torch.cuda.mem_get_info(0)
    if float(torch.ones(2, device="cuda").sum()) != 2:
        raise RuntimeError("the GPU does not add one and one")
    return {
        "name": str(found.name),
        "driver": _driver(),
        "cuda": str(torch.version.cuda),
        "memory_mb": total // MEGABYTE,
        "free_mb": free // MEGABYTE,
    }


def fault() -> dict[str, Any] | None:
    """Wait for all that was started, and give back unused memory. The error, as data, if CUDA is
    broken in this process, which it then stays."""
    try:
        torch.cuda.synchronize()
        gc.collect()
        torch.cuda.empty_cache()
    except Exception as error:
        return describe(error)
    return None


def _driver() -> str:
    """The driver's version; by NVML, as torch knows only what of CUDA it supports."""
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL("libnvidia-ml.so.1")
        text = ctypes.create_string_buffer(96)
        if not (library.nvmlInit_v2() or library.nvmlSystemGetDriverVersion(text, len(text))):
            return text.value.decode(errors="replace")
    return "unknown"
