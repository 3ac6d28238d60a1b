"""Probes of gradientes: what the sandbox tries on the student's functions."""

import torch

from autograder import probe

FUNCTIONS = (
    lambda x: x**2,
    lambda x: 3 * x**3 - 2 * x,
    lambda x: torch.sin(x) * torch.exp(-x),
    lambda x: torch.sigmoid(2 * x),
)


@probe("mover", devices=["cpu", "cuda"])
def destino(student, draws, device):
    """Tensors of the CPU, whatever the device, and one that is on the device already."""
    given = [draws.randn(2, 3).cpu(), draws.randint(-5, 6, (4,)).cpu(), draws.randn(5)]
    calls = [student.call("mover", t) for t in given]
    same = [call.value is t for call, t in zip(calls, given, strict=True)]
    return {"llamadas": calls, "mismos": same}


@probe("derivada", devices=["cpu", "cuda"])
def derivadas(student, draws, device):
    shapes = ((7,), (2, 3), (), (5,))
    return [
        student.call("derivada", f, draws.randn(*shape))
        for f, shape in zip(FUNCTIONS, shapes, strict=True)
    ] + [student.call("derivada", torch.tanh, draws.randn(4, dtype=torch.float64))]


@probe("derivada", devices=["cpu", "cuda"])
def con_gradiente(student, draws, device):
    """Points that need gradients themselves and already have one."""
    calls = []
    for f in FUNCTIONS[:2]:
        x = draws.randn(2, 3).requires_grad_()
        x.grad = draws.randn(2, 3)
        calls.append(student.call("derivada", f, x))
    return calls
