"""Open the sandbox with our shell, snapshots and probes in it. Imports nothing slow."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from autograder.sandbox import Sandbox

__all__ = ["INSIDE", "PACKAGE_ROOT", "USES", "open_sandbox"]

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
        uses=sorted(uses),
    )
