"""Who is owed an answer stays so through any end of the service."""

from __future__ import annotations

import os

from autograder.watch.owed import Owed


def test_what_is_owed_is_there_for_the_next_start_until_it_is_settled(tmp_path):
    owed = Owed(tmp_path / "watch")
    assert owed.all() == []
    for at, student in enumerate(["bea", "ana"]):
        owed.add(student, "tarea")
        os.utime(tmp_path / "watch/tarea" / student, (at, at))

    assert Owed(tmp_path / "watch").all() == [("bea", "tarea"), ("ana", "tarea")]
    owed.settle("bea", "tarea")
    assert [owed.has("ana", "tarea"), owed.has("bea", "tarea")] == [True, False]
    owed.settle("nobody", "tarea")
    assert owed.all() == [("ana", "tarea")]
