"""Record real runs for the fuzzers: ``python tests/fuzz/seeds.py`` writes ``frames/*.bin``.

Each file is what one child sent, byte for byte as on the socket.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autograder.isolation import open_sandbox
from autograder.sandbox import wire

VALUES = """import numpy as np, torch
from torch import nn
torch.manual_seed(7)
t = torch.randn(2, 3, requires_grad=True)
t.sum().backward()
ten = [torch.tensor(i, dtype=d) for i, d in enumerate((torch.int64, torch.bool, torch.bfloat16))]
a, s = np.arange(3.0), np.float32(2)
i, f, b, n, text = 10**50, float("nan"), True, None, "ñ"
z, d, dev = torch.Size([2, 3]), torch.float32, torch.device("cpu")
pairs = {"k": [1, (2.5, "x")], 3: {}}
def g(x, *more, **rest): return x
m = nn.Sequential(nn.Linear(2, 1), nn.ReLU())
o = object()
losses = [3.0, 2.0, 1.0]
view = t.view(3, 2)
"""
NAMES = [*"taifbnzdgmo", "ten", "s", "text", "dev", "pairs", "losses", "view", "missing"]
PROBES = """
from autograder.probes import probe

@probe("uno")
def calls(student, draws, device):
    return {"y": [student.call("g", draws.randn(2)), student.operators("g", draws.randn(1))]}

@probe("uno")
def missing(student, draws, device):
    return student.call("nada")

@probe("uno")
def fails(student, draws, device):
    return 1 / 0
"""
RUNS: dict[str, tuple[list[tuple[str, str | None]], dict[str, list[str]]]] = {
    "values": ([("import torch", None), (VALUES, "uno")], {"uno": NAMES}),
    "small": ([("x = 1", "uno"), ("y = 'dos'", "dos")], {"uno": ["x", "g"], "dos": ["x", "y"]}),
    "outputs": (
        [
            ("import sys; print('uno'); print('dos', file=sys.stderr); 3", None),
            (
                "from IPython.display import *; display(HTML('<b>a</b>'), JSON({'a': [1, {}]}))",
                None,
            ),
            ("{'a': 1}\n1 / 0", None),
            ("def f(:", None),
        ],
        {},
    ),
    "modules": (
        [("from torch import nn\nm = nn.Linear(1, 1)\nm.own = 3\nq = [m, {'a': m}]", "uno")],
        {"uno": ["m", "q"]},
    ),
}


def main() -> None:
    folder = Path(__file__).parent / "frames"
    folder.mkdir(exist_ok=True)
    with open_sandbox("full") as sandbox:
        for name, (cells, names) in RUNS.items():
            heard = bytearray()

            def keep(frame: dict[str, Any], payload: bytes, heard: bytearray = heard) -> None:
                heard += wire.pack({"frame": frame}, payload) + payload

            job = {
                "cells": [{"source": source, "exercise": exercise} for source, exercise in cells],
                "names": names,
                "also": {one: [] for one in names},
                "probes": PROBES if name == "values" else "",
                "devices": ["cpu"],
                "threads": 1,
                "start": 0,
                "gpu_mb": 0,
                "shown": True,
                "shift": 0,
                "key": "seeds",
                "limits": {
                    "cell_seconds": 10,
                    "output_characters": 10_000,
                    "all_output_characters": 10_000,
                    "tensor_bytes": 10_000,
                    # All but one run has no room for the state of the generator.
                    "total_bytes": 20_000 if name == "values" else 2_000,
                },
                "texts": {"question": "", "late": "", "cut": ""},
            }
            ended = sandbox.run(job, on_frame=keep)
            assert ended.how == "finished", ended
            heard += wire.pack({"done": True})
            (folder / f"{name}.bin").write_bytes(heard)


if __name__ == "__main__":
    main()
