"""The process that runs notebooks dies: it is started again, and given up when that is in vain."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crash_batch import observations
from crash_process import below

from autograder.errors import MachineError
from autograder.isolation import open_sandbox

pytestmark = pytest.mark.crashes

NAME = "tarea"


@pytest.fixture
def own_sandbox(fresh, monkeypatch) -> Iterator[list[Any]]:
    """Graders open sandboxes of their own, not the warm one; those that they have opened."""
    from autograder import isolation

    opened: list[Any] = []

    def open_own(*arguments: Any) -> Any:
        opened.append(open_sandbox(*arguments))
        return opened[-1]

    monkeypatch.setattr(isolation, "open_sandbox", open_own)
    yield opened
    assert all(sandbox._closed for sandbox in opened)


def zygote_of(sandbox: Any) -> int | None:
    """Its process number, if it lives."""
    zygote = sandbox._zygote
    if zygote is None or zygote._process is None:
        return None
    found = [pid for pid in below(zygote._process.pid) if _is_zygote(pid)]
    return found[0] if found else None


def _is_zygote(pid: int) -> bool:
    try:
        return "(bwrap)" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def kill_zygote(sandbox: Any) -> bool:
    pid = zygote_of(sandbox)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
    return pid is not None


def test_a_zygote_that_dies_once_costs_nobody_anything(fresh, own_sandbox, monkeypatch):
    from autograder.sandbox import Sandbox

    run, killed, first = Sandbox.run, [], threading.Lock()

    def running(self: Any, *arguments: Any, **options: Any) -> Any:
        if first.acquire(blocking=False):
            killed.append(kill_zygote(self))
        return run(self, *arguments, **options)

    monkeypatch.setattr(Sandbox, "run", running)

    fresh.goes_on()

    assert killed == [True]
    assert len(own_sandbox) == 1


def test_a_zygote_that_dies_again_and_again_is_given_up_with_a_sentence(
    fresh, own_sandbox, monkeypatch
):
    from autograder.sandbox import Sandbox

    run, killed = Sandbox.run, []

    def running(self: Any, *arguments: Any, **options: Any) -> Any:
        self._living()
        killed.append(kill_zygote(self))
        return run(self, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Sandbox, "run", running)
        sentence = fresh.refused(saying="andbox")

    # The reference gives up first, if it is the reference that it happens to.
    assert re.search(r"process died 4 times in a row|the sandbox broke twice", sentence)
    assert 2 <= len(killed) <= 12
    assert observations(fresh.root) == {}
    assert not fresh.path("gradebook.db").exists()
    fresh.goes_on()


def test_a_zygote_that_is_killed_all_the_time_ends_a_run_and_does_not_hang_it(fresh, own_sandbox):
    """Whatever lives is killed every tenth of a second, from outside."""
    stop = threading.Event()

    def killing() -> None:
        while not stop.wait(0.1):
            for sandbox in own_sandbox:
                kill_zygote(sandbox)

    thread = threading.Thread(target=killing)
    thread.start()
    begun = time.monotonic()
    try:
        ran = fresh.grade()
    finally:
        stop.set()
        thread.join()

    assert time.monotonic() - begun < 120
    assert (ran.status, ran.err.count("\n")) in ((0, 0), (3, 1)), ran
    assert "a fault of ours" not in ran.err
    fresh.goes_on()


def test_a_misconception_that_could_not_be_observed_is_made_up_for(fresh, monkeypatch):
    """Grades are given, reasons are missing: so the next run judges again."""
    from autograder.observe import Observer

    observe = Observer.on_cpu

    def observing(self: Any, submission: Any, **options: Any) -> Any:
        if not submission.student and "z * z" in "".join(one.source for one in submission.cells):
            raise MachineError("the sandbox broke twice")
        return observe(self, submission, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Observer, "on_cpu", observing)
        ran = fresh.grade()

    assert ran.status == 0
    assert ran.err == (
        "autograder: tarea: cuadrado-en-vez-de-doble could not be observed, so reasons may be "
        "missing; the next run judges again.\n"
    )
    fresh.goes_on()
    assert fresh.grade().err == ""
