"""Observations that are not whole are made again; clocks that go backwards change nothing."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from crash_batch import observations

pytestmark = pytest.mark.crashes

NAME = "tarea"
YEARS = 10 * 365 * 86_400


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def ended_in_zeros(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-64] + bytes(64))


def all_zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def garbled(path: Path) -> None:
    path.write_bytes(b"no observation")


def of_a_former_version(path: Path) -> None:
    """Without the seal that files have now."""
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(path, "pt") as file:
        metadata = {key: value for key, value in file.metadata().items() if key != "seal"}
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    save_file(tensors, path, metadata)


def stored(case: Any) -> list[Path]:
    return sorted(case.path(".autograder/observations").rglob("*.safetensors"))


def forget(case: Any) -> None:
    """All is to be judged again, from what is stored."""
    shutil.rmtree(case.path(".autograder/reports"))


@pytest.mark.parametrize(
    "spoil", [emptied, cut, ended_in_zeros, all_zeros, garbled, of_a_former_version]
)
def test_what_is_not_whole_is_made_again_and_nothing_else_is(done, spoil):
    """Every third file: of submissions, of the reference, of misconceptions."""
    forget(done)
    whole = observations(done.root)
    spoiled = stored(done)[::3]
    for path in spoiled:
        spoil(path)

    done.goes_on()

    now = observations(done.root)
    again = {name for name in now if now[name] != whole[name]}
    assert again == {path.name for path in spoiled}
    assert "is made again" in done.path(".autograder/log").read_text("utf-8")


def test_an_observation_that_may_not_be_read_is_made_again(done, common_user):
    forget(done)
    for path in stored(done)[:2]:
        path.chmod(0)

    done.goes_on()


def set_times(root: Path, seconds: float) -> None:
    for path in [root, *root.rglob("*")]:
        os.utime(path, (seconds, seconds))


@pytest.fixture(params=[YEARS, -YEARS], ids=["files of the future", "files of long ago"])
def another_time(request, done) -> Any:
    """A course all of whose files seem to be years newer, or older, than it is now."""
    set_times(done.root, time.time() + request.param)
    return done


def test_nothing_is_done_again_because_of_a_clock(another_time, lend_sandbox):
    before = observations(another_time.root)

    another_time.goes_on()

    assert lend_sandbox == []
    assert observations(another_time.root) == before


def test_nothing_is_left_out_because_of_a_clock(another_time):
    """A newer submission may look older than what was graded."""
    for beside in (0.0, YEARS, -YEARS):
        shutil.copy(
            another_time.submitted(3 if beside >= 0 else 1) / f"{NAME}.ipynb",
            another_time.submitted(0),
        )
        (another_time.submitted(0) / "timestamp.txt").write_text("2001-01-01 01:01:01 UTC")
        set_times(another_time.submitted(0), time.time() + beside)
        report = another_time.path(f".autograder/reports/{NAME}/s00.json")
        before = report.read_bytes()
        assert another_time.grade().status == 0
        assert (report.read_bytes() == before) == (beside == YEARS), beside


def test_a_clock_that_goes_backwards_while_we_grade_changes_nothing(fresh, monkeypatch):
    began = time.time()
    clock = iter(range(10**9))

    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: began - 60 * next(clock))
        patch.setattr(time, "time_ns", lambda: int((began - 60 * next(clock)) * 1e9))
        ran = fresh.grade()

    assert (ran.status, ran.err) == (0, "")
    fresh.goes_on()


def rewrite(path: Path, old: str, new: str) -> None:
    """Change a file so that neither its size nor its time tells."""
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    text = path.read_text("utf-8")
    assert text.count(old) == 1
    assert len(old.encode()) == len(new.encode())
    path.write_text(text.replace(old, new), "utf-8")
    os.utime(path, ns=times)


def test_a_check_that_changed_unnoticed_by_its_time_is_judged_as_it_is_now(done):
    """Python keeps compiled files by time and size."""
    path = done.path(f"solutions/{NAME}/test_{NAME}.py")
    assert done.grade("--force").status == 0

    rewrite(path, '@check("`x`"', '@check("`X`"')

    assert done.grade().status == 0
    report = done.path(f".autograder/reports/{NAME}/s00.json").read_text("utf-8")
    assert '"title": "`X`"' in report


def test_feedback_follows_what_is_recorded_and_not_its_time(done, autograder):
    def pages() -> str:
        ran = autograder("feedback", NAME, "--course", done.root)
        assert ran.status == 0, ran
        return ran.out.split("\n")[0]

    assert "5 of them made now" in pages()
    set_times(done.root, time.time() - YEARS)
    assert "0 of them made now" in pages()
    shutil.copy(done.submitted(3) / f"{NAME}.ipynb", done.submitted(0))
    assert done.grade().status == 0
    set_times(done.root, time.time() - 2 * YEARS)
    assert "1 of them made now" in pages()


def test_a_page_that_is_half_written_does_not_count_as_made(done, autograder, monkeypatch):
    """Not even where what it was to show is gone again, and the page before would be right."""
    from autograder.record import feedback

    def made() -> str:
        ran = autograder("feedback", NAME, "--course", done.root)
        assert ran.status == 0, ran
        return page.read_text("utf-8")

    page = done.path(f"feedback/s00/{NAME}/{NAME}.html")
    right = made()
    first = (done.submitted(0) / f"{NAME}.ipynb").read_bytes()
    shutil.copy(done.submitted(3) / f"{NAME}.ipynb", done.submitted(0))
    assert done.grade().status == 0

    def killed(*_: Any) -> None:
        page.write_text("half", "utf-8")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(feedback.Pages, "make", killed)
        assert autograder("feedback", NAME, "--course", done.root).status == 130
    (done.submitted(0) / f"{NAME}.ipynb").write_bytes(first)
    assert done.grade().status == 0

    assert made() == right
