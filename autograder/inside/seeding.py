"""Shift every way of seeding torch, NumPy and ``random`` by one amount.

Trial 0 shifts by 0. The amount of a later trial comes from the course's secret key, so a value
that was written down instead of computed stays where it was while the reference's moves.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

__all__ = ["START", "seed_everything", "shift_seeds"]

_SEEDS = 2**32
"""NumPy's legacy generator takes seeds below this; the shift stays within it for all three."""

START = 20_240_101
"""The seed of a fresh process, so that a notebook that never seeds is still repeatable."""


def seed_everything(seed: int = START) -> None:
    """Seed the global generators of torch (all devices), NumPy and ``random`` as at a start."""
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        # torch.manual_seed would remember this for a CUDA that may never come, with a traceback.
        torch.cuda.manual_seed_all(seed)
    np.random.seed(seed)
    random.seed(seed)


def shift_seeds(amount: int) -> None:
    """Make every later call that seeds a generator use ``seed + amount`` instead of ``seed``.

    The types of torch's and NumPy's generators cannot be assigned to from Python. For torch the
    entry in the type's own dictionary is replaced (``torch.default_generator`` is an instance
    that cannot be swapped); NumPy's names are replaced by subclasses, so ``isinstance`` holds.
    """
    if amount == 0:
        return

    def shifted(seed: Any) -> Any:
        if isinstance(seed, (bool, int, np.integer)):
            return (int(seed) + amount) % _SEEDS
        if isinstance(seed, float):
            return seed + amount
        if isinstance(seed, str):
            return f"{seed}/{amount}"
        if isinstance(seed, (bytes, bytearray)):
            return bytes(seed) + str(amount).encode()
        if isinstance(seed, (list, tuple, np.ndarray)):
            return [shifted(one) for one in np.asarray(seed).ravel().tolist()]
        return seed

    _shift_torch(shifted)
    _shift_numpy(shifted)
    _shift_random(shifted)


Shifted = Callable[[Any], Any]


def _shift_torch(shifted: Shifted) -> None:
    kind = torch._C.Generator
    methods = gc.get_referents(kind.__dict__)[0]
    original = methods["manual_seed"]

    @functools.wraps(original)
    def manual_seed(self: torch.Generator, seed: int) -> torch.Generator:
        original(self, shifted(seed))
        return self

    methods["manual_seed"] = manual_seed
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))


def _shift_numpy(shifted: Shifted) -> None:
    default_rng = np.random.default_rng
    seed_global = np.random.seed

    class RandomState(np.random.RandomState):
        def __init__(self, seed: Any = None) -> None:
            super().__init__(shifted(seed))

        def seed(self, seed: Any = None) -> None:
            super().seed(shifted(seed))

    def seeded(bits: type[Any]) -> type[Any]:
        def __init__(self: Any, seed: Any = None) -> None:
            bits.__init__(self, shifted(seed))

        return type(bits.__name__, (bits,), {"__init__": __init__})

    @functools.wraps(seed_global)
    def seed(seed: Any = None) -> None:
        seed_global(shifted(seed))

    @functools.wraps(default_rng)
    def shifted_default_rng(seed: Any = None) -> np.random.Generator:
        return default_rng(shifted(seed))

    random_module: Any = np.random
    for name in ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"):
        setattr(random_module, name, seeded(getattr(np.random, name)))

    class SeedSequence(np.random.SeedSequence):
        def __init__(self, entropy: Any = None, **more: Any) -> None:
            super().__init__(shifted(entropy), **more)

    random_module.RandomState = RandomState
    random_module.SeedSequence = SeedSequence
    random_module.seed = seed
    random_module.default_rng = shifted_default_rng


def _shift_random(shifted: Shifted) -> None:
    # `random.seed` is a bound method of one hidden instance, taken before the class was changed.
    kind = random.Random
    original = kind.seed

    @functools.wraps(original)
    def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
        original(self, shifted(a), version)

    kind.seed = seed  # type: ignore[method-assign]
    hidden: Any = random
    hidden.seed = functools.partial(seed, hidden._inst)
