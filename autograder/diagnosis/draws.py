"""Which seed, and which order, random tensors were drawn in."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import torch

from autograder.judge.finding import Finding

__all__ = ["explain_draws"]

SEEDS = (*range(101), 123, 128, 200, 256, 512, 1000, 1234, 1337, *range(2020, 2031), 12345, 123456)
"""Those that people write."""
MAX_NAMES = 6
MAX_NUMEL = 10_000
RTOL, ATOL = 1e-5, 1e-7
"""Draws are equal but for the processor's rounding. Within wider bounds, a single number would
often be that of one of so many seeds by chance."""
KINDS: Mapping[str, Callable[..., torch.Tensor]] = {"randn": torch.randn, "rand": torch.rand}

Shapes = tuple[tuple[int, ...], ...]
Tensors = Mapping[str, torch.Tensor]


def explain_draws(name: str, got: Tensors, expected: Tensors) -> Finding | None:
    """Why the draw ``name`` is another one than the reference's.

    ``expected`` are tensors (f32) of the reference's: first those that it draws, one after the
    other, in this order; ``got`` are the student's of the same names. ``None`` if the reference
    does not begin with one of the seeds that are tried, or if the student's come from elsewhere.
    """
    if sum(one.numel() for one in (*got.values(), *expected.values())) > MAX_NUMEL:
        return None
    origin = _origin(expected)
    if origin is None:
        return None
    kind, seed, expected = origin
    if name not in got or name not in expected or got[name].shape != expected[name].shape:
        return None  # of another shape: that is what is wrong with it
    shapes = _shapes(expected)
    place = list(expected).index(name)
    for other_kind in KINDS:
        for other_seed in _seeds(other_kind, shapes, place, got[name]):
            if (other_kind, other_seed) == (kind, seed):
                continue
            if other_kind == kind:
                return Finding("other_seed_drawn", {"seed": other_seed})
            if other_seed == seed:
                return Finding("other_distribution", {"got": other_kind, "expected": kind})
    return _other_order(kind, seed, got, expected)


def _origin(expected: Tensors) -> tuple[str, int, Tensors] | None:
    """How the reference draws, and which of its tensors are drawn: the others are computed."""
    shapes = _shapes(expected)
    first = next(iter(expected.values()), None)
    if first is None:
        return None
    for kind in KINDS:
        for seed in _seeds(kind, shapes, 0, first):
            drawn = zip(expected.items(), _drawn(kind, seed, shapes), strict=True)
            own = itertools.takewhile(lambda pair: _is(pair[0][1], pair[1]), drawn)
            return kind, seed, dict(item for item, _ in own)
    return None


def _seeds(kind: str, shapes: Shapes, place: int, found: torch.Tensor) -> list[int]:
    """The seeds, in their order, whose draw at ``place`` of ``shapes`` is ``found``."""
    drawn = _drawn_at(kind, shapes, place)
    if found.shape != drawn.shape[1:] or found.dtype != drawn.dtype or found.numel() == 0:
        return []
    close = torch.isclose(drawn, found, rtol=RTOL, atol=ATOL).reshape(len(SEEDS), -1).all(dim=1)
    return [seed for seed, is_close in zip(SEEDS, close.tolist(), strict=True) if is_close]


def _is(one: torch.Tensor, other: torch.Tensor) -> bool:
    alike = one.shape == other.shape and one.dtype == other.dtype and one.numel() > 0
    return alike and torch.allclose(one, other, rtol=RTOL, atol=ATOL)


def _shapes(tensors: Tensors) -> Shapes:
    return tuple(tuple(one.shape) for one in tensors.values())


def _other_order(kind: str, seed: int, got: Tensors, expected: Tensors) -> Finding | None:
    names = list(expected)
    if len(names) > MAX_NAMES or any(name not in got for name in names):
        return None
    for order in itertools.permutations(names):
        shapes = tuple(tuple(got[name].shape) for name in order)
        drawn = _drawn(kind, seed, shapes)
        if all(map(_is, drawn, (got[name] for name in order))):
            kind = "draw_shifted" if list(order) == names else "draw_order"
            return Finding(kind, {"order": ", ".join(order)})
    return None


@lru_cache(maxsize=4096)
def _drawn(kind: str, seed: int, shapes: Shapes) -> Sequence[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(KINDS[kind](shape, generator=generator) for shape in shapes)


@lru_cache(maxsize=32)
def _drawn_at(kind: str, shapes: Shapes, place: int) -> torch.Tensor:
    """What each of the seeds draws at ``place`` (seeds, *shape): all at once are compared as fast
    as one."""
    return torch.stack([_drawn(kind, seed, shapes)[place] for seed in SEEDS])
