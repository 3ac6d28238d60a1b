"""The GPU, and the sandbox to use it in: isolated where this machine can, and else not, by name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def gpu_sandbox() -> Iterator[Any]:
    """The sandbox on a machine with a GPU; elsewhere the test says that it did not run."""
    from autograder.gpu import Gpu, is_there, look_for_gpu
    from autograder.isolation import open_sandbox
    from autograder.sandbox import SandboxBroken, SandboxUnavailable

    if not is_there():
        pytest.skip("did not run: there is no GPU here")
    try:
        opened = open_sandbox("full", ())
    except (SandboxBroken, SandboxUnavailable) as error:
        said = " ".join(str(error).split())
        sys.stderr.write(f"tests/gpu: the weaker mode, sandbox: none, because: {said}\n")
        opened = open_sandbox("none", ())
    with opened as sandbox:
        found = look_for_gpu(sandbox)
        if not isinstance(found, Gpu):
            pytest.skip(f"did not run: {found.why or 'there is no CUDA device here'}")
        yield sandbox


@pytest.fixture(scope="session")
def isolated(gpu_sandbox: Any) -> Any:
    """The same, where it isolates."""
    if gpu_sandbox.facts["isolation"] != "full":
        pytest.skip("did not run: this machine has no sandbox, so nothing is isolated")
    return gpu_sandbox
