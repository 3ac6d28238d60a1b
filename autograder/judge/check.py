"""How an author declares a check: a titled claim about one exercise, worth points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

__all__ = ["Check", "check"]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Check:
    """A check as declared. ``each`` maps names to points where one function checks several names;
    ``penalty`` is what a failing check takes away from the exercise's other points."""

    title: str
    english: str
    exercise: str
    points: float
    penalty: float
    devices: tuple[str, ...]
    each: Mapping[str, float] | None

    def for_name(self, name: str | None) -> tuple[str, str, float]:
        """Title in Spanish and English and the points, for one name of ``each``."""
        if self.each is None or name is None:
            return self.title, self.english, self.points
        title, english = (text.replace("{name}", name) for text in (self.title, self.english))
        return title, english, self.each[name]


def check(
    title: str,
    *,
    exercise: str,
    points: float = 0.0,
    penalty: float = 0.0,
    each: Mapping[str, float] | None = None,
    devices: Sequence[str] = ("cpu",),
    en: str = "",
) -> Callable[[F], F]:
    """Mark a test function as a check of ``exercise`` titled ``title`` (``en`` in English).

    The function takes ``student`` and ``reference`` (and ``device``, if it wants) and fails
    through the assertions of this package. It is called for every device in ``devices`` at hand
    and for every trial, and has to hold in all of them. With ``each={"W1": 0.5, …}`` it also
    takes ``name`` and is one check for each name; ``{name}`` in the title is replaced. A check
    with a ``penalty`` is worth nothing when it holds and takes points away when it does not.
    """

    def mark(function: F) -> F:
        made = Check(title, en or title, exercise, points, penalty, tuple(devices), each)
        function.autograder_check = made  # type: ignore[attr-defined]
        return function

    return mark
