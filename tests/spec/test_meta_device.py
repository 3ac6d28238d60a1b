"""The references' functions keep to the device of their inputs, told by torch's meta device, which
has shapes and no values and lets no other device's tensor in, as CUDA does."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import torch

READS_VALUES = {
    ("bucle_fit", "fit"): "it prints losses, and the probe compares batches",
    ("gradientes", "mover"): "it is about moving values",
}
"""By assignment and exercise: what needs more than shapes."""


class Student:
    """What probes take for a student: it calls the reference, and notes the devices."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace
        self.devices: list[str] = []

    def __getitem__(self, name: str) -> Any:
        return self._namespace[name]

    def call(self, name: str, *given: Any, **more: Any) -> Any:
        from autograder.inside.probing import Call

        call = Call(name, self._namespace[name](*given, **more))
        values = call.value if isinstance(call.value, list | tuple) else [call.value]
        self.devices += [str(one.device) for one in values if isinstance(one, torch.Tensor)]
        return call

    operators = call


@pytest.fixture(autouse=True)
def generators():
    """As they were, for the tests after these."""
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    yield
    torch.set_rng_state(states[0])
    np.random.set_state(states[1])
    random.setstate(states[2])


def test_results_of_the_references_are_on_their_inputs_device(each_assignment, repository):
    from autograder.inside.probing import Draws, load_probes

    folder = repository / "solutions" / each_assignment
    namespace = _namespace(folder / f"{each_assignment}.ipynb")
    probes = load_probes((folder / f"probes_{each_assignment}.py").read_text("utf-8"))
    tried = []
    for probe in (one for one in probes if "cuda" in one.devices):
        if (each_assignment, probe.exercise) in READS_VALUES:
            continue
        student = Student(namespace)
        with contextlib.suppress(NotImplementedError):
            # Where the probe itself reads a result, all calls or one have been made by then.
            probe.function(student, Draws(1, "meta"), "meta")
        assert student.devices, probe.name
        assert set(student.devices) == {"meta"}, probe.name
        tried.append(probe.name)
    assert tried


def test_a_function_that_leaves_the_device_is_noticed():
    student = Student({"doble": lambda z: 2 * torch.ones(3)})
    student.call("doble", torch.ones(3, device="meta"))
    assert student.devices == ["cpu"]
    with pytest.raises(RuntimeError, match="device"):
        Student({"doble": lambda z: z @ torch.ones(3)}).call("doble", torch.ones(3, device="meta"))


def _namespace(path: Path) -> dict[str, Any]:
    """What the reference's cells leave behind. One that raises on purpose raises here, too."""
    namespace: dict[str, Any] = {}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            try:
                exec(compile(cell.source, str(path), "exec"), namespace)
            except Exception:
                assert "raises-exception" in cell.metadata.get("tags", ()), cell.source
    return namespace
