"""What the tests of crashes share: a small graded course, and a user without root's powers."""

from __future__ import annotations

import ctypes
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from crash_batch import differences, fill_small, outcome

FEW = 5
NAME = "tarea"
POWERS = 1 << 1 | 1 << 2 | 1 << 3
"""CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH and CAP_FOWNER, by which root writes to anything."""


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Capabilities(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


@pytest.fixture
def common_user() -> Iterator[None]:
    """Rights of files count, even where root runs the tests."""
    header, both = _Header(0x20080522, 0), (_Capabilities * 2)()
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.capget(ctypes.byref(header), both) == 0
    before = both[0].effective
    both[0].effective &= ~POWERS
    assert libc.capset(ctypes.byref(header), both) == 0
    yield
    both[0].effective = before
    assert libc.capset(ctypes.byref(header), both) == 0


@dataclass(frozen=True)
class Case:
    """A course in which something is going to go wrong, and how it has to end up."""

    root: Path
    right: dict[str, Any]
    _command: Callable[..., Any]

    def grade(self, *options: object) -> Any:
        return self._command("grade", NAME, "--course", self.root, "--quiet", *options)

    def refused(self, *options: object, saying: str, status: int = 3) -> str:
        """Grade, and be refused with one sentence."""
        ran = self.grade(*options)
        assert ran.status == status, ran
        lines = ran.err.strip().split("\n")
        assert len(lines) == 1, ran.err
        assert lines[0].startswith("autograder: ")
        assert saying in lines[0], lines[0]
        assert "Traceback" not in ran.err + ran.out
        assert "a fault of ours" not in ran.err
        assert self.leftovers() == []
        return lines[0]

    def leftovers(self) -> list[Path]:
        return list(self.root.rglob(".autograder-tmp-*"))

    def goes_on(self, *, spare: bool = False) -> None:
        """The next run ends well, and all is as if nothing had happened; there may be ``spare``
        observations of what is not there any more."""
        ran = self.grade()
        assert (ran.status, ran.err) == (0, ""), ran
        found = differences(self.right, outcome(self.root))
        assert [one for one in found if not (spare and "missing / .safetensors" in one)] == []

    def path(self, *parts: str) -> Path:
        return self.root.joinpath(*parts)

    def submitted(self, number: int) -> Path:
        return self.root / "submitted" / f"s{number:02}" / NAME


@pytest.fixture(scope="session")
def handed_in(make_course, make_small, tmp_path_factory) -> Path:
    """The small course with a few submissions, among them one that cannot be read."""
    root = make_course(tmp_path_factory.mktemp("few") / "course", only=["perceptron"])
    make_small(root)
    fill_small(root, NAME, FEW)
    (root / f"submitted/s04/{NAME}/{NAME}.ipynb").write_bytes(b"{")
    return root


@pytest.fixture(scope="session")
def graded(handed_in, lending, tmp_path_factory) -> Path:
    """The same, graded."""
    from autograder.course import Course
    from autograder.grading import Grader

    root = shutil.copytree(handed_in, tmp_path_factory.mktemp("right") / "course")
    with lending(), Grader(Course.at(root)) as grader:
        grader.grade(NAME)
    return root


@pytest.fixture(scope="session")
def right(graded) -> dict[str, Any]:
    return outcome(graded)


@pytest.fixture
def fresh(handed_in, right, autograder, tmp_path) -> Case:
    """A course that has not been graded."""
    return Case(shutil.copytree(handed_in, tmp_path / "course"), right, autograder)


@pytest.fixture
def done(graded, right, autograder, tmp_path) -> Case:
    """A course that has been graded."""
    return Case(shutil.copytree(graded, tmp_path / "course"), right, autograder)
