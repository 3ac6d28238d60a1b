"""Run untrusted code in isolation. May be imported, and runs, without the rest of the package."""

from .contract import Ended, Limits, SandboxBroken, SandboxUnavailable, TooMuch
from .sandbox import Sandbox, sweep

__all__ = [
    "Ended",
    "Limits",
    "Sandbox",
    "SandboxBroken",
    "SandboxUnavailable",
    "TooMuch",
    "sweep",
]
