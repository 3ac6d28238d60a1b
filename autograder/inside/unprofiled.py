"""torch names its steps for a profiler only while somebody profiles.

Every step of an optimiser and every batch of a loader tells torch's profiler its name, by way of
TorchScript: a fifth of the time of a small training loop. Without a profiler nobody hears it.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch.autograd.profiler import record_function

__all__ = ["put_off_profiler"]


def put_off_profiler() -> None:
    """Let ``record_function`` do nothing outside of torch's profilers."""
    # The class stays the same one, and its methods name those that they stand for: by both,
    # torch's compilers know what they are looking at.
    enter: Any = record_function.__enter__
    leave = record_function.__exit__
    call: Any = record_function._call_end_callbacks_on_future
    if hasattr(enter, "__wrapped__"):
        return

    @functools.wraps(enter)
    def entered(self: record_function) -> Any:
        return enter(self) if torch._C._autograd._profiler_enabled() else self

    @functools.wraps(leave)
    def left(self: record_function, *error: Any) -> Any:
        return None if self.record is None else leave(self, *error)

    @functools.wraps(call)
    def called(self: record_function, fut: Any) -> Any:
        if self.record is None:
            enter(self)
        return call(self, fut)

    setattr(record_function, "__enter__", entered)  # noqa: B010 - mypy forbids to assign methods
    setattr(record_function, "__exit__", left)  # noqa: B010
    setattr(record_function, "_call_end_callbacks_on_future", called)  # noqa: B010
