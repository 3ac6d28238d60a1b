"""Checks of dos_capas_ocultas."""

import torch

from autograder import assert_matches, carry, check, draws_from

SHAPES = {"W1": (3, 4), "B1": (1, 4), "W2": (4, 3), "B2": (1, 3), "W3": (3, 1), "B3": (1, 1)}


@check("`features`", exercise="observacion", points=1)
def test_features(student, reference):
    published = [-0.9234, -1.2842, -0.8729]
    assert_matches(student["features"], reference["features"], published=published)


@check("`{name}`", exercise="parametros", each=dict.fromkeys(SHAPES, 0.5))
def test_parameters(student, reference, name):
    # A generator of the student's own continues as well as the global one does.
    own = draws_from(student, "observacion", lambda generator: drawn(generator)[name])
    if own is not None and matches(student[name], own):
        return
    assert_matches(student[name], reference[name], published=2.2237 if name == "B3" else None)


def drawn(generator):
    return {name: torch.randn(shape, generator=generator) for name, shape in SHAPES.items()}


def matches(got, expected):
    try:
        assert_matches(got, expected)
    except Exception:
        return False
    return True


def layers(x, *parameters):
    for weights, bias in zip(parameters[::2], parameters[1::2], strict=True):
        x = torch.sigmoid(x @ weights + bias)
    return x


@check(
    "`{name}`, con la sigmoide de su capa",
    en="`{name}`, with its layer's sigmoid",
    exercise="salida",
    each={"hidden1": 1, "hidden2": 1, "output": 1},
)
def test_layers(student, reference, name):
    depth = 2 * (1 + ["hidden1", "hidden2", "output"].index(name))
    given = ["features", *list(SHAPES)[:depth]]
    expected = carry(layers, student, reference, *given)
    assert_matches(student[name], expected, published=0.7846 if name == "output" else None)


@check(
    "`red` calcula un lote",
    en="`red` computes a batch",
    exercise="red",
    points=1,
    devices=["cpu", "cuda"],
)
def test_batch(student, reference):
    assert_matches(student.probe("lote"), reference.probe("lote"))


@check(
    "`red` calcula una sola observación",
    en="`red` computes a single observation",
    exercise="red",
    points=1,
    devices=["cpu", "cuda"],
)
def test_single(student, reference):
    assert_matches(student.probe("una"), reference.probe("una"))


@check(
    "`red` sirve para capas de cualquier anchura",
    en="`red` works for layers of any width",
    exercise="red",
    points=1,
    devices=["cpu", "cuda"],
)
def test_widths(student, reference):
    assert_matches(student.probe("anchuras"), reference.probe("anchuras"))
