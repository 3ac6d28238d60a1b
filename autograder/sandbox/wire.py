"""Frames on a stream socket, JSON and bytes, read with caps and a deadline; knows no meaning.

A frame is `!IQ` (length of the JSON, length of the payload), the JSON object, the payload. Both
sides use this module, so it imports the standard library alone. Whoever reads trusts nothing:
every length is checked before a byte is kept, and memory grows only with bytes that arrived.
"""

from __future__ import annotations

import json
import math
import re
import select
import socket
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

__all__ = ["Closed", "Garbled", "Late", "Reader", "TooLarge", "WireError", "pack", "send", "unpack"]

HEADER = struct.Struct("!IQ")
CHUNK = 1 << 20
AHEAD = 1 << 16
"""Bytes that are read before they are asked for, at most."""
TOGETHER = 1 << 16
"""Up to so many bytes are copied rather than sent by themselves, which wakes the reader twice."""
MAX_PARTS = 1_000_000
"""Values and keys in the JSON of one frame. Once read, each takes up to some hundred bytes: 16 MB
of ``[],[],[]`` would become 400."""
MAX_DIGITS = 400
STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)


class WireError(Exception):
    """Reading a frame failed."""


class Closed(WireError):
    """The other side is gone; nothing more will come."""


class Late(WireError):
    """The deadline passed before the frame was complete."""


class TooLarge(WireError):
    """A length is over its cap."""


class Garbled(WireError):
    """The bytes are not a frame: no JSON, or JSON that is not an object."""


def pack(frame: Mapping[str, Any], payload: bytes | memoryview = b"") -> bytes:
    """The head of a frame, all but its payload. NaN and infinities are refused (ValueError)."""
    text = json.dumps(frame, allow_nan=False, separators=(",", ":")).encode()
    return HEADER.pack(len(text), len(payload)) + text


def send(sock: socket.socket, frame: Mapping[str, Any], payload: bytes | memoryview = b"") -> None:
    """Write one frame; the socket's own timeout applies."""
    head = pack(frame, payload)
    if len(payload) <= TOGETHER:
        sock.sendall(b"".join([head, payload]))
    else:
        sock.sendall(head)
        sock.sendall(payload)


def unpack(data: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """The frames that ``data`` is made of, each read as suspiciously as from a socket."""
    at = 0
    while at < len(data):
        if len(data) - at < HEADER.size:
            raise Garbled("the bytes end within a frame")
        json_length, payload_length = HEADER.unpack_from(data, at)
        at += HEADER.size
        if json_length + payload_length > len(data) - at:
            raise Garbled("the bytes end within a frame")
        text = bytearray(data[at : at + json_length])
        if _has_too_many_parts(text):
            raise TooLarge(f"frame of more than {MAX_PARTS} values")
        at += json_length + payload_length
        yield _parse(text), data[at - payload_length : at]


class Reader:
    """Reads frames from `sock`; each of `ends` is a descriptor that becomes readable when the other
    side is dead or has to die, which ends a wait for bytes that will not come.

    They are needed because a stray process may hold the other end of the socket open after the one
    that we talk to has died: end of file alone does not tell. For `pause` seconds after a wait
    ended more bytes may gather, because being woken for each frame costs more than reading it.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        json_cap: int,
        total_cap: int,
        ends: Sequence[int] = (),
        pause: float = 0.0,
    ) -> None:
        self._sock = sock
        self._pause = pause
        self._arrived = bytearray()  # and was not yet asked for; at most AHEAD bytes
        self._json_cap = json_cap
        self._left = total_cap
        self._total_cap = total_cap
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        for end in ends:
            self._poll.register(end, select.POLLIN)

    def read(self, deadline: float | None = None) -> tuple[dict[str, Any], bytes]:
        """The next frame, or a WireError. `deadline` is a time.monotonic() moment."""
        json_length, payload_length = HEADER.unpack(self._exactly(HEADER.size, deadline))
        if json_length > self._json_cap:
            raise TooLarge(f"frame header of {_size(json_length)}")
        size = HEADER.size + json_length + payload_length
        if size > self._left:
            raise TooLarge(f"frame of {_size(size)} passes the limit of {_size(self._total_cap)}")
        self._left -= size
        text = self._exactly(json_length, deadline)
        if _has_too_many_parts(text):
            raise TooLarge(f"frame of more than {MAX_PARTS} values")
        frame = _parse(text)
        return frame, bytes(self._exactly(payload_length, deadline))

    def _exactly(self, count: int, deadline: float | None) -> bytearray:
        kept = self._arrived[:count]
        del self._arrived[:count]
        while len(kept) < count:
            self._wait(deadline)
            try:
                size = max(AHEAD, min(CHUNK, count - len(kept)))
                chunk = self._sock.recv(size, socket.MSG_DONTWAIT)
            except BlockingIOError:
                continue
            except ConnectionError:
                raise Closed("connection reset") from None
            if not chunk:
                raise Closed("end of stream")
            missing = count - len(kept)
            kept += chunk[:missing]
            self._arrived += chunk[missing:]
        return kept

    def _wait(self, deadline: float | None) -> None:
        """Return when the socket has bytes; the deadline goes first, or a trickle would win."""
        timeout = None
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Late("deadline passed")
            timeout = left * 1000 + 1
        ready = {descriptor for descriptor, _ in self._poll.poll(timeout)}
        if not ready:
            raise Late("deadline passed")
        if self._sock.fileno() not in ready:
            raise Closed("process ended")
        if self._pause:
            time.sleep(self._pause)


def _has_too_many_parts(text: bytearray) -> bool:
    """Whether JSON ``text`` has more than ``MAX_PARTS`` values and keys, found without reading it.

    Never no where reading would make more; looks closely only where a quick look does not do.
    """
    if _marks(text) <= MAX_PARTS:
        return False
    # Each string is a part, and has two quotes at most that no backslash stands before.
    if (text.count(b'"') - text.count(b'\\"')) // 2 > MAX_PARTS:
        return True
    return _marks(STRING.sub(b"", text)) > MAX_PARTS


def _marks(text: bytes | bytearray) -> int:
    """Before each value and each key stands one of these, but for the first of all."""
    return sum(text.count(mark) for mark in (b",", b":", b"[", b"{"))


def _parse(text: bytearray) -> dict[str, Any]:
    try:
        frame = json.loads(
            text.decode("utf-8"), parse_constant=_refuse, parse_float=_finite, parse_int=_short
        )
    except RecursionError:
        raise Garbled("JSON is nested too deeply") from None
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise Garbled(f"not JSON: {str(error)[:200]}") from None
    if not isinstance(frame, dict):
        raise Garbled(f"JSON is not an object but {type(frame).__name__}")
    return frame


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a finite number")


def _short(text: str) -> int:
    """The time that it takes to read a number grows with the square of its length."""
    if len(text) > MAX_DIGITS:
        raise ValueError(f"{text[:20]}… has too many digits")
    return int(text)


def _finite(text: str) -> float:
    """1e999 is JSON, but it would be read as an infinity."""
    number = float(text)
    if not math.isfinite(number):
        _refuse(text[:20])
    return number


def _size(count: int) -> str:
    for unit, name in ((30, "GB"), (20, "MB"), (10, "kB")):
        if count >= 1 << unit:
            return f"{count / (1 << unit):.3g} {name}"
    return f"{count} bytes"
