"""Open the sandbox with our shell, snapshots and probes in it. Imports nothing slow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event

from autograder.sandbox import Sandbox

__all__ = ["INSIDE", "PACKAGE_ROOT", "USES", "Starting", "open_sandbox"]

PACKAGE_ROOT = Path(__file__).resolve().parent.parent
INSIDE = (
    "autograder/__init__.py",
    "autograder/probes.py",
    "autograder/packing.py",
    "autograder/inside",
)
"""What of our package is seen inside: nothing that knows of points, checks or courses."""

USES = {
    "figures": ("matplotlib",),
    "formulas": ("semilog", "loglog", "xscale", "yscale"),
    "compiler": ("torch.func.", "torch.func ", "functorch", "torch.compile", "torch.vmap"),
}
"""What is slow to import, and the words in an assignment's code that tell that it is needed."""


def open_sandbox(isolation: str, uses: Iterable[str] = USES) -> Sandbox:
    """The sandbox in which notebooks run. ``isolation`` is the config's ``sandbox``; ``uses`` is
    what it warms up for: a notebook that uses more works too, but has to import it."""
    return Sandbox(
        entry="autograder.inside.runner",
        package_root=PACKAGE_ROOT,
        modules=INSIDE,
        isolation="none" if isolation == "none" else "full",
        uses=uses,
    )


class Starting:
    """A sandbox that starts in a process of its own while this one does something else."""

    def __init__(self, isolation: str = "full") -> None:
        self.isolation = isolation
        self._uses: Future[list[str]] = Future()
        launched = Event()
        pool = ThreadPoolExecutor(max_workers=1)
        self._opened = pool.submit(open_sandbox, isolation, _Awaited(self._uses, launched))
        pool.shutdown(wait=False)
        # Until its process is on its way. A thread that opens files beside one that imports would
        # wait for it at each of them, ten times as long as it takes.
        self._opened.add_done_callback(lambda _: launched.set())
        try:
            launched.wait()
        except BaseException:
            self.close()
            raise

    def warm_for(self, uses: Iterable[str]) -> None:
        """Say, once, what it is to warm up for, which it waits for."""
        self._uses.set_result(sorted(uses))

    @property
    def knows_uses(self) -> bool:
        return self._uses.done()

    @property
    def is_up(self) -> bool:
        return self._opened.done()

    def sandbox(self) -> Sandbox:
        """The sandbox, once it is up, or whatever opening it raised."""
        return self._opened.result()

    def close(self) -> None:
        """Close the sandbox, or give up starting it."""
        self._uses.cancel()
        if self._opened.exception() is None:
            self._opened.result().close()


class _Awaited(Iterable[str]):
    """What becomes known later: whoever asks, which ``asked`` tells, waits for it."""

    def __init__(self, known: Future[list[str]], asked: Event) -> None:
        self._known, self._asked = known, asked

    def __iter__(self) -> Iterator[str]:
        self._asked.set()
        return iter(self._known.result())
