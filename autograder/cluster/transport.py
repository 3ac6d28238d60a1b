"""What a cluster is to those who use it: members with addresses, to whom bytes are sent.

`connection` is Dask's; tests have one of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

__all__ = ["Delivery", "Failed", "Lost", "Transport", "Unreachable"]


class Unreachable(Exception):
    """The scheduler does not answer."""


class Lost(Exception):
    """The worker, or what it had, is gone."""


class Failed(Exception):
    """The worker could not call our function: the text says why."""


class Delivery(Protocol):
    """Bytes on their way to one worker, and its answer on its way back."""

    def done(self) -> bool: ...
    def when_done(self, call: Callable[[], None]) -> None:
        """Have ``call`` called, from any thread, once it is done; at once if it is already."""

    def content(self) -> object:
        """What came back, whatever that is. ``Lost``, ``Failed``; ``TimeoutError`` if fetching it
        takes long: it can be tried again."""

    def withdraw(self) -> None:
        """Nobody waits for it any more."""


class Transport(Protocol):
    name: str
    """What people call the cluster: an address, mostly."""

    def members(self) -> Collection[str]:
        """The addresses of the workers that are there now; ``Unreachable``."""

    def send(self, address: str, data: bytes, *, gpu: bool) -> Delivery:
        """Have the worker at ``address`` answer ``data``, with a GPU of its own if asked for."""

    def close(self) -> None: ...
