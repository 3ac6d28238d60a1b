"""One sandbox of each kind for all tests, and a way to run a piece of Python in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from autograder.sandbox import Ended, Limits, Sandbox, SandboxUnavailable

ENTRIES = Path(__file__).parent / "entries"


@dataclass
class Heard:
    """What one run sent, and how it ended."""

    frames: list[dict[str, Any]] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    ended: Ended = field(default_factory=lambda: Ended("died", "", 0.0))

    @property
    def how(self) -> str:
        return self.ended.how

    @property
    def said(self) -> Any:
        """The one value that `say` sent."""
        assert self.ended.how == "finished", self.ended
        (frame,) = self.frames
        return frame["said"]


class Runner:
    """Runs code with the names of entries/code_entry.py in a sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def __call__(
        self,
        code: str,
        *,
        payload: bytes = b"",
        files: dict[str, bytes] | None = None,
        prepared: bytes = b"",
        **limits: Any,
    ) -> Heard:
        heard = Heard()

        def keep(frame: dict[str, Any], content: bytes) -> None:
            heard.frames.append(frame)
            heard.payloads.append(content)

        heard.ended = self.sandbox.run(
            {"code": code},
            payload,
            limits=Limits(**{"seconds": 10.0, **limits}),
            files=files or {},
            on_frame=keep,
            prepared=prepared,
        )
        return heard


def make_sandbox(isolation: str = "full", entry: str = "code_entry") -> Sandbox:
    """A sandbox; where the machine can not have one, the test is skipped and says why."""
    try:
        return Sandbox(
            entry=entry,
            package_root=ENTRIES,
            modules=[f"{entry}.py"],
            isolation=isolation,  # type: ignore[arg-type]
        )
    except SandboxUnavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def full() -> Iterator[Runner]:
    with make_sandbox() as sandbox:
        yield Runner(sandbox)


@pytest.fixture(scope="session", params=["full", "none"])
def run(request: pytest.FixtureRequest) -> Iterator[Runner]:
    """For promises that hold with and without isolation."""
    if request.param == "full":
        yield request.getfixturevalue("full")
        return
    with make_sandbox("none") as sandbox:
        yield Runner(sandbox)
