"""Checks of corazon_abierto."""

from dataclasses import replace

import torch

from autograder import (
    assert_avoids,
    assert_matches,
    assert_ran,
    assert_requires_grad,
    carry,
    check,
    fail,
)

PUBLISHED = {"n1": 5, "n2": 1, "n3": -1, "hidden_layer_output": [5, 1, -1], "output": 8}


@check("`{name}`", exercise="neuronas", each=dict.fromkeys(PUBLISHED, 0.4))
def test_neurons(student, reference, name):
    assert_matches(student[name], reference[name], published=PUBLISHED[name])


@check(
    "`{name}`",
    exercise="matricial",
    each=dict.fromkeys(("W1", "hidden_layer_output", "output"), 2 / 3),
)
def test_matrices(student, reference, name):
    assert_matches(student[name], reference[name], published=PUBLISHED.get(name))


def assert_same_module(got, expected):
    """The same kind of module with the same parameters, part by part."""
    own, asked = (getattr(one.value, "type", "") for one in (got, expected))
    if got.kind != "module" or own != asked:
        kind = own.rpartition(".")[2] if got.kind == "module" else got.kind
        fail("kind", name=got.label, got=kind, asked=asked.rpartition(".")[2])
    for name, value in expected.value.state.items():
        label = f"{got.label}.{name}"
        if name not in got.value.state:
            fail("undefined", name=label)
        part = replace(got, value=got.value.state[name], label=label, earlier=None)
        assert_matches(part, replace(expected, value=value))
    if len(got.value.children) != len(expected.value.children):
        sizes = {"got": len(got.value.children), "expected": len(expected.value.children)}
        fail("length", name=got.label, **sizes)
    pairs = zip(got.value.children.values(), expected.value.children.values(), strict=True)
    for place, (own, model) in enumerate(pairs):
        part = replace(got, value=own, label=f"{got.label}[{place}]", earlier=None)
        assert_same_module(part, replace(expected, value=model))


@check(
    "`{name}` es la capa que se pide",
    en="`{name}` is the layer asked for",
    exercise="capas",
    each={"linear_layer": 0.5, "output_layer": 0.5},
)
def test_layers(student, reference, name):
    assert_same_module(student[name], reference[name])


@check("`{name}`", exercise="capas", each={"salida_oculta": 0.5, "salida": 0.5})
def test_layer_outputs(student, reference, name):
    published = 0.8347 if name == "salida" else None
    assert_matches(student[name], reference[name], published=published)


@check(
    "`lineal` calcula x·Wᵀ + b",
    en="`lineal` computes x·Wᵀ + b",
    exercise="manual",
    points=2,
    devices=["cpu", "cuda"],
)
def test_linear(student, reference):
    assert_matches(student.probe("capas_lineales"), reference.probe("capas_lineales"))


@check("`lineal` está hecha a mano", en="`lineal` is by hand", exercise="manual", penalty=1)
def test_linear_by_hand(student):
    assert_avoids(student.probe("capas_lineales"), "linear")


@check(
    "`model` son las dos capas en secuencia",
    en="`model` is the two layers in sequence",
    exercise="secuencial",
    points=1,
)
def test_sequential(student, reference):
    assert_same_module(student["model"], reference["model"])


@check("`salida_seq`", exercise="secuencial", points=1)
def test_sequential_output(student, reference):
    assert_matches(student["salida_seq"], reference["salida_seq"], published=0.8347)


@check("`salida_muestras`", exercise="muestras", points=2)
def test_samples(student, reference):
    published = [-2.8107, -1.6803, -2.3069]
    assert_matches(student["salida_muestras"], reference["salida_muestras"], published=published)


@check(
    "`sigmoide` da los valores de la sigmoide",
    en="`sigmoide` gives the sigmoid's values",
    exercise="sigmoide",
    points=1 / 3,
    devices=["cpu", "cuda"],
)
def test_sigmoid(student, reference):
    assert_matches(student.probe("valores_sigmoide"), reference.probe("valores_sigmoide"))


@check(
    "`sigmoide` es finita y exacta en los extremos",
    en="`sigmoide` is finite and exact at the extremes",
    exercise="sigmoide",
    points=1 / 3,
    devices=["cpu", "cuda"],
)
def test_sigmoid_at_extremes(student, reference):
    assert_matches(student.probe("extremos"), reference.probe("extremos"))


@check(
    "El gradiente de `sigmoide` es finito en los extremos",
    en="The gradient of `sigmoide` is finite at the extremes",
    exercise="sigmoide",
    points=1 / 3,
    devices=["cpu", "cuda"],
)
def test_sigmoid_gradient(student, reference):
    seen = student.probe("gradiente_sigmoide")
    assert_ran(seen["llamada"])
    assert_requires_grad(seen["llamada"].returned)
    assert_matches(seen, reference.probe("gradiente_sigmoide"))


@check("`sigmoide` está hecha a mano", en="`sigmoide` is by hand", exercise="sigmoide", penalty=1)
def test_sigmoid_by_hand(student):
    probes = [student.probe(one) for one in ("valores_sigmoide", "extremos", "gradiente_sigmoide")]
    for seen in (*probes[:2], probes[2]["llamada"]):
        assert_avoids(seen, "sigmoid", "sigmoid_", "expit", "special_expit")


@check("`probabilidades`", exercise="sigmoide", points=1)
def test_probabilities(student, reference):
    expected = carry(torch.sigmoid, student, reference, "salida_muestras")
    published = [0.0567, 0.1571, 0.0906]
    assert_matches(student["probabilidades"], expected, published=published)


@check(
    "`softmax` reparte sobre la última dimensión",
    en="`softmax` works over the last dimension",
    exercise="softmax",
    points=0.5,
    devices=["cpu", "cuda"],
)
def test_softmax(student, reference):
    assert_matches(student.probe("valores_softmax"), reference.probe("valores_softmax"))


@check(
    "`softmax` no se desborda con números grandes",
    en="`softmax` does not overflow on large numbers",
    exercise="softmax",
    points=0.5,
    devices=["cpu", "cuda"],
)
def test_softmax_of_large_numbers(student, reference):
    assert_matches(student.probe("logits_grandes"), reference.probe("logits_grandes"))


@check("`softmax` está hecha a mano", en="`softmax` is by hand", exercise="softmax", penalty=1)
def test_softmax_by_hand(student):
    for probe in ("valores_softmax", "logits_grandes"):
        seen = student.probe(probe)
        assert_avoids(seen, "softmax", "_softmax", "log_softmax", "_log_softmax", "softmin")


@check("`probs`", exercise="softmax", points=1)
def test_probs(student, reference):
    published = [0.0007, 0.0024, 0.0243, 0.0660, 0.1793, 0.7273]
    assert_matches(student["probs"], reference["probs"], published=published)


@check(
    "`relu` deja pasar lo positivo",
    en="`relu` lets what is positive pass",
    exercise="relu",
    points=1,
    devices=["cpu", "cuda"],
)
def test_relu(student, reference):
    assert_matches(student.probe("valores_relu"), reference.probe("valores_relu"))


@check("`relu` está hecha a mano", en="`relu` is by hand", exercise="relu", penalty=1)
def test_relu_by_hand(student):
    assert_avoids(student.probe("valores_relu"), "relu", "relu_", "relu6", "threshold")


@check("`W_compuesta`", exercise="relu", points=1)
def test_composed(student, reference):
    assert_matches(student["W_compuesta"], reference["W_compuesta"])


@check(
    "`descenso` sigue el gradiente paso a paso",
    en="`descenso` follows the gradient step by step",
    exercise="descenso",
    points=0.5,
    devices=["cpu", "cuda"],
)
def test_descent(student, reference):
    assert_matches(student.probe("trayectorias"), reference.probe("trayectorias"), trained=True)


@check(
    "`descenso` sirve para tensores de cualquier forma y tipo",
    en="`descenso` works for tensors of any shape and dtype",
    exercise="descenso",
    points=0.5,
    devices=["cpu", "cuda"],
)
def test_descent_of_any_shape(student, reference):
    assert_matches(student.probe("formas"), reference.probe("formas"), trained=True)


@check(
    "La trayectoria de `descenso` está fuera del grafo",
    en="The trajectory of `descenso` is not part of a graph",
    exercise="descenso",
    points=0.5,
    devices=["cpu", "cuda"],
)
def test_descent_is_detached(student, reference):
    seen = student.probe("trayectorias")
    assert_matches(seen, reference.probe("trayectorias"), trained=True)
    if any(call.value.requires_grad for call in seen.value.items):
        fail("not_detached", name="descenso")


@check(
    "`descenso` deja `x0` y su gradiente como estaban",
    en="`descenso` leaves `x0` and its gradient as they were",
    exercise="descenso",
    points=0.5,
    devices=["cpu", "cuda"],
)
def test_descent_leaves_start(student, reference):
    assert_matches(student.probe("con_gradiente"), reference.probe("con_gradiente"), trained=True)
