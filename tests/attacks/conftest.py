"""One batch a family and user, made when the first of its tests asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from .case import FAMILIES, cases
from .harness import USERS, Batch, Stage

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With xdist, all of a user's tests, and all of a module without one, share a worker."""
    for item in items:
        if item.path.is_relative_to(HERE):
            parameters = getattr(item, "callspec", None)
            user = parameters.params.get("stage") if parameters else None
            item.add_marker(pytest.mark.xdist_group(user or item.path.stem))


@pytest.fixture(scope="session", params=USERS)
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    every = {case.assignment for family in FAMILIES for case in cases(family)}
    with Stage(request.param, assignments=tuple(every)) as made:
        yield made


@pytest.fixture(scope="session")
def batch_of(stage: Stage) -> Callable[[str], Batch]:
    """The graded batch of a family."""
    return cache(lambda family: stage.grade(cases(family)))
