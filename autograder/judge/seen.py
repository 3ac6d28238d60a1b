"""What a check may look at: one side's observations, by name and by probe, in one trial."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from autograder.judge.finding import CheckFailed, Finding
from autograder.observation import Observation, Snapshot
from autograder.values import (
    ArrayValue,
    CallValue,
    Error,
    ListValue,
    MappingValue,
    NoValue,
    PlainValue,
    TensorValue,
    Value,
    kind_of,
)

__all__ = ["Broken", "Item", "Looked", "Observed", "Seen", "View", "raised"]


class Broken(Exception):
    """Our fault: the reference does not have what a check asks for."""


@dataclass(frozen=True)
class Item:
    """One thing that a check looks at: a ``name``, a ``probe``, whether names share ``memory``, or
    the ``generator``'s state as an exercise left it."""

    kind: str
    exercise: str
    name: str = ""
    device: str = "cpu"


Looked = Value | Finding
"""What there is to see of an item: a value, or why there is none."""


@dataclass(frozen=True)
class Observed:
    """All trials of one submission, and what judging has to know of the submission itself.

    ``solutions`` gives, by exercise, the positions of its solution cells among the cells that
    ran; ``names`` the names that each exercise asks for.
    """

    trials: Sequence[Observation]
    names: Mapping[str, Sequence[str]]
    solutions: Mapping[str, Sequence[int]] = field(default_factory=dict)
    damage: Mapping[str, str] = field(default_factory=dict)
    is_reference: bool = False
    unreadable: str = ""
    """Why there are no trials, in a sentence."""

    def look(self, item: Item, trial: int) -> Looked:
        """What is to be seen of ``item`` in ``trial``."""
        view = View(self, item.exercise, trial, item.device)
        try:
            match item.kind:
                case "name":
                    return view._named(item.exercise, item.name, trial)
                case "probe":
                    return view.probe(item.name).value
                case "memory":
                    return PlainValue("bool", view.shares_memory(*item.name.split()))
                case "generator":
                    state = view.generator(item.exercise)
                    return PlainValue("str", "" if state is None else str(state.tolist()))
        except CheckFailed as failed:
            return failed.finding
        raise AssertionError(f"there is no kind of item {item.kind!r}")


@dataclass(frozen=True)
class Seen:
    """One observed value. ``label`` names it in messages; ``earlier`` is trial 0's, if later."""

    value: Value
    label: str
    is_reference: bool
    trial: int = 0
    earlier: Value | None = None
    public: bool = True
    """Whether the student knows the inputs: values of probes are never shown."""

    def __getitem__(self, key: str | int) -> Seen:
        """A part of a probe's result: by key of a dictionary, by place in a list."""
        items = getattr(self.value, "items", None)
        try:
            part = items[key]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            if self.is_reference:
                raise Broken(f"{self.label}: the probe's result has no {key!r}") from None
            raise CheckFailed(Finding("too_large", {"name": self.label})) from None
        return self._with(part, _function_of(part) or self.label)

    @property
    def parts(self) -> list[Seen]:
        """The parts of a list, in order."""
        if isinstance(self.value, ListValue):
            return [self._with(one, self.label) for one in self.value.items]
        if self.is_reference:
            raise Broken(f"{self.label}: there is no list here")
        raise CheckFailed(Finding("too_large", {"name": self.label}))

    def _with(self, value: Value, label: str) -> Seen:
        """As ``replace`` would make it, which looks up all the fields each time."""
        return Seen(value, label, self.is_reference, self.trial, self.earlier, self.public)

    @property
    def holds(self) -> bool:
        """Whether this is ``True``: how a probe tells of what it asked itself."""
        return isinstance(self.value, PlainValue) and self.value.value is True

    @property
    def number(self) -> int | float | None:
        """The Python number that this is; ``None`` for anything else."""
        value = self.value.value if isinstance(self.value, PlainValue) else None
        return value if type(value) in (int, float) else None  # type: ignore[return-value]

    def named(self, label: str) -> Seen:
        """The same value under another name in messages."""
        return self._with(self.value, label)

    @property
    def kind(self) -> str:
        """The kind of this value, as messages name it."""
        return kind_of(self.value)

    @property
    def returned(self) -> Seen:
        """What the call that this is gave back."""
        return self._with(self.call.value, self.call.function)

    @property
    def call(self) -> CallValue:
        """This value as the call that a probe made."""
        if isinstance(self.value, CallValue):
            return self.value
        if self.is_reference:
            raise Broken(f"{self.label}: the probe made no call here")
        if isinstance(self.value, NoValue):
            raise CheckFailed(Finding("too_large", {"name": self.label}))
        raise CheckFailed(
            Finding("kind", {"name": self.label, "got": self.kind, "asked": "function"})
        )

    @property
    def tensor(self) -> torch.Tensor | None:
        """The values as a tensor, where this is a tensor or an array that carries them."""
        return self.value.value if isinstance(self.value, TensorValue | ArrayValue) else None


@dataclass(frozen=True)
class View:
    """The fixtures ``student`` and ``reference``: ``view["name"]``, ``view.probe("name")``.

    ``touched`` fills with what a check has looked at: where it fails, the cause is among that.
    """

    observed: Observed
    exercise: str
    trial: int
    device: str
    touched: set[Item] = field(default_factory=set, compare=False)

    def __getitem__(self, name: str) -> Seen:
        """The value of ``name`` right after the cell of this exercise, or of the nearest earlier
        exercise that asks for it; ``"gradiente.w"`` is ``w`` as the cell of ``gradiente`` left it.
        """
        exercise, name = self._owner(name)
        self.touched.add(Item("name", exercise, name))
        value = self._named(exercise, name, self.trial)
        early = self._try(exercise, name, 0) if self.trial else None
        return Seen(value, name, self.observed.is_reference, self.trial, early)

    def probe(self, name: str) -> Seen:
        """What the probe ``name`` of this exercise saw on this device."""
        self.touched.add(Item("probe", self.exercise, name, self.device))
        self._snapshot(self.exercise, self.trial)
        by_name = self._observation.probes.get(self.exercise, {})
        if name not in by_name or self.device not in by_name[name]:
            if self.observed.is_reference:
                raise Broken(f"exercise {self.exercise}: no probe {name!r} on {self.device}")
            raise self._ended_in_probe()
        value = by_name[name][self.device]
        label = _function_of(value) or name
        seen = Seen(value, label, self.observed.is_reference, self.trial, public=False)
        if isinstance(value, NoValue):
            self._refuse(value, name)
        return seen

    def is_misshapen(self, model: View) -> bool:
        """Whether some probe of this exercise has a result that it cannot have given.

        Frames can be written by hand; a check that stumbles over one is not its author's mistake.
        """
        own, theirs = (view._observation.probes.get(self.exercise, {}) for view in (self, model))
        return any(
            self.device in by_device
            and self.device in own.get(name, {})
            and _is_misshapen(own[name][self.device], by_device[self.device])
            for name, by_device in theirs.items()
        )

    def generator(self, exercise: str) -> torch.Tensor | None:
        """State of torch's global CPU generator as the cell of ``exercise`` left it (uint8)."""
        self.touched.add(Item("generator", exercise))
        return self._snapshot(exercise, self.trial).generator

    def shares_memory(self, *names: str) -> bool:
        """Whether all ``names`` of this exercise look at the same memory."""
        self.touched.add(Item("memory", self.exercise, " ".join(names)))
        groups = self._snapshot(self.exercise, self.trial).memory
        return any(set(names) <= set(group) for group in groups)

    def trials_of(self, name: str) -> list[Value | None]:
        """The value of ``name`` in every trial; ``None`` where there is none."""
        exercise, name = self._owner(name)
        return [self._try(exercise, name, trial) for trial in range(len(self.observed.trials))]

    @property
    def _observation(self) -> Observation:
        return self.observed.trials[self.trial]

    def _owner(self, name: str) -> tuple[str, str]:
        """The exercise that ``name`` is of, and its plain name."""
        exercises = list(self.observed.names)
        exercise, dot, plain = name.partition(".")
        if dot and exercise in exercises:
            return exercise, plain
        upto = exercises[: exercises.index(self.exercise) + 1]
        for exercise in reversed(upto):
            if name in self.observed.names[exercise]:
                return exercise, name
        raise Broken(f"no exercise up to {self.exercise!r} asks for {name!r}")

    def _try(self, exercise: str, name: str, trial: int) -> Value | None:
        try:
            return self._named(exercise, name, trial)
        except CheckFailed:
            return None

    def _named(self, exercise: str, name: str, trial: int) -> Value:
        snapshot = self._snapshot(exercise, trial)
        for values in (snapshot.names, snapshot.also):
            if name in values:
                return values[name]
        if self.observed.is_reference:
            raise Broken(f"exercise {exercise}: the reference does not define {name!r}")
        why = self._undefined(exercise, name, trial)
        # Of a stub that nobody touched, a left-over of its name tells nothing.
        if name in snapshot.elsewhere and why.finding.kind != "unsolved":
            raise CheckFailed(Finding("elsewhere", {"name": name}))
        raise why

    def _undefined(self, exercise: str, name: str, trial: int) -> CheckFailed:
        """Why a cell that ran did not define ``name``."""
        cells = self.observed.trials[trial].cells
        places = self.observed.solutions.get(exercise, ())
        runs = [cells[place] for place in places if place in cells]
        last = runs[-1] if runs else None
        if last is None or last.status == "ok" or last.error is None:
            return CheckFailed(Finding("undefined", {"name": name}))
        if last.status == "interrupted":
            return CheckFailed(Finding("cell_interrupted", {"name": name}), "timed_out")
        return raised("cell_raised", name, last.error)

    def _snapshot(self, exercise: str, trial: int) -> Snapshot:
        observation = self.observed.trials[trial]
        if exercise in observation.snapshots:
            return observation.snapshots[exercise]
        if self.observed.is_reference:
            raise Broken(f"the reference ended before exercise {exercise!r}")
        if exercise in self.observed.damage:
            raise CheckFailed(Finding(f"solution_{self.observed.damage[exercise]}"))
        raise self._never_ended(exercise, observation)

    def _never_ended(self, exercise: str, observation: Observation) -> CheckFailed:
        """Why the exercise's cell has no snapshot: it ended the run, or it never got its turn."""
        how = observation.ending.how
        running = len(observation.cells)
        places = self.observed.solutions.get(exercise, ())
        if running not in places and running <= max(places, default=0):
            return CheckFailed(Finding("blocked", {"how": how}), "blocked")
        return _ended(how)

    def _ended_in_probe(self) -> CheckFailed:
        run = self._observation.beside.get(self.device)
        if run is not None:
            return self._never_ended(self.exercise, run)
        return _ended(self._observation.ending.how)

    def _refuse(self, value: NoValue, probe: str) -> None:
        if self.observed.is_reference:
            raise Broken(f"exercise {self.exercise}: a probe failed on the reference ({value})")
        match value.why:
            case "missing":
                self._named(self.exercise, value.name, self.trial)
                raise CheckFailed(Finding("undefined", {"name": value.name}))
            case "interrupted":
                raise CheckFailed(Finding("call_interrupted"), "timed_out")
            case "failure" if value.error is not None:
                raise raised("probe_failed", value.name, value.error)
            case _:
                raise CheckFailed(Finding("too_large", {"name": probe}))


def _is_misshapen(own: Value, model: Value) -> bool:
    """Whether ``own`` differs from ``model`` in what the probe itself has made: dictionaries, their
    keys, lists, calls, truth values. Where the probe was cut short there is nothing to compare."""
    if isinstance(own, NoValue):
        return False
    match model:
        case MappingValue():
            if not isinstance(own, MappingValue) or own.items.keys() != model.items.keys():
                return True
            return any(_is_misshapen(own.items[key], one) for key, one in model.items.items())
        case ListValue():
            if not isinstance(own, ListValue):
                return True
            return any(map(_is_misshapen, own.items, model.items))
        case CallValue():
            return not isinstance(own, CallValue)
        case PlainValue(kind="bool"):
            return not (isinstance(own, PlainValue) and own.kind == "bool")
        case _:
            return False


def _function_of(value: Value) -> str | None:
    """The name of the student's function that a probe's result comes from."""
    if isinstance(value, CallValue):
        return value.function
    if isinstance(value, MappingValue):
        members: Iterable[Value] = value.items.values()
    elif isinstance(value, ListValue):
        members = value.items
    else:
        return None
    for one in members:
        if name := _function_of(one):
            return name
    return None


def raised(kind: str, name: str, error: Error) -> CheckFailed:
    """The student's code raised ``error``; a stub that nobody touched says so itself."""
    if error.name == "NotImplementedError":
        return CheckFailed(Finding("unsolved", {"name": name}), "errored")
    told = {"error": error.name, "message": error.message, "line": error.line}
    limit = _limit(error)
    if limit is not None:
        told["limit"] = limit
    return CheckFailed(Finding(kind, {"name": name, **told}), "errored")


LIMIT_SIGNS = {
    "gpu_memory": ("CUDA out of memory", "CUDA error: out of memory", "HIP out of memory"),
    "memory": ("can't allocate memory", "Cannot allocate memory", "out of memory"),
    "processes": ("can't start new thread", "Resource temporarily unavailable"),
    "disk": (
        *("No space left on device", "File too large", "File size limit exceeded"),
        *("requested and", "unexpected pos"),  # NumPy's words and torch's for half a file
    ),
}
"""By what an exception's message tells that a limit of the sandbox was passed."""


def _limit(error: Error) -> str | None:
    """The limit of the run that the student's code ran into, if ``error`` says so."""
    signs = ((limit, sign) for limit, found in LIMIT_SIGNS.items() for sign in found)
    passed = next((limit for limit, sign in signs if sign in error.message), None)
    return passed or ("memory" if error.name in ("MemoryError", "OutOfMemoryError") else None)


def _ended(how: str) -> CheckFailed:
    outcome = "timed_out" if how == "timed_out" else "errored"
    return CheckFailed(Finding(f"run_{how}"), outcome)
