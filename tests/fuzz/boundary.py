"""What is fuzzed: everything that the trusted side does with what comes from a child.

``parse`` takes any bytes, ``Judging`` what can be made of a real run. Both raise for a hole, and
for nothing else: bytes are refused with one clean error, or give an observation within bounds that
is read back the same and that every check, diagnosis and sentence copes with.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import re
import socket
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import torch
from mutations import Choices, Frame, changed, unpack
from safetensors.torch import save

from autograder.assignment import Assignment
from autograder.course import Course
from autograder.diagnosis.agreement import agree
from autograder.diagnosis.diagnose import diagnose
from autograder.diagnosis.tensors import explain
from autograder.exam import Exam, Options
from autograder.judge.batch import Batch, observed
from autograder.judge.carry import draws_from
from autograder.judge.compare import (
    assert_avoids,
    assert_loss_reduced,
    assert_matches,
    assert_ran,
    assert_requires_grad,
    assert_same_trajectory,
)
from autograder.judge.finding import CheckFailed
from autograder.judge.seen import Observed, Seen, View
from autograder.observation import Observation, ObservationError
from autograder.record.notebook import executed
from autograder.render.comment import comments
from autograder.render.json import report_json
from autograder.report import Report
from autograder.sandbox import Sandbox, wire
from autograder.sandbox import child as host
from autograder.sandbox.contract import TooMuch
from autograder.submission import Submission, reference
from autograder.values import TensorValue, Value
from autograder.words import Words

__all__ = ["Judging", "hear", "parse", "seeds"]

HERE = Path(__file__).parent
MAX_STREAM = 150_000
"""More would not fit into a socket that nobody reads from yet."""
FRAME_CAP, TOTAL_CAP = 16 << 20, 64 << 20


def seeds() -> list[list[Frame]]:
    """The frames of real runs, which `seeds.py` has recorded."""
    return [unpack(path.read_bytes()) for path in sorted((HERE / "frames").glob("*.bin"))]


# --- any bytes -----------------------------------------------------------------------------------


def parse(data: bytes, runs: Sequence[Sequence[Frame]]) -> Observation | None:
    """The observation that ``data`` gives. An odd first byte: it is a stream as it stands; an even
    one: a program that changes one of ``runs``."""
    if data[:1] and data[0] % 2:
        stream = data[1:]
    else:
        choices = Choices(data[1:2])
        frames = changed(list(choices.one(runs)), data[2:])
        stream = b"".join(frame.packed() for frame in frames)
    if len(stream) > MAX_STREAM:
        return None
    seen = hear(stream)
    survives(seen)
    return seen


def hear(stream: bytes) -> Observation:
    """What the host makes of a child that sends ``stream`` and dies."""
    seen = Observation()
    theirs, ours = socket.socketpair()
    with theirs, ours:
        if len(stream) > MAX_STREAM:
            threading.Thread(target=_send, args=(theirs, stream), daemon=True).start()
        else:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MAX_STREAM)
            _send(theirs, stream)
        reader = wire.Reader(ours, json_cap=FRAME_CAP, total_cap=TOTAL_CAP)
        try:
            while (ended := host._take(*reader.read(), seen.accept)) is None:
                pass
            seen.end(*ended)
        except wire.Closed:
            seen.end("died", "signal SIGKILL")
        except (wire.TooLarge, TooMuch) as error:
            seen.end("too_large", str(error))
        except (wire.Garbled, host._Objection) as error:
            seen.end("garbled", str(error))
    return seen


def _send(sock: socket.socket, stream: bytes) -> None:
    with contextlib.suppress(OSError):  # whoever reads has had enough
        sock.sendall(stream)
        sock.shutdown(socket.SHUT_WR)


def survives(seen: Observation) -> None:
    """An observation is written and read back the same, and everything can be asked of it."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as home:
        path = Path(home, "seen.safetensors")
        seen.save(path)
        again = Observation.load(path)
    assert repr(again.cells) == repr(seen.cells)
    assert repr(again.snapshots) == repr(seen.snapshots)
    assert repr(again.probes) == repr(seen.probes)
    assert again.ending == seen.ending
    assert again._outputs == seen._outputs
    for place in seen.cells:
        outputs = [nbformat.from_dict(one) for one in seen.outputs(place)]
        cell = {"cell_type": "code", "source": "", "metadata": {}, "outputs": outputs}
        notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        nbformat.v4.writes(nbformat.from_dict(notebook)).encode("utf-8")
    for value in values(seen):
        _asks(value)
    exercises = dict.fromkeys(seen.snapshots, ("x",))
    for exercise in seen.snapshots:
        view = View(Observed([seen], exercises), exercise, 0, "cpu")
        draws_from(view, exercise, lambda generator: torch.randn(3, generator=generator))


def values(seen: Observation) -> list[Value]:
    found: list[Value] = []
    for snapshot in seen.snapshots.values():
        found += [*snapshot.names.values(), *snapshot.also.values()]
    for by_name in seen.probes.values():
        found += [value for by_device in by_name.values() for value in by_device.values()]
    return found


MODELS = (torch.zeros(2), torch.ones(3, 2, dtype=torch.float64))
WORDS = tuple(map(Words, ("es", "en")))


def _asks(value: Value) -> None:
    """Everything that a check may do with a value, against itself and against a few others."""
    seen = Seen(value, "x", False)
    models = [Seen(value, "x", True), *MODELS]
    for model in models:
        _said(lambda: assert_matches(seen, model, trained=True, published=1.0))  # noqa: B023
    for check in (assert_ran, assert_requires_grad, lambda one: assert_avoids(one, "sigmoid")):
        _said(lambda: check(seen))  # noqa: B023
    _said(lambda: assert_loss_reduced(seen, by=0.9))
    _said(lambda: assert_same_trajectory(seen, [1.0, 0.5]))
    _said(lambda: seen["x"] and seen[0] and seen.returned)
    agree(value, value)
    if isinstance(value, TensorValue) and value.value is not None:
        for model in MODELS:
            explain(value.value, model)


def _said(ask: Any) -> None:
    from autograder.judge.seen import Broken

    try:
        ask()
    except CheckFailed as failed:
        for words in WORDS:
            sentence = words.finding(failed.finding)
            assert len(sentence) < 4000
            sentence.encode("utf-8")
    except Broken:
        pass  # the reference's side is hostile, too, where a value is compared with itself


# --- real runs, changed, before every check ------------------------------------------------------


class Judging:
    """The checks of one assignment, and the frames of its reference."""

    def __init__(self, course: Course, sandbox: Sandbox, name: str) -> None:
        exam = Exam(course, course.assignment(name), sandbox, Options(jobs=1))
        self.assignment: Assignment = exam.assignment
        self.model = exam.reference
        self.solution: Submission = reference(exam.assignment)
        self.runs = [frames_of(trial) for trial in self.model.trials]
        self.batch = Batch(exam.assignment, exam.policy, self.model, {}, exam.devices)
        spec = importlib.util.spec_from_file_location("fuzzed_checks", exam.assignment.checks_path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.checks = [one for one in vars(module).values() if hasattr(one, "autograder_check")]

    def __call__(self, program: bytes) -> Report:
        """The report of the reference's own run, changed by ``program``; the first byte says
        whether both trials are changed alike."""
        seen = []
        alike, program = bool(program[:1] and program[0] % 2), program[1:]
        for number, run in enumerate(self.runs):
            trial = Observation()
            try:
                own = program if alike or number == 0 else program[::-1]
                for frame in changed(run, own, sound=True):
                    trial.accept(*_crossed(frame))
                trial.end("finished", "")
            except (wire.WireError, ObservationError) as error:
                trial.end("garbled", str(error))
            seen.append(trial)
        return self.judge(seen)

    def judge(self, seen: Sequence[Observation]) -> Report:
        places: Mapping[str, Sequence[int]] = self.model.solutions
        student = observed(seen, self.assignment, places, {})
        batch = replace(self.batch, submissions={"x": student}, results={})
        for function in self.checks:
            check = function.autograder_check
            for name in check.each or [None]:
                place = function.__code__.co_firstlineno
                result = batch.run(function, check, place, "x", name)
                assert result.outcome != "broken"
        diagnose(batch, replace(batch, submissions={}, results={}), [])
        report = Report("x", self.assignment.name, batch.exercises("x"), "cpu")
        self._render(report, seen[0])
        return report

    def _render(self, report: Report, first: Observation) -> None:
        for language in ("es", "en"):
            text = json.dumps(report_json(report, Words(language)), ensure_ascii=False)
            said = comments(report, language)
            assert len(text.encode("utf-8")) < 1_000_000
            for comment in said.values():
                assert len(comment.encode("utf-8")) < 100_000
                assert not re.search(r"<(?!br)[a-z!/]", comment), comment
        nbformat.v4.writes(executed(self.solution, first, "es")).encode("utf-8")


def frames_of(seen: Observation) -> list[Frame]:
    """The frames that made ``seen``, each with its own tensors."""
    frames = []
    # Those of a stored observation are one text.
    for body in json.loads(f"[{', '.join(seen._frames)}]"):
        if body["frame"] == "cell":
            body["outputs"] = seen.outputs(body["index"])
        keys = sorted(_texts(body) & seen._tensors.keys())
        payload = save({key: seen._tensors[key] for key in keys}) if keys else b""
        frames.append(Frame(body, payload))
    return frames


def _texts(tree: Any) -> set[str]:
    if isinstance(tree, str):
        return {tree}
    parts = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return set().union(*map(_texts, parts)) if parts else set()


def _crossed(frame: Frame) -> tuple[dict[str, Any], bytes]:
    """The frame as it comes out of the wire."""
    packed = frame.packed()
    text, _ = wire.HEADER.unpack_from(packed)
    head = bytearray(packed[wire.HEADER.size : wire.HEADER.size + text])
    if wire._has_too_many_parts(head):
        raise wire.TooLarge("too many values")
    return wire._parse(head), frame.payload
