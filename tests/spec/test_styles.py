"""Whoever gives the right values by another way gets everything."""

from __future__ import annotations

import pytest

A1, PERCEPTRON = "actividad_1", "perceptron"

NETWORK = """torch.manual_seed(7)
features = torch.randn(1, 3)
W1 = torch.randn(3, 2)
W2 = torch.randn(2, 1)
B1 = torch.randn(1, 2)
B2 = torch.randn(1, 1)
"""

STYLES = {
    (A1, "a generator of its own"): {
        "neurona": """
g = torch.Generator().manual_seed(7)
features, weights, bias = (torch.randn(s, generator=g) for s in [(1, 5), (1, 5), (1, 1)])
y = activation((features * weights).sum() + bias)
y_mm = activation(features.mm(weights.t()) + bias)
""",
        "actividad-1": """
generador = torch.Generator()
generador.manual_seed(7)
features = torch.randn(1, 3, generator=generador)
W1 = torch.randn(3, 2, generator=generador)
W2 = torch.randn(2, 1, generator=generador)
B1 = torch.randn(1, 2, generator=generador)
B2 = torch.randn(1, 1, generator=generador)
hidden = activation(features @ W1 + B1)
output = activation(hidden @ W2 + B2)
""",
    },
    (A1, "the default generator, seeded as an object"): {
        "actividad-1": NETWORK.replace("torch.manual_seed", "torch.default_generator.manual_seed")
        + "hidden = activation(features @ W1 + B1)\noutput = activation(hidden @ W2 + B2)"
    },
    (A1, "seeds more than asked for"): {
        "activacion": "torch.manual_seed(0)\ndef activation(x):\n    return 1 / (1 + (-x).exp())",
        "formas": """
torch.manual_seed(3)
w = torch.arange(1, 7).view(2, 3)
w_rsh, w_plano = w.view(3, 2), w.view(-1).view(1, 6)
""",
    },
    (A1, "operators and einsum"): {
        "activacion": "activation = lambda x: torch.exp(x) / (torch.exp(x) + 1)",
        "neurona": """
torch.manual_seed(7)
features = torch.empty(1, 5).normal_()
weights = torch.randn((1, 5))
bias = torch.randn([1, 1])
y = activation(torch.einsum("ij,ij->", features, weights) + bias)
y_mm = activation(features @ weights.T + bias)
""",
        "actividad-1": NETWORK
        + """
hidden = activation(torch.einsum("ni,ij->nj", features, W1).add(B1))
output = activation(torch.addmm(B2, hidden, W2))
""",
    },
    (A1, "helper functions"): {
        "actividad-1": NETWORK
        + """
def capa(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    "Una capa."
    return activation(x @ w + b)


hidden = capa(features, W1, B1)
output = capa(hidden, W2, B2)
"""
    },
    (A1, "parameters and gradients"): {
        "actividad-1": NETWORK.replace(
            "W1 = torch.randn(3, 2)", "W1 = nn.Parameter(torch.randn(3, 2))"
        )
        .replace("W2 = torch.randn(2, 1)", "W2 = torch.randn(2, 1, requires_grad=True)")
        .join(["from torch import nn\n", ""])
        + """
hidden = activation(torch.mm(features, W1) + B1)
output = activation(torch.mm(hidden, W2) + B2)
output.sum().backward()
"""
    },
    (A1, "views and reshapes"): {
        "neurona": """
torch.manual_seed(7)
features = torch.randn(5).view(1, 5)
weights = torch.randn(5).reshape(1, -1)
bias = torch.randn(1)[None]
y = activation((features * weights).sum(dim=1, keepdim=True) + bias)
y_mm = activation(torch.mm(features, weights.view(5, 1)) + bias)
""",
        "formas": """
w = torch.LongTensor([[1, 2, 3], [4, 5, 6]])
w_rsh = torch.reshape(w, (3, -1))
w_plano = w.view(1, w.numel())
""",
    },
    (A1, "in place and step by step"): {
        "activacion": """
def activation(x):
    x = x.clone().float() if not x.is_floating_point() else x.clone()
    return x.neg_().exp_().add_(1).reciprocal_()
""",
        "actividad-1": NETWORK
        + """
hidden = torch.zeros(1, 2)
for j in range(2):
    suma = 0
    for i in range(3):
        suma = suma + features[0, i] * W1[i, j]
    hidden[0, j] = suma + B1[0, j]
hidden = activation(hidden)
with torch.no_grad():
    output = activation(hidden.matmul(W2) + B2)
""",
    },
    (A1, "by way of the hyperbolic tangent"): {
        "activacion": "def activation(x):\n    return 0.5 * (1 + torch.tanh(x / 2))"
    },
    (A1, "magics, shell, await, figures and display"): {
        "activacion": """%%time
def activation(x):
    return 1 / (1 + torch.exp(-x))
""",
        "neurona": """
%matplotlib inline
import asyncio
import matplotlib.pyplot as plt
!echo hola
await asyncio.sleep(0)
torch.manual_seed(7)
features = torch.randn(1, 5)
weights = torch.randn_like(features)
bias = torch.randn(1, 1)
%time y = activation((features * weights).sum() + bias)
y_mm = activation(torch.mm(features, weights.reshape(5, 1)) + bias)
plt.plot(features[0], weights[0])
plt.show()
display(y, y_mm)
y
""",
    },
    (PERCEPTRON, "other constructors"): {
        "tensores": """
y, r = torch.full((4, 2), 1.), torch.ones_like(torch.empty(3, 3))
z = 3 * y
""",
        "rebanadas": "elemento = z[1][1]\ncolumna = z[:, [1]]",
        "numpy": """
estado = np.random.RandomState(7)
a = estado.rand(4, 3)
A = torch.as_tensor(a)
b = np.asarray(A)
A *= 2
""",
        "conversion": """
x_np = np.array([2.0, 3.0, 4.0])
w_np = np.array([0.1, 0.1, 0.2])
b_np = np.array([1.0])
X, W, B = map(torch.tensor, (x_np, w_np, b_np))
""",
        "lineal": "H = (W * X).sum() + B",
        "activacion": "Y = 1 / (1 + torch.exp(-H))\ny_np = Y.detach().cpu().numpy()",
        "funcion": "perceptron = lambda x, w, b: torch.sigmoid(x @ w + b)",
    },
    (PERCEPTRON, "operators and helpers"): {
        "tensores": "y = torch.ones(4, 2)\nr = torch.ones(3, 3)\nz = y.add(y).add_(y)",
        "rebanadas": "elemento = z[-3, -1]\ncolumna = z[:, 1].unsqueeze(1)",
        "numpy": """
np.random.seed(7)
a = np.random.random_sample((4, 3))
A = torch.from_numpy(a)
b = A.numpy()
torch.mul(A, 2, out=A)
""",
        "lineal": "H = torch.add(torch.dot(X, W), B)",
        "activacion": "Y = H.sigmoid()\ny_np = np.array(Y)",
        "funcion": """
def h(x, w, b):
    return torch.einsum("i,i->", x, w) + b


def perceptron(x, w, b):
    return 1 / (1 + torch.exp(-h(x, w, b)))
""",
    },
    (PERCEPTRON, "gradients asked for"): {
        "conversion": """
x_np = np.array([2.0, 3.0, 4.0])
w_np = np.array([0.1, 0.1, 0.2])
b_np = np.array([1.0])
X = torch.from_numpy(x_np)
W = torch.from_numpy(w_np).requires_grad_()
B = torch.nn.Parameter(torch.from_numpy(b_np))
""",
        "activacion": "Y = torch.sigmoid(H)\ny_np = Y.detach().numpy()",
    },
}


@pytest.fixture(scope="module")
def graded(bench, notebooks):
    found = {}
    for assignment in (A1, PERCEPTRON):
        mine = {style: answers for (name, style), answers in STYLES.items() if name == assignment}
        batch = bench.grade_all(
            assignment,
            {
                f"style{number}": notebooks.of(assignment, answers)
                for number, answers in enumerate(mine.values())
            },
        )
        found.update(
            {(assignment, style): one for style, one in zip(mine, batch.values(), strict=True)}
        )
    return found


@pytest.mark.parametrize("style", STYLES, ids=lambda style: f"{style[0]}: {style[1]}")
def test_a_right_notebook_of_another_style_gets_everything(graded, style):
    report = graded[style].report

    lost = [
        (exercise["id"], check["title"], check["message"])
        for exercise in report["exercises"]
        for check in exercise["checks"]
        if check["outcome"] != "passed"
    ]
    assert lost == []
    assert report["score"] == report["max_score"]


def test_numpys_new_generator_gives_other_numbers_and_not_the_points(bench, notebooks):
    answer = notebooks.changed(
        PERCEPTRON, "numpy", "np.random.seed(7)", "g = np.random.default_rng(7)"
    )
    answer = answer.replace("np.random.rand(4, 3)", "g.random((4, 3))")

    graded = bench.grade(PERCEPTRON, notebooks.of(PERCEPTRON, {"numpy": answer}))

    assert graded.points("numpy") == 0


@pytest.mark.parametrize(
    "answer",
    [
        "def activation(x):\n    return torch.sigmoid(x)",
        "def activation(x):\n    return torch.nn.functional.sigmoid(x.float())",
        "def activation(x):\n    return torch.nn.Sigmoid()(x.float())",
        "def activation(x):\n    return torch.special.expit(x)",
        "otra = torch.sigmoid\ndef activation(x):\n    return otra(x)",
        "def activation(x):\n    return (x * 1.0).sigmoid_()",
    ],
    ids=["sigmoid", "functional", "module", "expit", "alias", "in place"],
)
def test_a_built_in_sigmoid_costs_one_point_where_by_hand_was_asked(bench, notebooks, answer):
    graded = bench.grade(A1, notebooks.of(A1, {"activacion": answer}))

    assert graded.points("activacion") == 1
    assert graded.score == pytest.approx(9)
    assert "se pedía hacerla a mano" in graded.said("activacion")


def test_the_penalty_never_takes_more_than_the_exercise_gave(bench, notebooks):
    answer = "def activation(x):\n    return 2 * torch.sigmoid(x)"

    graded = bench.grade(A1, notebooks.of(A1, {"activacion": answer}))

    assert graded.points("activacion") == 0
    assert graded.score >= 0


def test_a_sigmoid_outside_the_function_asked_for_costs_nothing(bench, notebooks):
    answer = notebooks.solution(A1, "activacion") + "\nprint(torch.sigmoid(torch.zeros(2)))"

    graded = bench.grade(A1, notebooks.of(A1, {"activacion": answer}))

    assert graded.points("activacion") == 2


def test_the_built_in_sigmoid_is_right_where_it_was_not_forbidden(bench, notebooks):
    answer = notebooks.solution(A1, "actividad-1").replace("activation(", "torch.sigmoid(")

    graded = bench.grade(A1, notebooks.of(A1, {"actividad-1": answer}))

    assert graded.points("actividad-1") == 5


@pytest.mark.parametrize(
    ("answer", "points", "said"),
    [
        ("def activation(x):\n    return 1 / (1 + torch.exp(-x.float()[0]))", 0, "forma"),
        ("def activation(x):\n    return (1 / (1 + torch.exp(-x))).long()", 0, "tipo"),
        ("def activation(x):\n    print(1 / (1 + torch.exp(-x)))", 0, "return"),
        (
            "def activation(x):\n    if x.is_floating_point():\n        x.mul_(-1)\n"
            "        return 1 / (1 + x.exp())\n    return 1 / (1 + torch.exp(-x))",
            1,
            "cambia los tensores que recibe",
        ),
        ("def activation():\n    return 1", 0, "TypeError"),
        ("activation = 3", 0, ""),
    ],
    ids=["shape", "dtype", "no return", "changes its argument", "no parameter", "no function"],
)
def test_a_wrong_function_loses_its_points_and_is_told_why(bench, notebooks, answer, points, said):
    graded = bench.grade(A1, notebooks.of(A1, {"activacion": answer}))

    assert graded.points("activacion") == points
    assert said in graded.said("activacion")
    assert graded.status == "graded"


def test_a_function_that_ignores_its_arguments_gets_nothing(bench, notebooks):
    answer = "def perceptron(x, w, b):\n    return torch.sigmoid(torch.dot(W, X) + B)"

    graded = bench.grade(PERCEPTRON, notebooks.of(PERCEPTRON, {"funcion": answer}))

    assert graded.points("funcion") == 0


def test_copies_where_memory_was_to_be_shared_lose_points(bench, notebooks):
    shapes = notebooks.changed(A1, "formas", "w.view(1, 6)", "w.clone().view(1, 6)")
    arrays = notebooks.changed(PERCEPTRON, "numpy", "A.mul_(2)", "a *= 2\nb = b.copy()")

    copied = bench.grade(A1, notebooks.of(A1, {"formas": shapes}))
    left = bench.grade(PERCEPTRON, notebooks.of(PERCEPTRON, {"numpy": arrays}))

    assert copied.points("formas") == pytest.approx(2 / 3, abs=1e-4)
    assert "no comparten memoria" in copied.said("formas")
    assert left.points("numpy") == pytest.approx(4 / 3, abs=1e-4)
    assert "no comparten memoria" in left.said("numpy")
