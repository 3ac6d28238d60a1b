"""A disk that is full or may not be written to is one sentence, and the next run goes on."""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from crash_batch import differences, outcome
from crash_driver import changes

pytestmark = pytest.mark.crashes

NAME = "tarea"
SAMPLE = int(os.environ.get("AUTOGRADER_FAULTS", "8"))
"""How many of the places where something is written are tried; 0 for all."""


class Disk:
    """Counts what is about to be changed below ``root``; refuses number ``at`` and all after it."""

    def __init__(self) -> None:
        self.root, self.at, self.count, self.why = Path("/nonexistent"), 0, 0, errno.ENOSPC

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.at < 0 or not changes(event, arguments) or event in ("os.remove", "os.rmdir"):
            return
        if not str(arguments[0]).startswith(str(self.root)):
            return
        self.count += 1
        if 0 < self.at <= self.count:
            raise OSError(self.why, os.strerror(self.why), str(arguments[0]))


DISK = Disk()


@pytest.fixture(scope="module", autouse=True)
def listening() -> None:
    """An audit hook is called before what it is told of, and stays for as long as the process."""
    sys.addaudithook(DISK.hear)


@contextmanager
def refusing(root: Path, at: int, why: int = errno.ENOSPC) -> Iterator[Disk]:
    DISK.root, DISK.at, DISK.count, DISK.why = root, at, 0, why
    try:
        yield DISK
    finally:
        DISK.at = -1


@pytest.fixture(scope="module")
def places(handed_in, lending, tmp_path_factory) -> int:
    """How often something is written while a course is graded for the first time."""
    from autograder.course import Course
    from autograder.grading import Grader

    root = shutil.copytree(handed_in, tmp_path_factory.mktemp("counted") / "course")
    with lending(), Grader(Course.at(root)) as grader, refusing(root, 0) as disk:
        grader.grade(NAME)
    return disk.count


def test_a_disk_that_is_full_at_any_moment_is_a_sentence_and_the_next_run_goes_on(
    places, fresh, handed_in, tmp_path, autograder
):
    assert places > 60
    every = list(range(1, places + 1))
    for at in random.Random("full").sample(every, SAMPLE) if SAMPLE else every:
        shutil.rmtree(fresh.root)
        shutil.copytree(handed_in, fresh.root)
        with refusing(fresh.root, at):
            sentence = fresh.refused(saying="No space left on device")
        assert sentence.endswith("make room, and start again."), at
        assert str(fresh.root) in sentence, at
        fresh.goes_on()


def test_a_disk_that_is_full_when_the_json_is_written_is_a_sentence(done, tmp_path):
    path = tmp_path / "out" / "reports.json"
    with refusing(tmp_path / "out", 1):
        sentence = done.refused("--json", path, saying="No space left on device")

    assert str(tmp_path / "out") in sentence
    done.goes_on()


@pytest.mark.parametrize("why", [errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EIO, errno.EMFILE])
def test_what_else_a_disk_may_refuse_is_a_sentence_with_what_helps(fresh, why):
    with refusing(fresh.root, 9, why):
        sentence = fresh.refused(saying=os.strerror(why))

    assert sentence.count(";") == 1
    fresh.goes_on()


@pytest.mark.parametrize(
    "folder", [".autograder", ".autograder/observations", ".autograder/reports/tarea", "autograded"]
)
def test_a_folder_that_may_not_be_written_to_is_named(fresh, common_user, folder):
    path = fresh.path(folder)
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o555)

    sentence = fresh.refused(saying="Permission denied")

    assert str(path) in sentence
    assert "give this user the right to write there" in sentence
    path.chmod(0o755)
    fresh.goes_on()


def test_a_read_only_state_folder_is_named_where_there_is_nothing_to_do_too(done, common_user):
    for path in (done.path(".autograder/lock"), done.path(".autograder")):
        path.chmod(path.stat().st_mode & ~0o222)

    done.refused(saying=f"{done.path('.autograder/lock')}: Permission denied")

    done.path(".autograder").chmod(0o755)
    done.path(".autograder/lock").chmod(0o644)
    done.goes_on()


def test_a_state_folder_that_cannot_be_made_is_named(fresh, common_user):
    shutil.rmtree(fresh.path(".autograder"))
    fresh.root.chmod(0o555)

    fresh.refused(saying=f"{fresh.path('.autograder')}: Permission denied")

    fresh.root.chmod(0o755)


def run_limited(root: Path, file_size: int) -> subprocess.CompletedProcess[str]:
    """Grade in a process of its own whose files may not be larger than ``file_size`` bytes."""
    code = (
        "import resource, sys\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({file_size}, -1))\n"
        "from autograder.program import main\n"
        "main(sys.argv[1:])\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code, "grade", NAME, "--quiet", "--course", root],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


@pytest.mark.parametrize(
    ("file_size", "said"), [(4_000, "File too large; make room"), (100_000, "the gradebook")]
)
def test_a_limit_on_the_size_of_files_is_a_sentence(fresh, file_size, said):
    """Of observations in the first case, of the gradebook in the second."""
    ran = run_limited(fresh.root, file_size)

    assert ran.returncode == 3, ran
    assert ran.stderr.count("\n") == 1, ran.stderr
    assert said in ran.stderr
    assert fresh.leftovers() == []
    fresh.goes_on()


def kilobytes(folder: Path) -> int:
    """What the files of a folder take on a tmpfs."""
    sizes = (path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return sum(-(-size // 4096) * 4 for size in sizes)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_real_disk_that_is_full_is_a_sentence_and_the_next_run_goes_on(
    fresh, graded, right, tmp_path, share
):
    """A tmpfs with a share of the room that grading takes, and then a larger one."""
    empty, full = (kilobytes(root) for root in (fresh.root, graded))
    size = empty + int((full - empty) * share)
    script = f"""
        set -e
        mount -t tmpfs -o size={size}k small {tmp_path}/disk
        cp -r {fresh.root} {tmp_path}/disk/course
        set +e
        python -m autograder grade {NAME} --quiet --course {tmp_path}/disk/course
        echo "first: $?"
        find {tmp_path}/disk -name '.autograder-tmp-*'
        mount -o remount,size=64m {tmp_path}/disk
        python -m autograder grade {NAME} --quiet --course {tmp_path}/disk/course
        echo "second: $?"
        cp -r {tmp_path}/disk/course {tmp_path}/result
    """
    (tmp_path / "disk").mkdir()
    ran = subprocess.run(
        ["unshare", "--mount", "bash", "-c", script],
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert ran.stdout == "first: 3\nsecond: 0\n", ran
    assert ran.stderr.count("\n") == 1, ran.stderr
    assert "No space left on device" in ran.stderr or "disk is full" in ran.stderr
    assert differences(right, outcome(tmp_path / "result")) == []


def test_a_fault_of_ours_keeps_its_status_where_its_details_cannot_be_kept(
    done, monkeypatch, tmp_path
):
    import tempfile

    from autograder.grading import Grader

    def broken(*_: Any) -> None:
        raise KeyError("ours")

    monkeypatch.setattr(Grader, "_grade", broken)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))

    ran = done.grade()

    assert ran.status == 3
    assert ran.err.startswith("autograder: a fault of ours (KeyError); the details: \nTraceback")
