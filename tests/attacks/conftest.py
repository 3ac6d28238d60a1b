"""One batch a family and user, made when the first of its tests asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
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


@pytest.fixture(scope="session")
def weak_batch() -> Iterator[Callable[..., Batch]]:
    """Grades under limits and a sandbox of one's own choice, as our own user."""
    with ExitStack() as stack:

        def grade(attackers, user: str = USERS[0], **options) -> Batch:
            return stack.enter_context(Stage(user, **options)).grade(attackers)

        yield grade
