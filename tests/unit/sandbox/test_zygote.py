"""The zygote's life: it is started again when it dies, and nothing of it stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from autograder.sandbox import SandboxBroken, SandboxUnavailable

from .conftest import ENTRIES, Runner, make_sandbox

Isolation = pytest.mark.parametrize("isolation", ["full", "none"])
HOST = """
import os, sys
from pathlib import Path
from autograder.sandbox import Sandbox
sandbox = Sandbox(entry="code_entry", package_root=Path(sys.argv[1]), modules=["code_entry.py"],
                  isolation=sys.argv[2])
os.write(1, b"up")
sandbox.run({"code": "os.fork(); os.fork()\\nwhile True: pass"}, on_frame=print)
"""


def below(top: int) -> set[int]:
    """All processes below `top`."""
    parents: dict[int, int] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(process.name)] = int(fields[1])
    found = {top}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {top}


def wait_until(true: Callable[[], bool], seconds: float = 5.0) -> None:
    give_up = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def groups() -> set[str]:
    """Our control groups."""
    pattern = f"autograder-{os.getpid()}-*"
    return {folder.name for folder in Path("/sys/fs/cgroup").rglob(pattern)}


def is_zygote(pid: int) -> bool:
    """Whether it is Python, not bubblewrap, and the first of its pid namespace."""
    status = Path(f"/proc/{pid}/status").read_text()
    (spaces,) = [line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")]
    return "bwrap" not in status.split("\n")[0] and spaces[-1] != spaces[0] and len(spaces) == 2


def zygote_of(before: set[int]) -> int:
    """The one process that we started and that has no children."""
    (zygote,) = [pid for pid in below(os.getpid()) - before if not below(pid)]
    return zygote


@Isolation
def test_nothing_is_left_after_close(isolation: str) -> None:
    before, open_before = below(os.getpid()), len(list(Path("/proc/self/fd").iterdir()))
    with make_sandbox(isolation) as sandbox:
        run = Runner(sandbox)
        run("os.fork(); os.fork(); os.setsid() if os.getpid() != os.getsid(0) else 0", seconds=0.3)
        assert below(os.getpid()) - before
        staged = sandbox._staging.modules
    wait_until(lambda: below(os.getpid()) == before)
    assert not groups()
    assert not staged.exists()
    assert len(list(Path("/proc/self/fd").iterdir())) == open_before


@Isolation
def test_stray_processes_die_with_their_run(isolation: str) -> None:
    before = below(os.getpid())
    with make_sandbox(isolation) as sandbox:
        idle = below(os.getpid())
        heard = Runner(sandbox)(
            "for _ in range(3):\n"
            "    if os.fork() == 0:\n"
            "        os.setsid()\n"
            "        os.fork()\n"
            "        time.sleep(60)\n"
            "say(1)"
        )
        assert heard.said == 1
        assert below(os.getpid()) == idle
    assert below(os.getpid()) == before


@Isolation
def test_after_the_zygote_was_killed_the_next_run_works(isolation: str) -> None:
    before = below(os.getpid())
    with make_sandbox(isolation) as sandbox:
        run = Runner(sandbox)
        assert run("say(1)").said == 1
        os.kill(zygote_of(before), signal.SIGKILL)
        with pytest.raises(SandboxBroken):
            run("say(2)")
        assert run("say(3)").said == 3


@Isolation
def test_children_inherit_what_was_prepared(isolation: str) -> None:
    """Once for each that is another than the one before, and again where one died."""
    before = below(os.getpid())
    with make_sandbox(isolation) as sandbox:
        run = Runner(sandbox)

        def said(data: bytes) -> list[str]:
            return run("say(prepared)", prepared=data).said

        assert said(b"") == []
        assert said(b"a") == said(b"a") == said(b"") == ["a"]
        large = "b" * 1_000_000
        assert said(large.encode()) == ["a", large]
        assert said(b"broken") == ["a", large]
        assert run("prepared.clear()\nsay(0)", prepared=b"c").said == 0
        assert said(b"c") == ["a", large, "c"]
        os.kill(zygote_of(before), signal.SIGKILL)
        with pytest.raises(SandboxBroken):
            said(b"c")
        assert said(b"c") == ["c"]


@Isolation
def test_a_zygote_that_dies_four_times_in_a_row_is_given_up(isolation: str) -> None:
    before = below(os.getpid())
    with make_sandbox(isolation) as sandbox:
        run = Runner(sandbox)

        def fail_and_start_again() -> None:
            os.kill(zygote_of(before), signal.SIGKILL)
            with pytest.raises(SandboxBroken):
                run("say(1)")

        for _ in range(5):
            fail_and_start_again()
            assert run("say(2)").said == 2
        for _ in range(3):
            fail_and_start_again()
            assert sandbox._living()
        fail_and_start_again()
        for _ in range(2):
            with pytest.raises(SandboxUnavailable, match="died 4 times in a row"):
                run("say(3)")
    wait_until(lambda: below(os.getpid()) == before)


@Isolation
def test_a_zygote_that_dies_during_a_run_is_our_fault(isolation: str) -> None:
    before = below(os.getpid())
    with make_sandbox(isolation) as sandbox:
        zygote = zygote_of(before)
        timer = threading.Timer(0.3, os.kill, (zygote, signal.SIGKILL))
        timer.start()
        with pytest.raises(SandboxBroken):
            Runner(sandbox)("time.sleep(60)", seconds=2.0)
        timer.join()
        assert Runner(sandbox)("say(3)").said == 3
    wait_until(lambda: below(os.getpid()) == before)


@Isolation
def test_when_the_host_is_killed_every_process_goes(isolation: str, tmp_path: Path) -> None:
    make_sandbox(isolation).close()  # or a reason to skip
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", HOST, str(ENTRIES), isolation]
    # What a killed host leaves in the temporary folder is then pytest's to remove.
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root, env=environment) as host:
        assert host.stdout is not None
        assert host.stdout.read(2) == b"up"
        wait_until(lambda: len(below(host.pid)) >= 5)
        started = below(host.pid)
        host.kill()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started))


def test_when_host_and_zygote_are_killed_every_process_goes(tmp_path: Path) -> None:
    make_sandbox().close()  # or a reason to skip
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", HOST, str(ENTRIES), "full"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root, env=environment) as host:
        assert host.stdout is not None
        assert host.stdout.read(2) == b"up"
        wait_until(lambda: len(below(host.pid)) >= 5)
        started = below(host.pid)
        (zygote,) = [pid for pid in started if is_zygote(pid)]
        os.kill(zygote, signal.SIGKILL)
        host.kill()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started))


def test_a_sandbox_started_in_a_thread_outlives_it() -> None:
    made: list[Runner] = []
    thread = threading.Thread(target=lambda: made.append(Runner(make_sandbox("full"))))
    thread.start()
    thread.join()
    if not made:
        pytest.skip("no full isolation on this machine")
    with made[0].sandbox:
        assert made[0]("say(1)").said == 1


def test_close_interrupts_a_run_in_another_thread() -> None:
    raised: list[BaseException] = []

    def work() -> None:
        try:
            Runner(sandbox)("time.sleep(60)", seconds=30.0)
        except SandboxBroken as error:
            raised.append(error)

    with make_sandbox("full") as sandbox:
        thread = threading.Thread(target=work)
        thread.start()
        time.sleep(0.2)
    thread.join(5)
    assert len(raised) == 1


@Isolation
def test_a_python_that_was_started_by_a_path_with_dots_in_it_works(
    isolation: str, tmp_path: Path
) -> None:
    make_sandbox(isolation).close()  # or a reason to skip
    program = os.path.relpath(sys.executable, tmp_path)
    assert program.startswith("..")
    command = [program, "-c", HOST, str(ENTRIES), isolation]
    paths = os.pathsep.join([str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": paths}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, cwd=tmp_path, env=environment, executable=program
    ) as host:
        assert host.stdout is not None
        assert host.stdout.read(2) == b"up"
        host.kill()
