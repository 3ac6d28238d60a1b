"""Every way of seeding is shifted by one amount. In a process of its own: it patches torch."""

from __future__ import annotations

import pytest
from handmade import in_own_process

CODE = """
import json, random, warnings
import numpy as np, torch
from autograder.inside.seeding import seed_everything, shift_seeds

def streams(n):
    "The first number of every generator seeded with n."
    made = {}
    torch.manual_seed(n)
    made["torch.manual_seed"] = torch.rand(1).item()
    torch.random.manual_seed(n)
    made["torch.random.manual_seed"] = torch.rand(1).item()
    torch.default_generator.manual_seed(n)
    made["default_generator"] = torch.rand(1).item()
    made["torch.Generator"] = torch.rand(1, generator=torch.Generator().manual_seed(n)).item()
    torch.manual_seed(np.int64(n))
    made["torch with a NumPy integer"] = torch.rand(1).item()
    np.random.seed(n)
    made["np.random.seed"] = np.random.rand()
    np.random.seed(seed=n)
    made["np.random.seed keyword"] = np.random.rand()
    made["RandomState"] = np.random.RandomState(n).rand()
    state = np.random.RandomState(); state.seed(n)
    made["RandomState.seed"] = state.rand()
    made["default_rng"] = np.random.default_rng(n).random()
    made["PCG64"] = np.random.Generator(np.random.PCG64(n)).random()
    made["MT19937"] = np.random.Generator(np.random.MT19937(n)).random()
    made["Philox"] = np.random.Generator(np.random.Philox(n)).random()
    made["SeedSequence"] = np.random.default_rng(np.random.SeedSequence(n)).random()
    random.seed(n)
    made["random.seed"] = random.random()
    made["random.Random"] = random.Random(n).random()
    r = random.Random(); r.seed(n)
    made["Random.seed"] = r.random()
    return made

def odd():
    "Seeds that are no integers, each twice."
    made = {}
    for name, seed in {
        "text": "abc", "bytes": b"abc", "float": 1.5, "bytearray": bytearray(b"abc"),
    }.items():
        pair = []
        for _ in range(2):
            random.seed(seed)
            pair.append(random.random())
        made[name] = pair
    for name, seed in {"list": [1, 2], "array": np.array([1, 2]), "tuple": (1, 2)}.items():
        pair = []
        for _ in range(2):
            np.random.seed(seed)
            pair.append(np.random.rand())
        made[name] = pair
    return made

AMOUNT = 1000
before = {"7": streams(7), "1007": streams(7 + AMOUNT), "odd": odd()}
shift_seeds(0)
zero = {"7": streams(7), "odd": odd()}
seed_everything()
start = [torch.rand(1).item(), np.random.rand(), random.random()]
shift_seeds(AMOUNT)
after = {"7": streams(7), "odd": odd()}
seed_everything()
moved = [torch.rand(1).item(), np.random.rand(), random.random()]
generator = torch.Generator().manual_seed(7)
more = {
    "generator is returned": isinstance(generator, torch.Generator),
    "initial seed": generator.initial_seed(),
    "isinstance": isinstance(np.random.RandomState(1), np.random.RandomState),
    "generators of NumPy": isinstance(np.random.default_rng(1), np.random.Generator),
    "largest": [torch.Generator().manual_seed(2**32 - 1).initial_seed()],
    "entropy": len({np.random.default_rng().random() for _ in range(5)}),
}
np.random.seed(2**32 - 1)
random.seed(None); np.random.seed(None); np.random.RandomState(); torch.seed()
errors = {}
wrong = {"torch": lambda: torch.manual_seed("x"), "numpy": lambda: np.random.seed("x")}
for name, seed in wrong.items():
    try:
        seed()
    except Exception as error:
        errors[name] = type(error).__name__
with torch.random.fork_rng():
    torch.manual_seed(7)
    more["forked"] = torch.rand(1).item() == after["7"]["torch.manual_seed"]
print(json.dumps(dict(before=before, zero=zero, after=after, start=start, moved=moved, more=more,
                      errors=errors)))
"""


@pytest.fixture(scope="module")
def said():
    return in_own_process(CODE)


def test_a_shift_of_0_changes_nothing(said):
    assert said["zero"]["7"] == said["before"]["7"]
    assert said["zero"]["odd"] == said["before"]["odd"]


def test_every_integer_seed_is_shifted_by_the_amount_exactly_once(said):
    assert said["after"]["7"] == said["before"]["1007"]


def test_seeds_that_are_no_integers_move_and_stay_repeatable(said):
    for name, (one, again) in said["after"]["odd"].items():
        assert one == again, name
        assert one != said["before"]["odd"][name][0], name


def test_a_notebook_that_never_seeds_moves_too(said):
    assert all(one != other for one, other in zip(said["start"], said["moved"], strict=True))


def test_types_and_returns_are_as_before(said):
    assert said["more"] == {
        "generator is returned": True,
        "initial seed": 1007,
        "isinstance": True,
        "generators of NumPy": True,
        "largest": [999],
        "entropy": 5,
        "forked": True,
    }


def test_a_seed_that_is_none_still_raises(said):
    assert said["errors"].keys() == {"torch", "numpy"}
