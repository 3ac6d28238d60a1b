"""One batch a family and user, made when the first of its tests asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import pytest

from .case import cases
from .harness import USERS, Batch, Stage


@pytest.fixture(scope="session", params=USERS)
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    with Stage(request.param) as made:
        yield made


@pytest.fixture(scope="session")
def batch_of(stage: Stage) -> Callable[[str], Batch]:
    """The graded batch of a family."""
    return cache(lambda family: stage.grade(cases(family)))
