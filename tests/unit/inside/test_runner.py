"""The zygote imports what its notebooks use, and no more: each fork pays for it."""

from __future__ import annotations

import pytest
from handmade import in_own_process

CODE = """
import json, sys
from autograder.inside import runner

runner.warm_up({uses})
slow = {{"figures": "matplotlib.pyplot", "compiler": "torch._dynamo.eval_frame"}}
found = [use for use, name in slow.items() if name in sys.modules]
mathtext = sys.modules.get("matplotlib.mathtext")
if mathtext is not None and mathtext.MathTextParser._parser is not None:
    found.append("formulas")
print(json.dumps(found))
"""


NO_CUDA = """
import json, torch
from autograder.inside import cuda, runner

asked = []
cuda.possible = lambda: {possible}
backward = torch.Tensor.backward
torch.Tensor.backward = lambda self: (asked.append("backward"), backward(self))
torch.cuda.is_available = lambda: asked.append("is_available")
torch.cuda.device_count = lambda: asked.append("device_count")
told = runner.warm_up([])
print(json.dumps([told["cuda"], asked]))
"""


@pytest.mark.parametrize(("possible", "asked"), [(True, []), (False, ["backward"])])
def test_a_warm_up_asks_nothing_of_cuda_where_there_may_be_one(possible, asked):
    """A backward on the CPU does: torch then counts the devices and starts a thread for each."""
    assert in_own_process(NO_CUDA.format(possible=possible)) == [possible, asked]


@pytest.mark.parametrize("uses", [[], ["figures"], ["compiler"], ["figures", "formulas"]])
def test_a_warm_up_imports_what_is_slow_only_where_it_is_used(uses):
    assert in_own_process(CODE.format(uses=uses)) == uses
