"""Probes of actividad_1: what the sandbox tries on the student's `activation`."""

from autograder import probe

SHAPES = ((), (7,), (3, 4), (2, 3, 4))


@probe("activacion", devices=["cpu", "cuda"])
def decimales(student, draws, device):
    return [student.operators("activation", 3 * draws.randn(*shape)) for shape in SHAPES]


@probe("activacion", devices=["cpu", "cuda"])
def enteros(student, draws, device):
    return [student.operators("activation", draws.randint(-5, 6, (3, 4)))]
