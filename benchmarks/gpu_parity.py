"""Observe every reference and misconception on the CPU and on CUDA and lay the two side by side.

Prints, and writes to ``results/gpu.md`` and ``results/gpu.json``: whether each is judged the same
on both devices, the largest differences between the references' values by exercise and dtype, in
numbers and in tolerances of the CPU, whether the GPU gives the same bits again, and times.

Needs a GPU, but neither nbgrader nor a network. Where the sandbox cannot be had it observes without
isolation, and says so. ``--rehearse`` tries the command itself on a GPU that is none
(``tests/fake_gpu.py``): that proves nothing about CUDA, and nothing is written.

Exit status: 0, all the same; 1, a difference that counts; 77, there is no GPU to use.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from autograder.course import Course  # noqa: E402
from autograder.exam import Exam, Options  # noqa: E402
from autograder.gpu import Gpu, look_for_gpu  # noqa: E402
from autograder.isolation import INSIDE, PACKAGE_ROOT, open_sandbox  # noqa: E402
from autograder.judge.batch import Batch, judge  # noqa: E402
from autograder.judge.compare import TOLERANCES  # noqa: E402
from autograder.judge.seen import Observed  # noqa: E402
from autograder.sandbox import Sandbox, SandboxBroken, SandboxUnavailable  # noqa: E402
from autograder.submission import Submission, reference  # noqa: E402
from autograder.values import (  # noqa: E402
    ArrayValue,
    CallValue,
    ListValue,
    MappingValue,
    PlainValue,
    TensorValue,
    Value,
)

RESULTS = ROOT / "benchmarks" / "results"
NO_GPU = 77
AGAIN = 3
BATCH = 12


@dataclass
class Difference:
    """The largest of one exercise and dtype, over its probes and trials; ``count`` numbers."""

    assignment: str
    exercise: str
    dtype: str
    count: int = 0
    absolute: float = 0.0
    relative: float = 0.0
    tolerances: float = 0.0


@dataclass
class Findings:
    """All that was found of all assignments."""

    differences: dict[tuple[str, str, str], Difference] = field(default_factory=dict)
    judged: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    times: dict[str, dict[str, float]] = field(default_factory=dict)


def main() -> int:
    arguments = _arguments()
    sandbox, mode = _opened(arguments.rehearse)
    with sandbox as opened:
        gpu = look_for_gpu(opened)
        if not isinstance(gpu, Gpu):
            _say(f"gpu_parity: {gpu.why or 'there is no CUDA device here'}; nothing was compared.")
            return NO_GPU
        _say(f"{gpu.name}, driver {gpu.driver}; torch {torch.__version__}; {mode}")
        findings = Findings()
        with tempfile.TemporaryDirectory(prefix="gpu-parity-") as scratch:
            course = _course(Path(scratch), arguments.only, opened.facts["isolation"])
            for name in course.config.assignments:
                _say(f"{name} …")
                _compare(course, name, opened, findings)
    text = _text(findings, gpu, mode)
    _say(text)
    if not (arguments.rehearse or arguments.only):
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "gpu.md").write_text(text, "utf-8")
        data = {**asdict(findings), "differences": [*map(asdict, findings.differences.values())]}
        data |= {"gpu": asdict(gpu), "mode": mode, **_machine()}
        (RESULTS / "gpu.json").write_text(json.dumps(data, indent=1) + "\n", "utf-8")
    return 1 if findings.problems else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[], help="these assignments; writes nothing")
    parser.add_argument("--rehearse", action="store_true", help="with a GPU that is none")
    return parser.parse_args()


def _opened(rehearse: bool) -> tuple[AbstractContextManager[Sandbox], str]:
    """The sandbox, and in words how isolated it is."""
    how: dict[str, Any] = {}
    if rehearse:
        how = {"entry": "tests.fake_gpu", "package_root": PACKAGE_ROOT}
        how["modules"] = [*INSIDE, "tests/fake_gpu.py"]
    said = "REHEARSAL with no real GPU; " if rehearse else ""
    try:
        opened = Sandbox(**how, uses=[]) if rehearse else open_sandbox("full", ())
        return opened, f"{said}isolation: full"
    except (SandboxBroken, SandboxUnavailable) as error:
        why = " ".join(str(error).split())
        _say(f"gpu_parity: the weaker mode, sandbox: none, because: {why}")
        weak = Sandbox(**how, uses=[], isolation="none") if rehearse else open_sandbox("none", ())
        return weak, f"{said}isolation: none (the weaker mode: this machine has no sandbox)"


def _course(scratch: Path, only: Sequence[str], isolation: str) -> Course:
    """A copy of this course without any observations."""
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    shutil.copytree(ROOT / "solutions", scratch / "solutions", ignore=ignored)
    config = yaml.safe_load((ROOT / "grading_config.yaml").read_text("utf-8"))
    config |= {"sandbox": isolation}
    # Machines that are lent may be slow in whatever they do first.
    config["defaults"] |= {"seconds_per_cell": 60, "seconds_per_trial": 240}
    names = only or list(config["assignments"])
    config["assignments"] = {name: config["assignments"][name] for name in names}
    (scratch / "grading_config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True))
    return Course.at(scratch)


def _compare(course: Course, name: str, sandbox: Sandbox, findings: Findings) -> None:
    exam = Exam(course, course.assignment(name), sandbox, Options(device="cuda"))
    assignment = exam.assignment
    model = exam.reference
    wrong = {one.id: one for one in exam.misconceptions}
    handed_in = {id: reference(assignment, {one.exercise: one.cell}) for id, one in wrong.items()}
    named = {id: replace(one, student=id) for id, one in handed_in.items()}
    exam.observe(list(named.values()), lambda done, total: None)
    for id, why in exam.broken.items():
        findings.problems.append(f"{name}: {id} could not be observed: {why}")
    _differences(name, model, findings)
    seen = {"reference": model, **exam.seen}
    only = {id: set(one.loses) for id, one in wrong.items()}
    scores = {
        devices: _scores(exam, seen, devices, only) for devices in (("cpu",), ("cpu", "cuda"))
    }
    counts = Counter(same=0, other=0)
    for who in seen:
        on_cpu, on_both = scores["cpu",][who], scores["cpu", "cuda"][who]
        counts["same" if on_cpu == on_both else "other"] += 1
        for key in on_cpu.keys() | on_both.keys():
            if on_cpu.get(key) != on_both.get(key):
                findings.problems.append(
                    f"{name}: {who}: {key}: {on_cpu.get(key)} on the CPU, with CUDA too "
                    f"{on_both.get(key)}"
                )
    for key, (outcome, _) in scores["cpu", "cuda"]["reference"].items():
        if outcome != "passed":
            findings.problems.append(f"{name}: the reference itself: {key}: {outcome}")
    findings.judged[name] = {**counts, "misconceptions": len(wrong)}
    _repeat(name, exam, findings)
    _time(name, exam, findings)


def _scores(
    exam: Exam,
    seen: Mapping[str, Observed],
    devices: Sequence[str],
    only: Mapping[str, set[str]],
) -> dict[str, dict[str, tuple[str, float]]]:
    """Outcome and score of each check, by submission."""
    batch = Batch(exam.assignment, exam.policy, exam.reference, seen, devices, only)
    judge(batch)
    return {
        who: {
            f"{one.exercise}, line {one.place}, {one.result.title}": (
                one.result.outcome,
                one.result.score,
            )
            for one in batch.results.get(who, [])
        }
        for who in seen
    }


def _differences(name: str, model: Observed, findings: Findings) -> None:
    for trial in model.trials:
        for exercise, by_name in trial.probes.items():
            for probe, by_device in by_name.items():
                if "cuda" not in by_device:
                    continue
                pairs = list(_pairs(by_device["cpu"], by_device["cuda"]))
                if not pairs:
                    findings.problems.append(f"{name}: {exercise}: {probe}: nothing to compare")
                for dtype, on_cpu, on_cuda in pairs:
                    key = name, exercise, dtype
                    found = findings.differences.setdefault(key, Difference(*key))
                    problem = _measure(found, on_cpu, on_cuda)
                    if problem:
                        findings.problems.append(f"{name}: {exercise}: {probe}: {problem}")


def _pairs(one: Value, other: Value) -> Iterator[tuple[str, torch.Tensor, torch.Tensor]]:
    """The tensors and floats of two results of one probe, with their dtype."""
    if isinstance(one, CallValue) and isinstance(other, CallValue):
        yield from _pairs(one.value, other.value)
    elif isinstance(one, ListValue) and isinstance(other, ListValue):
        for item, its in zip(one.items, other.items, strict=False):
            yield from _pairs(item, its)
    elif isinstance(one, MappingValue) and isinstance(other, MappingValue):
        for key in one.items.keys() & other.items.keys():
            yield from _pairs(one.items[key], other.items[key])
    elif isinstance(one, TensorValue | ArrayValue) and isinstance(other, TensorValue | ArrayValue):
        if one.value is not None and other.value is not None:
            yield one.dtype, one.value, other.value
    elif isinstance(one, PlainValue) and isinstance(other, PlainValue) and one.kind == "float":
        yield "float", torch.tensor(one.value), torch.tensor(other.value)


def _measure(found: Difference, on_cpu: torch.Tensor, on_cuda: torch.Tensor) -> str:
    """Take one pair of tensors into ``found``; what is wrong with it beyond numbers."""
    if on_cpu.shape != on_cuda.shape or on_cpu.dtype != on_cuda.dtype:
        return f"{tuple(on_cpu.shape)} {on_cpu.dtype} and {tuple(on_cuda.shape)} {on_cuda.dtype}"
    if not on_cpu.numel():
        return ""
    one, other = on_cpu.double(), on_cuda.double()
    if not torch.equal(one.isfinite(), other.isfinite()):
        return "finite on one device only"
    finite = one.isfinite()
    off = (one - other).abs()[finite]
    if not off.numel():
        return ""
    laid = TOLERANCES.get(found.dtype)
    allowed = laid.atol + laid.rtol * one.abs()[finite] if laid else torch.ones_like(off)
    found.count += off.numel()
    found.absolute = max(found.absolute, float(off.max()))
    scale = one.abs()[finite].clamp(min=torch.finfo(torch.float32).tiny)
    found.relative = max(found.relative, float((off / scale).max()))
    found.tolerances = max(found.tolerances, float((off / allowed).max()))
    return ""


def _repeat(name: str, exam: Exam, findings: Findings) -> None:
    """The GPU has to give the same bits every time."""
    solution = reference(exam.assignment)
    first = exam.reference.trials[0].beside
    if "cuda" not in first:
        return
    for _ in range(AGAIN):
        again = exam.observer.watch(solution, 0).beside["cuda"]
        for exercise, by_name in again.probes.items():
            for probe, seen in by_name.items():
                pairs = _pairs(first["cuda"].probes[exercise][probe]["cuda"], seen["cuda"])
                if not all(torch.equal(one, other) for _, one, other in pairs):
                    findings.problems.append(
                        f"{name}: {exercise}: {probe}: other bits the next time"
                    )


def _time(name: str, exam: Exam, findings: Findings) -> None:
    """One run alone on each device, and a batch on the CPU and on both."""
    observer, solution = exam.observer, reference(exam.assignment)
    on_cpu = replace(observer, gpu=None, devices=("cpu",))
    times: dict[str, float] = {"places": observer.places}
    times["one_cpu"] = _seconds(lambda: on_cpu.watch(solution, 0))
    times["one_both"] = _seconds(lambda: observer.watch(solution, 0))
    times["batch_cpu"] = _batch(exam, "cpu")
    times["batch_both"] = _batch(exam, "cuda")
    findings.times[name] = times


def _batch(exam: Exam, device: str) -> float:
    """Seconds that a batch of equal submissions takes, none of them seen before."""
    fresh = Exam(exam.course, exam.assignment, exam.sandbox, Options(device=device, force=True))
    _ = fresh.reference
    solution = reference(exam.assignment)
    copies = [_marked(solution, number) for number in range(BATCH)]
    return _seconds(lambda: fresh.observe(copies, lambda done, total: None))


def _marked(solution: Submission, number: int) -> Submission:
    """The same submission as another student's, which equal ones are not observed for again."""
    cells = [*solution.cells]
    cells[0] = replace(cells[0], source=f"{cells[0].source}\n# {number}")
    return replace(solution, student=f"student {number}", cells=tuple(cells))


def _seconds(run: Any) -> float:
    begun = time.monotonic()
    run()
    return round(time.monotonic() - begun, 3)


def _machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cores": os.cpu_count(),
    }


def _text(findings: Findings, gpu: Gpu, mode: str) -> str:
    machine = _machine()
    lines = [
        "# CPU and CUDA, side by side",
        "",
        f"{gpu.name}, driver {gpu.driver}, {gpu.memory_mb} MB; torch {machine['torch']}, Python "
        f"{machine['python']}, {machine['cores']} cores; {mode}.",
        "",
        "## Judged on the CPU alone and on both",
        "",
        "| assignment | misconceptions | the same | another |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {one['misconceptions']} | {one['same']} | {one['other']} |"
        for name, one in findings.judged.items()
    ]
    lines += ["", "(With the reference, whose every check has to pass.)", ""]
    lines += [
        "## The references' largest differences",
        "",
        "| assignment | exercise | dtype | numbers | absolute | relative | CPU tolerances |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.assignment} | {one.exercise} | {one.dtype} | {one.count} | {one.absolute:.2g} | "
        f"{one.relative:.2g} | {one.tolerances:.2g} |"
        for one in sorted(findings.differences.values(), key=lambda one: -one.tolerances)
    ]
    lines += [
        "",
        "## Times, in seconds",
        "",
        f"A run of the reference alone; {BATCH} submissions, two trials each.",
        "",
        "| assignment | one, CPU | one, both | batch, CPU | batch, both | at once on the GPU |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {one['one_cpu']:.2f} | {one['one_both']:.2f} | {one['batch_cpu']:.2f} | "
        f"{one['batch_both']:.2f} | {one['places']:.0f} |"
        for name, one in findings.times.items()
    ]
    lines += ["", "## What does not hold", ""]
    lines += [f"- {one}" for one in findings.problems] or ["Nothing."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
