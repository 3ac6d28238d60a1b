"""Where this Python and its libraries lie: the folders and the environment to run it elsewhere."""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Iterator
from pathlib import Path

from . import driver, obstacles

__all__ = ["command", "environment", "folders", "packages", "place"]

PARTS = ("bin", "lib", "lib64", "libexec", "include", "share", "etc", "ssl")
COVERED = ("/tmp", "/dev", "/proc", "/inside", "/environment")
ENVIRONMENT = Path("/environment")
"""Where a virtual environment stands inside if its own place is private there, as /tmp is. It may
move: pyvenv.cfg names the base interpreter, and Python finds the rest from its own program."""


def place(path: Path) -> Path:
    """Where ``path``, a part of this Python, stands in full isolation."""
    path, prefix = _straight(path), _straight(Path(sys.prefix))
    moved = sys.prefix != sys.base_prefix and _covered(prefix)
    if moved and path.is_relative_to(prefix):
        return ENVIRONMENT / path.relative_to(prefix)
    return path


def _straight(path: Path) -> Path:
    """``path`` without ``..``, for the folders that it leads through are not there inside. A Python
    that is started as ``../.venv/bin/python`` has it in all its paths."""
    return path.parent.resolve() / path.name if ".." in path.parts else path


def _covered(path: Path) -> str | None:
    return next((covered for covered in COVERED if path.is_relative_to(covered)), None)


def command(*, isolated: bool) -> list[str]:
    """Without the user's own site-packages, and without the working directory on sys.path."""
    program = place(Path(sys.executable)) if isolated else sys.executable
    return [str(program), "-s", "-P"]


def _search_path(modules: str, *, isolated: bool) -> str:
    """``PYTHONPATH``. Without isolation what this process itself finds there is found, too: on a
    machine of another's making torch may lie anywhere."""
    own = [] if isolated else os.environ.get("PYTHONPATH", "").split(":")
    if not isolated and site.ENABLE_USER_SITE:
        own.append(site.getusersitepackages())
    return ":".join([modules, *(one for one in own if one.startswith("/"))])


def environment(*, modules: str, home: str, isolated: bool) -> dict[str, str]:
    """All that the zygote and its children see of an environment."""
    prefix = place(Path(sys.prefix)) if isolated else sys.prefix
    return {
        "PATH": f"{prefix}/bin:/usr/bin:/bin",
        "PYTHONPATH": _search_path(modules, isolated=isolated),
        "HOME": home,
        "TMPDIR": home,
        "USER": "student",
        "LOGNAME": "student",
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        # If OpenMP had started threads before the fork, a child's first use of it would hang.
        "OMP_NUM_THREADS": "1",
        # The C heap in pages of 2 MB: a fork copies a table entry for every page.
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        # torch.cuda.is_available() must not initialise CUDA: that does not survive a fork.
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
        **driver.environment(),
    }


def packages() -> list[Path]:
    """The site-packages folders, the virtual environment's first."""
    return [Path(folder) for folder in site.getsitepackages() if Path(folder).is_dir()]


def folders() -> list[Path]:
    """What to bind, outermost first. Never a whole prefix: it may be the course's own folder."""
    parts = map(_straight, _parts())
    found = {path for path in parts if path.exists() and not path.is_relative_to("/usr")}
    for path in found:
        covered = _covered(path)
        if covered and place(path) == path:
            raise obstacles.python_out_of_reach(path, covered)
    return sorted(found, key=lambda path: len(path.parts))


def _parts() -> Iterator[Path]:
    if sys.prefix != sys.base_prefix:
        yield Path(sys.prefix, "pyvenv.cfg")
        yield Path(sys.prefix, "bin")
    yield from packages()
    for base in _bases():
        for part in PARTS:
            yield base / part


def _bases() -> set[Path]:
    """Under every name that leads there: pyvenv.cfg, links and the loader use different ones."""
    bases = {Path(sys.base_prefix), Path(sys.base_exec_prefix)}
    link = Path(sys.executable)
    while link.is_symlink():
        link = Path(os.path.normpath(link.parent / link.readlink()))
        if link.parent.name == "bin" and link.parent.parent != Path(sys.prefix):
            bases.add(link.parent.parent)
    bases |= {base.resolve() for base in bases}
    return bases - {Path("/")}
