"""What a check found, as data: words come later, at the edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import torch

__all__ = ["OUTCOMES", "CheckFailed", "Evidence", "Finding", "fail"]

OUTCOMES = ("passed", "failed", "errored", "timed_out", "blocked", "not_run", "broken")


@dataclass(frozen=True)
class Finding:
    """A kind (a key of ``autograder.words``) and what its sentence needs, JSON values only."""

    kind: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """Two tensors (CPU) that should have been the same. For the diagnosis; never in a report."""

    name: str
    got: torch.Tensor
    expected: torch.Tensor


def fail(kind: str, **details: Any) -> NoReturn:
    """Let the running check fail with a finding of ``kind``, a key of ``autograder.words``."""
    raise CheckFailed(Finding(kind, details))


class CheckFailed(Exception):
    """A check does not hold. ``outcome`` is one of ``OUTCOMES``; raised by the assertions."""

    def __init__(
        self, finding: Finding, outcome: str = "failed", evidence: Evidence | None = None
    ) -> None:
        super().__init__(finding.kind)
        self.finding = finding
        self.outcome = outcome
        self.evidence = evidence
