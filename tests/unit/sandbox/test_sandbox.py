"""Runs and how they end, with isolation and without."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import autograder.sandbox
from autograder.sandbox import (
    Ended,
    Limits,
    Sandbox,
    SandboxBroken,
    SandboxUnavailable,
    TooMuch,
)

from .conftest import ENTRIES, Heard, Runner, make_sandbox


def test_the_public_names_are_these() -> None:
    assert set(autograder.sandbox.__all__) == {
        "Ended",
        "Limits",
        "Sandbox",
        "SandboxBroken",
        "SandboxUnavailable",
        "TooMuch",
        "sweep",
    }


def test_frames_arrive_in_order_and_the_run_is_finished(run: Runner) -> None:
    heard = run("for i in range(100): send({'i': i}, payload * i)", payload=b"ab")
    assert heard.how == "finished"
    assert heard.ended.detail == "exit status 0"
    assert heard.frames == [{"i": i} for i in range(100)]
    assert heard.payloads == [b"ab" * i for i in range(100)]


def test_the_facts_name_isolation_and_memory_limit(run: Runner) -> None:
    facts = run.sandbox.facts
    assert facts["isolation"] in ("full", "none")
    assert facts["memory_limit"] in ("cgroup-v2", "cgroup-v1", "watcher")
    assert facts["architecture"] == os.uname().machine
    assert len(facts["python"]) == 2


def test_a_run_collects_its_garbage_and_looks_through_its_own_alone(run: Runner) -> None:
    code = "import gc\nsay([gc.isenabled(), gc.get_freeze_count() > len(gc.get_objects())])"
    assert run(code).said == [True, True]


def test_files_lie_in_the_working_directory(run: Runner) -> None:
    heard = run(
        "say([Path('a.csv').read_text(), Path('data/b/c.bin').read_bytes().hex(), "
        "os.getcwd() == os.environ['HOME'] == os.environ['TMPDIR']])",
        files={"a.csv": b"1,2\n", "data/b/c.bin": b"\0\xff"},
    )
    assert heard.said == ["1,2\n", "00ff", True]


@pytest.mark.parametrize(
    "names",
    [["/etc/x"], ["../x"], ["a/../../x"], ["a\0b"], [""], ["."], ["a", "a/b"], ["x" * 300]],
    ids=repr,
)
def test_bad_file_names_are_refused_before_anything_starts(run: Runner, names: list[str]) -> None:
    with pytest.raises(ValueError, match="file name"):
        run("say(1)", files=dict.fromkeys(names, b""))


def test_files_that_do_not_fit_are_refused(run: Runner) -> None:
    with pytest.raises(ValueError, match="do not fit into 1 MB"):
        run("say(1)", files={"a": bytes(2 << 20)}, scratch_mb=1)


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("while True: pass", id="busy"),
        pytest.param("time.sleep(100)", id="asleep"),
        pytest.param("os.kill(os.getpid(), signal.SIGSTOP); time.sleep(100)", id="stopped"),
        pytest.param(
            "for number in set(signal.Signals) - {9, 19}: signal.signal(number, signal.SIG_IGN)\n"
            "while True: pass",
            id="deaf to signals",
        ),
        pytest.param(
            "for _ in range(5):\n  if os.fork() == 0: break\n"
            "os.setsid() if os.getpid() != os.getsid(0) else None\nwhile True: pass",
            id="a pack",
        ),
        pytest.param(
            "os.write(3, struct.pack('!IQ', 1000, 0))\n"
            "while True: os.write(3, b' '); time.sleep(0.05)",
            id="a trickle",
        ),
    ],
)
def test_the_deadline_kills_and_what_was_sent_is_kept(run: Runner, code: str) -> None:
    heard = run("send({'before': 1}, b'kept')\n" + code, seconds=0.4)
    assert heard.how == "timed_out"
    assert heard.ended.detail == "no end after 0.4 s"
    assert (heard.frames[0], heard.payloads[0]) == ({"before": 1}, b"kept")
    assert 0.4 <= heard.ended.seconds < 1.5
    assert run("say(1)").said == 1


@pytest.mark.parametrize(
    ("code", "detail"),
    [
        ("os._exit(3)", "exit status 3"),
        ("os._exit(0)", "exit status 0"),
        ("import ctypes; ctypes.string_at(0)", "signal SIGSEGV"),
        # The first process of a pid namespace survives its own SIGABRT; abort then faults.
        ("os.abort()", ("signal SIGABRT", "signal SIGSEGV")),
        ("sys.exit(0)", "SystemExit: 0"),
        ("raise KeyError('lost')", "KeyError: 'lost'"),
        ("os.close(3); time.sleep(60)", "it did not exit by itself"),
    ],
)
def test_an_end_without_a_last_word_is_a_death(
    run: Runner, code: str, detail: str | tuple[str, ...]
) -> None:
    heard = run("send({'before': 1})\n" + code)
    assert heard.how == "died"
    assert heard.ended.detail.strip().endswith(detail)
    assert heard.frames == [{"before": 1}]


@pytest.mark.parametrize(
    ("code", "how", "detail"),
    [
        ("os.write(3, struct.pack('!IQ', 2, 10 << 30))", "too_large", "frame of 10 GB passes"),
        ("os.write(3, struct.pack('!IQ', 3 << 30, 0))", "too_large", "frame header of 3 GB"),
        ("while True: send({}, bytes(1 << 20))", "too_large", "passes the limit of 8 MB"),
        ("os.write(3, struct.pack('!IQ', 2, 0) + b'[]')", "garbled", "not an object but list"),
        ("os.write(3, struct.pack('!IQ', 2, 0) + b'{}')", "garbled", "neither a message"),
        ("os.write(3, b'hello from the other side')", "too_large", "frame header of"),
        (
            "text = b'[' * 500_000; text = struct.pack('!IQ', len(text), 0) + text\n"
            "while text: text = text[os.write(3, text):]",
            "garbled",
            "JSON is nested too deeply",
        ),
    ],
)
def test_forged_frames_are_refused(run: Runner, code: str, how: str, detail: str) -> None:
    heard = run(f"send({{'before': 1}})\n{code}\ntime.sleep(60)", reply_mb=8, frame_mb=1)
    assert heard.how == how
    assert detail in heard.ended.detail
    assert heard.frames[0] == {"before": 1}


def test_a_value_error_of_the_listener_makes_the_run_garbled(run: Runner) -> None:
    def refuse(frame: dict[str, Any], payload: bytes) -> None:
        raise ValueError("cell 3 before cell 2")

    job = {"code": "send({}); time.sleep(60)"}
    ended = run.sandbox.run(job, on_frame=refuse)
    assert (ended.how, ended.detail) == ("garbled", "cell 3 before cell 2")


def test_a_listener_who_has_enough_makes_the_run_too_large(run: Runner) -> None:
    def refuse(frame: dict[str, Any], payload: bytes) -> None:
        raise TooMuch("no more")

    ended = run.sandbox.run({"code": "send({}); time.sleep(60)"}, on_frame=refuse)
    assert (ended.how, ended.detail) == ("too_large", "no more")


def test_a_traceback_that_is_none_is_refused_and_a_long_one_cut(run: Runner) -> None:
    raw = "import json\ntext = json.dumps({'raised': %s}).encode()\n"
    raw += "os.write(3, struct.pack('!IQ', len(text), 0) + text); time.sleep(60)"
    heard = run(raw % "[[[3]]]")
    assert (heard.how, heard.ended.detail) == ("garbled", "a traceback that is no text")
    heard = run(raw % "'x' * 50_000")
    assert heard.how == "died"
    assert 0 < len(heard.ended.detail) < 5_000


def test_any_other_error_of_the_listener_kills_the_child_and_is_raised(run: Runner) -> None:
    def fail(frame: dict[str, Any], payload: bytes) -> None:
        raise ZeroDivisionError

    started = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        run.sandbox.run({"code": "send({}); time.sleep(60)"}, on_frame=fail)
    assert time.monotonic() - started < 5
    assert run("say(1)").said == 1


def test_frames_that_a_slow_listener_had_not_read_are_kept(run: Runner) -> None:
    seen: list[int] = []

    def listen(frame: dict[str, Any], payload: bytes) -> None:
        seen.append(frame["i"])
        time.sleep(0.3)

    job = {"code": "for i in range(3): send({'i': i})\nwhile True: pass"}
    ended = run.sandbox.run(job, limits=Limits(seconds=0.2), on_frame=listen)
    assert ended.how == "timed_out"
    assert seen[0] == 0


def test_a_copy_of_the_runner_made_by_fork_does_not_speak(run: Runner) -> None:
    heard = run("pid = os.fork()\nsend({'copy': pid == 0})\nif pid: os.waitpid(pid, 0)")
    assert heard.how == "finished"
    assert heard.frames == [{"copy": False}]


def test_a_large_payload_and_reply_pass(run: Runner) -> None:
    heard = run("send({'n': len(payload)}, payload)", payload=bytes(20 << 20))
    assert heard.frames == [{"n": 20 << 20}]
    assert heard.payloads == [bytes(20 << 20)]


def test_several_threads_run_at_once(run: Runner) -> None:
    heard: dict[int, Heard] = {}

    def work(number: int) -> None:
        for _ in range(3):
            heard[number] = run(f"time.sleep(0.2); say({number})")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {number: one.said for number, one in heard.items()} == {0: 0, 1: 1, 2: 2, 3: 3}
    assert time.monotonic() - started < 2.0  # one after the other: 2.4 s


def test_the_environment_is_clean(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDENT_SECRET", "hunter2")
    with make_sandbox(run.sandbox.facts["isolation"]) as sandbox:
        said = Runner(sandbox)("say(dict(os.environ))").said
    assert "STUDENT_SECRET" not in said
    assert said["OMP_NUM_THREADS"] == "1"
    assert said["PYTHONHASHSEED"] == "0"
    assert said["LANG"] == "C.UTF-8"


def test_only_named_modules_can_be_imported(run: Runner) -> None:
    said = run(
        "import importlib.util\n"
        "found = importlib.util.find_spec\n"
        "say([found('code_entry') is not None, found('torch_entry') is not None, "
        "found('autograder.sandbox.sandbox') is not None, found('autograder.judge') is not None])"
    ).said
    assert said[:3] == [True, False, False]
    if run.sandbox.facts["isolation"] == "full":  # without, an editable install can be found
        assert not said[3]


def test_what_is_written_to_standard_output_goes_nowhere(run: Runner) -> None:
    heard = run("for i in range(100): os.write(1, bytes(1 << 20)); os.write(2, bytes(1 << 20))")
    assert heard.how == "finished"
    assert heard.frames == []


def test_subprocesses_and_process_pools_work(run: Runner) -> None:
    said = run(
        "import subprocess, multiprocessing\n"
        "context = multiprocessing.get_context('fork')\n"
        "with context.Pool(2) as pool: squares = pool.map(abs, [-1, -2])\n"
        "Path('a.txt').touch()\n"
        "child = [sys.executable, '-c', 'import numpy; print(numpy.arange(3).sum())']\n"
        "say([squares, subprocess.check_output('ls', shell=True, text=True),\n"
        "     subprocess.check_output(child, text=True)])"
    ).said
    assert said == [[1, 2], "a.txt\n", "3\n"]


def test_what_a_warm_up_raises_is_told(run: Runner) -> None:
    isolation = run.sandbox.facts["isolation"]
    with pytest.raises(SandboxBroken, match="no such model"):
        make_sandbox(isolation, "broken_entry")
    with pytest.raises(SandboxBroken, match="the zygote has 2 threads"):
        make_sandbox(isolation, "threaded_entry")


def test_a_closed_sandbox_refuses_to_run() -> None:
    with make_sandbox("none") as sandbox:
        pass
    with pytest.raises(SandboxBroken, match="closed"):
        Runner(sandbox)("say(1)")


def test_a_missing_bubblewrap_is_named_and_nothing_weaker_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailable, match="apt install bubblewrap"):
        Sandbox(entry="code_entry", package_root=ENTRIES, modules=["code_entry.py"])
    with make_sandbox("none") as sandbox:
        assert Runner(sandbox)("say(1)").said == 1


def test_a_failing_bubblewrap_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2; exit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailable, match="No permissions to create new namespace"):
        Sandbox(entry="code_entry", package_root=ENTRIES, modules=["code_entry.py"])


def test_modules_outside_the_package_root_are_refused() -> None:
    with pytest.raises(ValueError, match="below the package root"):
        Sandbox(entry="x", package_root=ENTRIES, modules=["../conftest.py"])


def test_ends_and_limits_are_frozen() -> None:
    for frozen in (Limits(), Ended("died", "", 0.0)):
        with pytest.raises(AttributeError):
            frozen.seconds = 1.0  # type: ignore[misc]
