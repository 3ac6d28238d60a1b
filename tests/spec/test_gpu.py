"""What a GPU changes for a course, with one that is none (``fake_gpu``): this machine has none.

That CUDA itself works, and works in the sandbox, only ``make gpu`` tells, on a machine with a GPU.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat
import pytest

ON_BOTH = 'devices=["cpu", "cuda"]'
DOUBLE = "def doble(z):\n    return 2 * z"


@pytest.fixture(scope="module")
def fake_sandbox(repository):
    """The real sandbox with the fake GPU in it."""
    with _open(repository) as sandbox:
        yield sandbox


def _open(repository):
    from autograder.isolation import INSIDE
    from autograder.sandbox import Sandbox

    return Sandbox(
        entry="tests.fake_gpu", package_root=repository, modules=[*INSIDE, "tests/fake_gpu.py"]
    )


@dataclass
class Batch:
    """One batch of the small course: reports (JSON) by student, and what they were made from."""

    exam: Any
    reports: dict[str, Any]
    comments: dict[str, Any]

    def double(self, student):
        """The check of `doble`."""
        (exercise,) = (one for one in self.reports[student]["exercises"] if one["id"] == "doble")
        return exercise["checks"][0]


@pytest.fixture
def grade(make_small, tmp_path, fake_sandbox):
    """Grades notebooks of the small course, whose `doble` is probed on both devices."""
    small = make_small(tmp_path / "course")
    small.change("checks", 'exercise="doble", points=1', f'exercise="doble", points=1, {ON_BOTH}')
    small.change("probes", '@probe("doble")', f'@probe("doble", {ON_BOTH})')
    config = small.root / "grading_config.yaml"
    text = config.read_text("utf-8").replace("- cpu", "- cpu\n  - cuda")
    number = iter(range(100))

    def run(answers, *, settings="", sandbox=fake_sandbox, device="auto", seconds=5.0):
        from autograder.course import Course
        from autograder.exam import REFERENCE, Exam, Options, refuse_wrong_checks
        from autograder.judge.batch import Batch as Judging
        from autograder.judge.batch import judge
        from autograder.render.comment import comments
        from autograder.render.json import report_json
        from autograder.submission import read_submission
        from autograder.words import Words

        laid = text.replace("defaults:", f"defaults:\n  seconds_per_trial: {seconds}{settings}")
        config.write_text(laid, "utf-8")
        course = Course.at(small.root)
        assignment = course.assignment(small.name)
        place = tmp_path / str(next(number))
        submissions = []
        for student, code in answers.items():
            notebook = nbformat.read(small.path("source"), as_version=4)
            for cell in notebook.cells:
                if cell.metadata.get("nbgrader", {}).get("grade_id") == "doble":
                    cell.source = code
            (place / student).mkdir(parents=True)
            nbformat.write(notebook, place / student / f"{small.name}.ipynb")
            submissions.append(read_submission(place / student, student, assignment))
        exam = Exam(course, assignment, sandbox, Options(jobs=4, device=device))
        exam.observe(submissions, lambda done, total: None)
        seen = {REFERENCE: exam.reference, **exam.seen}
        batch = Judging(assignment, exam.policy, exam.reference, seen, exam.devices)
        judge(batch)
        refuse_wrong_checks(assignment, batch)
        reports = {one.student: exam.report(one, batch) for one in submissions}
        return Batch(
            exam,
            {student: report_json(one, Words("es")) for student, one in reports.items()},
            {student: comments(one, "es") for student, one in reports.items()},
        )

    return run


def test_functions_are_probed_on_both_devices_and_the_report_names_the_gpu(grade):
    batch = grade({"ana": DOUBLE})
    assert batch.exam.devices == ("cpu", "cuda")
    check = batch.double("ana")
    assert (check["outcome"], check["devices"], check["not_run"]) == ("passed", ["cpu", "cuda"], [])
    made_from = batch.reports["ana"]["made_from"]
    assert (made_from["gpu"], made_from["driver"], made_from["cuda"]) == (
        "Fake GPU",
        "1.2.3",
        "0.0",
    )
    assert len(made_from["trials"]) == 4, "two trials on each device"
    assert "note" not in check


def test_a_result_that_left_its_inputs_device_is_named(grade):
    check = grade({"ana": "def doble(z):\n    return (2 * z).cpu()"}).double("ana")
    assert check["outcome"] == "failed"
    assert "está en `cpu` y debía estar en `cuda`" in check["message"]


def test_what_is_wrong_on_one_device_only_loses_the_check(grade):
    wrong = "def doble(z):\n    return (3 if torch.cuda.is_available() else 2) * z"
    assert grade({"ana": wrong}).double("ana")["outcome"] == "failed"


def test_cells_see_no_gpu_where_their_values_are_judged(grade):
    """Else a notebook that moves to CUDA where there is one would be another one here."""
    code = f"import os\nassert os.environ['CUDA_VISIBLE_DEVICES'] == ''\n{DOUBLE}"
    batch = grade({"ana": code})
    first, second = (one.load() for one in batch.exam.trials["ana"] if one.load().device == "cpu")
    assert not any(cell.error for run in (first, second) for cell in run.cells.values())


def test_the_limit_of_the_gpus_memory_has_its_sentence(grade):
    code = (
        "def doble(z):\n"
        "    if torch.cuda.is_available():\n"
        "        raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 9.00 GiB.')\n"
        "    return 2 * z"
    )
    check = grade({"ana": code}).double("ana")
    assert check["outcome"] == "errored"
    assert check["message"].endswith("Superó el límite de memoria de la GPU.")


def test_a_broken_context_costs_only_its_own_submission_and_only_what_cuda_earns(grade):
    breaks = (
        "import builtins\n"
        "def doble(z):\n"
        "    if torch.cuda.is_available():\n"
        "        builtins.context = 'broken'\n"
        "    return 2 * z"
    )
    batch = grade({"ana": breaks, "eva": DOUBLE})
    assert batch.double("eva")["outcome"] == "passed"
    check = batch.double("ana")
    assert (check["outcome"], check["score"]) == ("errored", 0)
    assert "illegal memory access" in check["message"]
    assert batch.reports["ana"]["score"] == 2, "the exercise that the CPU judges keeps its points"


def test_a_run_that_dies_on_the_gpu_keeps_what_the_cpu_saw(grade):
    dies = "import os\nif torch.cuda.is_available():\n    os._exit(1)\n" + DOUBLE
    batch = grade({"ana": dies})
    assert (batch.double("ana")["outcome"], batch.reports["ana"]["score"]) == ("errored", 2)
    assert "terminó el proceso de Python" in batch.double("ana")["message"]


def test_frames_of_a_run_count_for_its_own_device_only():
    from autograder.observation import Observation, joined
    from autograder.values import NoValue

    seen, forged = NoValue("interrupted"), NoValue("cut")
    on_cpu = Observation(probes={"doble": {"p": {"cpu": seen, "cuda": forged}}})
    on_gpu = Observation(probes={"doble": {"p": {"cpu": forged, "cuda": seen}}}, device="cuda")
    (trial,) = joined([on_cpu, on_gpu])
    assert trial.probes == {"doble": {"p": {"cpu": seen, "cuda": seen}}}
    (trial,) = joined([on_cpu])
    assert trial.probes == {"doble": {"p": {"cpu": seen}}}


def test_the_cpus_observations_are_the_same_with_a_gpu_and_without(grade, warm_sandbox):
    """They are made once, and the GPU's are added on another machine."""
    without = grade({"ana": DOUBLE}, sandbox=warm_sandbox).exam.trials["ana"]
    with_one = grade({"ana": DOUBLE}).exam.trials["ana"]
    assert [one.path for one in without] == [one.path for one in with_one[:2]]
    assert len({one.path for one in with_one}) == 4


@pytest.mark.parametrize(
    "change", [{"name": "Another GPU"}, {"driver": "1.2.4"}, {"cuda": "13.0"}], ids=str
)
def test_another_gpu_driver_or_cuda_observes_anew(grade, change):
    exam = grade({"ana": DOUBLE}).exam
    observer = exam.observer
    other = replace(observer, gpu=replace(observer.gpu, **change))
    assert observer._circumstances("cuda") != other._circumstances("cuda")
    assert observer._circumstances("cpu") == other._circumstances("cpu")


def test_a_check_that_missed_the_gpu_says_so_and_rests_on_the_cpu(grade, warm_sandbox):
    batch = grade({"ana": DOUBLE}, sandbox=warm_sandbox)
    check, report = batch.double("ana"), batch.reports["ana"]
    assert (check["outcome"], check["score"], check["not_run"]) == ("passed", 1, ["cuda"])
    said = "No se comprobó en CUDA, porque aquí no hay: cuenta lo que sí se comprobó."
    assert check["note"] == said
    assert batch.comments["ana"]["doble"].count(said) == 1
    assert said not in batch.comments["ana"]["suma"]
    assert (report["status"], report["score"]) == ("graded", 3)


def test_where_the_course_waits_for_a_device_nothing_that_missed_it_counts(grade, warm_sandbox):
    batch = grade({"ana": DOUBLE}, sandbox=warm_sandbox, settings="\n  without_device: wait")
    check, report = batch.double("ana"), batch.reports["ana"]
    assert (check["outcome"], check["score"]) == ("broken", 0)
    assert check["message"] == "Aún sin calificar: espera una máquina con CUDA."
    assert (report["status"], report["waits_for"]) == ("broken", ["cuda"])
    waited = grade({"ana": DOUBLE}, settings="\n  without_device: wait")
    assert waited.reports["ana"]["status"] == "graded"
    assert "waits_for" not in waited.reports["ana"]


def test_a_device_that_the_course_does_not_ask_for_is_not_waited_for():
    from autograder.report import CheckResult, ExerciseResult, held_back

    check = CheckResult("`f`", "`f`", 1.0, 0.0, "not_run", missing_devices=("cuda",))
    exercise = ExerciseResult("uno", 1.0, (check,))
    assert held_back(exercise, ("cpu",)) == exercise
    assert held_back(exercise, ("cpu", "cuda")).outcome == "broken"


def test_the_cpu_is_asked_for_the_cpu_alone(grade):
    assert grade({"ana": DOUBLE}, device="cpu").exam.devices == ("cpu",)


def test_a_gpu_that_does_not_start_is_left_out_by_auto_and_refused_by_name(
    grade, repository, monkeypatch
):
    from autograder.errors import MachineError
    from autograder.sandbox import interpreter

    original = interpreter.environment
    monkeypatch.setattr(
        interpreter, "environment", lambda **how: {**original(**how), "FAKE_GPU": "defect"}
    )
    with _open(repository) as sandbox:
        batch = grade({"ana": DOUBLE}, sandbox=sandbox)
        assert (batch.exam.devices, batch.double("ana")["not_run"]) == (("cpu",), ["cuda"])
        with pytest.raises(MachineError, match=r"does not start in the sandbox.*not supported"):
            grade({"ana": DOUBLE}, sandbox=sandbox, device="cuda")


def test_each_run_on_the_gpu_waits_for_room_in_its_memory(grade):
    from autograder.gpu import CONTEXT_MB, Gpu

    gpu = Gpu("Fake GPU", "1.2.3", "0.0", memory_mb=8192, free_mb=8192)
    assert gpu.places(8192 // 2 - CONTEXT_MB) == 2
    assert gpu.places(100_000) == 1, "one at a time is always tried"

    exam = grade({"ana": DOUBLE}, settings="\n  gpu_memory_mb: 3000").exam
    observer, running, most = exam.observer, [], []
    assert observer.places == 2

    class Counting:
        facts, attempts = exam.sandbox.facts, exam.sandbox.attempts

        def run(self, job, **more):
            if job["gpu_mb"]:
                running.append(1)
                most.append(len(running))
            try:
                return exam.sandbox.run(job, **more)
            finally:
                if job["gpu_mb"]:
                    running.pop()

    counted = replace(observer, sandbox=Counting())
    submission = _submission(exam)
    with ThreadPoolExecutor(6) as pool:
        for one in [pool.submit(counted.watch, submission, 0) for _ in range(6)]:
            assert one.result().beside["cuda"].ending.how == "finished"
    assert max(most) == 2


def _submission(exam):
    from autograder.submission import reference

    return reference(exam.assignment)


def test_a_batch_runs_on_the_cpu_before_it_runs_on_the_gpu(grade, monkeypatch):
    from autograder.observe import Observer

    order, original = [], Observer._attempt

    def attempt(self, job, submission, limits, device):
        order.append((submission.student, device))
        return original(self, job, submission, limits, device)

    monkeypatch.setattr(Observer, "_attempt", attempt)
    grade({student: DOUBLE + f"  # {student}" for student in ("ana", "eva", "ivo")})
    mine = [device for student, device in order if student in ("ana", "eva", "ivo")]
    assert mine == ["cpu"] * 6 + ["cuda"] * 6


def test_an_assignment_without_probes_for_cuda_asks_nothing_of_the_gpu(grade):
    exam = grade({"ana": DOUBLE}).exam
    assert exam.observer.uses_gpu
    probes = exam.assignment.probes_path
    probes.write_text(probes.read_text("utf-8").replace(ON_BOTH, "devices=['cuda']"), "utf-8")
    assert replace(exam.observer, assignment=replace(exam.assignment)).uses_gpu
    probes.write_text(probes.read_text("utf-8").replace(", devices=['cuda']", ""), "utf-8")
    assert not replace(exam.observer, assignment=replace(exam.assignment)).uses_gpu


def test_a_run_on_the_gpu_has_what_cuda_needs_and_no_other_run_has(fake_sandbox):
    """Drivers from 570 on name their threads through /proc and make memory that is in no file."""
    code = (
        "import resource\n"
        "tried = {'files': resource.getrlimit(resource.RLIMIT_NOFILE)[0]}\n"
        "try:\n"
        "    open('/proc/self/task/' + __import__('os').listdir('/proc/self/task')[0] + '/comm',"
        " 'w').write('named')\n"
        "    tried['comm'] = True\n"
        "except OSError:\n"
        "    tried['comm'] = False\n"
        "import json\n"
        "print(json.dumps(tried))"
    )
    assert _tried(fake_sandbox, code, gpu_mb=0) == {"files": 256, "comm": False}
    assert _tried(fake_sandbox, code, gpu_mb=64) == {"files": 1024, "comm": True}


def _tried(sandbox, code, gpu_mb):
    from autograder.sandbox import Limits

    frames: list[Any] = []
    job = {
        "cells": [{"source": code, "exercise": None}],
        "names": {},
        "also": {},
        "probes": "",
        "devices": [],
        "threads": 1,
        "start": 0,
        "gpu_mb": gpu_mb,
        "shown": True,
        "shift": 0,
        "key": "",
        "limits": {
            "cell_seconds": 5.0,
            "tensor_bytes": 1000,
            "total_bytes": 1000,
            "output_characters": 1000,
            "all_output_characters": 1000,
        },
        "texts": {"question": "", "late": "", "cut": ""},
    }
    limits = Limits(gpu=bool(gpu_mb))
    ended = sandbox.run(job, limits=limits, on_frame=lambda frame, _: frames.append(frame))
    assert ended.how == "finished", ended
    (output,) = frames[-1]["outputs"]
    return json.loads(output["text"])


def test_a_machine_without_a_gpu_sets_nothing_for_one(monkeypatch):
    from autograder.sandbox import driver

    monkeypatch.setattr(driver, "nodes", list)
    assert driver.environment() == {}


def test_one_gpu_is_visible_and_its_sums_are_repeatable(monkeypatch, tmp_path):
    from autograder.sandbox import driver

    (tmp_path / "libcuda.so.1").touch()
    monkeypatch.setattr(driver, "nodes", lambda: [Path("/dev/nvidia0")])
    monkeypatch.setattr(driver, "USUAL", ())
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1")
    monkeypatch.setenv("LD_LIBRARY_PATH", f"relative:/usr/lib:{tmp_path}:{tmp_path}")
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    assert driver.environment() == {
        "CUDA_VISIBLE_DEVICES": "3",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        "NVIDIA_TF32_OVERRIDE": "0",
        "CUDA_CACHE_DISABLE": "1",
        "LD_LIBRARY_PATH": str(tmp_path),
    }
