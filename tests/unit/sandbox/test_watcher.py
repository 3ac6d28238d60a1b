"""Where no cgroup may be used: what the watcher counts, and what is refused since it cannot."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autograder.sandbox import cgroup

from .conftest import Runner, make_sandbox


@pytest.fixture(scope="module")
def watched() -> Iterator[Runner]:
    """A sandbox on a machine without control groups."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cgroup, "find", lambda: iter(()))
        with make_sandbox() as sandbox:
            assert sandbox.facts["memory_limit"] == "watcher"
            yield Runner(sandbox)


def test_memory_is_limited_over_several_processes(watched: Runner) -> None:
    heard = watched(
        "for _ in range(6):\n"
        "    if os.fork() == 0:\n"
        "        kept = bytearray(b'x') * (100 << 20); time.sleep(30); os._exit(0)\n"
        "time.sleep(30)",
        memory_mb=256,
    )
    assert heard.how == "out_of_memory"


def test_page_tables_count_as_memory(watched: Runner) -> None:
    heard = watched(
        "import ctypes, mmap\n"
        "libc = ctypes.CDLL(None)\n"
        "libc.mmap.restype = ctypes.c_void_p\n"
        "libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 4]\n"
        "start = libc.mmap(None, 100_000 << 21, 1, 0x4022, -1, 0)\n"  # private, only reserved
        "libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(100_000 << 21), 15)\n"  # no huge ones
        "for page in range(100_000): ctypes.string_at(start + (page << 21), 1)\n"
        "time.sleep(30)",
        memory_mb=256,
    )
    assert heard.how == "out_of_memory"


def test_sockets_count_as_if_they_were_full(watched: Runner) -> None:
    heard = watched(
        "import socket\n"
        "for _ in range(16):\n"
        "    if os.fork() == 0:\n"
        "        kept = [socket.socketpair() for _ in range(100)]; time.sleep(30)\n"
        "time.sleep(30)",
        memory_mb=256,
    )
    assert heard.how == "out_of_memory"


def test_a_handful_of_sockets_is_no_memory_to_speak_of(watched: Runner) -> None:
    heard = watched(
        "import socket\n"
        "kept = [socket.socketpair() for _ in range(20)]\n"
        "time.sleep(0.3); say('fine')",
        memory_mb=256,
    )
    assert heard.said == "fine"


def test_sockets_stay_at_their_usual_size(watched: Runner) -> None:
    said = watched(
        "import socket\n"
        "mine, other = socket.socketpair()\n"
        "before = mine.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)\n"
        "tried(lambda: mine.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 30))\n"
        "say(mine.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == before)"
    ).said
    assert said is True


def test_shared_memory_that_outlives_its_maps_is_refused(watched: Runner) -> None:
    said = watched(
        "import mmap\n"
        "say([tried(lambda: mmap.mmap(-1, 4096)), tried(lambda: os.memfd_create('x')),\n"
        "     tried(lambda: open('/dev/zero')),\n"
        "     tried(lambda: len(mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANON)))])"
    ).said
    assert said == ["PermissionError", "OSError", "FileNotFoundError", "LEAK 4096"]
