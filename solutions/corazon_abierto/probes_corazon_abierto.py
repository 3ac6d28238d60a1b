"""Probes of corazon_abierto: what the sandbox tries on the student's functions."""

import torch
from torch import nn

from autograder import probe


def layer(draws, device, inputs, outputs):
    made = nn.Linear(inputs, outputs).to(device)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(draws.randn(*parameter.shape))
    return made


@probe("manual", devices=["cpu", "cuda"])
def capas_lineales(student, draws, device):
    calls = []
    for rows, inputs, outputs in ((1, 2, 3), (5, 4, 2), (3, 3, 3), (3, 1, 1)):
        x, given = draws.randn(rows, inputs), layer(draws, device, inputs, outputs)
        before = [one.detach().clone() for one in given.parameters()]
        call = student.operators("lineal", x, given)
        after = [one.detach() for one in given.parameters()]
        if not all(map(torch.equal, before, after)):
            call.changed.append("capa")
        calls.append(call)
    return calls


@probe("sigmoide", devices=["cpu", "cuda"])
def valores_sigmoide(student, draws, device):
    given = [3 * draws.randn(*shape) for shape in ((), (5,), (3, 2))]
    given.append(draws.randn(4, dtype=torch.float64))
    return [student.operators("sigmoide", z) for z in given]


@probe("sigmoide", devices=["cpu", "cuda"])
def extremos(student, draws, device):
    z = torch.tensor([-1000.0, -100.0, 0.0, 100.0, 1000.0], device=device)
    return [student.operators("sigmoide", z)]


@probe("sigmoide", devices=["cpu", "cuda"])
def gradiente_sigmoide(student, draws, device):
    # Not at 0, where a right formula with |z| has no derivative of its own.
    z = torch.tensor([-1000.0, -2.0, 0.5, 2.0, 1000.0], device=device).requires_grad_()
    call = student.operators("sigmoide", z)
    gradient = None
    if isinstance(call.value, torch.Tensor) and call.value.requires_grad:
        (gradient,) = torch.autograd.grad(call.value.sum(), z)
    return {"llamada": call, "gradiente": gradient}


@probe("softmax", devices=["cpu", "cuda"])
def valores_softmax(student, draws, device):
    given = [2 * draws.randn(*shape) for shape in ((6,), (4, 3), (2, 3, 5))]
    given.append(draws.randn(2, 4, dtype=torch.float64))
    return [student.operators("softmax", z) for z in given]


@probe("softmax", devices=["cpu", "cuda"])
def logits_grandes(student, draws, device):
    return [
        student.operators("softmax", draws.randn(3, 4) + 1000),
        student.operators("softmax", draws.randn(3, 4) - 1000),
        student.operators(
            "softmax", torch.cat([draws.randn(1, 4) + 1000, draws.randn(1, 4) - 1000])
        ),
    ]


@probe("relu", devices=["cpu", "cuda"])
def valores_relu(student, draws, device):
    # One number has one sign only: one of each.
    given = [draws.randn().abs(), -draws.randn().abs(), draws.randn(9), draws.randn(3, 4)]
    given.append(draws.randn(6, dtype=torch.float64))
    return [student.operators("relu", x) for x in given]


@probe("descenso", devices=["cpu", "cuda"])
def trayectorias(student, draws, device):
    target = draws.randn(2)
    return [
        student.call("descenso", lambda x: ((x - target) ** 2).sum(), draws.randn(2), 0.1, 8),
        student.call("descenso", lambda x: (x**4 + x).sum(), draws.randn(3), 0.01, 5),
        student.call("descenso", lambda x: (x**2).sum(), draws.randn(2), 0.1, 0),
    ]


@probe("descenso", devices=["cpu", "cuda"])
def formas(student, draws, device):
    given = [draws.randn(), draws.randn(2, 3), draws.randn(1, 1, 4)]
    given.append(draws.randn(2, 2, dtype=torch.float64))
    return [student.call("descenso", wave, x0, 0.05, 3) for x0 in given]


def wave(x):
    return (x**2).sum() + torch.sin(x).sum()


@probe("descenso", devices=["cpu", "cuda"])
def con_gradiente(student, draws, device):
    """Starting points that need gradients themselves and already have one."""
    calls = []
    for shape in ((2,), (2, 3)):
        x0 = draws.randn(*shape).requires_grad_()
        x0.grad = draws.randn(*shape)
        calls.append(student.call("descenso", wave, x0, 0.1, 4))
    return calls
