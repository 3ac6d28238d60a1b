"""A gradebook is made whole, and nothing else is left where it was made."""

import tempfile
from pathlib import Path

import pytest

from autograder.errors import MachineError
from autograder.record import gradebook
from autograder.record.gradebook import Gradebook


def test_making_a_gradebook_leaves_nothing_in_the_temporary_folder(tmp_path, monkeypatch):
    course, temporary = tmp_path / "course", tmp_path / "temporary"
    course.mkdir()
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    meanwhile = []
    make = gradebook.NbgraderGradebook

    def looking(url):
        meanwhile.append(Path(tempfile.gettempdir()).parent)
        return make(url)

    monkeypatch.setattr(gradebook, "NbgraderGradebook", looking)

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}"):
        pass

    # While it is made, in a folder beside it that the next run sweeps if this one is killed.
    assert meanwhile == [course, temporary.parent]
    assert not list(temporary.iterdir())
    assert [one.name for one in course.iterdir()] == ["gradebook.db"]
    assert tempfile.tempdir == str(temporary)


def test_the_temporary_folder_is_put_back_where_a_gradebook_cannot_be_made(tmp_path, monkeypatch):
    before = tempfile.gettempdir()

    def refuse(url):
        raise OSError("no")

    monkeypatch.setattr(gradebook, "NbgraderGradebook", refuse)
    with (
        pytest.raises(MachineError, match="no"),
        Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}"),
    ):
        pass
    assert tempfile.gettempdir() == before
