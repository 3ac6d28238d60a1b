"""Observations are found by what they hold, and not by their name alone."""

from __future__ import annotations

import pytest

from autograder.errors import MachineError
from autograder.store import content_of, file_of, find, set_aside

DIGEST = "ab" + "0" * 62


@pytest.fixture
def path(tmp_path):
    made = file_of(tmp_path, DIGEST)
    made.parent.mkdir()
    made.write_bytes(b"seen first")
    return made


def test_an_observation_is_found_by_its_name_and_its_bytes(path, tmp_path):
    assert find(tmp_path, DIGEST, content_of(path)) == path


def test_what_was_set_aside_is_found_when_another_one_has_its_place(path, tmp_path):
    first = content_of(path)
    set_aside(path, first)
    set_aside(path, first)
    path.with_suffix(".part").write_bytes(b"seen later")
    path.with_suffix(".part").replace(path)

    assert find(tmp_path, DIGEST, first).read_bytes() == b"seen first"
    assert find(tmp_path, DIGEST, content_of(path)).read_bytes() == b"seen later"


def test_other_bytes_under_the_name_are_told_from_none_at_all(path, tmp_path):
    first = content_of(path)
    path.write_bytes(b"seen firsT")

    with pytest.raises(MachineError, match="not the observation that was judged"):
        find(tmp_path, DIGEST, first)
    path.unlink()
    with pytest.raises(MachineError, match="is gone"):
        find(tmp_path, DIGEST, first)


def test_an_observation_that_was_set_aside_and_then_changed_is_not_taken(path, tmp_path):
    first = content_of(path)
    set_aside(path, first)
    (aside,) = set(path.parent.iterdir()) - {path}
    path.unlink()
    aside.write_bytes(b"changed")

    with pytest.raises(MachineError):
        find(tmp_path, DIGEST, first)
