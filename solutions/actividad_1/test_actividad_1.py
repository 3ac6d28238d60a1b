"""Checks of actividad_1."""

import torch

from autograder import assert_avoids, assert_matches, assert_shares_memory, carry, check

NEURON = ("features", "weights", "bias")


@check(
    "`activation` calcula la sigmoide, sea cual sea la forma",
    en="`activation` computes the sigmoid, whatever the shape",
    exercise="activacion",
    points=1,
    devices=["cpu", "cuda"],
)
def test_sigmoid(student, reference):
    assert_matches(student.probe("decimales"), reference.probe("decimales"))


@check(
    "`activation` da decimales también con enteros",
    en="`activation` gives floats for integers too",
    exercise="activacion",
    points=1,
    devices=["cpu", "cuda"],
)
def test_sigmoid_of_integers(student, reference):
    assert_matches(student.probe("enteros"), reference.probe("enteros"))


@check(
    "`activation` está hecha a mano",
    en="`activation` is made by hand",
    exercise="activacion",
    penalty=1,
)
def test_sigmoid_by_hand(student):
    for probe in ("decimales", "enteros"):
        assert_avoids(student.probe(probe), "sigmoid", "sigmoid_", "expit", "special_expit")


@check("`{name}`", en="`{name}`", exercise="neurona", each=dict.fromkeys(NEURON, 0.4))
def test_neuron_draws(student, reference, name):
    assert_matches(student[name], reference[name])


def neuron(features, weights, bias):
    # Flat, so that weights of another shape cost their own points and not these too.
    return torch.sigmoid((features.flatten() * weights.flatten()).sum() + bias)


@check(
    "`{name}` es la salida de la neurona",
    en="`{name}` is the neuron's output",
    exercise="neurona",
    each={"y": 0.4, "y_mm": 0.4},
)
def test_neuron_output(student, reference, name):
    assert_matches(student[name], carry(neuron, student, reference, *NEURON), published=0.1595)


@check("`{name}`", en="`{name}`", exercise="formas", each={"w": 1 / 3, "w_rsh": 1 / 3})
def test_shapes(student, reference, name):
    assert_matches(student[name], reference[name])


@check(
    "`w_plano` es una vista de `w`",
    en="`w_plano` is a view of `w`",
    exercise="formas",
    points=1 / 3,
)
def test_view(student, reference):
    assert_matches(student["w_plano"], reference["w_plano"])
    assert_shares_memory(student, "w", "w_plano")


@check(
    "`{name}`",
    en="`{name}`",
    exercise="actividad-1",
    each=dict.fromkeys(("features", "W1", "W2", "B1", "B2"), 0.5),
)
def test_network_draws(student, reference, name):
    published = [-0.1468, 0.7861, 0.9468] if name == "features" else None
    assert_matches(student[name], reference[name], published=published)


def layer(values, weights, bias):
    return torch.sigmoid(values @ weights + bias)


@check(
    "`hidden` es la capa oculta, con su sigmoide",
    en="`hidden` is the hidden layer, with its sigmoid",
    exercise="actividad-1",
    points=1,
)
def test_hidden(student, reference):
    assert_matches(student["hidden"], carry(layer, student, reference, "features", "W1", "B1"))


@check(
    "`output` es la salida de la red, con su sigmoide",
    en="`output` is the network's output, with its sigmoid",
    exercise="actividad-1",
    points=1.5,
)
def test_output(student, reference):
    expected = carry(layer, student, reference, "hidden", "W2", "B2")
    assert_matches(student["output"], expected, published=0.3171)
