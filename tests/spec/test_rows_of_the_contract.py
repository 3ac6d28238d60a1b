"""The contract's rows, one wrong answer after the other: what each gets and what is said of it."""

from __future__ import annotations

import math

import pytest

FIT, DEEP = "bucle_fit", "dos_capas_ocultas"
AUTOGRAD, INSIDE = "gradientes", "corazon_abierto"


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

GRADIENTS = {
    "floats for integers": (
        "creacion",
        "tensor_data = torch.tensor(datos)",
        "tensor_data = torch.tensor(datos).float()",
        {"creacion": 0.8},
        "`tensor_data` es de tipo `float32` y se pedía `int64`",
    ),
    "another seed": (
        "creacion",
        "torch.manual_seed(7)",
        "torch.manual_seed(17)",
        {"creacion": 1.6},
        "`x_rand`: los valores no coinciden",
    ),
    "normal numbers": (
        "creacion",
        "torch.rand_like(tensor_data, dtype=torch.float)",
        "torch.randn(3, 3)",
        {"creacion": 1.6},
        "`x_rand`: los valores no coinciden",
    ),
    "rows and columns changed over": (
        "atributos",
        "torch.rand(3, 2)",
        "torch.rand(2, 3)",
        {"atributos": 0.5},
        "`rand_tensor` tiene forma (2, 3) y se pedía (3, 2)",
    ),
    "texts for objects": (
        "atributos",
        "tipo = rand_tensor.dtype\ndispositivo = rand_tensor.device",
        "tipo = str(rand_tensor.dtype)\ndispositivo = rand_tensor.device.type",
        {"atributos": 0.5},
        "`dispositivo` es un texto y se pedía un `torch.device`",
    ),
    "a tuple for the shape": (
        "atributos",
        "forma = rand_tensor.shape",
        "forma = tuple(rand_tensor.shape)",
        {"atributos": 0.75},
        "`forma` es una tupla y se pedía un `torch.Size`",
    ),
    "CUDA taken for granted": (
        "mover",
        "    if torch.cuda.is_available():\n        return t.to",
        "    if True:\n        return t.to",
        {"mover": 0},
        "`mover` se detuvo",
    ),
    "a copy": (
        "mover",
        '"cuda")\n    return t',
        '"cuda")\n    return t.clone()',
        {"mover": 0},
        "`mover` debía devolver el mismo tensor, y devuelve otro",
    ),
    "floats all the way": (
        "mover",
        '"cuda")\n    return t',
        '"cuda")\n    return t.float()',
        {"mover": 0},
        "`mover` es de tipo `float32` y se pedía `int64`",
    ),
    "b before w": (
        "grafo",
        "w = torch.randn(5, 3, requires_grad=True)\nb = torch.randn(3, requires_grad=True)",
        "b = torch.randn(3, requires_grad=True)\nw = torch.randn(5, 3, requires_grad=True)",
        {"grafo": 2},  # with an x of ones, the sum of the same numbers: z and the rest stay
        "`w`: los valores no coinciden",
    ),
    "a sigmoid too many": (
        "grafo",
        "F.binary_cross_entropy_with_logits(z, y)",
        "F.binary_cross_entropy_with_logits(torch.sigmoid(z), y)",
        {"grafo": 1.5},
        "`loss`: los valores no coinciden (obtenido",
    ),
    "no bias": (
        "grafo",
        "z = torch.matmul(x, w) + b",
        "z = torch.matmul(x, w)\nb.sum().backward()",
        {"grafo": 1},
        "`z`: los valores no coinciden",
    ),
    "backward twice": (
        "grafo",
        "loss.backward()",
        "loss.backward(retain_graph=True)\nloss.backward()",
        {"grafo": 2},
        "`w_grad`: los valores no coinciden (obtenido [0.0934",
    ),
    "no backward": (
        "grafo",
        "loss.backward()\n",
        "",
        {"grafo": 2},
        "`w_grad` es `None`",
    ),
    "gradients of nothing": (
        "grafo",
        "b = torch.randn(3, requires_grad=True)",
        "b = torch.randn(3)",
        {"grafo": 2},
        "`b` no permite calcular gradientes",
    ),
    "the values for their sum": (
        "derivada",
        "y = torch.sum(5 * x**2)\ny.backward()",
        "y = 5 * x**2\ny.sum().backward()",
        {"derivada": 2},
        "`y` tiene forma (21,) y se pedía ()",
    ),
    "20 points": (
        "derivada",
        "torch.linspace(-4, 4, 21,",
        "torch.linspace(-4, 4, 20,",
        {"derivada": 1},
        "`dx` tiene forma (20,) y se pedía (21,)",
    ),
    "the gradient written into x": (
        "derivada",
        "puntos = x.detach().clone().requires_grad_()\n"
        "    (gradiente,) = torch.autograd.grad(f(puntos).sum(), puntos)\n"
        "    return gradiente",
        "puntos = x if x.requires_grad else x.clone().requires_grad_()\n"
        "    f(puntos).sum().backward()\n"
        "    return puntos.grad",
        {"derivada": 2.5},
        "los valores no coinciden",
    ),
    "x asked for gradients": (
        "derivada",
        "puntos = x.detach().clone().requires_grad_()",
        "puntos = x.requires_grad_()",
        {"derivada": 2.5},
        "`derivada` cambia los tensores que recibe",
    ),
    "the derivative of one function": (
        "derivada",
        "    return gradiente",
        "    return 10 * x.detach()",
        {"derivada": 2},
        "`derivada`: los valores no coinciden",
    ),
    "double for all": (
        "derivada",
        "    return gradiente",
        "    return gradiente.double()",
        {"derivada": 2},
        "`derivada` es de tipo `float64` y se pedía `float32`",
    ),
    "the last cell raises half way": (
        "derivada",
        "dx = x.grad",
        "dx = x.gradient",
        {"derivada": 1},
        "`dx` no llegó a definirse: la celda se detuvo en la línea 5 con AttributeError",
    ),
}

HEART = {
    "the first neuron by element": (
        "neuronas",
        "n1 = torch.matmul(entrada, pesos_n1.t()) + sesgo",
        "n1 = entrada * pesos_n1 + sesgo",
        {"neuronas": 0.8},
        "`n1` tiene forma (1, 2) y se pedía (1, 1)",
    ),
    "neurons one below the other": (
        "neuronas",
        "torch.cat([n1, n2, n3], dim=1)\noutput = torch.matmul(hidden_layer_output,",
        "torch.cat([n1, n2, n3])\noutput = torch.matmul(hidden_layer_output.t(),",
        {"neuronas": 1.6},
        "`hidden_layer_output` tiene forma (3, 1) y se pedía (1, 3)",
    ),
    "another order of neurons": (
        "matricial",
        "[pesos_n1, pesos_n2, pesos_n3]",
        "[pesos_n1, pesos_n3, pesos_n2]",
        {"matricial": 0},
        "(obtenido [5.0000, -1.0000, 1.0000], esperado [5.0000, 1.0000, -1.0000])",
    ),
    "weights in columns": (
        "matricial",
        "W1 = torch.vstack([pesos_n1, pesos_n2, pesos_n3])\n"
        "hidden_layer_output = torch.matmul(entrada, W1.t())",
        "W1 = torch.vstack([pesos_n1, pesos_n2, pesos_n3]).t()\n"
        "hidden_layer_output = torch.matmul(entrada, W1)",
        {"matricial": 4 / 3},
        "`W1` tiene forma (2, 3) y se pedía (3, 2)",
    ),
    "layers in another order": (
        "capas",
        "linear_layer = nn.Linear(2, 3)\noutput_layer = nn.Linear(3, 1)",
        "output_layer = nn.Linear(3, 1)\nlinear_layer = nn.Linear(2, 3)",
        {"capas": 0},
        "`linear_layer.weight`: los valores no coinciden",
    ),
    "a layer without biases": (
        "capas",
        "output_layer = nn.Linear(3, 1)",
        "output_layer = nn.Linear(3, 1, bias=False)",
        {"capas": 1},
        "`output_layer.bias` no está definido",
    ),
    "an activation that nobody asked for": (
        "capas",
        "salida_oculta = linear_layer(entrada)",
        "salida_oculta = torch.relu(linear_layer(entrada))",
        {"capas": 1},
        "`salida_oculta`: los valores no coinciden",
    ),
    "what the layer gives for the layer": (
        "capas",
        "linear_layer = nn.Linear(2, 3)\n",
        "capa = nn.Linear(2, 3)\nlinear_layer = capa(entrada)\n",
        {"capas": 0.5},
        "`linear_layer` es un tensor y se pedía `Linear`",
    ),
    "the layer itself": (
        "manual",
        "torch.matmul(x, capa.weight.t()) + capa.bias",
        "capa(x)",
        {"manual": 1},
        "`lineal` usa `linear`, que hace la tarea entera",
    ),
    "the layer's function": (
        "manual",
        "torch.matmul(x, capa.weight.t()) + capa.bias",
        "nn.functional.linear(x, capa.weight, capa.bias)",
        {"manual": 1},
        "`lineal` usa `linear`, que hace la tarea entera",
    ),
    "no bias": (
        "manual",
        " + capa.bias",
        "",
        {"manual": 0},
        "`lineal`: los valores no coinciden",
    ),
    "not transposed": (
        "manual",
        "capa.weight.t()",
        "capa.weight",
        {"manual": 0},
        "`lineal` se detuvo",
    ),
    "reshaped where transposed was asked for": (
        "manual",
        "capa.weight.t()",
        "capa.weight.reshape(x.shape[1], -1)",
        {"manual": 0},
        "`lineal`: los valores no coinciden",
    ),
    "the layer changed for good": (
        "manual",
        "return torch.matmul(x, capa.weight.t()) + capa.bias",
        "y = torch.matmul(x, capa.weight.t()) + capa.bias\n"
        "    capa.bias.data.zero_()\n"
        "    return y",
        {"manual": 0},
        "`lineal` cambia los tensores que recibe",
    ),
    "an activation in the chain": (
        "secuencial",
        "nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))",
        "nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))",
        {"secuencial": 0},
        "`model` tiene 3 elementos y se pedían 2",
    ),
    "a seed for each layer": (
        "secuencial",
        "model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))",
        "primera = nn.Linear(2, 3)\n"
        "torch.manual_seed(28)\n"
        "model = nn.Sequential(primera, nn.Linear(3, 1))",
        {"secuencial": 0},
        "`model[1].weight`: los valores no coinciden",
    ),
    "one layer for two": (
        "secuencial",
        "nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))",
        "nn.Linear(2, 1)",
        {"secuencial": 0},
        "`model` es `Linear` y se pedía `Sequential`",
    ),
    "another seed": (
        "muestras",
        "torch.manual_seed(28)",
        "torch.manual_seed(27)",
        {"muestras": 0},
        "`salida_muestras`: los valores no coinciden (obtenido",
    ),
    "an activation between": (
        "muestras",
        "nn.Linear(7, 4), nn.Linear(4, 1)",
        "nn.Linear(7, 4), nn.Sigmoid(), nn.Linear(4, 1)",
        {"muestras": 0},
        "`salida_muestras`: los valores no coinciden (obtenido",
    ),
    "the formula as it stands": (
        "sigmoide",
        "torch.where(z >= 0, 1 / (1 + si_positivo), si_negativo / (1 + si_negativo))",
        "1 / (1 + torch.exp(-z))",
        {"sigmoide": 5 / 3},
        "`sigmoide` contiene valores que no son finitos",
    ),
    "the other formula as it stands": (
        "sigmoide",
        "torch.where(z >= 0, 1 / (1 + si_positivo), si_negativo / (1 + si_negativo))",
        "torch.exp(z) / (1 + torch.exp(z))",
        {"sigmoide": 4 / 3},
        "`sigmoide` contiene valores que no son finitos",
    ),
    "both formulas, of which one overflows unseen": (
        "sigmoide",
        "torch.where(z >= 0, 1 / (1 + si_positivo), si_negativo / (1 + si_negativo))",
        "torch.where(z >= 0, 1 / (1 + torch.exp(-z)), torch.exp(z) / (1 + torch.exp(z)))",
        {"sigmoide": 5 / 3},
        "`sigmoide` contiene valores que no son finitos",
    ),
    "the built-in": (
        "sigmoide",
        "torch.where(z >= 0, 1 / (1 + si_positivo), si_negativo / (1 + si_negativo))",
        "z.sigmoid()",
        {"sigmoide": 1},
        "`sigmoide` usa `sigmoid`, que hace la tarea entera",
    ),
    "a detached sigmoid": (
        "sigmoide",
        "torch.where(z >= 0, 1 / (1 + si_positivo), si_negativo / (1 + si_negativo))",
        "torch.where(z >= 0, 1 / (1 + si_positivo), si_negativo / (1 + si_negativo)).detach()",
        {"sigmoide": 5 / 3},
        "`sigmoide` no permite calcular gradientes",
    ),
    "cut off too early": (
        "sigmoide",
        "    si_positivo =",
        "    z = z.clamp(-1, 1)\n    si_positivo =",
        {"sigmoide": 0},
        "`sigmoide`: los valores no coinciden",
    ),
    "probabilities of something else": (
        "sigmoide",
        "probabilidades = sigmoide(salida_muestras)",
        "probabilidades = sigmoide(-salida_muestras)",
        {"sigmoide": 1},
        "`probabilidades`: los valores no coinciden (obtenido",
    ),
    "softmax over the first dimension": (
        "softmax",
        "dim=-1",
        "dim=0",
        {"softmax": 0},
        "`softmax`: los valores no coinciden",
    ),
    "softmax over everything": (
        "softmax",
        "z.amax(dim=-1, keepdim=True))\n"
        "    return exponenciales / exponenciales.sum(dim=-1, keepdim=True)",
        "z.amax())\n    return exponenciales / exponenciales.sum()",
        {"softmax": 1},
        "`softmax`: los valores no coinciden",
    ),
    "softmax that overflows": (
        "softmax",
        "torch.exp(z - z.amax(dim=-1, keepdim=True))",
        "torch.exp(z)",
        {"softmax": 1.5},
        "`softmax` contiene valores que no son finitos",
    ),
    "one maximum for all rows": (
        "softmax",
        "z.amax(dim=-1, keepdim=True)",
        "z.max()",
        {"softmax": 1.5},
        "`softmax` contiene valores que no son finitos",
    ),
    "the logarithm's exponential": (
        "softmax",
        "    return exponenciales / exponenciales.sum(dim=-1, keepdim=True)",
        "    return torch.log_softmax(z, dim=-1).exp()",
        {"softmax": 1},
        "`softmax` usa `_log_softmax`, que hace la tarea entera",
    ),
    "softmax in place": (
        "softmax",
        "torch.exp(z - z.amax(dim=-1, keepdim=True))",
        "z.sub_(z.amax(dim=-1, keepdim=True)).exp_()",
        {"softmax": 1},
        "`softmax` cambia los tensores que recibe",
    ),
    "the absolute value": (
        "relu",
        "torch.where(x > 0, x, torch.zeros_like(x))",
        "x.abs()",
        {"relu": 1},
        "`relu`: los valores no coinciden",
    ),
    "a leaky one": (
        "relu",
        "torch.where(x > 0, x, torch.zeros_like(x))",
        "torch.where(x > 0, x, 0.01 * x)",
        {"relu": 1},
        "`relu`: los valores no coinciden",
    ),
    "the built-in rectifier": (
        "relu",
        "torch.where(x > 0, x, torch.zeros_like(x))",
        "nn.ReLU()(x)",
        {"relu": 1},
        "`relu` usa `relu`, que hace la tarea entera",
    ),
    "a rectifier that cuts its argument": (
        "relu",
        "return torch.where(x > 0, x, torch.zeros_like(x))",
        "x[x < 0] = 0\n    return x",
        {"relu": 1},
        "`relu` cambia los tensores que recibe",
    ),
    "a rectifier between the layers": (
        "relu",
        "weight_1 @ weight_2 @ weight_3",
        "relu(weight_1 @ weight_2) @ weight_3",
        {"relu": 1},
        "`W_compuesta`: los valores no coinciden",
    ),
    "weights drawn in another order": (
        "relu",
        "weight_1 = torch.randn(7, 3)\nweight_2 = torch.randn(3, 1)\n",
        "weight_2 = torch.randn(3, 1)\nweight_1 = torch.randn(7, 3)\n",
        {"relu": 1},
        "`W_compuesta`: los valores no coinciden",
    ),
    "uphill": (
        "descenso",
        "x - lr * gradiente",
        "x + lr * gradiente",
        {"descenso": 0},
        "`descenso`: los valores no coinciden",
    ),
    "without its start": (
        "descenso",
        "torch.stack(trayectoria)",
        "torch.stack(trayectoria[1:] or trayectoria)",
        {"descenso": 0},
        "`descenso` tiene forma (8, 2) y se pedía (9, 2)",
    ),
    "only where it ends": (
        "descenso",
        "torch.stack(trayectoria)",
        "trayectoria[-1]",
        {"descenso": 0},
        "`descenso` tiene forma (2,) y se pedía (9, 2)",
    ),
    "a list": (
        "descenso",
        "torch.stack(trayectoria)",
        "trayectoria",
        {"descenso": 0},
        "`descenso` es una lista y se pedía un tensor",
    ),
    "still in the graph": (
        "descenso",
        "(x - lr * gradiente).detach())",
        "x - lr * gradiente)",
        {"descenso": 1.5},
        "Lo que devuelve `descenso` sigue unido al grafo",
    ),
    "the same tensor again and again": (
        "descenso",
        """    trayectoria = [x0.detach().clone()]
    for _ in range(pasos):
        x = trayectoria[-1].clone().requires_grad_()
        (gradiente,) = torch.autograd.grad(f(x), x)
        trayectoria.append((x - lr * gradiente).detach())
""",
        """    x = x0.detach().clone().requires_grad_()
    trayectoria = [x.detach()]
    for _ in range(pasos):
        (gradiente,) = torch.autograd.grad(f(x), x)
        x.data -= lr * gradiente
        trayectoria.append(x.detach())
""",
        {"descenso": 0},
        "`descenso`: los valores no coinciden",
    ),
    "gradients that pile up": (
        "descenso",
        """    trayectoria = [x0.detach().clone()]
    for _ in range(pasos):
        x = trayectoria[-1].clone().requires_grad_()
        (gradiente,) = torch.autograd.grad(f(x), x)
        trayectoria.append((x - lr * gradiente).detach())
""",
        """    x = x0.detach().clone().requires_grad_()
    trayectoria = [x.detach().clone()]
    for _ in range(pasos):
        f(x).backward()
        x.data -= lr * x.grad
        trayectoria.append(x.detach().clone())
""",
        {"descenso": 0},
        "`descenso`: los valores no coinciden",
    ),
    "x0 moved along": (
        "descenso",
        """    trayectoria = [x0.detach().clone()]
    for _ in range(pasos):
        x = trayectoria[-1].clone().requires_grad_()
        (gradiente,) = torch.autograd.grad(f(x), x)
        trayectoria.append((x - lr * gradiente).detach())
""",
        """    trayectoria = [x0.detach().clone()]
    for _ in range(pasos):
        x = trayectoria[-1].clone().requires_grad_()
        (gradiente,) = torch.autograd.grad(f(x), x)
        x0.data -= lr * gradiente
        trayectoria.append(x0.detach().clone())
""",
        {"descenso": 0},
        "`descenso` cambia los tensores que recibe",
    ),
    "the gradient left in x0": (
        "descenso",
        """    trayectoria = [x0.detach().clone()]
    for _ in range(pasos):
        x = trayectoria[-1].clone().requires_grad_()
        (gradiente,) = torch.autograd.grad(f(x), x)
        trayectoria.append((x - lr * gradiente).detach())
""",
        """    x = x0 if x0.requires_grad else x0.clone().requires_grad_()
    trayectoria = [x.detach().clone()]
    for _ in range(pasos):
        x.grad = None
        f(x).backward()
        trayectoria.append((trayectoria[-1] - lr * x.grad).detach())
        x = trayectoria[-1].clone().requires_grad_()
""",
        {"descenso": 1.5},
        "`descenso` cambia los tensores que recibe",
    ),
    "points in single precision": (
        "descenso",
        "trayectoria = [x0.detach().clone()]",
        "trayectoria = [x0.detach().clone().float()]",
        {"descenso": 1.5},
        "`descenso` es de tipo `float32` y se pedía `float64`",
    ),
    "vectors only": (
        "descenso",
        "torch.stack(trayectoria)",
        "torch.stack(trayectoria).reshape(pasos + 1, -1)",
        {"descenso": 1},
        "`descenso` tiene forma (4, 1) y se pedía (4,)",
    ),
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
    [
        (FIT, LOOP, 0),
        (FIT, LOOP, 1),
        (DEEP, NETWORK, 0),
        (AUTOGRAD, GRADIENTS, 0),
        (INSIDE, HEART, 0),
        (INSIDE, HEART, 1),
    ],
    ids=[
        "the loop",
        "the rest of the loop",
        "the network",
        "the gradients",
        "inside a network",
        "the rest inside a network",
    ],
)
def test_an_answer_gets_the_points_of_its_row_and_what_is_wrong_is_said(
    bench, notebooks, assignment, rows, part
):
    parts = 2 if assignment in (FIT, INSIDE) else 1
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
