"""Put back what a probe may disturb: generators, modes and the student's own objects."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch

__all__ = ["kept"]

MAX_NUMEL = 1_000_000
"""A larger tensor of the student's is not copied: the probes would cost more than the notebook."""

Undo = Callable[[], object]


@contextlib.contextmanager
def kept(namespace: dict[str, Any]) -> Iterator[None]:
    """Undo, on leaving, whatever the body did to generators, modes and ``namespace``."""
    bindings = dict(namespace)
    undo = [*_generators(), *_modes()]
    seen: set[int] = set()
    for name, value in bindings.items():
        if not name.startswith("_"):
            # A student's class may raise whatever is asked of it: then it stays as it is.
            with contextlib.suppress(Exception):
                undo += _object(value, seen)
    try:
        yield
    finally:
        for step in undo:
            with contextlib.suppress(Exception):
                step()
        namespace.clear()
        namespace.update(bindings)


def _generators() -> list[Undo]:
    torch_state = torch.get_rng_state()
    numpy_state = np.random.get_state()
    python_state = random.getstate()
    undo: list[Undo] = [
        lambda: torch.set_rng_state(torch_state),
        lambda: np.random.set_state(numpy_state),
        lambda: random.setstate(python_state),
    ]
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        cuda_states = torch.cuda.get_rng_state_all()
        undo.append(lambda: torch.cuda.set_rng_state_all(cuda_states))
    return undo


def _modes() -> list[Undo]:
    grad, dtype = torch.is_grad_enabled(), torch.get_default_dtype()

    def put_back() -> None:
        torch.set_grad_enabled(grad)
        torch.set_default_dtype(dtype)

    return [put_back]


def _object(value: Any, seen: set[int]) -> list[Undo]:
    """The steps that give one object of the student's its present content back."""
    if id(value) in seen:
        return []
    seen.add(id(value))
    kind = type(value)
    if kind in (torch.Tensor, torch.nn.Parameter):
        return _tensor(value)
    if kind is np.ndarray and value.size <= MAX_NUMEL and value.flags.writeable:
        array = value.copy()
        return [lambda: np.copyto(value, array)]
    if kind is list:
        items = list(value)
        return [lambda: value.__setitem__(slice(None), items), *_objects(items, seen)]
    if kind is dict:
        pairs = dict(value)
        return [value.clear, lambda: value.update(pairs), *_objects(list(pairs.values()), seen)]
    if issubclass(kind, torch.nn.Module):
        return _module(value, seen)
    return _generator(value)


def _generator(value: Any) -> list[Undo]:
    """The step that puts a generator of the student's own back, if ``value`` is one."""
    kind = type(value)
    if kind is torch.Generator:
        return [partial(value.set_state, value.get_state())]
    if issubclass(kind, np.random.Generator):
        bits = value.bit_generator
        return [partial(setattr, bits, "state", bits.state)]
    if issubclass(kind, np.random.RandomState):
        return [partial(value.set_state, value.get_state())]
    if issubclass(kind, random.Random):
        return [partial(value.setstate, value.getstate())]
    return []


def _objects(values: list[Any], seen: set[int]) -> list[Undo]:
    return [step for item in values[:100] for step in _object(item, seen)]


def _tensor(value: torch.Tensor) -> list[Undo]:
    if value.layout is not torch.strided or value.numel() > MAX_NUMEL:
        return []
    copy = value.detach().clone()
    needs, leaf = value.requires_grad, value.is_leaf
    gradient = value.grad if leaf else None
    gradient_copy = None if gradient is None else gradient.detach().clone()

    def put_back() -> None:
        if leaf and not value.is_leaf:
            # `total += loss` made it part of a graph.
            value.detach_()
        # Writing moves a tensor's version, which would spoil a graph that waits for its backward.
        if not torch.equal(value.detach(), copy):
            with torch.no_grad():
                value.copy_(copy)
        if leaf:
            if value.requires_grad != needs:
                value.requires_grad_(needs)
            value.grad = gradient
            if gradient is not None and gradient_copy is not None:
                gradient.copy_(gradient_copy)

    return [put_back]


def _module(value: torch.nn.Module, seen: set[int]) -> list[Undo]:
    undo: list[Undo] = []
    for module in value.modules():
        undo.append(partial(setattr, module, "training", module.training))
    tensors: list[Any] = [*value.parameters(), *value.buffers()]
    return undo + [step for tensor in tensors for step in _object(tensor, seen)]
