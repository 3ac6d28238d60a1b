"""One batch a family and user, made when the first of its tests asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import pytest

from .case import FAMILIES, cases
from .harness import USERS, Batch, Stage


@pytest.fixture(scope="class")
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    user = request.cls.user
    if user not in USERS:
        pytest.skip("only root can grade as root")
    every = {case.assignment for family in FAMILIES for case in cases(family)}
    with Stage(user, assignments=tuple(every)) as made:
        yield made


@pytest.fixture(scope="class")
def batch_of(stage: Stage) -> Callable[[str], Batch]:
    """The graded batch of a family."""
    return cache(lambda family: stage.grade(cases(family)))
