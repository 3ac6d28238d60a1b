"""Nobody names steps for a profiler that is not there; whoever profiles sees all of them."""

from __future__ import annotations

import pytest
from handmade import in_own_process

CODE = '''
import json, linecache
import torch
from torch.autograd.profiler import record_function
from torch.utils.data import DataLoader, TensorDataset
from autograder.inside.unprofiled import put_off_profiler

SCRIPT = """
def doubled(x):
    with torch.autograd.profiler.record_function("double"):
        y = 2 * x
    return y
"""
# TorchScript reads the source of what it compiles.
linecache.cache["script.py"] = len(SCRIPT), None, SCRIPT.splitlines(True), "script.py"
exec(compile(SCRIPT, "script.py", "exec"))

def told():
    """How often torch's profiler is told of a step of training, and the weights."""
    profiler, names = torch.ops.profiler, []
    tell = profiler._record_function_enter_new
    profiler._record_function_enter_new = lambda *named: names.append(named) or tell(*named)
    weight = trained()
    profiler._record_function_enter_new = tell
    return {"weight": weight, "entered": len(names)}

def trained():
    torch.manual_seed(1)
    model = torch.nn.Linear(3, 2)
    loader = DataLoader(TensorDataset(torch.randn(7, 3), torch.randn(7, 2)), 2, shuffle=True)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    for x, y in loader:
        torch.nn.functional.mse_loss(model(x), y).backward()
        optimiser.step()
        optimiser.zero_grad()
    return model.weight.tolist()

def profiled(when):
    # What TorchScript has compiled once is not compiled again.
    scripted = torch.jit.script(doubled) if when == "after" else doubled
    with torch.profiler.profile() as profile:
        trained()
        doubled(torch.ones(2))
        scripted(torch.ones(2))
    counts = {one.key: one.count for one in profile.key_averages()}
    return {name: counts[name] for name in counts if "#" in name or name == "double"}

def awaited():
    future = torch.futures.Future()
    with torch.profiler.record_function("later") as named:
        after = named._call_end_callbacks_on_future(future)
    future.set_result(3)
    return after.wait()

def begun_inside():
    profile = torch.profiler.profile()
    with torch.profiler.record_function("early"):
        profile.start()
    profile.stop()
    return doubled(torch.ones(1)).item()

seen = {}
for when in ("before", "after"):
    seen[when] = {**told(), "profiled": profiled(when), "awaited": awaited()}
    seen[when]["begun"] = begun_inside()
    put_off_profiler()
    own = record_function.__enter__
    put_off_profiler()
    seen["once"] = record_function.__enter__ is own
print(json.dumps(seen))
'''


@pytest.fixture(scope="module")
def seen():
    return in_own_process(CODE)


def test_training_names_no_step_while_nobody_profiles(seen):
    assert seen["before"]["entered"] == 13  # five batches, of which one is not there, four steps
    assert seen["after"]["entered"] == 0


def test_training_gives_the_same(seen):
    assert seen["after"]["weight"] == seen["before"]["weight"]


def test_whoever_profiles_sees_every_step(seen):
    names = seen["before"]["profiled"]
    assert names["Optimizer.step#SGD.step"] == 4
    assert names["double"] == 2  # in a script, too
    assert seen["after"]["profiled"] == names


def test_a_name_may_end_with_a_future_or_begin_before_the_profiler(seen):
    assert seen["after"]["awaited"] == seen["before"]["awaited"] == 3
    assert seen["after"]["begun"] == 2


def test_it_is_put_off_once(seen):
    assert seen["once"]
