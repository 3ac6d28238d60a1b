"""What a probe disturbs is put back."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from autograder.inside.keep import kept


@pytest.fixture(autouse=True)
def own_modes():
    """Whatever a failing test leaves, the next one does not find."""
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_grad_enabled(True)


def disturb(namespace, body):
    with kept(namespace):
        exec(body, {"torch": torch, "np": np, "random": random, "ns": namespace})


def test_the_global_generators_are_put_back():
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    disturb({}, "torch.randn(3); torch.manual_seed(3); np.random.seed(3); random.seed(3)")
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert random.getstate() == before[2]


def test_modes_are_put_back():
    disturb({}, "torch.set_default_dtype(torch.float64); torch.set_grad_enabled(False)")
    assert torch.get_default_dtype() is torch.float32
    assert torch.is_grad_enabled()


def test_names_are_put_back():
    one, two = [1], {"a": 1}
    namespace = {"one": one, "two": two, "_hidden": 3}
    disturb(namespace, "ns['one'] = 5; del ns['two']; ns['new'] = 1; ns['_hidden'] = 4")
    assert namespace == {"one": [1], "two": {"a": 1}, "_hidden": 3}
    assert namespace["one"] is one
    assert namespace["two"] is two


def test_everything_is_put_back_though_the_body_raises():
    namespace = {"x": torch.ones(2)}
    with pytest.raises(ZeroDivisionError):
        disturb(namespace, "ns['x'].zero_(); ns['x'] = 3; torch.manual_seed(1); 1 / 0")
    assert namespace["x"].tolist() == [1, 1]


IN_PLACE = {
    "tensor": (lambda: torch.ones(2), "ns['x'].mul_(5)"),
    "tensor of nans": (lambda: torch.tensor([float("nan"), 1.0]), "ns['x'].zero_()"),
    "integers": (lambda: torch.arange(3), "ns['x'][0] = 9"),
    "parameter": (lambda: torch.nn.Parameter(torch.ones(2)), "ns['x'].data.zero_()"),
    "array": (lambda: np.ones(2), "ns['x'][:] = 5"),
    "list": (lambda: [1, 2], "ns['x'].append(3); ns['x'][0] = 9"),
    "list of lists": (lambda: [[1], [2]], "ns['x'][0].append(3)"),
    "list of tensors": (lambda: [torch.ones(1)], "ns['x'][0].zero_(); ns['x'].clear()"),
    "dictionary": (lambda: {"a": [1]}, "ns['x']['a'].append(2); ns['x']['b'] = 1"),
    "order of a dictionary": (lambda: {"a": 1, "b": 2}, "ns['x']['a'] = ns['x'].pop('a')"),
    "module": (lambda: torch.nn.Linear(1, 1), "ns['x'].weight.data.zero_()"),
    "buffers": (lambda: torch.nn.BatchNorm1d(2), "ns['x'](torch.randn(4, 2))"),
    "dictionary of itself": (lambda: itself(), "ns['x'].clear()"),
}


def itself():
    value = {"a": 1}
    value["self"] = value
    return value


def shown(value):
    if isinstance(value, torch.nn.Module):
        return {key: one.tolist() for key, one in value.state_dict().items()}
    return repr(value)


@pytest.mark.parametrize(("make", "body"), IN_PLACE.values(), ids=IN_PLACE.keys())
def test_what_was_changed_in_place_is_put_back(make, body):
    value = make()
    before, namespace = shown(value), {"x": value}
    with kept(namespace):
        exec(body, {"torch": torch, "ns": namespace})
        assert shown(value) != before
    assert shown(value) == before
    assert namespace["x"] is value


def test_gradients_are_put_back():
    none = torch.ones(2, requires_grad=True)
    some = torch.ones(2, requires_grad=True)
    some.grad = torch.full((2,), 3.0)
    same = some.grad
    disturb(
        {"none": none, "some": some, "m": torch.nn.Linear(1, 1)},
        "(ns['none'] * ns['some']).sum().backward(); ns['some'].grad.zero_()",
    )
    assert none.grad is None
    assert some.grad is same
    assert some.grad.tolist() == [3, 3]


def test_a_gradient_that_was_dropped_is_put_back():
    value = torch.ones(2, requires_grad=True)
    value.grad = torch.full((2,), 3.0)
    disturb({"x": value}, "ns['x'].grad = None")
    assert value.grad.tolist() == [3, 3]


def test_requires_grad_is_put_back():
    off, on = torch.ones(2), torch.ones(2, requires_grad=True)
    disturb({"off": off, "on": on}, "ns['off'].requires_grad_(); ns['on'].requires_grad_(False)")
    assert (off.requires_grad, on.requires_grad) == (False, True)


def test_a_tensor_that_became_part_of_a_graph_is_put_back():
    """``total += x @ w`` in a student's function makes the global ``total`` need gradients."""
    total = torch.zeros(1)
    disturb({"total": total}, "ns['total'].add_(torch.ones(1, requires_grad=True))")
    assert total.tolist() == [0]
    assert (total.requires_grad, total.is_leaf) == (False, True)


def test_the_modes_of_modules_are_put_back():
    network = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Dropout())
    network[1].eval()
    disturb({"m": network}, "ns['m'].eval(); ns['m'][1].train()")
    assert (network.training, network[0].training, network[1].training) == (True, True, False)


def test_the_students_own_generators_are_put_back():
    made = {
        "g": torch.Generator().manual_seed(7),
        "rng": np.random.default_rng(7),
        "old": np.random.RandomState(7),
        "py": random.Random(7),
    }
    expected = [
        torch.rand(1, generator=torch.Generator().manual_seed(7)).item(),
        np.random.default_rng(7).random(),
        np.random.RandomState(7).rand(),
        random.Random(7).random(),
    ]
    disturb(
        made,
        "torch.rand(1, generator=ns['g']); ns['rng'].random(); ns['old'].rand(); ns['py'].random()",
    )
    got = [
        torch.rand(1, generator=made["g"]).item(),
        made["rng"].random(),
        made["old"].rand(),
        made["py"].random(),
    ]
    assert got == expected


def test_a_graph_that_waits_for_its_backward_is_not_spoilt():
    weight = torch.ones(2, requires_grad=True)
    loss = (weight**2).sum()
    disturb({"weight": weight, "loss": loss}, "(ns['weight'] * 3).sum().backward()")
    loss.backward()
    assert weight.grad.tolist() == [2, 2]


def test_an_array_that_cannot_be_written_raises_nothing():
    frozen = np.ones(2)
    frozen.flags.writeable = False
    disturb({"x": frozen, "s": torch.eye(2).to_sparse(), "o": object()}, "pass")


def test_objects_that_hide_from_comparison_raise_nothing():
    class Odd:
        def __eq__(self, other):
            raise ValueError("no")

        __hash__ = None

    namespace = {"x": Odd(), "y": [Odd()]}
    disturb(namespace, "ns['y'].append(1)")
    assert len(namespace["y"]) == 1
