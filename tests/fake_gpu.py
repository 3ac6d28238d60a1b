"""The sandbox's entry with a GPU that is none: what runs "on it" runs on the CPU, and is said to be
on CUDA, unless it went through ``.cpu()``; ``.to("cuda")`` brings it back.

It stands in for ``autograder.inside.cuda`` in the child; all else is the real thing. A notebook
that sets ``builtins.context`` to ``"broken"`` breaks it. It proves nothing about real GPUs.
"""

from __future__ import annotations

import builtins
import os
import time
from pathlib import Path
from typing import Any

import torch

from autograder.inside import cuda, probing, record, runner

TOTAL_MB = 8 * 1024
FACTS = {"name": "Fake GPU", "driver": "1.2.3", "cuda": "0.0", "memory_mb": TOTAL_MB}


def warm_up(uses: list[str]) -> dict[str, Any]:
    return {**runner.warm_up(uses), "cuda": True}


def serve(job: dict[str, Any], payload: bytes, send: Any) -> None:
    if job["gpu_mb"]:
        _pretend()
    begun = time.monotonic()
    runner.serve(job, payload, send)
    trace = os.environ.get("FAKE_GPU_TRACE")
    if trace:
        with Path(trace).open("a") as file:
            file.write(f"{job['gpu_mb']} {begun} {time.monotonic()}\n")


def _pretend() -> None:
    torch.cuda.is_available = lambda: True
    cuda.make_ready = _make_ready
    cuda.fault = _fault
    runner.run_probe = _run_probe
    record.Recorder._tensor = _tensor(record.Recorder._tensor)
    original = torch.Tensor.cpu

    def cpu(self: torch.Tensor) -> torch.Tensor:
        copy = original(self).clone()
        copy.fetched = True  # type: ignore[attr-defined]
        return copy

    move = torch.Tensor.to

    def to(self: torch.Tensor, *arguments: Any, **more: Any) -> torch.Tensor:
        target = arguments[0] if arguments else more.get("device")
        if isinstance(target, str | torch.device) and torch.device(target).type == "cuda":
            return original(self).clone() if hasattr(self, "fetched") else self
        return move(self, *arguments, **more)

    torch.Tensor.cpu = cpu  # type: ignore[method-assign]
    torch.Tensor.to = to  # type: ignore[method-assign, assignment]
    torch.Tensor.cuda = lambda self: self.to("cuda")  # type: ignore[method-assign]


def _make_ready(memory_mb: int) -> dict[str, Any]:
    if os.environ.get("FAKE_GPU") == "defect":
        raise RuntimeError("CUDA error: operation not supported on this OS")
    return {**FACTS, "free_mb": TOTAL_MB}


def _fault() -> dict[str, Any] | None:
    if getattr(builtins, "context", "") == "broken":
        message = "CUDA error: an illegal memory access was encountered"
        return {"name": "AcceleratorError", "message": message, "line": None}
    return None


def _run_probe(*arguments: Any, device: str, **more: Any) -> Any:
    return probing.run_probe(*arguments, device="cpu", **more)


def _tensor(original: Any) -> Any:
    def tensor(self: Any, value: torch.Tensor, **more: Any) -> Any:
        tree = original(self, value, **more)
        if tree["kind"] == "tensor" and not hasattr(value, "fetched"):
            tree["device"] = "cuda"
        return tree

    return tensor
