"""Loaded into a worker (``dask worker --preload``) that greets well and then returns rubbish."""

from typing import Any

from autograder.cluster import worker
from autograder.cluster.parcel import read_request

honest = worker.answer


def answer(request: bytes) -> bytes:
    if read_request(request).job is None:
        return honest(request)
    return honest(request)[:-7] + b"rubbish"


def dask_setup(_: Any) -> None:
    worker.answer = answer
