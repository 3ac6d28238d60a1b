"""Frames: what is written is read, and nothing else is."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from autograder.sandbox import wire

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    left, right = socket.socketpair()
    with left, right:
        yield left, right


def reader(sock: socket.socket, json_cap: int = 1 << 20, total_cap: int = 1 << 20) -> wire.Reader:
    return wire.Reader(sock, json_cap=json_cap, total_cap=total_cap)


def soon() -> float:
    return time.monotonic() + 2


def raw(text: bytes, payload: int = 0) -> bytes:
    return wire.HEADER.pack(len(text), payload) + text


def test_what_is_sent_is_read_in_order(pair: Pair) -> None:
    left, right = pair
    wire.send(left, {"ñ": [1, 2.5, None, True]}, b"\0payload")
    wire.send(left, {})
    listening = reader(right)
    assert listening.read(soon()) == ({"ñ": [1, 2.5, None, True]}, b"\0payload")
    assert listening.read(soon()) == ({}, b"")


def test_frames_that_arrived_together_are_read_one_by_one_and_counted(pair: Pair) -> None:
    left, right = pair
    frames = [({"n": n}, b"x" * n) for n in range(40)]
    left.sendall(b"".join(wire.pack(*frame) + frame[1] for frame in frames))
    size = sum(len(wire.pack(*frame)) + len(frame[1]) for frame in frames)
    listening = reader(right, total_cap=size)
    assert [listening.read(soon()) for _ in frames] == frames
    wire.send(left, {})
    with pytest.raises(wire.TooLarge):
        listening.read(soon())


def test_a_payload_beyond_what_is_read_ahead_is_whole(pair: Pair) -> None:
    left, right = pair
    large = bytes(range(256)) * 8192
    sending = threading.Thread(target=lambda: [wire.send(left, {"n": n}, large) for n in (1, 2)])
    sending.start()
    listening = reader(right, total_cap=8 << 20)
    assert [listening.read(soon()) for _ in range(2)] == [({"n": 1}, large), ({"n": 2}, large)]
    sending.join()


def test_what_arrived_is_read_after_the_other_side_has_gone(pair: Pair) -> None:
    left, right = pair
    wire.send(left, {"n": 1}, b"one")
    wire.send(left, {"n": 2})
    left.close()
    listening = reader(right)
    assert listening.read(soon()) == ({"n": 1}, b"one")
    assert listening.read(time.monotonic()) == ({"n": 2}, b""), "it was there in time"
    with pytest.raises(wire.Closed):
        listening.read(soon())


def test_a_pause_lets_frames_gather(pair: Pair) -> None:
    left, right = pair
    waits = []
    listening = wire.Reader(right, json_cap=100, total_cap=1000, pause=0.2)
    wait = listening._wait
    listening._wait = lambda deadline: waits.append(wait(deadline))  # type: ignore[method-assign]
    wire.send(left, {"n": 1})
    later = threading.Timer(0.02, wire.send, (left, {"n": 2}))
    later.start()
    assert [listening.read(soon())[0] for _ in range(2)] == [{"n": 1}, {"n": 2}]
    assert len(waits) == 1
    later.join()


def test_a_closed_socket_is_told_from_a_silent_one(pair: Pair) -> None:
    left, right = pair
    listening = reader(right)
    with pytest.raises(wire.Late):
        listening.read(time.monotonic() + 0.02)
    left.sendall(wire.HEADER.pack(10, 0) + b"{")
    left.close()
    with pytest.raises(wire.Closed):
        listening.read(soon())


def test_a_trickle_does_not_outlast_the_deadline(pair: Pair) -> None:
    left, right = pair
    left.sendall(wire.HEADER.pack(1000, 0) + b" " * 900)
    with pytest.raises(wire.Late):
        reader(right).read(time.monotonic())


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((10 << 20, 0), "frame header of 10 MB"),
        ((2, 10 << 30), "frame of 10 GB passes the limit of 1 MB"),
        ((2, (1 << 64) - 1), "frame of 1.72e.10 GB passes the limit of 1 MB"),
    ],
)
def test_a_large_header_is_refused_before_its_bytes_are_read(
    pair: Pair, sizes: tuple[int, int], message: str
) -> None:
    left, right = pair
    left.sendall(wire.HEADER.pack(*sizes))
    with pytest.raises(wire.TooLarge, match=message):
        reader(right).read(soon())


def test_the_cap_counts_over_all_frames(pair: Pair) -> None:
    left, right = pair
    listening = reader(right, total_cap=2500)
    for _ in range(2):
        wire.send(left, {}, bytes(1000))
        listening.read(soon())
    wire.send(left, {}, bytes(1000))
    with pytest.raises(wire.TooLarge):
        listening.read(soon())


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"[1, 2]", id="a list"),
        pytest.param(b'"text"', id="a string"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"{}{}", id="two objects"),
        pytest.param(b'{"a": NaN}', id="NaN"),
        pytest.param(b'{"a": -Infinity}', id="infinity"),
        pytest.param(b'{"a": 1e999}', id="infinity in disguise"),
        pytest.param(b'{"a": "\xff"}', id="no UTF-8"),
        pytest.param(b'{"a": ' + b"9" * 10_000 + b"}", id="an endless integer"),
        pytest.param(b"[" * 100_000, id="deep lists"),
        pytest.param(b'{"a":' * 20_000, id="deep objects"),
    ],
)
def test_what_is_no_frame_is_one_clean_error(pair: Pair, text: bytes) -> None:
    left, right = pair
    left.sendall(raw(text))
    with pytest.raises(wire.Garbled):
        reader(right).read(soon())


@pytest.mark.parametrize(
    "part", [b"[]", b"{}", b'""', b'"\\\\"', b"0", b'{"a":0}'], ids=lambda part: part.decode()
)
def test_more_values_than_a_frame_may_have_are_too_large(pair: Pair, part: bytes) -> None:
    text = b'{"a":[' + b",".join([part] * (wire.MAX_PARTS + 1)) + b"]}"
    assert wire._has_too_many_parts(bytearray(text))


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":"' + b"[,{:" * wire.MAX_PARTS + b'"}',
        b'{"a":"' + b'\\"' * 3 * wire.MAX_PARTS + b'"}',
        b'{"a":"'
        + b"\\\\" * 2 * wire.MAX_PARTS
        + b'",'
        + b'"b":"'
        + b",," * wire.MAX_PARTS
        + b'"}',
        b'{"a":[' + b",".join([b"0"] * (wire.MAX_PARTS - 10)) + b"]}",
    ],
    ids=["marks", "quotes", "backslashes", "numbers"],
)
def test_what_stands_in_a_text_is_no_value(text: bytes) -> None:
    assert not wire._has_too_many_parts(bytearray(text))
    assert json.loads(text)


def test_too_many_values_are_refused_before_they_are_read(pair: Pair) -> None:
    left, right = pair
    text = b'{"a":[' + b"[]," * wire.MAX_PARTS + b"[]]}"
    thread = threading.Thread(target=left.sendall, args=(raw(text),))
    thread.start()
    with pytest.raises(wire.TooLarge, match="more than 1000000 values"):
        reader(right, 1 << 24, 1 << 24).read(soon() + 20)
    thread.join()


def test_constants_that_json_lacks_are_not_sent(pair: Pair) -> None:
    with pytest.raises(ValueError, match="JSON"):
        wire.send(pair[0], {"a": float("nan")})


def test_a_payload_may_be_a_view(pair: Pair) -> None:
    left, right = pair
    wire.send(left, {}, memoryview(b"abc"))
    assert reader(right).read(soon()) == ({}, b"abc")


def test_the_format_is_what_it_says() -> None:
    head = wire.pack({"a": 1}, b"xyz")
    assert head[:12] == (7).to_bytes(4, "big") + (3).to_bytes(8, "big")
    assert json.loads(head[12:]) == {"a": 1}
