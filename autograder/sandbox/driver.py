"""What of a GPU's driver is shown inside: nodes, libraries, variables. Looks, starts nothing.

CUDA itself starts in a child, after the fork; the host and the zygote never ask the driver.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

__all__ = ["environment", "libraries", "nodes"]

NODES = "nvidia*"
LIBRARY = "libcuda.so*"
USUAL = (
    "/usr/local/nvidia/lib64",  # NVIDIA's and Google's container runtimes
    "/usr/local/nvidia/lib",
    "/usr/lib/wsl/lib",
    "/run/opengl-driver/lib",  # NixOS
)
"""Where the driver's libraries lie that the loader does not look for them by itself."""


def nodes(folder: Path = Path("/dev")) -> list[Path]:
    """The driver's device nodes, and the folder of its capabilities where there is one."""
    return sorted(folder.glob(NODES))


def libraries(usual: Iterable[str] = USUAL) -> list[Path]:
    """The folders with the driver's libraries that the loader has to be told of."""
    told = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    folders = [Path(one) for one in (*told, *usual) if one.startswith("/")]
    return [one for one in dict.fromkeys(folders) if any(one.glob(LIBRARY))]


def environment() -> dict[str, str]:
    """What CUDA reads of an environment, where there is a GPU; nothing where there is none."""
    if not nodes():
        return {}
    # One GPU, the first of those that the host gives us: a run has no use for a second one.
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    made = {
        "CUDA_VISIBLE_DEVICES": visible,
        # cuBLAS gives the same sums every time only with workspaces of a fixed size.
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        # Below torch's own switches, so that no notebook switches it on for itself.
        "NVIDIA_TF32_OVERRIDE": "0",
        # What it compiles would fill the scratch folder, which nobody uses twice.
        "CUDA_CACHE_DISABLE": "1",
    }
    if "CUDA_DEVICE_ORDER" in os.environ:
        made["CUDA_DEVICE_ORDER"] = os.environ["CUDA_DEVICE_ORDER"]
    found = libraries()
    if found:
        made["LD_LIBRARY_PATH"] = ":".join(map(str, found))
    return made
