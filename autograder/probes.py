"""What an author of probes writes with: marks functions that exercise a student's code.

A probe observes and never judges: it gets inputs, never expected values. This module is bound
into the sandbox and imports nothing but the standard library.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

__all__ = ["Probe", "probe", "probes_in"]

ProbeFunction = Callable[..., Any]
"""``f(student, draws, device)``; what it returns is recorded."""


@dataclass(frozen=True)
class Probe:
    """A probe: the exercise after whose cell it runs, and the devices that it runs on."""

    name: str
    exercise: str
    devices: tuple[str, ...]
    function: ProbeFunction


def probe(
    exercise: str, *, devices: Sequence[str] = ("cpu",)
) -> Callable[[ProbeFunction], ProbeFunction]:
    """Mark ``f(student, draws, device)`` as a probe of ``exercise``.

    ``student.call(name, *args)`` calls the student's function and records what it gives, raises,
    prints and changes; ``draws`` makes random inputs that differ from trial to trial and are the
    same for student and reference; ``device`` is ``"cpu"`` or ``"cuda"``. The function's name is
    the name by which a check asks for what it saw: ``student.probe("…")``.
    """

    def mark(function: ProbeFunction) -> ProbeFunction:
        made = Probe(function.__name__, exercise, tuple(devices), function)
        function.autograder_probe = made  # type: ignore[attr-defined]
        return function

    return mark


def probes_in(module: ModuleType) -> list[Probe]:
    """The probes that ``module`` defines, in the order of their definition."""
    marked = (getattr(value, "autograder_probe", None) for value in vars(module).values())
    return [found for found in marked if isinstance(found, Probe)]
