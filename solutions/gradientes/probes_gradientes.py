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
    t = draws.randn(2, 3).cpu()
    call = student.call("mover", t)
    return {"llamada": call, "mismo": call.value is t}


@probe("derivada", devices=["cpu", "cuda"])
def derivadas(student, draws, device):
    return [student.call("derivada", f, draws.randn(7)) for f in FUNCTIONS]


@probe("derivada", devices=["cpu", "cuda"])
def con_gradiente(student, draws, device):
    """Points that need gradients themselves and already have one."""
    calls = []
    for f in FUNCTIONS[:2]:
        x = draws.randn(2, 3).requires_grad_()
        x.grad = draws.randn(2, 3)
        call = student.call("derivada", f, x)
        if isinstance(call.value, torch.Tensor):
            # Whether the result itself is part of a graph is free.
            call.value = call.value.detach()
        calls.append(call)
    return calls
