"""Whoever gives the right values by another way gets everything."""

from __future__ import annotations

import pytest

A1, PERCEPTRON = "actividad_1", "perceptron"
GRADIENTS, HEART = "gradientes", "corazon_abierto"

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
    (GRADIENTS, "other constructors"): {
        "creacion": """
datos = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
tensor_data = torch.arange(1, 10).view(3, 3)
tensor_np = torch.tensor(np.array(datos))
x_zeros, x_ones = torch.zeros(3, 3, dtype=torch.int64), tensor_data.new_ones((3, 3))
g = torch.Generator().manual_seed(7)
x_rand = torch.rand(tensor_data.shape, generator=g)
""",
        "atributos": """
rand_tensor = torch.rand((3, 2), generator=torch.Generator().manual_seed(7))
forma, tipo, dispositivo = rand_tensor.size(), rand_tensor.dtype, torch.device("cpu")
""",
        "mover": "def mover(t):\n    return t.cuda() if torch.cuda.is_available() else t",
        "grafo": """
from torch import nn
x = torch.ones(5)
y = torch.zeros(3)
g = torch.Generator().manual_seed(7)
w = nn.Parameter(torch.randn(5, 3, generator=g))
b = nn.Parameter(torch.randn(3, generator=g))
z = F.linear(x, w.t(), b)
loss = nn.BCEWithLogitsLoss()(z, y)
w_grad, b_grad = torch.autograd.grad(loss, (w, b))
""",
        "derivada": """
x = torch.linspace(-4, 4, 21).requires_grad_()
y = (5 * x.pow(2)).sum()
(dx,) = torch.autograd.grad(y, x)


def derivada(f, x):
    return torch.func.grad(lambda t: f(t).sum())(x.detach())
""",
    },
    (GRADIENTS, "step by step, with backward"): {
        "creacion": """
datos = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
tensor_data = torch.LongTensor(datos)
tensor_np = torch.as_tensor(np.asarray(datos))
x_zeros = torch.zeros_like(tensor_data)
x_ones = x_zeros + 1
torch.manual_seed(7)
x_rand = torch.rand_like(tensor_data.float())
""",
        "mover": """
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
mover = lambda t: t.to(device)
""",
        "grafo": """
x = torch.ones(5)
y = torch.zeros(3)
torch.manual_seed(7)
w = torch.randn(5, 3).requires_grad_()
b = torch.empty(3).normal_().requires_grad_(True)
z = (x[None] @ w).squeeze(0) + b
z.retain_grad()
loss = F.binary_cross_entropy(torch.sigmoid(z), y)
loss.backward(retain_graph=True)
w_grad, b_grad = w.grad.detach().clone(), b.grad.clone()
""",
        "derivada": """
x = torch.linspace(-4, 4, steps=21, requires_grad=True)
y = 5 * torch.dot(x, x)
y.backward()
dx = x.grad.clone()
x.grad = None


def derivada(f, x):
    copia = x.detach().clone()
    copia.requires_grad = True
    f(copia).backward(torch.ones_like(copia))
    return copia.grad
""",
    },
    (GRADIENTS, "products with a vector, graphs that stay"): {
        "mover": """
def mover(t):
    if not torch.cuda.is_available():
        return t
    return t.to(torch.device("cuda", 0))
""",
        "derivada": """
x = torch.linspace(-4, 4, 21, requires_grad=True)
y = sum(5 * xi * xi for xi in x)
dx = torch.autograd.grad(y, x, create_graph=True)[0]


def derivada(f, x):
    with torch.enable_grad():
        puntos = torch.tensor(x.tolist(), dtype=x.dtype, device=x.device, requires_grad=True)
        return torch.autograd.grad(f(puntos).sum(), puntos, create_graph=True)[0]
""",
    },
    (GRADIENTS, "one point after the other"): {
        "derivada": """
x = torch.linspace(-4, 4, 21, requires_grad=True)
y = torch.sum(5 * x**2)
y.backward()
dx = x.grad


def derivada(f, x):
    resultado = torch.zeros_like(x.detach())
    for i, valor in enumerate(x.detach().flatten()):
        punto = valor.clone().requires_grad_()
        f(punto).backward()
        resultado.view(-1)[i] = punto.grad
    return resultado
""",
    },
    (HEART, "sums and helper functions"): {
        "neuronas": """
entrada = torch.tensor([[2.0, 3.0]])


def neurona(x, pesos):
    return (x * torch.tensor(pesos)).sum(dim=1, keepdim=True)


n1, n2, n3 = (neurona(entrada, p) for p in ([1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]))
hidden_layer_output = torch.hstack([n1, n2, n3])
output = neurona(hidden_layer_output, [2.0, -1.0, 1.0])
""",
        "matricial": """
entrada = torch.tensor([[2.0, 3.0]])
W1 = torch.tensor([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]])
hidden_layer_output = (W1 @ entrada.T).T
output = hidden_layer_output @ torch.tensor([[2.0, -1.0, 1.0]]).T
""",
        "capas": """
entrada = torch.tensor([[4.0, 5.0]])
torch.random.manual_seed(28)
linear_layer, output_layer = nn.Linear(2, 3), nn.Linear(3, 1, bias=True)
with torch.no_grad():
    salida_oculta = linear_layer(entrada)
    salida = nn.functional.linear(salida_oculta, output_layer.weight, output_layer.bias)
""",
        "manual": """
def lineal(x, capa):
    return torch.stack([capa.weight @ fila + capa.bias for fila in x])
""",
        "secuencial": """
from collections import OrderedDict
entrada = torch.tensor([[4.0, 5.0]])
torch.manual_seed(28)
model = nn.Sequential(OrderedDict(oculta=nn.Linear(2, 3), salida=nn.Linear(3, 1)))
salida_seq = model(entrada).detach()
""",
        "muestras": """
muestras = torch.tensor([
    [8.0, 5, 6, 2, 4, 5, 7], [1, 2, 3, 4, 5, 6, 7], [9, 8, 7, 6, 5, 4, 3]
])
torch.manual_seed(28)
primera = nn.Linear(7, 4)
segunda = nn.Linear(4, 1)
salida_muestras = torch.vstack([segunda(primera(fila)) for fila in muestras])
""",
        "sigmoide": """
def sigmoide(z):
    return 0.5 * (1 + torch.tanh(z / 2))


probabilidades = sigmoide(salida_muestras).detach()
""",
        "softmax": """
logits = torch.tensor([[-3.7, -2.5, -0.2, 0.8, 1.8, 3.2]])


def softmax(z):
    return torch.exp(z - torch.logsumexp(z, dim=-1, keepdim=True))


probs = softmax(logits)
""",
        "relu": """
def relu(x):
    return torch.clamp(x, min=0)


g = torch.Generator().manual_seed(28)
weight_1, weight_2, weight_3 = (torch.randn(s, generator=g) for s in [(7, 3), (3, 1), (1, 1)])
W_compuesta = torch.linalg.multi_dot([weight_1, weight_2, weight_3])
""",
        "descenso": """
def descenso(f, x0, lr, pasos):
    x = x0.detach().clone().requires_grad_()
    trayectoria = [x.detach().clone()]
    for _ in range(pasos):
        f(x).backward()
        with torch.no_grad():
            x -= lr * x.grad
        x.grad = None
        trayectoria.append(x.detach().clone())
    return torch.stack(trayectoria)
""",
    },
    (HEART, "other safe formulas, an optimiser"): {
        "manual": """
def lineal(x, capa):
    W, b = capa.parameters()
    return torch.addmm(b, x, W.T)
""",
        "secuencial": """
entrada = torch.tensor([[4.0, 5.0]])
torch.manual_seed(28)
model = nn.Sequential()
model.append(nn.Linear(2, 3))
model.append(nn.Linear(3, 1))
salida_seq = model.eval()(entrada)
""",
        "sigmoide": """
def sigmoide(z):
    z = z.clamp(-80, 80)
    return 1 / (1 + torch.exp(-z))


probabilidades = torch.sigmoid(salida_muestras)
""",
        "softmax": """
logits = torch.tensor([[-3.7, -2.5, -0.2, 0.8, 1.8, 3.2]])


def softmax(z):
    maximo, _ = z.max(-1, keepdim=True)
    e = (z - maximo).exp()
    return e / e.sum(-1, keepdim=True)


probs = nn.functional.softmax(logits, dim=1)
""",
        "relu": """
def relu(x):
    return x * (x > 0)


torch.manual_seed(28)
weight_1, weight_2, weight_3 = torch.randn(7, 3), torch.randn(3, 1), torch.randn(1, 1)
W_compuesta = torch.eye(7).mm(weight_1).mm(weight_2).mm(weight_3)
""",
        "descenso": """
def descenso(f, x0, lr, pasos):
    x = nn.Parameter(x0.detach().clone())
    opt = torch.optim.SGD([x], lr=lr)
    puntos = torch.zeros(pasos + 1, *x0.shape, dtype=x0.dtype, device=x0.device)
    puntos[0] = x.data
    for k in range(1, pasos + 1):
        opt.zero_grad()
        f(x).backward()
        opt.step()
        puntos[k] = x.data
    return puntos
""",
    },
    (HEART, "in place and by index"): {
        "neuronas": """
entrada = torch.tensor([[2.0, 3.0]])
x1, x2 = entrada[0]
n1 = (x1 + x2).reshape(1, 1)
n2 = (x2 - x1).view(1, 1)
n3 = -n2
hidden_layer_output = torch.zeros(1, 3)
hidden_layer_output[0, 0], hidden_layer_output[0, 1], hidden_layer_output[0, 2] = n1, n2, n3
output = 2 * n1 - n2 + n3
""",
        "manual": """
def lineal(x, capa):
    resultado = torch.einsum("ni,oi->no", x, capa.weight)
    resultado += capa.bias
    return resultado
""",
        "sigmoide": """
def sigmoide(z):
    e = torch.exp(-z.abs())
    return torch.where(z >= 0, 1 / (1 + e), e / (1 + e))


probabilidades = sigmoide(salida_muestras)
""",
        "softmax": """
logits = torch.tensor([[-3.7, -2.5, -0.2, 0.8, 1.8, 3.2]])


def softmax(z):
    z = z.clone()
    z -= z.max(dim=-1, keepdim=True).values
    z.exp_()
    return z.div_(z.sum(dim=-1, keepdim=True))


probs = softmax(logits)
""",
        "relu": """
def relu(x):
    y = x.clone()
    y[y < 0] = 0
    return y


torch.manual_seed(28)
weight_1 = torch.randn(7, 3)
weight_2 = torch.randn(3, 1)
weight_3 = torch.randn(1, 1)
W_compuesta = weight_1 @ (weight_2 * weight_3)
""",
        "descenso": """
def descenso(f, x0, lr, pasos):
    puntos = [x0.clone().detach()]
    for k in range(pasos):
        x = puntos[k].clone()
        x.requires_grad = True
        g = torch.autograd.grad(f(x), x)[0]
        puntos.append(puntos[k] - lr * g)
    return torch.stack(puntos, dim=0)
""",
    },
    (HEART, "half the sum with the absolute value, a softplus"): {
        "sigmoide": """
def sigmoide(z):
    return torch.exp(-nn.functional.softplus(-z))


probabilidades = sigmoide(salida_muestras)
""",
        "relu": """
def relu(x):
    return (x + x.abs()) / 2


torch.manual_seed(28)
weight_1, weight_2, weight_3 = torch.randn(7, 3), torch.randn(3, 1), torch.randn(1, 1)
W_compuesta = weight_1 @ weight_2 @ weight_3
""",
        "descenso": """
def descenso(f, x0, lr, pasos):
    if pasos == 0:
        return x0.detach().clone().unsqueeze(0)
    antes = descenso(f, x0, lr, pasos - 1)
    x = antes[-1].clone().requires_grad_()
    paso = torch.func.grad(f)(x.detach())
    return torch.cat([antes, (x.detach() - lr * paso)[None]])
""",
    },
}


@pytest.fixture(scope="module")
def graded(bench, notebooks):
    found = {}
    for assignment in (A1, PERCEPTRON, GRADIENTS, HEART):
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
