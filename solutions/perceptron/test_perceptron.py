"""Checks of perceptron."""

import torch

from autograder import assert_matches, assert_shares_memory, carry, check


@check("`{name}`", en="`{name}`", exercise="tensores", each=dict.fromkeys("yrz", 1 / 3))
def test_tensors(student, reference, name):
    assert_matches(student[name], reference[name])


@check(
    "`elemento` se toma de `z`",
    en="`elemento` is taken from `z`",
    exercise="rebanadas",
    points=0.5,
)
def test_element(student, reference):
    expected = carry(lambda z: z[1, 1], student, reference, "z")
    assert_matches(student["elemento"], expected, published=3)


@check(
    "`columna` se toma de `z`",
    en="`columna` is taken from `z`",
    exercise="rebanadas",
    points=0.5,
)
def test_column(student, reference):
    assert_matches(student["columna"], carry(lambda z: z[:, 1:], student, reference, "z"))


@check(
    "`a` cambia cuando cambia `A`",
    en="`a` changes when `A` changes",
    exercise="numpy",
    points=2 / 3,
)
def test_array(student, reference):
    assert_matches(student["a"], reference["a"])


@check(
    "`A` mira la memoria de `a`",
    en="`A` looks at the memory of `a`",
    exercise="numpy",
    points=2 / 3,
)
def test_tensor_of_array(student, reference):
    assert_matches(student["A"], reference["A"])
    # An error costs once: an `a` that was left behind already loses its own points.
    if matches(student, reference, "a"):
        assert_shares_memory(student, "a", "A")


@check(
    "`b` mira la memoria de `A`",
    en="`b` looks at the memory of `A`",
    exercise="numpy",
    points=2 / 3,
)
def test_array_of_tensor(student, reference):
    assert_matches(student["b"], reference["b"])
    assert_shares_memory(student, "A", "b")


def matches(student, reference, name):
    try:
        assert_matches(student[name], reference[name])
    except Exception:
        return False
    return True


@check("`{name}`", en="`{name}`", exercise="conversion", each=dict.fromkeys("XWB", 1 / 3))
def test_conversion(student, reference, name):
    assert_matches(student[name], reference[name])


@check(
    "`H` es el producto interno más el sesgo",
    en="`H` is the inner product plus the bias",
    exercise="lineal",
    points=2,
)
def test_linear(student, reference):
    expected = carry(lambda X, W, B: torch.dot(W, X) + B, student, reference, "X", "W", "B")
    assert_matches(student["H"], expected, published=2.3)


@check(
    "`Y` es la sigmoide de `H`",
    en="`Y` is the sigmoid of `H`",
    exercise="activacion",
    points=0.5,
)
def test_activation(student, reference):
    expected = carry(torch.sigmoid, student, reference, "H")
    assert_matches(student["Y"], expected, published=0.9089)


@check(
    "`y_np` es `Y` como arreglo",
    en="`y_np` is `Y` as an array",
    exercise="activacion",
    points=0.5,
)
def test_activation_as_array(student, reference):
    expected = carry(torch.sigmoid, student, reference, "H")
    assert_matches(student["y_np"], expected, kind="array", published=0.9089)


@check(
    "`perceptron` funciona con cualquier longitud",
    en="`perceptron` works for any length",
    exercise="funcion",
    points=1,
    devices=["cpu", "cuda"],
)
def test_function(student, reference):
    assert_matches(student.probe("longitudes"), reference.probe("longitudes"))


@check(
    "`perceptron` conserva el tipo",
    en="`perceptron` keeps the dtype",
    exercise="funcion",
    points=1,
    devices=["cpu", "cuda"],
)
def test_function_keeps_dtype(student, reference):
    assert_matches(student.probe("doble_precision"), reference.probe("doble_precision"))
