"""What was proven of an assignment, as data; and the file that says so beside its source."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autograder.assignment import Assignment
from autograder.config import Assignment as Policy

__all__ = ["Claim", "Margin", "Mutated", "Proof", "digest_of", "proven"]

ENOUGH = 0.95
"""The share of mutants that have to be caught, and of misconceptions that are told aright."""
Json = dict[str, Any]


@dataclass(frozen=True)
class Claim:
    """One thing that has to hold. ``said`` is what was seen; ``problems`` are why it does not."""

    what: str
    said: str
    problems: Sequence[str] = ()
    warnings: Sequence[str] = ()

    @property
    def holds(self) -> bool:
        return not self.problems


@dataclass(frozen=True)
class Margin:
    """How clear a check is: tolerance ÷ the reference's noise, nearest wrong answer ÷ tolerance.

    ``None`` where there was no noise at all, or no wrong answer that differs in numbers only.
    """

    exercise: str
    check: str
    noise: float | None
    wrong: float | None


@dataclass(frozen=True)
class Mutated:
    """A mutant of which the checks noticed nothing. ``line`` in the solution cell."""

    exercise: str
    operator: str
    line: int
    change: str
    diff: str


@dataclass
class Proof:
    """All claims about one assignment.

    ``confusion`` has, by misconception, how many of the checks that it fails were told what:
    another's id, a general diagnosis, or nothing (``-``). ``partial``: fewer mutants were made than
    a proof needs, because fewer were asked for.
    """

    assignment: str
    digest: str
    claims: list[Claim] = field(default_factory=list)
    partial: bool = False
    confusion: dict[str, dict[str, int]] = field(default_factory=dict)
    margins: list[Margin] = field(default_factory=list)
    mutants: int = 0
    equivalent: list[Mutated] = field(default_factory=list)
    survivors: list[Mutated] = field(default_factory=list)
    devices: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        return all(claim.holds for claim in self.claims)

    def summary(self) -> Json:
        """What is kept beside the source: nothing that changes from run to run."""
        return {
            "assignment": self.assignment,
            "holds": self.holds,
            "digest": self.digest,
            "claims": {one.what: one.said for one in self.claims},
        }

    def json(self) -> Json:
        """All of it."""
        return {
            "assignment": self.assignment,
            "holds": self.holds,
            "digest": self.digest,
            "devices": list(self.devices),
            "seconds": round(self.seconds, 1),
            "partial": self.partial,
            "claims": [
                {
                    "what": one.what,
                    "holds": one.holds,
                    "said": one.said,
                    "problems": list(one.problems),
                    "warnings": list(one.warnings),
                }
                for one in self.claims
            ],
            "confusion": self.confusion,
            "margins": [vars(one) for one in self.margins],
            "mutants": {
                "made": self.mutants,
                "equivalent": [vars(one) for one in self.equivalent],
                "survivors": [vars(one) for one in self.survivors],
            },
        }


def digest_of(assignment: Assignment, policy: Policy) -> str:
    """Hash of what a proof is about: the assignment's files and the tolerances laid down for it."""
    hashed = hashlib.sha256()
    for path in (
        assignment.source_path,
        assignment.probes_path,
        assignment.checks_path,
        assignment.misconceptions_path,
    ):
        content = path.read_bytes() if path.exists() else b""
        hashed.update(json.dumps([path.name, len(content)]).encode() + content)
    laid = policy.model_dump(mode="json", include={"tolerances", "checks"})
    if policy.tolerances_cuda:
        laid |= policy.model_dump(mode="json", include={"tolerances_cuda"})
    hashed.update(json.dumps(laid, sort_keys=True).encode())
    return hashed.hexdigest()


def proven(assignment: Assignment, policy: Policy) -> bool:
    """Whether ``verify`` has proven the assignment as its files are now."""
    try:
        kept: Mapping[str, Any] = json.loads(assignment.proof_path.read_text(encoding="utf-8"))
        return kept["holds"] is True and kept["digest"] == digest_of(assignment, policy)
    except (OSError, ValueError, KeyError, TypeError):
        return False
