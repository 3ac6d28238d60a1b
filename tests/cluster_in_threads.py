"""A cluster without Dask: workers are functions, called in threads, that take and give bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from autograder.cluster.cluster import Cluster
from autograder.cluster.parcel import Answer, Request, Wish, read_request
from autograder.cluster.transport import Lost, Unreachable
from autograder.sandbox import Ended

WISH = Wish("0a1b2c3d", "full", ())
VERSIONS = {"autograder": "0.1.0", "torch": "2.13.0", "ipython": "9.18.1"}
FACTS = {
    "python": "3.11.7",
    "torch": "2.13.0+cpu",
    "numpy": "2.4.6",
    "cuda": False,
    "isolation": "full",
    "memory_limit": "cgroup-v2",
    "architecture": "x86_64",
}
CODE = "c0de"
HELLO = Answer(FACTS, VERSIONS, CODE, threads=1)
CELL = {
    "frame": "cell",
    "index": 0,
    "status": "ok",
    "error": None,
    "outputs": [],
    "seconds": 0.5,
}

Behaviour = Callable[[Request], Any]


def ran(hello: Answer = HELLO, *frames: dict[str, Any]) -> bytes:
    """What a worker returns that has run a job to its end."""
    sent = tuple((frame, b"") for frame in frames or (CELL,))
    return replace(hello, ended=Ended("finished", "exit status 0", 0.5), frames=sent).pack()


@dataclass
class Delivery:
    address: str
    transport: Threads
    called: list[Callable[[], None]] = field(default_factory=list)
    result: Any = None
    ready: bool = False
    withdrawn: bool = False

    def done(self) -> bool:
        return self.ready

    def when_done(self, call: Callable[[], None]) -> None:
        self.called.append(call)
        if self.ready:
            call()

    def content(self) -> object:
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result

    def withdraw(self) -> None:
        self.withdrawn = True

    def work(self, data: bytes) -> None:
        try:
            result = self.transport.workers[self.address](read_request(data))
        except BaseException as error:
            result = error
        if result is None:
            return  # it hangs
        self.result, self.ready = result, True
        for call in self.called:
            call()


@dataclass
class Threads:
    """``workers`` by address: each gets a request and gives the bytes that it answers with, or
    None, and then it never does. ``sent`` are all bytes that ever went to one."""

    workers: dict[str, Behaviour]
    name: str = "tcp://cluster:8786"
    away: bool = False
    closed: bool = False
    sent: list[tuple[str, bytes, bool]] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)

    def members(self) -> list[str]:
        if self.away:
            raise Unreachable("connection refused")
        return list(self.workers)

    def send(self, address: str, data: bytes, *, gpu: bool) -> Delivery:
        self.sent.append((address, data, gpu))
        if address not in self.workers:
            raise Lost("no such worker")
        made = Delivery(address, self)
        self.deliveries.append(made)
        threading.Thread(target=made.work, args=[data], daemon=True).start()
        return made

    def close(self) -> None:
        self.closed = True

    def jobs(self) -> list[str]:
        """Which workers got a job, in order."""
        return [address for address, data, _ in self.sent if read_request(data).job is not None]


def worker(job: Behaviour, hello: Answer = HELLO) -> Behaviour:
    """A worker that says ``hello`` when it is greeted."""
    return lambda request: hello.pack() if request.job is None else job(request)


def good(hello: Answer = HELLO) -> Behaviour:
    return worker(lambda request: ran(hello), hello)


def cluster_of(transport: Threads, said: list[str], **options: Any) -> Cluster:
    return Cluster(transport, WISH, VERSIONS, CODE, said.append, **options)
