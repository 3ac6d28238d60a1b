"""What travels between the machine that judges and a worker: frames of JSON and bytes, no pickle.

Reads what a worker returns as if an enemy had sent it; knows nothing of Dask, points or checks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, get_args

from autograder.sandbox import Ended, Limits, wire
from autograder.sandbox.contract import How

__all__ = ["Answer", "Frame", "Request", "Rubbish", "Wish", "read_answer", "read_request"]

MAX_TEXT = 20_000
"""Characters of whatever a worker tells in words."""
MAX_COUNT = 100_000

Frame = tuple[dict[str, Any], bytes]


class Rubbish(ValueError):
    """A worker returned what none of ours returns."""


@dataclass(frozen=True)
class Wish:
    """Which zygote is to be warm: ``course`` is the id of a course's key, ``isolation`` the
    config's ``sandbox``, ``uses`` what it warms up for."""

    course: str
    isolation: str
    uses: tuple[str, ...]


@dataclass(frozen=True)
class Request:
    """One run of a sandbox; without a ``job`` the worker is only asked what it is."""

    wish: Wish
    job: Mapping[str, Any] | None = None
    limits: Limits = field(default_factory=Limits)
    files: Mapping[str, bytes] = field(default_factory=dict)

    def pack(self) -> bytes:
        head = {
            "wish": asdict(self.wish),
            "job": None if self.job is None else dict(self.job),
            "limits": asdict(self.limits),
            "files": [[name, len(content)] for name, content in self.files.items()],
        }
        content = b"".join(self.files.values())
        return wire.pack(head, content) + content


@dataclass(frozen=True)
class Answer:
    """What a worker says: what it is, and what a run sent and how it ended.

    ``facts`` are its sandbox's; ``versions`` must be those of the machine that judges, as must
    ``code``, the hash of our code that observes. ``threads`` and ``gpus`` are how many runs it may
    have at a time. ``failed`` is why there was no run, ``hopeless`` whether the next one would fail
    too.
    """

    facts: Mapping[str, Any]
    versions: Mapping[str, str]
    code: str
    threads: int = 1
    gpus: int = 0
    failed: str | None = None
    hopeless: bool = False
    ended: Ended | None = None
    frames: tuple[Frame, ...] = ()

    def pack(self) -> bytes:
        head = {name: value for name, value in vars(self).items() if name != "frames"}
        head["ended"] = None if self.ended is None else asdict(self.ended)
        parts = [wire.pack(head)]
        for frame, content in self.frames:
            parts += [wire.pack(frame, content), content]
        return b"".join(parts)


def read_request(data: bytes) -> Request:
    """What ``Request.pack`` made: from the machine that judges, which a worker believes."""
    ((head, content),) = wire.unpack(data)
    files, at = {}, 0
    for name, length in head["files"]:
        files[name] = content[at : at + length]
        at += length
    wish = Wish(head["wish"]["course"], head["wish"]["isolation"], tuple(head["wish"]["uses"]))
    return Request(wish, head["job"], Limits(**head["limits"]), files)


def read_answer(data: object) -> Answer:
    """What a worker returned; ``Rubbish`` unless all of it is what ``Answer.pack`` makes."""
    if type(data) is not bytes:
        raise Rubbish("no bytes")
    try:
        frames = list(wire.unpack(data))
    except wire.WireError as error:
        raise Rubbish(str(error)) from error
    if not frames or frames[0][1]:
        raise Rubbish("no head")
    head = frames.pop(0)[0]
    names = {"facts", "versions", "code", "threads", "gpus", "failed", "hopeless", "ended"}
    if head.keys() != names or type(head["hopeless"]) is not bool:
        raise Rubbish("a head with other fields")
    return Answer(
        _facts(head["facts"]),
        {name: _text(value) for name, value in _facts(head["versions"]).items()},
        _text(head["code"]),
        _count(head["threads"]),
        _count(head["gpus"]),
        None if head["failed"] is None else _text(head["failed"]),
        head["hopeless"],
        None if head["ended"] is None else _ended(head["ended"]),
        tuple(frames),
    )


def _facts(value: Any) -> dict[str, Any]:
    """A flat object: nothing in it but texts, numbers, truths and nulls."""
    if not isinstance(value, dict) or len(value) > 100:
        raise Rubbish("facts that are none")
    plain = (str, int, float, bool, type(None))
    if any(not isinstance(one, plain) or len(str(one)) > MAX_TEXT for one in value.values()):
        raise Rubbish("facts that are none")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise Rubbish("a text that is none")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MAX_COUNT:
        raise Rubbish("a count that is none")
    return value


def _ended(value: Any) -> Ended:
    if not isinstance(value, dict) or value.keys() != {"how", "detail", "seconds"}:
        raise Rubbish("an end that is none")
    seconds = value["seconds"]
    if value["how"] not in get_args(How) or type(seconds) not in (int, float):
        raise Rubbish("an end of no kind that there is")
    if not math.isfinite(seconds):
        raise Rubbish("an end at no time")
    return Ended(value["how"], _text(value["detail"]), float(seconds))
