"""``autograder grade --executor dask``: what it says where there is no cluster to grade on."""

from __future__ import annotations

import socket
import sys

import pytest


@pytest.fixture
def course(make_small, hand_in, tmp_path):
    small = make_small(tmp_path / "course")
    hand_in(small.root, "ana", small.name, b"{")
    return small.root


def sentence_of(ran, status):
    assert ran.status == status, ran
    (line,) = ran.err.strip().splitlines()
    return line


def test_without_dask_it_says_what_to_install(autograder, course, monkeypatch):
    monkeypatch.setitem(sys.modules, "dask", None)

    ran = autograder(
        "grade", "--course", course, "--executor", "dask", "--cluster", "tcp://127.0.0.1:9"
    )

    assert sentence_of(ran, 3) == (
        "autograder: --executor dask needs dask.distributed, which is not installed here: "
        "pip install 'autograder[dask]'."
    )


def test_a_scheduler_that_is_not_there_is_one_sentence(autograder, course, monkeypatch):
    pytest.importorskip("distributed")
    from autograder.cluster import connection

    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.3)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"

    ran = autograder("grade", "--course", course, "--executor", "dask", "--cluster", address)

    said = sentence_of(ran, 3)
    assert said.startswith(f"autograder: no Dask scheduler can be reached at {address} (")
    assert said.endswith("); start it, or mend the address or its certificates.")


def test_a_scheduler_file_that_is_not_there_is_named(autograder, course):
    pytest.importorskip("distributed")
    config = course / "grading_config.yaml"
    config.write_text(f"{config.read_text()}clusters: {{cola: {{scheduler_file: s.json}}}}\n")

    ran = autograder("grade", "--course", course, "--executor", "dask")

    assert sentence_of(ran, 3) == (
        f"autograder: {course}/s.json: there is no such file; is the scheduler started?"
    )


def test_a_cluster_without_the_executor_is_a_mistake(autograder, course):
    ran = autograder("grade", "--course", course, "--cluster", "aula")

    assert sentence_of(ran, 2) == "autograder: --cluster is for --executor dask."
