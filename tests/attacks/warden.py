"""Starts the grader as a given user, with a canary beside it, and tells what is left when it ends.

Speaks JSON, a line at a time: reads what to run, answers with the canary's process, waits for any
line, runs the grader, answers with what it saw. As root it has its own mounts, its own /dev/shm
and its own SysV IPC, so that nobody else's are mistaken for left-overs. All that the grader
orphans becomes this process's, so nothing can hide by leaving its parent.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CLONE_NEWNS, CLONE_NEWIPC = 0x20000, 0x8000000
MS_BIND, MS_REC, MS_PRIVATE, MS_MOVE = 4096, 16384, 1 << 18, 8192
PR_SET_CHILD_SUBREAPER = 36
SHM = Path("/dev/shm")
LEAVE_SECONDS = 1.0
SAID_CAP = 200_000

libc = ctypes.CDLL(None, use_errno=True)


def checked(result: int, what: str) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def mount(source: str, target: str, kind: str, flags: int = 0, options: str = "") -> None:
    done = libc.mount(
        source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode()
    )
    checked(done, f"mount {target}")


def seclude(open_ways: list[str], uid: int | None) -> None:
    """A private view of mounts, /dev/shm and IPC; for another user, the way to ``open_ways``."""
    checked(libc.unshare(CLONE_NEWNS | CLONE_NEWIPC), "unshare")
    mount("none", "/", "none", MS_REC | MS_PRIVATE)
    mount("shm", str(SHM), "tmpfs", 0, "mode=1777,size=256m")
    for closed in sorted({one for way in open_ways for one in closed_above(Path(way), uid)}):
        ways = [way for way in open_ways if Path(way).is_relative_to(closed)]
        opened = tempfile.mkdtemp(prefix="warden-")
        mount("opened", opened, "tmpfs", 0, "mode=755,size=1m")
        for way in ways:
            place = Path(opened, Path(way).relative_to(closed))
            place.mkdir(parents=True, exist_ok=True)
            mount(way, str(place), "none", MS_BIND | MS_REC)
        mount(opened, str(closed), "none", MS_MOVE)
        Path(opened).rmdir()


def closed_above(way: Path, uid: int | None) -> list[Path]:
    """The outermost folder above ``way`` that another user cannot pass, if there is one."""
    if uid is None:
        return []
    shut = [one for one in reversed(way.parents) if not one.stat().st_mode & 0o001]
    return shut[:1]


def state() -> dict[str, list[str]]:
    """What could be left behind: mounts, SysV IPC, shared memory."""
    return {
        "mounts": Path("/proc/self/mountinfo").read_text().splitlines(),
        "ipc": [
            line
            for name in ("shm", "sem", "msg")
            if Path("/proc/sysvipc", name).exists()
            for line in Path("/proc/sysvipc", name).read_text().splitlines()[1:]
        ],
        "shm": sorted(
            f"{one.name} {one.stat().st_size}"
            for one in SHM.iterdir()
            if os.getuid() == 0 or one.stat().st_uid == os.getuid()
        ),
    }


def children() -> list[int]:
    return [
        int(pid)
        for task in Path("/proc/self/task").iterdir()
        for pid in (task / "children").read_text().split()
    ]


def below(pid: int) -> list[int]:
    found = [pid]
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += below(child)
    return found


def described(pid: int) -> str:
    with contextlib.suppress(OSError):
        text = (
            Path(f"/proc/{pid}/cmdline")
            .read_bytes()
            .replace(b"\0", b" ")
            .decode("utf-8", "replace")
        )
        return f"{pid} {text[:200]}"
    return str(pid)


def collect(known: set[int]) -> None:
    """Bury the orphans that have ended."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid in known:
            return
        os.waitpid(ended.si_pid, 0)


def strays(known: set[int]) -> list[str]:
    """Processes that the grader has left; a moment's grace, then they are killed."""
    give_up = time.monotonic() + LEAVE_SECONDS
    while True:
        collect(known)
        left = [pid for pid in children() if pid not in known]
        if not left or time.monotonic() > give_up:
            break
        time.sleep(0.05)
    every = [one for pid in left for one in below(pid)]
    told = [described(one) for one in every]
    for pid in every:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return told


def groups_of(pid: int) -> list[str]:
    """Control groups of the grader's that are still there."""
    return [
        str(Path(folder, one))
        for folder, folders, _ in os.walk("/sys/fs/cgroup")
        for one in folders
        if one.startswith(f"autograder-{pid}-")
    ]


def say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def start_canary(spec: dict[str, Any], as_user: dict[str, Any]) -> subprocess.Popen[bytes]:
    canary = subprocess.Popen(
        spec["canary"],
        env=spec["environment"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd="/",
        **as_user,
    )
    assert canary.stdin is not None
    assert canary.stdout is not None
    canary.stdin.write(spec["kept"].encode())
    canary.stdin.close()
    if canary.stdout.readline() != b"ready\n":
        raise RuntimeError("the canary did not come up")
    return canary


def ask(canary: subprocess.Popen[bytes]) -> list[str]:
    """The signals that it got, and whether it was stopped or killed; it ends here."""
    assert canary.stdout is not None
    state = Path(f"/proc/{canary.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    ended = canary.poll()
    with contextlib.suppress(ProcessLookupError):
        canary.kill()
    signals = canary.stdout.read().decode().split()
    signals += ["stopped"] if state in ("T", "t") else []
    return signals + ([f"died of {ended}"] if ended is not None else [])


def grade(spec: dict[str, Any], as_user: dict[str, Any]) -> dict[str, Any]:
    """Run the grader to its end, or to the end of its time."""
    inherited = [os.open(path, os.O_RDONLY) for path in spec["inherited"]]
    begun = time.monotonic()
    with tempfile.TemporaryFile() as out:
        grader = subprocess.Popen(
            spec["command"],
            env=spec["environment"],
            cwd=spec["folder"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            pass_fds=inherited,
            **as_user,
        )
        try:
            status: int | str = grader.wait(spec["seconds"])
        except subprocess.TimeoutExpired:
            status = "hung"
            for pid in below(grader.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            grader.wait()
        seconds = time.monotonic() - begun
        out.seek(max(0, out.seek(0, os.SEEK_END) - SAID_CAP))
        said = out.read().decode("utf-8", "replace")
    return {"pid": grader.pid, "status": status, "seconds": seconds, "said": said}


def main() -> None:
    spec: dict[str, Any] = json.loads(sys.stdin.readline())
    uid: int | None = spec["uid"]
    checked(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")
    if os.getuid() == 0:
        seclude(spec["open"], uid)
    for name, text in spec["shm"].items():
        SHM.joinpath(name).write_text(text)
    as_user: dict[str, Any] = {"start_new_session": True}
    if uid is not None:
        as_user |= {"user": uid, "group": uid, "extra_groups": []}
    canary = start_canary(spec, as_user)
    say({"canary": canary.pid})
    sys.stdin.readline()
    before = state()
    graded = grade(spec, as_user)
    left = {"processes": strays({canary.pid}), "cgroups": groups_of(graded["pid"])}
    after = state()
    left |= {kind: [one for one in after[kind] if one not in before[kind]] for kind in after}
    for name in spec["shm"]:
        SHM.joinpath(name).unlink(missing_ok=True)
    say({**graded, "signals": ask(canary), "left": left})


if __name__ == "__main__":
    main()
