"""A sandbox starts while its caller does something else, and learns later what it is for."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import pytest

from autograder import isolation
from autograder.isolation import Starting, open_sandbox


def test_it_is_begun_before_anybody_knows_what_it_is_for(opened):
    with contextlib.closing(Starting("full")) as starting:
        assert opened.began == 1
        assert not starting.knows_uses
        assert not starting.is_up

        starting.warm_for({"figures", "compiler"})

        assert starting.knows_uses
        assert starting.sandbox() is opened
        assert starting.is_up
        assert opened.uses == [{"compiler", "figures"}]
    assert opened.closed == 1


def test_one_that_nobody_wants_any_more_is_given_up(opened):
    with contextlib.closing(Starting("full")) as starting:
        assert opened.began == 1
    assert starting.is_up
    assert opened.uses == []


def test_one_that_is_interrupted_before_it_is_on_its_way_is_given_up(opened, monkeypatch):
    class Interrupted(threading.Event):
        def wait(self, timeout=None):
            raise KeyboardInterrupt

    before = threading.active_count()
    monkeypatch.setattr(isolation, "Event", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        Starting("full")
    monkeypatch.undo()
    for thread in threading.enumerate()[before:]:
        thread.join(5)
    assert threading.active_count() == before
    assert opened.uses == []


def test_one_that_could_not_be_opened_says_so_to_whoever_asks(monkeypatch):
    def refuse(isolation, uses):
        raise OSError("no room")

    monkeypatch.setattr(isolation, "open_sandbox", refuse)
    starting = Starting("full")
    with pytest.raises(OSError, match="no room"):
        starting.sandbox()
    starting.close()


def children():
    """The processes of this one, whichever thread started them."""
    found = set()
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # it has ended
            found |= set((thread / "children").read_text().split())
    return found


def test_a_real_one_that_is_given_up_leaves_no_process():
    before = children()
    starting = Starting("full")
    starting.close()
    assert starting.is_up
    assert children() == before


def test_a_real_one_warms_up_for_what_it_is_told_at_last():
    starting = Starting("full")
    starting.warm_for([])
    try:
        assert starting.sandbox().facts["isolation"] == "full"
    finally:
        starting.close()


def test_it_can_be_opened_without_waiting_for_anybody():
    with open_sandbox("full", ()) as sandbox:
        assert sandbox.facts["isolation"] == "full"
