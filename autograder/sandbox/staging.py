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
    # Not copytree, whose error has neither a number nor one file's name.
    files = [path for path in source.rglob("*") if path.is_file()] if source.is_dir() else [source]
    for file in files:
        if "__pycache__" not in file.relative_to(source).parts:
            place = target / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
