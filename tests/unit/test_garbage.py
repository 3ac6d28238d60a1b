"""Nothing is collected among what is imported, neither while it is imported nor afterwards."""

from __future__ import annotations

import gc
import weakref

import pytest

from autograder.garbage import uncollected


class Circle:
    def __init__(self):
        self.itself = self


@pytest.fixture(autouse=True)
def thawed():
    yield
    gc.unfreeze()
    gc.enable()


def test_what_is_there_afterwards_is_left_out_of_collections():
    gc.unfreeze()
    before = gc.get_freeze_count()
    with uncollected():
        kept = weakref.ref(Circle())
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() > before
    gc.collect()
    assert kept() is not None
    gc.unfreeze()
    gc.collect()
    assert kept() is None


def test_collections_go_on_after_an_import_that_fails():
    with pytest.raises(ImportError), uncollected():
        raise ImportError
    assert gc.isenabled()


def test_who_had_turned_them_off_has_them_off_afterwards():
    gc.disable()
    with uncollected():
        pass
    assert not gc.isenabled()
