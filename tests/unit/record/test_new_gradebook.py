"""A gradebook is made whole, and nothing else is left where it was made."""

import re
import sqlite3
import subprocess
from pathlib import Path

import pytest
from nbgrader.dbutil import ALEMBIC_DIR

from autograder.errors import MachineError
from autograder.record import gradebook
from autograder.record.gradebook import Gradebook


def test_making_a_gradebook_leaves_nothing_beside_it(tmp_path, monkeypatch):
    places = []
    make = gradebook.NbgraderGradebook

    def looking(url):
        places.append(Path(url.removeprefix("sqlite:///")).parent)
        return make(url)

    monkeypatch.setattr(gradebook, "NbgraderGradebook", looking)

    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}"):
        pass

    # It is made in a folder beside it that the next run sweeps if this one is killed.
    made, opened = places
    assert (made.parent, opened) == (tmp_path, tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["gradebook.db"]


def test_a_new_gradebook_has_nbgraders_own_revision_and_runs_no_program_for_it(
    tmp_path, monkeypatch
):
    def refuse(*_, **__):
        raise AssertionError("a program was run")

    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", refuse)
        patch.setenv("PATH", "")
        gradebook._newest_schema.cache_clear()
        with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}"):
            pass

    (newest,) = _revisions("revision") - _revisions("down_revision")
    with sqlite3.connect(tmp_path / "gradebook.db") as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchall() == [(newest,)]


def _revisions(which):
    """What nbgrader's migrations say of ``which``: each its own and the one before."""
    texts = [one.read_text("utf-8") for one in Path(ALEMBIC_DIR, "versions").glob("*.py")]
    return set(re.findall(rf"^{which} = '(\w+)'", "\n".join(texts), re.M))


def test_where_a_gradebook_cannot_be_made_nothing_is_left(tmp_path, monkeypatch):
    def refuse(url):
        raise OSError("no")

    monkeypatch.setattr(gradebook, "NbgraderGradebook", refuse)
    with (
        pytest.raises(MachineError, match="no"),
        Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}"),
    ):
        pass
    assert not list(tmp_path.iterdir())
