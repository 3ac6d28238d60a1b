"""A private folder with copies of the modules that code inside the sandbox may import.

Copies, not binds of each file: the same folder serves with and without bubblewrap, the host's
later edits do not reach a zygote that runs, and what is not named can not be found.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from .temporary import TemporaryFolder

__all__ = ["Staging"]

OWN = ("wire.py", "inside")
OWN_PACKAGE = PurePosixPath("autograder/sandbox")


class Staging:
    """`modules` has the copies, `home` is the zygote's home where there is no private /tmp."""

    def __init__(self, package_root: Path, modules: Sequence[str]) -> None:
        self._folder = TemporaryFolder()
        self.modules = self._folder.path / "modules"
        self.home = self._folder.path / "home"
        self.home.mkdir()
        try:
            self._fill(package_root, modules)
        except BaseException:
            self.close()
            raise

    def _fill(self, package_root: Path, modules: Sequence[str]) -> None:
        for name in modules:
            relative = PurePosixPath(name)
            if relative.is_absolute() or ".." in relative.parts:
                raise ValueError(f"module {name!r} is not a path below the package root")
            _copy(package_root / relative, self.modules / relative)
        for name in OWN:
            _copy(Path(__file__).parent / name, self.modules / OWN_PACKAGE / name)
        # Regular packages, if empty: a namespace package would lose to one that is installed.
        for package in (OWN_PACKAGE.parent, OWN_PACKAGE):
            (self.modules / package / "__init__.py").touch()

    def close(self) -> None:
        self._folder.close()


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, target, ignore=ignore, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, target)
