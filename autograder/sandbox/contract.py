"""The words between the sandbox and its callers: limits, ends and errors; no behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "Ended",
    "How",
    "Isolation",
    "Limits",
    "SandboxBroken",
    "SandboxUnavailable",
    "TooMuch",
]

Isolation = Literal["full", "none"]
How = Literal[
    "finished",
    "timed_out",
    "out_of_memory",
    "out_of_cpu",
    "too_many_processes",
    "died",
    "garbled",
    "too_large",
]


@dataclass(frozen=True)
class Limits:
    """What one submission may use."""

    seconds: float = 30.0
    """Wall clock from the moment the job is sent to the child; then SIGKILL."""
    memory_mb: int = 2048
    """Over all processes of the submission."""
    processes: int = 64
    scratch_mb: int = 64
    """Size of the tmpfs that is /tmp, HOME and working directory; the same again for /dev/shm."""
    reply_mb: int = 64
    """All bytes that the child may send in all."""
    frame_mb: int = 16
    """The JSON part of one frame."""
    gpu: bool = False
    """Whether it may open the GPU's device nodes. What would keep CUDA from starting is allowed
    then, see ``confine`` and ``seccomp``."""


@dataclass(frozen=True)
class Ended:
    """How one run ended. What the child had sent until then was handed out already."""

    how: How
    detail: str
    seconds: float


class SandboxUnavailable(RuntimeError):
    """The sandbox can not be set up on this machine; the message says what to install or allow."""


class SandboxBroken(RuntimeError):
    """Our fault, not the submission's: the zygote died or broke its protocol."""


class TooMuch(ValueError):
    """For `on_frame` to raise: the frame may be sound, but it is more than will be kept."""
