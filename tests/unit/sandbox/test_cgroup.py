"""Which control groups are chosen, read from made-up trees."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autograder.sandbox import Limits, cgroup


def group(folder: Path, controllers: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup.procs").touch()
    (folder / "cgroup.subtree_control").write_text(controllers)
    return folder


def test_version_2_uses_the_nearest_group_that_hands_memory_on(tmp_path: Path) -> None:
    group(tmp_path, "cpu memory pids")
    slice_ = group(tmp_path / "user" / "app.slice", "memory pids")
    group(tmp_path / "user", "cpu")
    group(slice_ / "terminal.scope")
    found = list(cgroup.find(tmp_path, "0::/user/app.slice/terminal.scope\n"))
    assert found[0] == cgroup.Version2(slice_)
    assert found[0].counts_processes
    assert cgroup.Version2(tmp_path / "user") not in found


def test_version_1_is_used_where_memory_has_its_own_tree(tmp_path: Path) -> None:
    memory = group(tmp_path / "memory" / "job")
    pids = group(tmp_path / "pids")
    membership = "8:pids:/elsewhere\n4:memory:/job\n0::/\n"
    assert list(cgroup.find(tmp_path, membership)) == [
        cgroup.Version1(memory, pids),
        cgroup.Version1(memory, None),
    ]


@pytest.mark.parametrize("membership", ["", "0::/\n", "1:cpu:/\n", "4:memory:/../other\n"])
def test_no_candidates_where_nothing_is_mounted(tmp_path: Path, membership: str) -> None:
    assert list(cgroup.find(tmp_path, membership)) == []


def test_a_group_that_can_not_be_filled_is_removed(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        cgroup.Group({tmp_path / "new": {"absent/memory.max": "1"}}, "memory.events", os.getpid())
    assert not (tmp_path / "new").exists()


def test_optional_settings_may_be_missing_and_kills_are_seen(tmp_path: Path) -> None:
    parent = group(tmp_path, "memory")
    made = cgroup.Version2(parent).guard(1234, Limits(memory_mb=3))
    (folder,) = parent.glob("autograder-*")
    assert (folder / "memory.max").read_text() == str(3 << 20)
    assert (folder / "cgroup.procs").read_text() == "1234"
    assert not (folder / "memory.swap.max").exists()
    assert not (folder / "pids.max").exists()
    (folder / "memory.events").write_text("low 0\nmax 7\noom 1\noom_kill 0\n")
    assert not made.ran_out()
    (folder / "memory.events").write_text("low 0\nmax 7\noom 1\noom_kill 2\n")
    assert made.ran_out()


def test_groups_of_dead_graders_are_swept(tmp_path: Path) -> None:
    dead = tmp_path / "autograder-999999999-abc"
    living = tmp_path / f"autograder-{os.getpid()}-abc"
    for folder in (dead, living):
        folder.mkdir()
    cgroup.sweep(cgroup.Version2(tmp_path))
    assert not dead.exists()
    assert living.exists()
