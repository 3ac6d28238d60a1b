"""A worker's side: one warm sandbox a course, and nothing raised."""

from __future__ import annotations

import threading

import pytest
from cluster_in_threads import WISH

from autograder.cluster import worker
from autograder.cluster.parcel import Request, Wish, read_answer
from autograder.sandbox import Ended, SandboxBroken, SandboxUnavailable

OTHER = Wish("ffff0000", "full", ())
FIGURES = Wish(WISH.course, "full", ("figures",))
JOB = {"devices": ["cpu"]}


class FakeSandbox:
    def __init__(self, wish):
        self.wish, self.closed, self.error = wish, False, None
        self.facts = {"isolation": wish.isolation, "cuda": False}
        self.frames = []
        self.go = threading.Event()
        self.go.set()

    def run(self, job, *, limits, files, on_frame):
        self.go.wait(5)
        if self.error:
            raise self.error
        for frame in self.frames:
            on_frame(frame, b"")
        return Ended("finished", "", 0.1)

    def close(self):
        self.closed = True


@pytest.fixture
def opened(monkeypatch):
    """The sandboxes that were opened, in order."""
    made = []

    def open_(wish):
        made.append(FakeSandbox(wish))
        return made[-1]

    monkeypatch.setattr(worker, "_warm", worker._Warm(open_))
    monkeypatch.setattr(worker, "_place", lambda: (2, 0))
    return made


def ask(wish=WISH, job=JOB):
    return read_answer(worker.answer(Request(wish, job).pack()))


def test_one_sandbox_serves_all_runs_of_a_course(opened):
    ask(job=None)
    for _ in range(3):
        assert ask().ended.how == "finished"

    assert len(opened) == 1
    assert not opened[0].closed


def test_each_course_has_its_own(opened):
    ask()
    ask(OTHER)
    ask()

    assert [one.wish for one in opened] == [WISH, OTHER]


def test_a_course_that_needs_more_gets_another_one_and_the_first_ends_with_its_last_run(opened):
    ask()
    first = opened[0]
    first.go.clear()
    running = threading.Thread(target=ask)
    running.start()
    while worker._warm._kept[WISH.course].runs == 0:
        pass

    ask(FIGURES)
    assert not first.closed
    first.go.set()
    running.join(5)
    assert first.closed
    assert [one.wish for one in opened] == [WISH, FIGURES]


def test_a_greeting_tells_versions_code_and_places(opened):
    said = ask(job=None)

    assert said.versions == worker.versions_here()
    assert "+" not in said.versions["torch"]
    assert (said.code, said.threads, said.gpus) == (worker.code_that_observes(), 2, 0)
    assert said.ended is None


@pytest.mark.parametrize(
    ("error", "why", "hopeless"),
    [
        (SandboxBroken("the zygote died"), "the zygote died", False),
        (SandboxUnavailable("Install bubblewrap."), "Install bubblewrap.", True),
        (ZeroDivisionError("of ours"), "ZeroDivisionError: of ours", False),
    ],
)
def test_what_fails_is_told_and_not_raised(opened, error, why, hopeless):
    ask()
    opened[0].error = error

    said = ask()

    assert said.ended is None
    assert said.failed.strip().endswith(why)
    assert said.hopeless is hopeless


def test_after_a_sandbox_that_cannot_be_had_the_next_run_opens_another_one(opened):
    ask()
    opened[0].error = SandboxUnavailable("died 4 times")
    ask()

    assert ask().ended is not None
    assert opened[0].closed
    assert len(opened) == 2


def test_bytes_that_are_no_request_are_answered(opened):
    assert "Garbled" in read_answer(worker.answer(b"\0")).failed


def test_a_sandbox_that_nobody_asks_for_is_ended(opened, monkeypatch):
    monkeypatch.setattr(worker, "IDLE_SECONDS", -0.9)  # the timer adds a second
    ended = threading.Event()
    ask()
    opened[0].close = ended.set
    ask()

    assert ended.wait(5)
    ask()
    assert len(opened) == 2


def test_frames_that_the_parser_refuses_end_the_run_here_as_they_would_there(opened):
    ask()
    opened[0].frames = [{"frame": "gpu", "name": "NVIDIA H100"}]

    assert "there is no frame 'gpu'" in ask().failed
    said = ask(job={"devices": ["cuda"], "gpu_mb": 256})
    assert said.frames == ((opened[0].frames[0], b""),)


def test_the_models_and_the_driver_of_gpus_are_read_from_the_kernel(monkeypatch, tmp_path):
    for number in range(2):
        place = tmp_path / f"0000:0{number}:00.0"
        place.mkdir()
        (place / "information").write_text("Model: \t\t NVIDIA H100 PCIe\nIRQ: 16\n")
    (tmp_path / "version").write_text("570.86.15\n")
    monkeypatch.setattr(worker, "DRIVER", tmp_path)
    monkeypatch.setattr(worker, "DRIVER_VERSION", tmp_path / "version")

    assert worker.gpu_models.__wrapped__() == "NVIDIA H100 PCIe, driver 570.86.15"


def test_a_gpu_counts_only_where_dask_was_told_of_it(opened, monkeypatch):
    monkeypatch.setattr(worker, "gpu_models", lambda: "NVIDIA H100")
    ask()
    opened[0].facts = {"isolation": "full", "cuda": True}
    assert ask(job=None).facts["cuda"] is False
    assert "gpu" not in ask(job=None).facts

    monkeypatch.setattr(worker, "_place", lambda: (8, 1))
    opened[0].facts = {"isolation": "full", "cuda": True}

    said = ask(job=None)

    assert (said.facts["cuda"], said.facts["gpu"], said.gpus) == (True, "NVIDIA H100", 1)
