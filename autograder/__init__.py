"""Observe student notebooks in a sandbox, judge the observations, record the result.

This file stays light: it is also bound into the sandbox, where nothing of points or checks exists.
The names that authors of checks use are loaded on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograder.judge.carry import carry, draws_from
    from autograder.judge.check import check
    from autograder.judge.compare import (
        assert_avoids,
        assert_loss_reduced,
        assert_matches,
        assert_ran,
        assert_requires_grad,
        assert_same_trajectory,
        assert_shares_memory,
    )
    from autograder.judge.finding import CheckFailed, fail
    from autograder.probes import probe

__version__ = "0.1.0"

_HOMES = {
    "assert_avoids": "autograder.judge.compare",
    "assert_loss_reduced": "autograder.judge.compare",
    "assert_matches": "autograder.judge.compare",
    "assert_ran": "autograder.judge.compare",
    "assert_requires_grad": "autograder.judge.compare",
    "assert_same_trajectory": "autograder.judge.compare",
    "assert_shares_memory": "autograder.judge.compare",
    "carry": "autograder.judge.carry",
    "draws_from": "autograder.judge.carry",
    "CheckFailed": "autograder.judge.finding",
    "fail": "autograder.judge.finding",
    "check": "autograder.judge.check",
    "probe": "autograder.probes",
}

__all__ = [
    "CheckFailed",
    "assert_avoids",
    "assert_loss_reduced",
    "assert_matches",
    "assert_ran",
    "assert_requires_grad",
    "assert_same_trajectory",
    "assert_shares_memory",
    "carry",
    "check",
    "draws_from",
    "fail",
    "probe",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'autograder' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
