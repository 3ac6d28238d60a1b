"""The contract's rows of the loop and the deeper network: what right and wrong answers get."""

from __future__ import annotations

import math

import pytest

FIT, DEEP = "bucle_fit", "dos_capas_ocultas"


def test_the_losses_of_the_loop_are_the_published_ones(bench, notebooks):
    shown = {
        "": "print(f'{perdidas[0]:.2f} {perdidas[99]:.2f} {loss.item():.2f} {rmse**2:.2f}')",
        "prediccion": "torch.manual_seed(7)\n_m = nn.Linear(3, 2)\nprint(f'{F.mse_loss("
        "_m(torch.from_numpy(entradas15_np)), torch.from_numpy(objetivos15_np)).item():.2f}')",
    }

    graded = bench.grade(FIT, notebooks.of(FIT, own=shown))

    assert graded.score == 20
    (numbers,) = graded.outputs(shown[""])
    assert numbers.text == "3276.49 226.65 4620.61 28.18\n"
    (first,) = graded.outputs(shown["prediccion"])
    assert first.text == "12054.66\n"


def test_the_deeper_network_gives_the_published_numbers(bench, notebooks):
    shown = "print(f'{W1[0, 0]:.4f} {B3.item():.4f} {output.item():.4f} {features[0, 0]:.4f}')"

    graded = bench.grade(DEEP, notebooks.of(DEEP, own={"": shown}))

    assert graded.score == 10
    (numbers,) = graded.outputs(shown)
    assert numbers.text == "0.1461 2.2237 0.7846 -0.9234\n"


LOOP = {
    # What is changed: exercise, old text, new text, points that change, what is said of them.
    "inputs in double": (
        "datos",
        "torch.from_numpy(entradas_np)",
        "torch.from_numpy(entradas_np).double()",
        {"datos": 0.5, "modelo": 2, "gradiente": 0, "entrenar": 0},
        "`inputs` es de tipo `float64`",
    ),
    "another seed": (
        "modelo",
        "torch.manual_seed(7)",
        "torch.manual_seed(8)",
        {"modelo": 2 / 3},
        "`w`: los valores no coinciden",
    ),
    "b before w": (
        "modelo",
        "w = torch.randn(2, 3, requires_grad=True)\nb = torch.randn(2, requires_grad=True)",
        "b = torch.randn(2, requires_grad=True)\nw = torch.randn(2, 3, requires_grad=True)",
        {"modelo": 2 / 3},
        "`w`: los valores no coinciden",
    ),
    "the model ignores x": (
        "modelo",
        "return x @ w.t() + b",
        "return inputs @ w.t() + b",
        {"modelo": 4 / 3},
        "`model` tiene forma (5, 2)",
    ),
    "the built-in error": (
        "mse",
        "return torch.sum(diferencia * diferencia) / diferencia.numel()",
        "return F.mse_loss(t1, t2)",
        {"mse": 1},
        "usa `mse_loss`, que hace la tarea entera",
    ),
    "a detached error": (
        "mse",
        "return torch.sum(diferencia * diferencia) / diferencia.numel()",
        "return torch.mean(diferencia.detach() ** 2)",
        {"mse": 1, "gradiente": 1.5, "entrenar": 0},
        "no permite calcular gradientes",
    ),
    "the sum of the squares": (
        "mse",
        " / diferencia.numel()",
        "",
        {"mse": 0, "gradiente": 0, "entrenar": 0},
        "los valores no coinciden",
    ),
    "gradients left": (
        "gradiente",
        "    w.grad.zero_()\n    b.grad.zero_()\n",
        "",
        {"gradiente": 1.5, "entrenar": 0},
        "El gradiente de `w` no volvió a cero",
    ),
    "gradients set to None": (
        "gradiente",
        "    w.grad.zero_()\n    b.grad.zero_()\n",
        "    w.grad = b.grad = None\n",
        {},
        "",
    ),
    "two steps at first": (
        "gradiente",
        "loss_nueva = mse(model(inputs), targets)",
        """loss_nueva = mse(model(inputs), targets)
loss_nueva.backward()
with torch.no_grad():
    w -= w.grad * 1e-5
    b -= b.grad * 1e-5
w.grad = b.grad = None
loss_nueva = mse(model(inputs), targets)""",
        {"gradiente": 1.5},
        "`loss_nueva`: los valores no coinciden",
    ),
    "losses after the update": (
        "entrenar",
        "perdidas.append(perdida.item())",
        "perdidas.append(mse(model(inputs - 1), targets).item())",
        {"entrenar": 0},
        "`perdidas`: las pérdidas se apartan de las esperadas desde el paso 1",
    ),
    "losses that are tensors": (
        "entrenar",
        "perdida.item()",
        "perdida.detach()",
        {"entrenar": 0},
        "`perdidas[0]` es un tensor y se pedía un número de Python",
    ),
    "99 epochs": (
        "entrenar",
        "range(100)",
        "range(99)",
        {"entrenar": 0},
        "`perdidas` tiene 99 elementos y se pedían 100",
    ),
    "made-up losses": (
        "entrenar",
        "perdidas.append(perdida.item())",
        "perdidas.append(3276.49 * (226.65 / 3276.49) ** (epoca / 99))",
        {"entrenar": 0},
        "las pérdidas se apartan",
    ),
    "rows in order": (
        "dataset",
        ", shuffle=True",
        "",
        {"dataset": 1},
        "`train_dl` recorre las filas siempre en el mismo orden: falta barajar",
    ),
    "batches of 4": (
        "dataset",
        "batch_size=5",
        "batch_size=4",
        {"dataset": 1},
        "no recorren las 15 filas, de 5 en 5",
    ),
    "a sampler": (
        "dataset",
        "shuffle=True",
        "sampler=torch.utils.data.RandomSampler(train_ds)",
        {},
        "",
    ),
    "the seed after the model": (
        "prediccion",
        "torch.manual_seed(7)\nmodelo = nn.Linear(3, 2)",
        "modelo = nn.Linear(3, 2)\ntorch.manual_seed(7)",
        {"prediccion": 4 / 3},
        "`prediccion`: los valores no coinciden",
    ),
    "no root": (
        "prediccion",
        "torch.sqrt(F.mse_loss(modelo(entradas15), objetivos15))",
        "F.mse_loss(modelo(entradas15), objetivos15)",
        {"prediccion": 4 / 3},
        "`rmse`: los valores no coinciden",
    ),
    "one epoch only": (
        "prediccion",
        "fit(100,",
        "fit(1,",
        {"prediccion": 2 / 3},
        "El error de `modelo` sobre las 15 filas sigue siendo demasiado alto",
    ),
    "made-up prediction": (
        "prediccion",
        "prediccion = modelo(torch.tensor([[75.0, 63.0, 44.0]]))",
        "prediccion = torch.tensor([[20.0, 69.08]])",
        {"prediccion": 4 / 3},
        "`prediccion`: los valores no coinciden",
    ),
}

NETWORK = {
    "another seed": (
        "observacion",
        "torch.manual_seed(26)",
        "torch.manual_seed(27)",
        {"observacion": 0},
        "`features`: los valores no coinciden",
    ),
    "a layer of another width": (
        "parametros",
        "W3 = torch.randn(3, 1)",
        "W3 = torch.randn(3, 2)",
        {"parametros": 2},
        "`W3` tiene forma (3, 2) y se pedía (3, 1)",
    ),
    "red for its own weights only": ("red", None, "global", {"red": 0}, "`red`"),
    "red without its last sigmoid": ("red", None, "linear", {"red": 0}, "los valores no"),
    "red that gives one number": ("red", None, "first", {"red": 1}, "`red` tiene forma (1, 1)"),
    "red that builds double tensors": ("red", None, "double", {"red": 0}, "`float64`"),
    "red by another way": ("red", None, "right", {}, ""),
}

HEAD = "def red(x, W1, B1, W2, B2, W3, B3):\n"
RED = {
    "global": "    return output.expand(len(x), 1)\n",
    "linear": "    h = torch.sigmoid(torch.sigmoid(x @ W1 + B1) @ W2 + B2)\n"
    "    return h @ W3 + B3\n",
    "first": "    h = torch.sigmoid(torch.sigmoid(x[:1] @ W1 + B1) @ W2 + B2)\n"
    "    return torch.sigmoid(h @ W3 + B3)\n",
    "double": "    for W, B in ((W1, B1), (W2, B2), (W3, B3)):\n"
    "        x = torch.sigmoid(x.double() @ W.double() + B.double())\n    return x\n",
    "right": "    for W, B in zip((W1, W2, W3), (B1, B2, B3)):\n"
    "        x = 1 / (1 + torch.exp(-(torch.matmul(x, W) + B)))\n    return x\n",
}


def answer(notebooks, assignment, row):
    exercise, old, new, _, _ = row
    if old is None:
        return {exercise: HEAD + RED[new]}
    return {exercise: notebooks.changed(assignment, exercise, old, new)}


@pytest.mark.parametrize(
    ("assignment", "rows", "part"),
    [(FIT, LOOP, 0), (FIT, LOOP, 1), (DEEP, NETWORK, 0)],
    ids=["the loop", "the rest of the loop", "the network"],
)
def test_an_answer_gets_the_points_of_its_row_and_what_is_wrong_is_said(
    bench, notebooks, assignment, rows, part
):
    parts = 2 if assignment == FIT else 1
    rows = dict(list(rows.items())[part::parts])
    full = {one.id: one.points for one in bench.course.assignment(assignment).exercises}

    batch = bench.grade_all(
        assignment,
        {
            what: notebooks.of(assignment, answer(notebooks, assignment, rows[what]))
            for what in rows
        },
    )

    found = {
        what: {
            one["id"]: one["score"]
            for one in graded.report["exercises"]
            if not math.isclose(one["score"], full[one["id"]], abs_tol=1e-4)
        }
        for what, graded in batch.items()
    }
    expected = {
        what: {
            id: pytest.approx(score, abs=1e-4) for id, score in row[3].items() if score != full[id]
        }
        for what, row in rows.items()
    }
    assert found == expected
    for what, (exercise, _, _, _, sentence) in rows.items():
        assert sentence in batch[what].said(exercise), what
