"""Put exported files where they belong: each whole or not at all, and nobody else's overwritten.

A ledger remembers what was written. A file that is still as we left it may be replaced; one that
somebody else wrote, or changed since, only where that was asked for.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from autograder.errors import AuthorError, MachineError

__all__ = ["LEDGER", "put"]

LEDGER = "exports.json"
"""The ledger's name, in the course's ``.autograder``."""
NAMED = 3


def put(target: Path, files: Mapping[str, bytes], ledger: Path, *, force: bool = False) -> int:
    """Write ``files`` (by path below ``target``; ``""`` is ``target``); how many changed.

    ``AuthorError`` where one is not ours and not ``force``; nothing is written then.
    """
    target = Path(os.path.normpath(target.absolute()))
    wanted = {target / name if name else target: content for name, content in files.items()}
    known = {_place(ledger, path): digest for path, digest in _read(ledger).items()}
    try:
        changed = [path for path, content in wanted.items() if _differs(path, content)]
        foreign = [path for path in changed if path.exists() and not _ours(path, known)]
        if foreign and not force:
            more = f" and {len(foreign) - NAMED} more" if len(foreign) > NAMED else ""
            raise AuthorError(
                f"{', '.join(map(str, foreign[:NAMED]))}{more}: there is a file that `autograder "
                "export` did not write, or that was changed since; move it away, choose another "
                "place with --to, or overwrite it with --force."
            )
        _replace({path: wanted[path] for path in changed})
        digests = {path: _digest(content) for path, content in wanted.items()}
        if any(known.get(path) != digest for path, digest in digests.items()):
            _write_ledger(ledger, {**known, **digests})
    except OSError as error:
        raise MachineError(f"{error.filename or target}: cannot be written ({error}).") from error
    return len(changed)


def _replace(files: Mapping[Path, bytes]) -> None:
    """Write all beside their places first: what may fail, fails before anything is replaced."""
    made: list[tuple[Path, Path]] = []
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
            made.append((Path(name), path))
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
        for temporary, path in made:
            temporary.replace(path)
    finally:
        for temporary, _ in made:
            temporary.unlink(missing_ok=True)


def _differs(path: Path, content: bytes) -> bool:
    return not path.is_file() or path.read_bytes() != content


def _ours(path: Path, known: Mapping[Path, str]) -> bool:
    return path.is_file() and known.get(path) == _digest(path.read_bytes())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read(ledger: Path) -> dict[str, str]:
    try:
        return dict(json.loads(ledger.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _write_ledger(ledger: Path, known: Mapping[Path, str]) -> None:
    """With paths from the ledger's place: a course that was moved still knows its files."""
    written = {os.path.relpath(path, ledger.parent): digest for path, digest in known.items()}
    _replace({ledger: f"{json.dumps(written, indent=1)}\n".encode()})


def _place(ledger: Path, path: str) -> Path:
    return Path(os.path.normpath(ledger.absolute().parent / path))
