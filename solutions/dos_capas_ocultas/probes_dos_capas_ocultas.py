"""Probes of dos_capas_ocultas: what the sandbox tries on the student's `red`."""

from itertools import pairwise

from autograder import probe


def parameters(draws, *widths):
    """W1, B1, W2, B2, … of a network whose layers have these widths, from input to output."""
    made = []
    for before, after in pairwise(widths):
        made += [draws.randn(before, after), draws.randn(1, after)]
    return made


@probe("red", devices=["cpu", "cuda"])
def lote(student, draws, device):
    return [student.call("red", draws.randn(5, 3), *parameters(draws, 3, 4, 3, 1))]


@probe("red", devices=["cpu", "cuda"])
def una(student, draws, device):
    return [student.call("red", draws.randn(1, 3), *parameters(draws, 3, 4, 3, 1))]


@probe("red", devices=["cpu", "cuda"])
def anchuras(student, draws, device):
    return [
        student.call("red", draws.randn(rows, 3), *parameters(draws, 3, first, second, 1))
        for rows, first, second in ((4, 2, 6), (2, 1, 1), (7, 5, 4))
    ]
