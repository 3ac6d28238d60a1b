"""Each way of keeping a submission within its memory: cgroups of both versions, and watching.

Which of them this machine has does not matter: version 2 is played by a folder and a thread that
does there what the kernel would, and the watcher is taken where a cgroup could be.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.sandbox import cgroup, watcher

from .conftest import Runner, make_sandbox

ROOT = Path(__file__).parents[3]
SEVERAL = """
for _ in range(6):
    if os.fork() == 0:
        kept = bytearray(b'x') * (60 << 20); time.sleep(60); os._exit(0)
for _ in range(6): os.wait()
send({'reached': True})
time.sleep(60)
"""
SHARED = """
import mmap
kept = mmap.mmap(-1, 1 << 30)
for start in range(0, 1 << 30, 4096): kept[start] = 1
time.sleep(60)
"""


class Kernel(threading.Thread):
    """What Linux does for a folder of version 2: counts, kills, and lets only an empty group go."""

    def __init__(self, parent: Path) -> None:
        super().__init__(daemon=True)
        self.parent = parent
        self.stopped = threading.Event()
        self.groups: dict[str, dict[str, str]] = {}
        """By the name of each group there was, its files as they were set."""
        parent.mkdir()
        (parent / "cgroup.procs").touch()
        (parent / "cgroup.subtree_control").write_text("cpu memory pids\n")

    def run(self) -> None:
        while not self.stopped.wait(0.005):
            # A group may come and go while one looks.
            with contextlib.suppress(OSError, ValueError, KeyError):
                for group in self.parent.glob("autograder-*"):
                    self._look_after(group)

    def _look_after(self, group: Path) -> None:
        files = {one.name: one.read_text() for one in group.iterdir()}
        if not files.get("cgroup.procs"):
            return
        self.groups[group.name] = files
        pid = int(files["cgroup.procs"])
        used = sum(map(_resident, _tree(pid)))
        if used > int(files["memory.max"]):
            (group / "memory.events").write_text("low 0\nhigh 0\nmax 9\noom 1\noom_kill 2\n")
            os.kill(pid, signal.SIGKILL)

    def remove(self, group: Path) -> bool:
        """As rmdir does there: the files are the kernel's own and do not count."""
        pid = (group / "cgroup.procs").read_text()
        if _resident(int(pid or 0)):
            return False
        shutil.rmtree(group)
        return True


def _tree(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        try:
            tasks = list(Path(f"/proc/{one}/task").iterdir())
            found += [int(two) for task in tasks for two in (task / "children").read_text().split()]
        except OSError:
            continue
    return found


def _resident(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    kept = [line.split() for line in lines if line.startswith(("RssAnon:", "RssShmem:"))]
    return sum(int(number) << 10 for _, number, _ in kept)


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    made = Kernel(tmp_path / "cgroup")
    made.start()
    yield made
    made.stopped.set()
    made.join()


@pytest.fixture
def second(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    """A sandbox that finds cgroups of version 2."""
    find = cgroup.find
    monkeypatch.setattr(cgroup, "_remove", kernel.remove)
    monkeypatch.setattr(
        cgroup, "find", lambda: find(kernel.parent.parent, f"0::/{kernel.parent.name}/shell\n")
    )
    (kernel.parent / "shell").mkdir()
    (kernel.parent / "shell" / "cgroup.procs").touch()
    with make_sandbox() as sandbox:
        yield Runner(sandbox)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    """A sandbox that finds no cgroup."""
    monkeypatch.setattr(cgroup, "find", lambda: iter(()))
    with make_sandbox() as sandbox:
        yield Runner(sandbox)


def test_version_2_gets_limits_for_all_processes_and_leaves_no_group(
    second: Runner, kernel: Kernel
) -> None:
    assert second.sandbox.facts["memory_limit"] == "cgroup-v2"
    kernel.groups.clear()
    assert second("time.sleep(0.2); say(1)", memory_mb=300, processes=9).said == 1
    (files,) = kernel.groups.values()
    assert files["memory.max"] == str(300 << 20)
    assert files["pids.max"] == "9"
    assert int(files["cgroup.procs"]) > 0
    assert [one.name for one in kernel.parent.iterdir() if one.is_dir()] == ["shell"]


def test_version_2_says_that_memory_ran_out(second: Runner) -> None:
    heard = second(SEVERAL, memory_mb=250, seconds=20.0)
    assert heard.how == "out_of_memory"
    assert heard.ended.detail == "more than 250 MB"
    assert heard.ended.seconds < 15


def test_version_2_that_may_not_be_filled_is_passed_over(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a group was delegated to another user: folders may be made, nothing moved."""

    class Forbidden(cgroup.Version2):
        def guard(self, pid: int, limits: object) -> cgroup.Group:
            raise PermissionError("cgroup.procs")

    monkeypatch.setattr(cgroup, "find", lambda: iter([Forbidden(kernel.parent)]))
    with make_sandbox() as sandbox:
        assert sandbox.facts["memory_limit"] == "watcher"


def test_refused_processes_are_read_where_the_kernel_counts_them(
    kernel: Kernel, second: Runner
) -> None:
    def refuse() -> None:
        give_up = time.monotonic() + 10
        while time.monotonic() < give_up:
            for group in kernel.parent.glob("autograder-*"):
                (group / "pids.events").write_text("max 3\n")
                return
            time.sleep(0.005)

    thread = threading.Thread(target=refuse)
    thread.start()
    heard = second("time.sleep(60)", processes=7, seconds=1.5)
    thread.join()
    assert (heard.how, heard.ended.detail) == ("too_many_processes", "more than 7 processes")


def test_a_refused_process_that_did_not_stop_the_run_is_not_what_ended_it(full: Runner) -> None:
    if full.sandbox.facts["memory_limit"] == "watcher":
        pytest.skip("nothing counts processes here")
    heard = full(
        "try:\n"
        "    while True:\n"
        "        if os.fork() == 0: time.sleep(60)\n"
        "except OSError: pass\n"
        "os.kill(-1, 9)\n"
        "time.sleep(0.3); send({'done': 1}); time.sleep(0.3)\n"
        "while True: pass",
        processes=10,
        seconds=3.0,
    )
    assert heard.frames == [{"done": 1}]
    assert heard.how == "timed_out"


def test_shared_memory_in_no_file_system_is_refused_where_memory_is_watched(
    watched: Runner,
) -> None:
    assert watched(SHARED, memory_mb=250, seconds=30.0).how == "died"


def test_the_watcher_sees_what_no_single_process_has(watched: Runner) -> None:
    heard = watched(SEVERAL, memory_mb=250, seconds=30.0)
    assert heard.how == "out_of_memory"
    assert heard.frames == []


def test_the_watcher_counts_files_in_memory(watched: Runner) -> None:
    heard = watched(
        "for folder in ('/tmp', '/dev/shm'):\n"
        "    for i in range(3): open(f'{folder}/{i}', 'wb').write(bytes(50 << 20))\n"
        "time.sleep(60)",
        memory_mb=250,
        scratch_mb=200,
        seconds=30.0,
    )
    assert heard.how == "out_of_memory"


def test_the_watcher_sees_what_hides_from_it(watched: Runner) -> None:
    """Not to be dumpable hides a process from others of its user, but not from the owner of its
    user namespace."""
    heard = watched(
        "import ctypes\n"
        "for _ in range(6):\n"
        "    if os.fork() == 0:\n"
        "        ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\n"
        "        kept = bytearray(b'x') * (60 << 20); time.sleep(60)\n"
        "time.sleep(60)",
        memory_mb=250,
        seconds=30.0,
    )
    assert heard.how == "out_of_memory"


def test_what_cannot_be_told_of_shared_pages_counts_in_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resident = watcher._resident(os.getpid())
    assert 0 < watcher._proportional(os.getpid()) <= 2 * resident
    sums = watcher._sum
    monkeypatch.setattr(
        watcher, "_sum", lambda path, names: None if "smaps" in path.name else sums(path, names)
    )
    assert watcher._proportional(os.getpid()) >= resident * 0.9


def test_where_memory_is_watched_there_are_no_memory_files(watched: Runner) -> None:
    assert watched("say(tried(lambda: os.memfd_create('x')))").said == "OSError"


def test_processor_time_has_a_limit_of_its_own(
    full: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    from autograder.sandbox import child

    monkeypatch.setattr(child, "_cpu_seconds", lambda limits: 1)
    heard = full("send({})\nwhile True: pass", seconds=60.0)
    assert (heard.how, heard.ended.detail) == ("out_of_cpu", "more than 1 s of processor time")
    assert heard.frames == [{}]


@pytest.mark.heavy
def test_an_ordinary_user_is_watched_and_contained() -> None:
    """The same promises without any right: no cgroup may be written to."""
    if os.getuid() != 0:
        pytest.skip("this is one: the other tests have shown it")
    script = ROOT / "tests" / "ordinary_user.py"
    wanted = (
        "memory_is_limited_over_several or shared_memory or fork_bomb or capabilities or "
        "hides_from_it or counts_files or new_namespaces"
    )
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-k", wanted]
    done = subprocess.run(
        [sys.executable, script, "-m", "pytest", *options, ROOT / "tests" / "unit" / "sandbox"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode == 77:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    (passed,) = re.findall(r"(\d+) passed", done.stdout)
    assert int(passed) > wanted.count(" or "), done.stdout
