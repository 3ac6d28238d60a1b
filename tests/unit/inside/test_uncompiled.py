"""Optimisers work without torch's compiler; whoever compiles gets it."""

from __future__ import annotations

import pytest
from handmade import in_own_process

CODE = """
import inspect, json, sys
import torch
from autograder.inside.uncompiled import put_off_compiler

def trained():
    weight = torch.ones(2, requires_grad=True)
    for kind in (torch.optim.SGD, torch.optim.Adam, torch.optim.RMSprop):
        optimiser = kind([weight], lr=0.1)
        for _ in range(3):
            optimiser.zero_grad()
            (weight**2).sum().backward()
            optimiser.step()
    return weight.tolist()

def imported():
    return "torch._dynamo.eval_frame" in sys.modules

compiling = []

@torch._disable_dynamo
def apart(x):
    compiling.append(torch.compiler.is_dynamo_compiling())
    return x

put_off_compiler()
seen = {"weight_without": trained(), "apart_without": apart(torch.ones(1)).item()}
inspect.getmodule(trained)
seen["imported_without"] = imported()

double = torch.compile(lambda x: 2 * apart(x), backend="eager")
seen["double"] = double(torch.ones(1)).item()
seen["imported"] = imported()
import torch._dynamo.config
seen["whole"] = torch._dynamo is sys.modules["torch._dynamo"] and hasattr(torch._dynamo, "config")
seen["weight"] = trained()

there = torch._dynamo
put_off_compiler()
seen["stays"] = torch._dynamo is there and sys.modules["torch._dynamo"] is there
print(json.dumps({**seen, "compiling": compiling}))
"""


@pytest.fixture(scope="module")
def seen():
    return in_own_process(CODE)


def test_optimisers_do_the_same_without_the_compiler(seen):
    assert seen["weight_without"] == seen["weight"]
    assert seen["apart_without"] == 1
    assert not seen["imported_without"]


def test_the_compiler_is_there_for_whoever_compiles(seen):
    assert seen["double"] == 2
    assert seen["imported"]
    assert seen["whole"]


def test_what_is_not_to_be_compiled_is_not_once_there_is_a_compiler(seen):
    assert seen["compiling"] == [False, False]


def test_a_compiler_that_is_there_already_stays(seen):
    assert seen["stays"]
