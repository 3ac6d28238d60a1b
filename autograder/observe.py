"""Observe submissions: run each in the sandbox, once a trial, and keep what was seen.

An observation is named by the hash of all that went into it, so nothing is observed twice and an
interrupted batch goes on where it stopped. Nothing here knows of points or checks.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
import tokenize
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from threading import Lock, Semaphore
from typing import TYPE_CHECKING, Any

from autograder.assignment import Assignment
from autograder.config import Assignment as Policy
from autograder.course import Key
from autograder.errors import MachineError, MachineStopped
from autograder.gpu import HOST_MB, START_SECONDS, Gpu
from autograder.isolation import INSIDE, PACKAGE_ROOT
from autograder.observation import Observation, ObservationError, joined
from autograder.sandbox import Limits, Sandbox, SandboxBroken, SandboxUnavailable
from autograder.store import content_of, file_of, set_aside
from autograder.submission import Submission, reference

if TYPE_CHECKING:
    from autograder.cluster.cluster import Kind

__all__ = ["Observer", "Trial", "without_notes"]

log = logging.getLogger(__name__)
CUDA = re.compile(r"""["']cuda["']""")
NOT_SEEN = {"tolerances", "tolerances_cuda", "checks", "trials"}
"""Settings that no run depends on, or that its job has already."""
OF_DEVICES = {"devices", "gpu_memory_mb", "without_device"}
"""Settings that a run on the CPU does not depend on: it is the same with a GPU and without."""
_reading = Lock()
"""Kept observations are read one at a time: threads that read at once wait for Python's lock at
every tensor, and take twice the processor time."""


def _code_digest() -> str:
    """Hash of the code that observes: a change of it makes observations anew."""
    hashed = hashlib.sha256()
    for name in INSIDE:
        path = PACKAGE_ROOT / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            hashed.update(file.read_bytes())
    return hashed.hexdigest()


def _kept(path: Path) -> Observation | None:
    """The stored observation; nothing where there is none, or none that is whole."""
    if not path.exists():
        return None
    try:
        with _reading:
            return Observation.load(path)
    except ObservationError as error:
        log.warning("%s is made again: %s", path, error)
        return None


@dataclass(frozen=True)
class Trial:
    """One observe run, on one device: the trial's number, the name of its observation, the file
    and its SHA-256.

    ``seen`` is the observation if it was made or read just now: parsing it takes a while.
    """

    number: int
    digest: str
    path: Path
    content: str
    seen: Observation | None = field(default=None, repr=False, compare=False)

    def load(self) -> Observation:
        return self.seen or Observation.load(self.path)


@dataclass
class Observer:
    """Observes submissions of one assignment. May be used from several threads at once.

    ``referred`` are the files, by their SHA-256, that have to stay when they are made anew.
    ``gpu`` is where probes run that ``devices`` has ``cuda`` for. A trial is one process on the
    CPU, which sees no GPU, and one more on the GPU, as no process may have two submissions in it.
    ``environment`` are variables that notebooks see besides the usual ones.
    """

    assignment: Assignment
    policy: Policy
    key: Key
    store: Path
    sandbox: Sandbox | Kind
    devices: tuple[str, ...]
    texts: Mapping[str, str]
    referred: Set[str] = frozenset()
    gpu: Gpu | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    _made: set[str] = field(default_factory=set, init=False)
    _turns: dict[str, Lock] = field(default_factory=dict, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    @cached_property
    def places(self) -> int:
        """How many runs the GPU's memory has room for at once."""
        return self.gpu.places(self.policy.gpu_memory_mb) if self.gpu is not None else 0

    @cached_property
    def _free(self) -> Semaphore:
        return Semaphore(self.places)

    @property
    def uses_gpu(self) -> bool:
        """Whether there is a GPU and a probe that could run on it."""
        return self.gpu is not None and "cuda" in self.devices and bool(CUDA.search(self._probes))

    @cached_property
    def _probes(self) -> str:
        return without_notes(self.assignment.probes)

    @cached_property
    def _common(self) -> bytes:
        """What most runs have in common, for the sandbox to compile once: the cells that are not
        for students to change, as they lie among the others, and the probes."""
        source = reference(self.assignment)
        cells = [
            (place + 1, run.source)
            for place, run in enumerate(source.cells)
            if not source.notebook.cells[run.index].metadata.get("nbgrader", {}).get("solution")
        ]
        return json.dumps({"cells": cells, "probes": self._probes}).encode()

    def observe(self, submission: Submission, *, fresh: bool = False) -> list[Trial]:
        """All trials of ``submission``, first those on the CPU; none if it cannot be read.
        ``fresh`` uses no stored one."""
        trials = self.on_cpu(submission, fresh=fresh)
        return [*trials, *self.on_gpu(submission, trials, fresh=fresh)]

    def on_gpu(
        self, submission: Submission, trials: Sequence[Trial], *, fresh: bool = False
    ) -> list[Trial]:
        """The same ``trials`` on the GPU, up to the last cell that ended on the CPU; waits for room
        in its memory. None where there is no GPU, or nothing to do for it."""
        if not trials or not self.uses_gpu:
            return []
        count = len(trials[0].load().cells)
        return [self._trial(submission, one.number, count, fresh, "cuda") for one in trials]

    def on_cpu(self, submission: Submission, *, fresh: bool = False) -> list[Trial]:
        """The trials of ``submission`` on the CPU; none if it cannot be read.

        After a run that was killed, later trials run up to the last cell that ended, so that a
        literal gains nothing from an endless loop behind it. Where no cell has ended they run
        none: what a frame written by hand says of trial 0 alone counts for nothing.
        """
        if submission.unreadable or not submission.cells:
            return []
        first = self._trial(submission, 0, len(submission.cells), fresh)
        count = len(submission.cells)
        if self.policy.trials > 1:
            seen = first.load()
            if seen.ending.how != "finished":
                count = len(seen.cells)
        later = [
            self._trial(submission, number, count, fresh) for number in range(1, self.policy.trials)
        ]
        return [first, *later]

    def watch(
        self, submission: Submission, number: int, *, threads: int = 1, start: int = 0
    ) -> Observation:
        """Trial ``number`` run once more, with ``threads`` of torch's; kept nowhere.

        ``start`` is added to what the generators are seeded with before the first cell: it moves
        only what draws without a seed of its own.
        """
        moved = {"threads": threads, "start": start}
        count, devices = len(submission.cells), ["cpu", *(["cuda"] if self.uses_gpu else [])]
        jobs = [self._job(submission, number, count, device) for device in devices]
        return joined(self._run({**job, **moved}, submission) for job in jobs)[0]

    def _trial(
        self, submission: Submission, number: int, count: int, fresh: bool, device: str = "cpu"
    ) -> Trial:
        job = self._job(submission, number, count, device)
        inputs = json.dumps([job, submission.digest, self._circumstances(device)], sort_keys=True)
        digest = hashlib.sha256(inputs.encode()).hexdigest()
        path = file_of(self.store, digest)
        # Of equal submissions the second one waits for the first one's: each result names the file
        # that it was judged from, so that none may take another's place.
        with self._turn(digest):
            kept = _kept(path) if not fresh or digest in self._made else None
            if kept is not None:
                return Trial(number, digest, path, content_of(path), kept)
            seen = self._run(job, submission)
            if self.referred and path.exists() and (old := content_of(path)) in self.referred:
                set_aside(path, old)
            seen.save(path)
            self._made.add(digest)
            return Trial(number, digest, path, content_of(path), seen)

    def _turn(self, digest: str) -> Lock:
        with self._lock:
            return self._turns.setdefault(digest, Lock())

    def _circumstances(self, device: str) -> dict[str, Any]:
        """What else an observation depends on: versions, isolation, limits, our own code, and on
        the GPU which one it is and its driver."""
        facts = {name: one for name, one in self.sandbox.facts.items() if name != "cuda"}
        if device == "cuda" and self.gpu is not None:
            facts |= self.gpu.facts
        return {"facts": facts, **self._unmoved}

    @cached_property
    def _unmoved(self) -> dict[str, Any]:
        limits = self.policy.model_dump(mode="json", exclude=NOT_SEEN | OF_DEVICES)
        return {"limits": limits, "code": _code_digest()}

    def _job(self, submission: Submission, number: int, count: int, device: str) -> dict[str, Any]:
        megabyte = 2**20
        exercises = self.assignment.exercises
        return {
            "cells": [
                {"source": cell.source, "exercise": cell.exercise}
                for cell in submission.cells[:count]
            ],
            "names": {one.id: list(one.names) for one in exercises},
            "also": {one.id: list(one.observe) for one in exercises},
            "probes": self._probes,
            "devices": [one for one in self.devices if one == device],
            "threads": 1,
            "start": 0,
            "gpu_mb": self.policy.gpu_memory_mb if device == "cuda" else 0,
            "shown": number == 0 and device == "cpu",
            "shift": self.key.shift(number),
            "key": self.key.draws(number),
            "limits": {
                "cell_seconds": self.policy.seconds_per_cell,
                "output_characters": self.policy.output_kb * 1024,
                "all_output_characters": self.policy.observation_mb * megabyte // 8,
                "tensor_bytes": self.policy.observation_mb * megabyte // 4,
                "total_bytes": self.policy.observation_mb * megabyte // 2,
            },
            "texts": dict(self.texts),
            "environment": dict(self.environment),
        }

    def _run(self, job: Mapping[str, Any], submission: Submission) -> Observation:
        if not job["gpu_mb"]:
            return self._run_with(job, submission, self._limits, "cpu")
        limits = replace(
            self._limits,
            seconds=self._limits.seconds + START_SECONDS,
            memory_mb=self._limits.memory_mb + HOST_MB,
            gpu=True,
        )
        with self._free:
            return self._run_with(job, submission, limits, "cuda")

    @property
    def _limits(self) -> Limits:
        return Limits(
            seconds=self.policy.seconds_per_trial,
            memory_mb=self.policy.memory_mb,
            processes=self.policy.processes,
            scratch_mb=self.policy.scratch_mb,
            reply_mb=self.policy.observation_mb,
        )

    def _run_with(
        self, job: Mapping[str, Any], submission: Submission, limits: Limits, device: str
    ) -> Observation:
        for attempt in range(1, self.sandbox.attempts + 1):
            try:
                return self._attempt(job, submission, limits, device)
            except SandboxUnavailable as error:
                raise MachineStopped(str(error)) from error
            except SandboxBroken as error:
                if attempt == self.sandbox.attempts:
                    often = "twice" if attempt == 2 else f"{attempt} times"
                    raise MachineError(f"the sandbox broke {often}: {error}") from error
        raise AssertionError("the loop above returns or raises")

    def _attempt(
        self, job: Mapping[str, Any], submission: Submission, limits: Limits, device: str
    ) -> Observation:
        seen, told = Observation(device=device), device == "cpu"

        def take(frame: dict[str, Any], payload: bytes) -> None:
            nonlocal told
            if told:
                seen.accept(frame, payload)
            told = True  # what comes first tells of the GPU: no cell has run yet

        ended = self.sandbox.run(
            job, limits=limits, files=submission.files, on_frame=take, prepared=self._common
        )
        if not told:
            # Somebody else may have had its memory for a moment.
            raise SandboxBroken(f"CUDA did not start ({ended.how}: {ended.detail.strip()[-300:]})")
        seen.end(ended.how, ended.detail)
        return seen


def without_notes(source: str) -> str:
    """The text of probes without comments and docstrings, every line where it was.

    A notebook can read, and show, the code that probes it. What an author notes beside that code
    is for colleagues.
    """
    kept: list[tokenize.TokenInfo] = []
    begins = True
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                continue
            if token.type == tokenize.STRING and begins:
                lines = token.end[0] - token.start[0]
                token = token._replace(string="'''" + lines * "\n" + "'''")
            kept.append(token)
            if token.type != tokenize.NL:
                begins = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    except (tokenize.TokenError, SyntaxError):
        return source  # no Python: it will say so itself, with its line
    return tokenize.untokenize(kept)
