"""Probes of perceptron: what the sandbox tries on the student's `perceptron`."""

import torch

from autograder import probe


@probe("funcion", devices=["cpu", "cuda"])
def longitudes(student, draws, device):
    return [
        student.call("perceptron", draws.randn(n), draws.randn(n), draws.randn(1))
        for n in (1, 3, 8)
    ]


@probe("funcion", devices=["cpu", "cuda"])
def doble_precision(student, draws, device):
    x, w, b = (draws.randn(n, dtype=torch.float64) for n in (4, 4, 1))
    return [student.call("perceptron", x, w, b)]
