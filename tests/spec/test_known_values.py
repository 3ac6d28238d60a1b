"""The values, shapes, dtypes and points that EXERCISES.md fixes, as the sandbox sees the reference.

They are the only expected numbers in the project: grading itself compares with the reference's
own run and stores none.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from autograder.values import (
    ArrayValue,
    FunctionValue,
    PlainValue,
    TensorValue,
)

F32, F64, I64 = "float32", "float64", "int64"

POINTS = {
    "actividad_1": {"activacion": 2, "neurona": 2, "formas": 1, "actividad-1": 5},
    "dos_capas_ocultas": {"observacion": 1, "parametros": 3, "salida": 3, "red": 3},
    "perceptron": {
        "tensores": 1,
        "rebanadas": 1,
        "numpy": 2,
        "conversion": 1,
        "lineal": 2,
        "activacion": 1,
        "funcion": 2,
    },
    "bucle_fit": {
        "datos": 1,
        "modelo": 2,
        "mse": 2,
        "gradiente": 3,
        "entrenar": 3,
        "dataset": 2,
        "fit": 5,
        "prediccion": 2,
    },
    "gradientes": {"creacion": 2, "atributos": 1, "mover": 1, "grafo": 3, "derivada": 3},
    "corazon_abierto": {
        "neuronas": 2,
        "matricial": 2,
        "capas": 2,
        "manual": 2,
        "secuencial": 2,
        "muestras": 2,
        "sigmoide": 2,
        "softmax": 2,
        "relu": 2,
        "descenso": 2,
    },
}

NAMES = {
    "actividad_1": {
        "neurona": {
            "features": ("tensor", (1, 5), F32),
            "weights": ("tensor", (1, 5), F32),
            "bias": ("tensor", (1, 1), F32),
            "y": ("tensor", (1, 1), F32),
            "y_mm": ("tensor", (1, 1), F32),
        },
        "formas": {
            "w": ("tensor", (2, 3), I64),
            "w_rsh": ("tensor", (3, 2), I64),
            "w_plano": ("tensor", (1, 6), I64),
        },
        "actividad-1": {
            "features": ("tensor", (1, 3), F32),
            "W1": ("tensor", (3, 2), F32),
            "W2": ("tensor", (2, 1), F32),
            "B1": ("tensor", (1, 2), F32),
            "B2": ("tensor", (1, 1), F32),
            "hidden": ("tensor", (1, 2), F32),
            "output": ("tensor", (1, 1), F32),
        },
    },
    "dos_capas_ocultas": {
        "observacion": {"features": ("tensor", (1, 3), F32)},
        "parametros": {
            "W1": ("tensor", (3, 4), F32),
            "B1": ("tensor", (1, 4), F32),
            "W2": ("tensor", (4, 3), F32),
            "B2": ("tensor", (1, 3), F32),
            "W3": ("tensor", (3, 1), F32),
            "B3": ("tensor", (1, 1), F32),
        },
        "salida": {
            "hidden1": ("tensor", (1, 4), F32),
            "hidden2": ("tensor", (1, 3), F32),
            "output": ("tensor", (1, 1), F32),
        },
    },
    "perceptron": {
        "tensores": {
            "y": ("tensor", (4, 2), F32),
            "r": ("tensor", (3, 3), F32),
            "z": ("tensor", (4, 2), F32),
        },
        "rebanadas": {
            "elemento": ("tensor", (), F32),
            "columna": ("tensor", (4, 1), F32),
        },
        "numpy": {
            "a": ("array", (4, 3), F64),
            "A": ("tensor", (4, 3), F64),
            "b": ("array", (4, 3), F64),
        },
        "conversion": {
            "X": ("tensor", (3,), F64),
            "W": ("tensor", (3,), F64),
            "B": ("tensor", (1,), F64),
        },
        "lineal": {"H": ("tensor", (1,), F64)},
        "activacion": {"Y": ("tensor", (1,), F64), "y_np": ("array", (1,), F64)},
    },
    "bucle_fit": {
        "datos": {"inputs": ("tensor", (5, 3), F32), "targets": ("tensor", (5, 2), F32)},
        "modelo": {"w": ("tensor", (2, 3), F32), "b": ("tensor", (2,), F32)},
        "gradiente": {"loss": ("tensor", (), F32), "loss_nueva": ("tensor", (), F32)},
        "prediccion": {"prediccion": ("tensor", (1, 2), F32), "rmse": ("tensor", (), F32)},
    },
    "gradientes": {
        "creacion": {
            "tensor_data": ("tensor", (3, 3), I64),
            "tensor_np": ("tensor", (3, 3), I64),
            "x_zeros": ("tensor", (3, 3), I64),
            "x_ones": ("tensor", (3, 3), I64),
            "x_rand": ("tensor", (3, 3), F32),
        },
        "atributos": {"rand_tensor": ("tensor", (3, 2), F32)},
        "grafo": {
            "w": ("tensor", (5, 3), F32),
            "b": ("tensor", (3,), F32),
            "z": ("tensor", (3,), F32),
            "loss": ("tensor", (), F32),
            "w_grad": ("tensor", (5, 3), F32),
            "b_grad": ("tensor", (3,), F32),
        },
        "derivada": {"y": ("tensor", (), F32), "dx": ("tensor", (21,), F32)},
    },
    "corazon_abierto": {
        "neuronas": {
            "n1": ("tensor", (1, 1), F32),
            "n2": ("tensor", (1, 1), F32),
            "n3": ("tensor", (1, 1), F32),
            "hidden_layer_output": ("tensor", (1, 3), F32),
            "output": ("tensor", (1, 1), F32),
        },
        "matricial": {
            "W1": ("tensor", (3, 2), F32),
            "hidden_layer_output": ("tensor", (1, 3), F32),
            "output": ("tensor", (1, 1), F32),
        },
        "capas": {
            "salida_oculta": ("tensor", (1, 3), F32),
            "salida": ("tensor", (1, 1), F32),
        },
        "secuencial": {"salida_seq": ("tensor", (1, 1), F32)},
        "muestras": {"salida_muestras": ("tensor", (3, 1), F32)},
        "sigmoide": {"probabilidades": ("tensor", (3, 1), F32)},
        "softmax": {"probs": ("tensor", (1, 6), F32)},
        "relu": {"W_compuesta": ("tensor", (7, 1), F32)},
    },
}
"""By assignment, exercise and name: kind, shape, dtype."""

FUNCTIONS = {
    "actividad_1": {"activacion": ("activation", ["x"])},
    "dos_capas_ocultas": {"red": ("red", ["x", "W1", "B1", "W2", "B2", "W3", "B3"])},
    "perceptron": {"funcion": ("perceptron", ["x", "w", "b"])},
    "bucle_fit": {
        "mse": ("mse", ["t1", "t2"]),
        "fit": ("fit", ["num_epochs", "model", "loss_fn", "opt", "train_dl"]),
    },
    "gradientes": {"mover": ("mover", ["t"]), "derivada": ("derivada", ["f", "x"])},
    "corazon_abierto": {
        "manual": ("lineal", ["x", "capa"]),
        "sigmoide": ("sigmoide", ["z"]),
        "softmax": ("softmax", ["z"]),
        "relu": ("relu", ["x"]),
        "descenso": ("descenso", ["f", "x0", "lr", "pasos"]),
    },
}

UNIFORM = (2 * np.random.RandomState(7).rand(4, 3)).ravel().tolist()

VALUES = {
    "actividad_1": {
        ("neurona", "y"): [0.1595],
        ("neurona", "y_mm"): [0.1595],
        ("formas", "w"): [1, 2, 3, 4, 5, 6],
        ("formas", "w_rsh"): [1, 2, 3, 4, 5, 6],
        ("formas", "w_plano"): [1, 2, 3, 4, 5, 6],
        ("actividad-1", "features"): [-0.1468, 0.7861, 0.9468],
        ("actividad-1", "output"): [0.3171],
    },
    "dos_capas_ocultas": {
        ("observacion", "features"): [-0.9234, -1.2842, -0.8729],
        ("parametros", "B3"): [2.2237],
        ("salida", "output"): [0.7846],
    },
    "perceptron": {
        ("tensores", "y"): [1] * 8,
        ("tensores", "r"): [1] * 9,
        ("tensores", "z"): [3] * 8,
        ("rebanadas", "elemento"): [3],
        ("rebanadas", "columna"): [3] * 4,
        ("numpy", "a"): UNIFORM,
        ("numpy", "A"): UNIFORM,
        ("numpy", "b"): UNIFORM,
        ("conversion", "X"): [2, 3, 4],
        ("conversion", "W"): [0.1, 0.1, 0.2],
        ("conversion", "B"): [1],
        ("lineal", "H"): [2.3],
        ("activacion", "Y"): [0.9089],
        ("activacion", "y_np"): [0.9089],
    },
    "bucle_fit": {
        ("gradiente", "loss"): [4620.61],
        ("gradiente", "loss_nueva"): [3276.49],
        ("prediccion", "prediccion"): [55.19, 69.08],
    },
    "gradientes": {
        ("creacion", "tensor_data"): [1, 2, 3, 4, 5, 6, 7, 8, 9],
        ("creacion", "tensor_np"): [1, 2, 3, 4, 5, 6, 7, 8, 9],
        ("creacion", "x_zeros"): [0] * 9,
        ("creacion", "x_ones"): [1] * 9,
        ("grafo", "loss"): [2.9719],
        ("grafo", "w_grad"): [0.0467, 0.3329, 0.2908] * 5,
        ("derivada", "y"): [616],
        ("derivada", "dx"): [10 * (-4 + 0.4 * place) for place in range(21)],
    },
    "corazon_abierto": {
        ("neuronas", "n1"): [5],
        ("neuronas", "n2"): [1],
        ("neuronas", "n3"): [-1],
        ("neuronas", "hidden_layer_output"): [5, 1, -1],
        ("neuronas", "output"): [8],
        ("matricial", "W1"): [1, 1, -1, 1, 1, -1],
        ("matricial", "hidden_layer_output"): [5, 1, -1],
        ("matricial", "output"): [8],
        ("capas", "salida"): [0.8347],
        ("secuencial", "salida_seq"): [0.8347],
        ("muestras", "salida_muestras"): [-2.8107, -1.6803, -2.3069],
        ("sigmoide", "probabilidades"): [0.0567, 0.1571, 0.0906],
        ("softmax", "probs"): [0.0007, 0.0024, 0.0243, 0.0660, 0.1793, 0.7273],
    },
}


def ours(table, assignment):
    assert assignment in table, f"EXERCISES.md: write down what it fixes for {assignment}"
    return table[assignment]


def test_the_exercises_carry_the_points_of_the_contract(bench, each_assignment):
    loaded = bench.course.assignment(each_assignment)

    found = {exercise.id: exercise.points for exercise in loaded.exercises}

    assert found == ours(POINTS, each_assignment)
    assert list(found) == list(POINTS[each_assignment])


def test_the_checks_share_out_exactly_the_points_of_their_exercise(
    bench, notebooks, each_assignment
):
    graded = bench.grade(each_assignment, notebooks.of(each_assignment))

    for exercise in graded.report["exercises"]:
        shared = sum(check["points"] for check in exercise["checks"])
        assert shared == pytest.approx(ours(POINTS, each_assignment)[exercise["id"]], abs=1e-5)


def test_the_reference_has_every_name_with_its_kind_shape_and_dtype(bench, each_assignment):
    trial = bench.reference(each_assignment)[0]

    for exercise, names in ours(NAMES, each_assignment).items():
        for name, (kind, shape, dtype) in names.items():
            value = trial.snapshots[exercise].names[name]
            assert isinstance(value, TensorValue if kind == "tensor" else ArrayValue), name
            assert (value.shape, value.dtype) == (shape, dtype), f"{exercise}: {name}"
            if kind == "tensor":
                assert value.device == "cpu"


def test_the_reference_defines_every_function_with_its_parameters(bench, each_assignment):
    trial = bench.reference(each_assignment)[0]

    for exercise, (name, parameters) in ours(FUNCTIONS, each_assignment).items():
        value = trial.snapshots[exercise].names[name]
        assert isinstance(value, FunctionValue)
        assert list(value.parameters) == parameters


def test_the_reference_gives_every_known_value_in_trial_0(bench, each_assignment):
    trial = bench.reference(each_assignment)[0]

    for (exercise, name), expected in ours(VALUES, each_assignment).items():
        found = trial.snapshots[exercise].names[name].value.flatten().tolist()
        # Four decimals are known; of a loss, two.
        assert found == pytest.approx(expected, abs=5.1e-5 if max(expected) < 10 else 6e-3), name


def test_drawn_values_move_in_trial_1_and_the_others_stay(bench):
    first, second = bench.reference("actividad_1")

    def values(trial, exercise, name):
        return trial.snapshots[exercise].names[name].value

    for exercise, name in [("neurona", "y"), ("actividad-1", "features"), ("actividad-1", "W2")]:
        one, other = values(first, exercise, name), values(second, exercise, name)
        assert not torch.equal(one, other), name
    assert torch.equal(values(first, "formas", "w"), values(second, "formas", "w"))


def test_numpy_draws_move_in_trial_1_too(bench):
    first, second = bench.reference("perceptron")

    one, other = (trial.snapshots["numpy"].names["a"].value for trial in (first, second))

    assert not torch.equal(one, other)


def test_activation_gives_the_known_values_of_the_contract(bench, notebooks):
    cell = "print(activation(torch.tensor([[1, 2, 3], [4, 5, 6]])))"
    graded = bench.grade("actividad_1", notebooks.of("actividad_1", own={"": cell}))

    (output,) = graded.outputs(cell)

    numbers = [float(one) for one in re.findall(r"\d\.\d+", output.text)]
    assert numbers == [0.7311, 0.8808, 0.9526, 0.9820, 0.9933, 0.9975]


def test_w_plano_and_w_share_memory_and_so_do_the_three_of_numpy(bench):
    shapes = bench.reference("actividad_1")[0].snapshots["formas"].memory
    arrays = bench.reference("perceptron")[0].snapshots["numpy"].memory

    assert any({"w", "w_plano"} <= set(group) for group in shapes)
    assert ("A", "a", "b") in arrays


def test_the_losses_of_bucle_fit_are_the_known_ones(bench):
    trial = bench.reference("bucle_fit")[0]
    items = trial.snapshots["entrenar"].names["perdidas"].items
    assert all(isinstance(one, PlainValue) and one.kind == "float" for one in items)

    losses = [one.value for one in items]

    assert len(losses) == 100
    assert losses[0] == pytest.approx(3276.49, abs=0.01)


def test_the_first_numbers_that_gradientes_draws_are_the_known_ones(bench):
    trial = bench.reference("gradientes")[0]

    def first(exercise, name):
        return trial.snapshots[exercise].names[name].value.flatten()[0].item()

    assert first("creacion", "x_rand") == pytest.approx(0.5349, abs=5.1e-5)
    assert first("grafo", "w") == pytest.approx(-0.1468, abs=5.1e-5)


def test_the_attributes_of_gradientes_are_torchs_own_objects(bench):
    names = bench.reference("gradientes")[0].snapshots["atributos"].names

    assert names["forma"] == PlainValue("size", (3, 2))
    assert names["tipo"] == PlainValue("dtype", F32)
    assert names["dispositivo"] == PlainValue("device", "cpu")


def test_the_layers_of_corazon_abierto_are_those_of_the_contract(bench):
    trial = bench.reference("corazon_abierto")[0]
    layers = trial.snapshots["capas"].names
    chain = trial.snapshots["secuencial"].names["model"]

    for name, place, shape in [("linear_layer", "0", (3, 2)), ("output_layer", "1", (1, 3))]:
        layer, part = layers[name], chain.children[place]
        assert layer.type == part.type == "torch.nn.modules.linear.Linear"
        assert layer.state["weight"].shape == shape
        assert torch.equal(layer.state["weight"].value, part.state["weight"].value)
    assert chain.type.endswith("Sequential")


def test_three_layers_without_activation_are_their_product(bench):
    first, second = bench.reference("corazon_abierto")

    one, other = (t.snapshots["relu"].names["W_compuesta"].value for t in (first, second))

    generator = torch.Generator().manual_seed(28)
    shapes = [(7, 3), (3, 1), (1, 1)]
    weights = [torch.randn(shape, generator=generator) for shape in shapes]
    assert torch.allclose(one, weights[0] @ weights[1] @ weights[2])
    assert not torch.equal(one, other)
