"""Loaded into a worker (``dask worker --preload``) whose torch is an older one."""

from typing import Any

from autograder.cluster import worker
from autograder.cluster.parcel import Answer

VERSIONS = {**worker.versions_here(), "torch": "2.4.0"}


def answer(request: bytes) -> bytes:
    return Answer({"isolation": "full"}, VERSIONS, worker.code_that_observes()).pack()


def dask_setup(_: Any) -> None:
    worker.answer = answer
