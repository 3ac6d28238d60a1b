"""Open the sandbox with our shell, snapshots and probes in it. Imports nothing slow."""

from __future__ import annotations

from pathlib import Path

from autograder.sandbox import Sandbox

__all__ = ["INSIDE", "PACKAGE_ROOT", "open_sandbox"]

PACKAGE_ROOT = Path(__file__).resolve().parent.parent
INSIDE = ("autograder/__init__.py", "autograder/probes.py", "autograder/inside")
"""What of our package is seen inside: nothing that knows of points, checks or courses."""


def open_sandbox(isolation: str) -> Sandbox:
    """The sandbox in which notebooks run. ``isolation`` is the config's ``sandbox``."""
    return Sandbox(
        entry="autograder.inside.runner",
        package_root=PACKAGE_ROOT,
        modules=INSIDE,
        isolation="none" if isolation == "none" else "full",
    )
