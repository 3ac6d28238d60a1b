"""When Python looks for garbage: not among what is being imported, where there is none."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["uncollected"]


@contextmanager
def uncollected() -> Iterator[None]:
    """For imports. All that there is afterwards is left out of later collections, too: of torch's
    objects alone there are so many that looking at them takes longer than judging a submission.
    Who goes on for long makes ``gc.unfreeze`` undo it at times."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was:
            gc.enable()
