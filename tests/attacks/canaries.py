"""What an attack may find, reach or change: marks that tell a leak, listeners, fingerprints.

Runs beside the grader and never in it; nothing here judges.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import selectors
import socket
import stat
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Listeners", "Marks", "fingerprints"]

KINDS = (
    "solution",
    "checks",
    "probes",
    "gradebook",
    "submission",
    "home",
    "environment",
    "argument",
    "memory",
    "tmp",
    "shm",
    "descriptor",
    "canary",
    "socket",
)


def _texts() -> dict[str, str]:
    return {
        "key": secrets.token_hex(32),
        "success": f"won-{secrets.token_hex(8)}",
        **{kind: f"MARK{kind}{secrets.token_hex(8)}KRAM" for kind in KINDS},
    }


@dataclass(frozen=True)
class Marks:
    """A text for every kind of secret; whoever shows one has read that secret.

    ``key`` is the course's, ``success`` is given to the attacks, to print where one got what it
    must not get.
    """

    texts: dict[str, str] = field(default_factory=_texts)

    def __getitem__(self, kind: str) -> str:
        return self.texts[kind]

    def in_bytes(self, data: bytes) -> list[str]:
        """The kinds whose mark stands in ``data``."""
        return [kind for kind, text in self.texts.items() if text.encode() in data]


class Listeners:
    """Sockets that nobody has any business with; ``met`` names those that were spoken to."""

    def __init__(self, folder: Path, mark: str) -> None:
        self.met: list[str] = []
        self.targets: dict[str, Any] = {}
        self._mark = mark.encode()
        self._selector = selectors.DefaultSelector()
        for name, family, host in (
            ("4", socket.AF_INET, "127.0.0.1"),
            ("6", socket.AF_INET6, "::1"),
        ):
            with contextlib.suppress(OSError):  # a machine may have no IPv6
                for kind, type_ in (("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)):
                    sock = self._listen(f"{kind}{name}", family, type_, (host, 0))
                    self.targets[f"{kind}{name}"] = sock.getsockname()[1]
        path, abstract = folder / "bus", f"attacks-{secrets.token_hex(8)}"
        self._listen("path", socket.AF_UNIX, socket.SOCK_STREAM, str(path))
        path.chmod(0o777)
        self._listen("abstract", socket.AF_UNIX, socket.SOCK_STREAM, f"\0{abstract}")
        self.targets |= {"socket": str(path), "abstract": abstract}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._hear, name="listeners")
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def __enter__(self) -> Listeners:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self, name: str, family: int, kind: int, address: Any) -> socket.socket:
        sock = socket.socket(family, kind)
        sock.bind(address)
        if kind == socket.SOCK_STREAM:
            sock.listen()
        sock.setblocking(False)
        self._selector.register(sock, selectors.EVENT_READ, name)
        return sock

    def _hear(self) -> None:
        while True:
            last = self._ended.is_set()  # then look once more
            for key, _ in self._selector.select(0 if last else 0.1):
                self.met.append(key.data)
                with contextlib.suppress(OSError):
                    self._answer(key.fileobj)  # type: ignore[arg-type]
            if last:
                return

    def _answer(self, sock: socket.socket) -> None:
        if sock.type == socket.SOCK_DGRAM:
            _, sender = sock.recvfrom(4096)
            sock.sendto(self._mark, sender)
            return
        connection, _ = sock.accept()
        with connection:
            connection.sendall(self._mark)


def fingerprints(places: Iterable[Path]) -> dict[str, str]:
    """Type, mode, owner, size, time and, but for packages, hash of everything below ``places``."""
    told: dict[str, str] = {}
    for place in places:
        with contextlib.suppress(OSError):
            told[str(place)] = _fingerprint(str(place), place.lstat())
            if place.is_dir() and not place.is_symlink():
                told.update(_below(str(place)))
    return told


def _below(folder: str) -> Iterator[tuple[str, str]]:
    with contextlib.suppress(PermissionError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name != "__pycache__":
                yield entry.path, _fingerprint(entry.path, entry.stat(follow_symlinks=False))
                if entry.is_dir(follow_symlinks=False):
                    yield from _below(entry.path)


def _fingerprint(path: str, state: os.stat_result) -> str:
    told = f"{state.st_mode:o} {state.st_uid} {state.st_size} {state.st_mtime_ns}"
    if stat.S_ISREG(state.st_mode) and "site-packages" not in path:
        with contextlib.suppress(OSError):
            told += f" {hashlib.sha256(Path(path).read_bytes()).hexdigest()}"
    return told
