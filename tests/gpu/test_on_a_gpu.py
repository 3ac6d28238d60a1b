"""What only a GPU can show: CUDA starts in the sandbox, repeats itself, and harms nobody else.

`make gpu` runs these. Written on a machine without one: see docs/gpu.md for where they have run.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import nbformat
import pytest

pytestmark = pytest.mark.gpu

JOB: dict[str, Any] = {
    "names": {},
    "also": {},
    "probes": "",
    "devices": [],
    "threads": 1,
    "start": 0,
    "shown": True,
    "shift": 0,
    "key": "",
    "limits": {
        "cell_seconds": 60.0,
        "tensor_bytes": 1 << 20,
        "total_bytes": 1 << 20,
        "output_characters": 100_000,
        "all_output_characters": 100_000,
    },
    "texts": {"question": "", "late": "", "cut": ""},
}
PRODUCT = """
import json, torch
torch.manual_seed(3)
one, other = torch.randn(2, 300, 300, device="cuda")
print(json.dumps([(one @ other).sum().item().hex(), torch.rand(2, device="cuda").tolist()]))
"""


@pytest.fixture
def run(gpu_sandbox):
    """Runs cells on the GPU, or where it is hidden, and gives what the last one printed (JSON)."""

    def run(*cells, gpu_mb=1024, shift=0):
        frames, ended = _frames(gpu_sandbox, cells, gpu_mb, shift)
        assert ended.how == "finished", ended
        (output,) = (one for one in frames[-1]["outputs"] if one.get("name") != "stderr")
        assert output["output_type"] == "stream", output
        return json.loads(output["text"])

    return run


def _frames(sandbox, cells, gpu_mb=1024, shift=0):
    from autograder.gpu import HOST_MB
    from autograder.sandbox import Limits

    frames: list[Any] = []
    sources = [{"source": one, "exercise": None} for one in cells]
    limits = Limits(seconds=120, memory_mb=2048 + HOST_MB, gpu=bool(gpu_mb))
    job = {**JOB, "cells": sources, "gpu_mb": gpu_mb, "shift": shift}
    ended = sandbox.run(job, limits=limits, on_frame=lambda frame, _: frames.append(frame))
    return frames, ended


def test_a_run_on_the_gpu_tells_of_it_first(gpu_sandbox):
    frames, ended = _frames(gpu_sandbox, ["1 + 1"])
    assert (ended.how, frames[0]["frame"]) == ("finished", "gpu")
    assert frames[0]["memory_mb"] > 0
    assert frames[0]["driver"] not in ("", "unknown")


def test_a_run_on_the_cpu_sees_no_gpu(run):
    look = "import json, torch\nprint(json.dumps([torch.cuda.is_available(), "
    assert run(look + "torch.cuda.device_count()]))", gpu_mb=0) == [False, 0]
    assert run(look + "torch.cuda.device_count()]))") == [True, 1]


def test_the_hidden_gpu_cannot_be_opened(isolated, run):
    attempt = (
        "import glob, json\n"
        "def opens(place):\n"
        "    try:\n"
        "        with open(place, 'r+b', buffering=0) as file:\n"
        "            return __import__('os').fstat(file.fileno()).st_rdev\n"
        "    except OSError:\n"
        "        return None\n"
        "null = __import__('os').stat('/dev/null').st_rdev\n"
        "print(json.dumps([opens(p) in (None, null) for p in glob.glob('/dev/nvidia*')]))"
    )
    assert all(run(attempt, gpu_mb=0))


def test_the_same_seed_gives_the_same_bits_and_a_shifted_one_others(run):
    first = run(PRODUCT)
    assert [run(PRODUCT) for _ in range(3)] == [first] * 3
    assert run(PRODUCT, shift=5)[1] != first[1]


def test_products_are_not_rounded_to_tf32_whatever_the_notebook_asks_for(run):
    code = (
        "import json, torch, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "{ask}\n"
        "torch.manual_seed(1)\n"
        "a, b = torch.randn(2, 512, 512)\n"
        "exact = a.double() @ b.double()\n"
        "got = (a.cuda() @ b.cuda()).cpu().double()\n"
        "print(json.dumps(((got - exact).abs().max() / exact.abs().max()).item()))"
    )
    for ask in ("", "torch.backends.cuda.matmul.allow_tf32 = True"):
        assert run(code.format(ask=ask)) < 1e-5


def test_memory_over_the_limit_is_refused_and_told_as_such(run):
    code = (
        "import json, torch\n"
        "kept = torch.empty(64, 2**20, device='cuda')\n"
        "try:\n"
        "    torch.empty(1024, 2**20, device='cuda')\n"
        "except torch.OutOfMemoryError as error:\n"
        "    print(json.dumps(str(error)))"
    )
    from autograder.judge.seen import _limit
    from autograder.values import Error

    assert _limit(Error("OutOfMemoryError", run(code), None)) == "gpu_memory"


def test_a_context_that_a_submission_breaks_is_not_the_next_ones(gpu_sandbox, run):
    illegal = (
        "import torch\ntable = torch.zeros(4, device='cuda')\n"
        "print(table[torch.tensor([10**6], device='cuda')].sum().item())"
    )
    beside = [illegal, PRODUCT] * 2
    with ThreadPoolExecutor(4) as pool:
        ran = list(pool.map(lambda one: _frames(gpu_sandbox, [one]), beside))
    for source, (frames, ended) in zip(beside, ran, strict=True):
        fails = source == illegal
        assert ended.how == "finished" or fails, ended
        assert fails == (ended.how != "finished" or frames[-1]["status"] == "error")
    assert run(PRODUCT) == run(PRODUCT)


@pytest.fixture
def course(make_small, tmp_path):
    """The small course, with `doble` probed and checked on both devices."""
    on_both = 'devices=["cpu", "cuda"]'
    small = make_small(tmp_path / "course")
    small.change("checks", 'exercise="doble", points=1', f'exercise="doble", points=1, {on_both}')
    small.change("probes", '@probe("doble")', f'@probe("doble", {on_both})')
    config = small.root / "grading_config.yaml"
    text = config.read_text("utf-8").replace("- cpu", "- cpu\n  - cuda")
    config.write_text(text.replace("defaults:", "defaults:\n  gpu_memory_mb: 512"), "utf-8")
    return small


WRONG = {
    "right": ("return 2 * z", "passed", ""),
    "leaves the device": ("return (2 * z).cpu()", "failed", "debía estar en `cuda`"),
    "asks for too much": (
        "if z.is_cuda:\n        torch.empty(2**30, device='cuda')\n    return 2 * z",
        "errored",
        "Superó el límite de memoria de la GPU.",
    ),
    "breaks the context": (
        "if z.is_cuda:\n        z[torch.tensor([10**6], device='cuda')]\n    return 2 * z",
        "errored",
        "CUDA",
    ),
}


def test_submissions_on_the_gpu_are_judged_each_for_itself(course, gpu_sandbox, tmp_path):
    from autograder.course import Course
    from autograder.exam import REFERENCE, Exam, Options, refuse_wrong_checks
    from autograder.judge.batch import Batch, judge
    from autograder.render.json import report_json
    from autograder.submission import read_submission
    from autograder.words import Words

    opened = Course.at(course.root)
    assignment = opened.assignment(course.name)
    submissions = []
    for student, (code, _, _) in WRONG.items():
        notebook = nbformat.read(course.path("source"), as_version=4)
        for cell in notebook.cells:
            if cell.metadata.get("nbgrader", {}).get("grade_id") == "doble":
                cell.source = f"def doble(z):\n    {code}"
        (tmp_path / student).mkdir()
        nbformat.write(notebook, tmp_path / student / f"{course.name}.ipynb")
        submissions.append(read_submission(tmp_path / student, student, assignment))
    exam = Exam(opened, assignment, gpu_sandbox, Options(jobs=4, device="cuda"))
    exam.observe(submissions, lambda done, total: None)
    seen = {REFERENCE: exam.reference, **exam.seen}
    batch = Batch(assignment, exam.policy, exam.reference, seen, exam.devices)
    judge(batch)
    refuse_wrong_checks(assignment, batch)
    assert not exam.broken
    for one in submissions:
        report = report_json(exam.report(one, batch), Words("es"))
        check = report["exercises"][1]["checks"][0]
        _, outcome, message = WRONG[one.student]
        assert (check["outcome"], check["devices"]) == (outcome, ["cpu", "cuda"]), check
        assert message in check["message"], check
        assert report["exercises"][0]["score"] == 2, "the CPU's exercise keeps its points"


def test_the_zygote_has_not_touched_cuda(gpu_sandbox):
    """Else no fork of it could; forking refuses then."""
    for _ in range(2):
        assert _frames(gpu_sandbox, ["1"])[1].how == "finished"
