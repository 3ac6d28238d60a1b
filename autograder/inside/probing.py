"""Run an exercise's probes on the student's code. Observes; holds no expected value."""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import CodeType, ModuleType
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from autograder.inside.keep import kept
from autograder.inside.record import Recorder, Tree
from autograder.inside.seeding import seed_everything
from autograder.inside.shell import Interrupted, describe, time_limit
from autograder.packing import BASE
from autograder.probes import Probe, probes_in

__all__ = [
    "INTERRUPTED",
    "Call",
    "Draws",
    "Missing",
    "Student",
    "compiled",
    "load_probes",
    "run_probe",
    "watched_operators",
]

NAMESPACE = re.compile("^(fft|linalg|special)_")
"""What ``torch.linalg.det`` and the like have before their names."""
MAX_PRINTED = 20_000
INTERRUPTED: Tree = {"kind": "interrupted"}
"""What is recorded of a probe that passed its time limit."""


class Missing(Exception):
    """The exercise's cell did not define the name that a probe asks for."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass
class Call:
    """One call of a student's function: what it gave, raised, printed and changed."""

    function: str
    value: Any = None
    error: dict[str, Any] | None = None
    printed: str = ""
    changed: list[str] = field(default_factory=list)
    operators: list[str] = field(default_factory=list)


class Draws:
    """Random inputs for a probe: others in every trial, the same for student and reference."""

    def __init__(self, seed: int, device: str) -> None:
        self._generator = torch.Generator().manual_seed(seed)
        self._device = device

    def randn(self, *shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """Standard normal numbers, drawn on the CPU and moved to the probe's device."""
        drawn = torch.randn(shape, generator=self._generator, dtype=dtype)
        return drawn.to(self._device)

    def randint(self, low: int, high: int, shape: Sequence[int]) -> torch.Tensor:
        """Integers (int64) from ``low`` to ``high - 1``."""
        drawn = torch.randint(low, high, tuple(shape), generator=self._generator)
        return drawn.to(self._device)


class Student:
    """The student's code as a probe sees it: the names that the exercise's cell bound."""

    def __init__(self, namespace: Mapping[str, Any], bound: set[str]) -> None:
        self._namespace = namespace
        self._bound = bound

    def __getitem__(self, name: str) -> Any:
        if name not in self._bound or name not in self._namespace:
            raise Missing(name)
        return self._namespace[name]

    def call(self, name: str, *args: Any, **kwargs: Any) -> Call:
        """Call the student's function; an exception of its becomes ``Call.error``."""
        return self._call(name, args, kwargs, contextlib.nullcontext([]))

    def operators(self, name: str, *args: Any, **kwargs: Any) -> Call:
        """The same, with the names of torch's operators that ran, e.g. ``sigmoid``.

        For what is to be made by hand: call it so wherever its value counts, or it could do
        otherwise where it is only watched.
        """
        return self._call(name, args, kwargs, watched_operators())

    def _call(
        self,
        name: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        watched: contextlib.AbstractContextManager[list[str]],
    ) -> Call:
        function = self[name]
        call = Call(name)
        before = {label: _state(value) for label, value in _labelled(args, kwargs)}
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), watched as operators:
            try:
                call.value = function(*args, **kwargs)
            except Interrupted:
                raise
            except BaseException as error:
                call.error = describe(error)
        call.printed = printed.getvalue()[:MAX_PRINTED]
        call.operators = sorted(set(operators))[:500]
        call.changed = [
            label for label, value in _labelled(args, kwargs) if not _same(before[label], value)
        ]
        return call


def _labelled(args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [*((str(i), value) for i, value in enumerate(args)), *kwargs.items()]


State = tuple[torch.Tensor, torch.Tensor | None, bool]


def _state(value: Any) -> State | None:
    """Values, gradient and ``requires_grad`` of a tensor or array; ``None`` for anything else."""
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.copy()), None, False
    if not isinstance(value, torch.Tensor):
        return None
    gradient = BASE.grad.__get__(value) if BASE.is_leaf.__get__(value) else None
    return (
        _copy(value),
        None if gradient is None else _copy(gradient),
        BASE.requires_grad.__get__(value),
    )


def _copy(value: torch.Tensor) -> torch.Tensor:
    copy: torch.Tensor = BASE.clone(BASE.detach(value))
    return copy


def _same(before: State | None, value: Any) -> bool:
    after = _state(value)
    if before is None or after is None:
        return True
    if before[2] != after[2] or (before[1] is None) != (after[1] is None):
        return False
    gradients_equal = before[1] is None or after[1] is None or _equal(before[1], after[1])
    return _equal(before[0], after[0]) and gradients_equal


def _equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    if any(field.__get__(one) != field.__get__(other) for field in (BASE.shape, BASE.dtype)):
        return False
    both_nan = BASE.logical_and(BASE.ne(one, one), BASE.ne(other, other))
    return bool(BASE.item(BASE.all(BASE.logical_or(BASE.eq(one, other), both_nan))))


class _Functions(TorchFunctionMode):
    """Python-level calls: sees ``F.linear`` and ``F.mse_loss``, which dispatch takes apart."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.names = names

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        # Not torch's own `resolve_name`: its index takes a third of a second to be made.
        self.names.append(NAMESPACE.sub("", getattr(func, "__name__", "")))
        return func(*args, **(kwargs or {}))


class _Dispatched(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Operators as they are carried out: sees through aliases, scripts and helper functions."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names = names

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def watched_operators() -> Iterator[list[str]]:
    """The names of torch's operators that run in the body, as functions and as dispatched."""
    names: list[str] = []
    with _Functions(names), _Dispatched(names):
        yield names


@lru_cache(maxsize=1)
def compiled(source: str) -> CodeType:
    """The text of a ``probes_<assignment>.py``, compiled."""
    return compile(source, "<probes>", "exec")


def load_probes(source: str) -> list[Probe]:
    """Run the text of a ``probes_<assignment>.py`` and give its probes."""
    module = ModuleType("autograder_probes")
    exec(compiled(source), vars(module))
    return probes_in(module)


def run_probe(
    probe: Probe,
    namespace: dict[str, Any],
    bound: set[str],
    *,
    device: str,
    key: str,
    seconds: float,
    recorder: Recorder,
) -> Tree:
    """What ``probe`` saw on ``device``. ``key`` makes its draws; ``seconds`` bounds it."""
    text = f"{key}/{probe.exercise}/{probe.name}"
    draws = Draws(int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big"), device)
    with kept(namespace):
        seed_everything()
        try:
            with time_limit(seconds):
                seen = probe.function(Student(namespace, bound), draws, device)
            return _tree(seen, recorder)
        except Missing as missing:
            return {"kind": "missing", "name": missing.name}
        except Interrupted:
            return INTERRUPTED
        except BaseException as error:
            # The probe itself raised: a value that it cannot handle, or a mistake of its author's.
            return {"kind": "failure", "error": describe(error)}


def _tree(seen: Any, recorder: Recorder) -> Tree:
    if isinstance(seen, Call):
        return {
            "kind": "call",
            "function": seen.function,
            "value": recorder.tree(seen.value),
            "error": seen.error,
            "printed": seen.printed,
            "changed": seen.changed,
            "operators": seen.operators,
        }
    if type(seen) in (list, tuple):
        return {"kind": "list", "type": "list", "items": [_tree(item, recorder) for item in seen]}
    if type(seen) is dict:
        return {
            "kind": "dict",
            "type": "dict",
            "items": [[recorder.tree(key), _tree(item, recorder)] for key, item in seen.items()],
        }
    return recorder.tree(seen)
