"""What a process that was killed leaves behind is removed by the next one, and nothing else is."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.sandbox import temporary
from autograder.sandbox.temporary import PREFIX, TemporaryFolder, remove_abandoned, written

ROOT = Path(__file__).parents[3]
WRITER = """
import os, sys, signal
from pathlib import Path
from autograder.sandbox import temporary
from autograder.sandbox.temporary import TemporaryFolder, written
here = Path(sys.argv[1])
folder = TemporaryFolder(here)
(folder.path / "sub").mkdir()
(folder.path / "sub" / "file").write_text("half")
with written(here / "whole.json") as file:
    file.write(b"half")
    file.flush()
    print("up", flush=True)
    signal.pause()
"""


@pytest.fixture
def writer(tmp_path: Path) -> subprocess.Popen[str]:
    """A process that has a temporary folder and half a file in ``tmp_path``."""
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_a_living_process_uses_stays(writer: subprocess.Popen[str], tmp_path: Path) -> None:
    before = left(tmp_path)
    assert len(before) == 2

    remove_abandoned(tmp_path)

    assert left(tmp_path) == before


def test_what_a_killed_process_left_is_removed(
    writer: subprocess.Popen[str], tmp_path: Path
) -> None:
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert len(left(tmp_path)) == 2

    remove_abandoned(tmp_path)

    assert left(tmp_path) == []


def test_files_of_other_names_and_links_stay(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir(mode=0o755)
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "other")
    (tmp_path / "mine.json").touch()

    remove_abandoned(tmp_path, tmp_path / "nowhere")

    assert left(tmp_path) == sorted([f"{PREFIX}link", "mine.json", "other"])
    assert (tmp_path / "other").stat().st_mode & 0o777 == 0o755


def test_another_users_folder_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"{PREFIX}x").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 12345)

    remove_abandoned(tmp_path)

    assert left(tmp_path) == [f"{PREFIX}x"]


def test_a_folder_whose_owner_took_his_own_rights_away_is_removed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    with TemporaryFolder(tmp_path) as folder:
        inner = folder.path / "a" / "b"
        inner.mkdir(parents=True)
        (inner / "file").touch()
        (folder.path / "link").symlink_to(outside)
        inner.chmod(0)
        inner.parent.chmod(0)

    assert left(tmp_path) == ["outside"]
    assert outside.stat().st_mode & 0o777 == 0o755


def test_a_folder_that_nobody_closed_is_removed(tmp_path: Path) -> None:
    folder = TemporaryFolder(tmp_path)
    assert left(tmp_path) == [folder.path.name]

    del folder

    assert left(tmp_path) == []


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "sub" / "a.json"
    with written(target, 0o644) as file:
        file.write(b"one")
    assert target.stat().st_mode & 0o777 == 0o644

    with pytest.raises(KeyError), written(target) as file:
        raise KeyError(file.write(b"two"))

    assert target.read_bytes() == b"one"
    assert left(target.parent) == ["a.json"]


def test_an_error_of_the_disk_names_the_file(tmp_path: Path) -> None:
    target = tmp_path / "a.json"

    with pytest.raises(OSError, match="No space left") as raised, written(target):
        raise OSError(28, "No space left on device")

    assert raised.value.filename == str(target)
    assert left(tmp_path) == []


@pytest.mark.parametrize("step", ["_open", "_lock"])
def test_who_cleans_up_in_the_moment_before_the_lock_takes_nothing_away(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has just been made and is not yet locked looks abandoned."""
    original = getattr(temporary, step)

    def late(argument: object) -> object:
        monkeypatch.setattr(temporary, step, original)
        remove_abandoned(tmp_path)
        assert left(tmp_path) == []
        return original(argument)

    monkeypatch.setattr(temporary, step, late)
    with TemporaryFolder(tmp_path) as folder:
        assert left(tmp_path) == [folder.path.name]


def test_what_somebody_is_about_to_remove_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, held = temporary._open, []

    def slow(path: Path) -> int:
        if not held:
            held.append((path, original(path)))
            fcntl.flock(held[0][1], fcntl.LOCK_EX)
        return original(path)

    monkeypatch.setattr(temporary, "_open", slow)
    with TemporaryFolder(tmp_path) as folder:
        ((condemned, lock),) = held
        assert folder.path != condemned
        os.close(lock)
