"""The entry of the sandbox: warm up once, then run one notebook in each fork and send what it saw.

A job is ``{"cells": [{"source", "exercise"}], "names": {exercise: [name]},
"also": {exercise: [name]}, "probes": text, "devices": [device],
"threads": of torch, or null, "shown": whether anybody looks at outputs, "shift": seed shift,
"start": added to what the generators start with, "key": of the probes' draws,
"gpu_mb": memory of the GPU that it may use, 0 to see no GPU, or null for this machine as it is,
"limits": {…}, "texts": {…}, "environment": {variable: value}, or nothing}``. Frames go out as soon
as they are known, so that what a killed run had seen stays.

A run on the GPU begins with a frame that tells of the GPU, before any cell has run, and takes no
snapshots: those are the other run's.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from autograder.inside import cuda
from autograder.inside.probing import (
    INTERRUPTED,
    compiled,
    load_probes,
    run_probe,
    watched_operators,
)
from autograder.inside.record import Recorder
from autograder.inside.seeding import START, seed_everything, shift_seeds
from autograder.inside.shell import Shell
from autograder.inside.snapshot import Watch, snapshot
from autograder.inside.uncompiled import put_off_compiler
from autograder.inside.unprofiled import put_off_profiler

__all__ = ["open_shell", "prepare", "serve", "warm_up"]

FIGURE = """
import matplotlib.pyplot as plt
plt.figure(figsize=(1, 1))
plt.plot([1, 200], label="x")
plt.title("á")
plt.legend()
plt.show()
"""
FORMULAS = """
import matplotlib.pyplot as plt
plt.figure(figsize=(1, 1))
plt.semilogy([1, 200], label="$x^2$")
plt.show()
"""
Send = Callable[[dict[str, Any], bytes], None]
_shells: list[Shell] = []


def open_shell() -> Shell:
    """Make the shell in which ``serve`` runs the cells of this process."""
    put_off_compiler()
    put_off_profiler()
    _shells[:] = [Shell()]
    return _shells[0]


def warm_up(uses: Sequence[str]) -> dict[str, Any]:
    """Import and touch, once, what is slow the first time; tell the versions and the devices.

    ``uses`` names what not every notebook needs and what makes each fork dearer: ``figures``
    (matplotlib), ``formulas`` (the powers of a logarithmic axis need a parser, which takes longer
    to make than a figure) and ``compiler`` (torch's, which ``torch.func`` imports too: seconds of a
    cell's time that are no fault of a student's).
    """
    shell = open_shell()
    limits = {"seconds": 60.0, "late_text": "", "output_limit": 1 << 20, "cut_text": ""}
    shell.run("1 + 1", 1, **limits)  # type: ignore[arg-type]
    if "figures" in uses:
        shell.prepare_figures()
        shell.run(FIGURE, 2, **limits)  # type: ignore[arg-type]
        if "formulas" in uses:
            shell.run(FORMULAS, 2, **limits)  # type: ignore[arg-type]
        shell.namespace.pop("plt")
    if "compiler" in uses:
        torch.func.grad(lambda one: one.sum())(torch.ones(2))
    weight = torch.zeros(2, 2, requires_grad=True)
    loss = torch.nn.functional.mse_loss(weight @ torch.ones(2, 2), torch.ones(2, 2))
    if cuda.possible():
        # The first backward of a process asks CUDA for its devices, on the CPU too, and starts a
        # thread for each: neither survives a fork.
        weight.grad = torch.zeros_like(weight)
    else:
        loss.backward()  # type: ignore[no-untyped-call]
    torch.optim.SGD([weight], lr=0.1).step()
    with watched_operators():
        torch.sigmoid(weight)
    seed_everything()
    repr(weight)
    recorder = Recorder(1 << 20, 1 << 20)
    recorder.tree(weight)
    recorder.take()
    rows = torch.utils.data.TensorDataset(torch.ones(4, 2))
    next(iter(torch.utils.data.DataLoader(rows, batch_size=2, shuffle=True)))
    # Last, because a traceback looks once at every module that there is.
    shell.run("def fail():\n    1 / 0\nfail()", 3, **limits)  # type: ignore[arg-type]
    shell.namespace.pop("fail")
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "cuda": cuda.possible(),
    }


def prepare(data: bytes) -> None:
    """Compile what the next jobs have in common: JSON, ``{"cells": [[number, source]], "probes":
    text}``. What was prepared before is forgotten. Runs nothing of it."""
    common = json.loads(data)
    _shells[0].prepare([(number, source) for number, source in common["cells"]])
    compiled(common["probes"])


def serve(job: dict[str, Any], payload: bytes, send: Send) -> None:
    """Run the job's cells in order; send a frame for each cell, snapshot and probe."""
    limits, texts = job["limits"], job["texts"]
    os.environ.update(job.get("environment", {}))
    shell = _shells[0]
    # The scratch folder: modules that were handed in beside the notebook can be imported.
    sys.path.insert(0, "")
    recorder = Recorder(limits["tensor_bytes"], limits["total_bytes"])
    shell.refuse_questions(texts["question"])
    if job["threads"] is not None:
        torch.set_num_threads(job["threads"])
    on_gpu = bool(job["gpu_mb"])
    if on_gpu:
        send({"frame": "gpu", **cuda.make_ready(job["gpu_mb"])}, b"")
    elif job["gpu_mb"] is not None:
        cuda.hide()
    shift_seeds(job["shift"])
    seed_everything(START + job["start"])
    probes = load_probes(job["probes"])
    last = {cell["exercise"]: i for i, cell in enumerate(job["cells"]) if cell["exercise"]}
    watches: dict[str, Watch] = {}
    room = limits["all_output_characters"]
    for i, cell in enumerate(job["cells"]):
        exercise = cell["exercise"]
        watch, names = None, job["names"].get(exercise, [])
        if exercise:
            fresh = Watch(shell.namespace, names, limits["tensor_bytes"])
            watch = watches.setdefault(exercise, fresh)
            watch.start()
        ran = shell.run(
            cell["source"],
            i + 1,
            seconds=limits["cell_seconds"],
            late_text=texts["late"],
            output_limit=min(limits["output_characters"], room),
            cut_text=texts["cut"],
            shown=job["shown"],
        )
        room = max(0, room - ran.characters)
        if watch:
            watch.stop(shell.tree(cell["source"]), ran.error["line"] if ran.error else None)
        frame = {
            "frame": "cell",
            "index": i,
            "status": ran.status,
            "error": ran.error,
            "outputs": ran.outputs,
            "seconds": ran.seconds,
        }
        send(frame, b"")
        if watch and last[exercise] == i:
            also = job["also"][exercise]
            if not on_gpu:
                seen = snapshot(shell.namespace, names, also, watch.bound, recorder)
                send({"frame": "snapshot", "exercise": exercise, **seen}, recorder.take())
            hangs, fault = False, cuda.fault() if on_gpu else None
            for probe in (one for one in probes if one.exercise == exercise):
                for device in (one for one in job["devices"] if one in probe.devices):
                    # A function that hangs once would hang in every probe, until nothing is left
                    # of the submission's time for its other exercises.
                    tree = INTERRUPTED
                    if not (hangs or fault):
                        tree = run_probe(
                            probe,
                            shell.namespace,
                            watch.bound,
                            device=device,
                            key=job["key"],
                            seconds=limits["cell_seconds"],
                            recorder=recorder,
                        )
                        fault = cuda.fault() if on_gpu else None
                    if fault:
                        # What was recorded may be anything: CUDA fails later than it is called.
                        tree = {"kind": "failure", "error": fault}
                        recorder.take()
                    hangs = hangs or tree == INTERRUPTED
                    head = {"frame": "probe", "exercise": exercise, "probe": probe.name}
                    send({**head, "device": device, "seen": tree}, recorder.take())
