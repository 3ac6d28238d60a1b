"""Run Python as a user who has no rights: ``python tests/ordinary_user.py -m pytest …``, as root.

Where the interpreter lies in a folder that others may not enter, such as root's home, the command
sees it in a mount namespace of its own, in which that folder holds nothing else. Exit status 77: it
cannot be done here.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from pathlib import Path

USER = 65534
UNABLE = 77
CLONE_NEWNS, MS_BIND, MS_MOVE, MS_REC, MS_PRIVATE = 0x20000, 4096, 8192, 16384, 1 << 18


def main(arguments: list[str]) -> None:
    try:
        _open_the_way(Path(sys.base_prefix))
        os.setgroups([])
        os.setresgid(USER, USER, USER)
        os.setresuid(USER, USER, USER)
    except OSError as error:
        print(f"no other user can be had here: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(UNABLE)
    home = tempfile.mkdtemp(prefix="ordinary-")
    environment = {
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
        "HOME": home,
        "TMPDIR": home,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    os.execve(sys.executable, [sys.executable, *arguments], environment)


def _open_the_way(path: Path) -> None:
    """Let others reach ``path``, and nothing else of the folders that they may not enter."""
    closed = next((one for one in reversed(path.parents) if not one.stat().st_mode & 1), None)
    if closed is None:
        return
    libc = ctypes.CDLL(None, use_errno=True)

    def call(result: int) -> None:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def mount(source: str, target: Path, kind: bytes | None, flags: int, data: bytes = b"") -> None:
        call(libc.mount(source.encode(), str(target).encode(), kind, ctypes.c_ulong(flags), data))

    call(libc.unshare(CLONE_NEWNS))
    mount("none", Path("/"), None, MS_REC | MS_PRIVATE)
    with tempfile.TemporaryDirectory() as aside:
        mount(str(path), Path(aside), None, MS_BIND | MS_REC)
        mount("tmpfs", closed, b"tmpfs", 0, b"mode=755")
        path.mkdir(parents=True)
        mount(aside, path, None, MS_MOVE)


if __name__ == "__main__":
    main(sys.argv[1:])
