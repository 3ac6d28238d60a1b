"""What travels: both ways the same comes out, and nothing of a worker's is believed unread."""

from __future__ import annotations

import contextlib
import pickle
import struct
from dataclasses import replace

import pytest
from cluster_in_threads import CELL, FACTS, HELLO, VERSIONS, WISH, ran
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.cluster.parcel import Answer, Request, Rubbish, read_answer, read_request
from autograder.sandbox import Ended, Limits, wire


def test_a_request_comes_out_as_it_went_in():
    job = {"cells": [{"source": "x = 'ñ\ud800'", "exercise": None}], "shift": 2**31}
    files = {"datos/a.csv": b"1,2\n", "b.bin": b"", "c.bin": bytes(range(256))}
    request = Request(WISH, job, Limits(seconds=1.5, memory_mb=300), files)

    assert read_request(request.pack()) == request


def test_an_answer_comes_out_as_it_went_in():
    frames = ((CELL, b""), ({"frame": "snapshot", "x": [1, 2.5e300, None, "\ud800"]}, b"\0\1"))
    answer = Answer(
        FACTS, VERSIONS, "c0de", 4, 1, None, False, Ended("timed_out", "no end", 30.0), frames
    )

    assert read_answer(answer.pack()) == answer


def head(**fields):
    data = dict(next(wire.unpack(ran()))[0]) | fields
    return wire.pack(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(None, id="nothing"),
        pytest.param(b"", id="no bytes"),
        pytest.param(bytearray(ran()), id="other bytes"),
        pytest.param(pickle.dumps({"facts": {}}), id="pickle"),
        pytest.param(ran()[:-1], id="short"),
        pytest.param(ran() + b"\0", id="long"),
        pytest.param(struct.pack("!IQ", 2**31, 2**63) + b"{}", id="great lengths"),
        pytest.param(wire.pack({}), id="empty head"),
        pytest.param(head(more=1), id="another field"),
        pytest.param(head(facts={"torch": ["2.13.0"]}), id="nested facts"),
        pytest.param(head(facts={str(i): i for i in range(101)}), id="many facts"),
        pytest.param(head(facts={"torch": "x" * 30_000}), id="a long fact"),
        pytest.param(head(versions={"torch": 2}), id="version of another type"),
        pytest.param(head(threads=True), id="a bool for a count"),
        pytest.param(head(threads=-1), id="a negative count"),
        pytest.param(head(gpus=10**9), id="a great count"),
        pytest.param(head(failed="x" * 30_000), id="a long text"),
        pytest.param(head(hopeless="yes"), id="a text for a truth"),
        pytest.param(head(ended={"how": "passed", "detail": "", "seconds": 1}), id="no such end"),
        pytest.param(head(ended={"how": "died", "detail": "", "seconds": "1"}), id="no time"),
        pytest.param(head(ended={"how": "died", "detail": ""}), id="half an end"),
        pytest.param(head(ended={"how": [], "detail": "", "seconds": 1}), id="a list for an end"),
    ],
)
def test_anything_else_is_rubbish(data):
    with pytest.raises(Rubbish):
        read_answer(data)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_changed_bytes_are_an_answer_or_rubbish_and_nothing_else(data):
    good = bytearray(replace(HELLO, ended=Ended("died", "é", 0.1), frames=((CELL, b"abc"),)).pack())
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(Rubbish):
        read_answer(bytes(good[: data.draw(st.integers(0, len(good)))]))
