"""Checks of bucle_fit."""

import math
import re

import torch
from torch.nn import functional as F

from autograder import (
    CheckFailed,
    assert_avoids,
    assert_matches,
    assert_ran,
    assert_requires_grad,
    assert_same_trajectory,
    carry,
    check,
    fail,
)
from autograder.config import Tolerance

RATE = 1e-5
MAX_STEPS = 2000  # as many as the probe keeps
# fmt: off
ROWS = torch.tensor([
    [73, 67, 43], [91, 88, 64], [87, 134, 58], [102, 43, 37], [69, 96, 70],
    [74, 66, 43], [91, 87, 65], [88, 134, 59], [101, 44, 37], [68, 96, 71],
    [73, 66, 44], [92, 87, 64], [87, 135, 57], [103, 43, 36], [68, 97, 70],
]).float()
YIELDS = torch.tensor([
    [56, 70], [81, 101], [119, 133], [22, 37], [103, 119],
    [57, 69], [80, 102], [118, 132], [21, 38], [104, 118],
    [57, 69], [82, 100], [118, 134], [20, 38], [102, 120],
]).float()
# fmt: on


@check("`{name}`", exercise="datos", each={"inputs": 0.5, "targets": 0.5})
def test_data(student, reference, name):
    assert_matches(student[name], reference[name])


@check("`{name}`", exercise="modelo", each={"w": 2 / 3, "b": 2 / 3})
def test_parameters(student, reference, name):
    assert_matches(student[name], reference[name])
    assert_requires_grad(student[name])


@check(
    "`model` da x·wᵀ + b para cualquier lote",
    en="`model` gives x·wᵀ + b for any batch",
    exercise="modelo",
    points=2 / 3,
)
def test_model(student, reference):
    seen, inputs = student.probe("lotes")["y"], reference.probe("lotes")["x"]
    for place in range(3):
        x = inputs[place].tensor
        assert_ran(seen[place])
        expected = carry(lambda w, b, x=x: x @ w.t() + b, student, reference, "w", "b")
        assert_matches(seen[place].returned, expected)


@check(
    "`mse` es la media de los cuadrados, de dimensión 0",
    en="`mse` is the mean of the squares, 0-dimensional",
    exercise="mse",
    points=1,
    devices=["cpu", "cuda"],
)
def test_mse(student, reference):
    assert_matches(student.probe("valores"), reference.probe("valores"))


@check(
    "`mse` deja calcular gradientes",
    en="`mse` lets gradients be computed",
    exercise="mse",
    points=1,
    devices=["cpu", "cuda"],
)
def test_mse_gradient(student, reference):
    seen = student.probe("derivable")
    assert_ran(seen["llamada"])
    assert_requires_grad(seen["llamada"].returned)
    assert_matches(seen, reference.probe("derivable"))


@check("`mse` está hecha a mano", en="`mse` is made by hand", exercise="mse", penalty=1)
def test_mse_by_hand(student):
    for seen in (student.probe("valores"), student.probe("derivable")["llamada"]):
        assert_avoids(seen, "mse_loss")


def descend(inputs, targets, w, b, steps):
    """The losses before each of `steps` updates and after the last one."""
    w, b = (one.detach().clone().requires_grad_() for one in (w, b))
    losses = []
    for _ in range(steps + 1):
        with torch.enable_grad():
            loss = F.mse_loss(inputs @ w.t() + b, targets)
        losses.append(loss.detach())
        for one, gradient in zip((w, b), torch.autograd.grad(loss, (w, b)), strict=True):
            one.data -= RATE * gradient
    return torch.stack(losses)


GIVEN = ("inputs", "targets", "modelo.w", "modelo.b")


def step(which, inputs, targets, w, b):
    """How far one update moves `w` (which = 0) or `b` (1)."""
    w, b = (one.detach().clone().requires_grad_() for one in (w, b))
    with torch.enable_grad():
        loss = F.mse_loss(inputs @ w.t() + b, targets)
    return -RATE * torch.autograd.grad(loss, (w, b))[which]


def stepped(student, reference, name):
    """Whether the cell of `gradiente` moved `name` by one update, within a hundredth of it."""
    which = ("w", "b").index(name)
    wanted = carry(lambda *given: step(which, *given), student, reference, *GIVEN, lenient=True)
    before, after = student[f"modelo.{name}"].tensor, student[f"gradiente.{name}"].tensor
    if any(
        one is None or one.shape != wanted.shape or not one.is_floating_point()
        for one in (before, after)
    ):
        return False
    off = (after - before - wanted).abs().max()
    return bool(off <= 0.01 * wanted.abs().max() + 1e-6)


@check(
    "`loss` es la pérdida antes del paso",
    en="`loss` is the loss before the step",
    exercise="gradiente",
    points=1.5,
)
def test_loss(student, reference):
    expected = carry(lambda *given: descend(*given, 1)[0], student, reference, *GIVEN, trained=True)
    assert_matches(student["loss"], expected, trained=True, published=4620.61)


@check(
    "`loss_nueva` es la pérdida después del paso, con los gradientes a cero",
    en="`loss_nueva` is the loss after the step, with the gradients back to zero",
    exercise="gradiente",
    points=1.5,
)
def test_new_loss(student, reference):
    expected = carry(lambda *given: descend(*given, 1)[1], student, reference, *GIVEN, trained=True)
    assert_matches(student["loss_nueva"], expected, trained=True, published=3276.49)
    moved = {name: stepped(student, reference, name) for name in ("w", "b")}
    if any(moved.values()) and not all(moved.values()):
        # `b` matters so little to this loss that its value alone would not tell.
        fail("not_updated", name=next(name for name, well in moved.items() if not well))
    for name in ("w", "b"):
        gradient = getattr(student[f"gradiente.{name}"].value, "grad", None)
        if gradient is not None and (gradient.value is None or gradient.value.any()):
            fail("gradient_left", name=name)


@check(
    "`perdidas` sigue el descenso del gradiente durante 100 épocas",
    en="`perdidas` follows gradient descent for 100 epochs",
    exercise="entrenar",
    points=3,
)
def test_training(student, reference):
    given = ("inputs", "targets", "gradiente.w", "gradiente.b")
    expected = carry(lambda *values: descend(*values, 99), student, reference, *given, trained=True)
    got = student["perdidas"]
    if got.kind != "list":
        fail("kind", name="perdidas", got=got.kind, asked="list")
    for place, item in enumerate(got.parts):
        if item.kind != "float":
            fail("item_kind", name="perdidas", place=place, got=item.kind, asked="float")
    assert_same_trajectory(got, expected.tolist())


@check(
    "`train_ds` reúne las 15 filas",
    en="`train_ds` holds the 15 rows",
    exercise="dataset",
    points=1,
)
def test_dataset(student, reference):
    seen, model = student.probe("filas"), reference.probe("filas")
    if not seen["es_dataset"].holds:
        fail("kind", name="train_ds", got=student["train_ds"].kind, asked="TensorDataset")
    assert_matches(seen["tensores"].named("train_ds"), model["tensores"])


@check(
    "`train_dl` recorre las filas barajadas, en lotes de 5",
    en="`train_dl` goes over the rows shuffled, in batches of 5",
    exercise="dataset",
    points=1,
)
def test_loader(student, reference):
    seen = student.probe("filas")
    if not seen["es_loader"].holds:
        fail("kind", name="train_dl", got=student["train_dl"].kind, asked="DataLoader")
    wanted = rows(torch.cat([ROWS, YIELDS], dim=1))
    orders = []
    for epoch in range(3):
        tensors = [[part.tensor for part in one.parts] for one in seen["epocas"][epoch].parts]
        if [len(batch) for batch in tensors] != [2, 2, 2] or any(
            part is None or part.is_complex() or tuple(part.shape) not in ((5, 3), (5, 2))
            for batch in tensors
            for part in batch
        ):
            fail("rows", name="train_dl")
        order = [row for x, y in tensors for row in rows(torch.cat([x, y], dim=1).float())]
        if sorted(order) != sorted(wanted):
            fail("rows", name="train_dl")
        orders.append(order)
    if all(order == orders[0] for order in orders):
        fail("not_shuffled", name="train_dl")


def rows(table):
    return [tuple(row) for row in table.tolist()]


def assert_same_updates(seen, model, rate=None):
    """The optimiser made the reference's steps, one after the other.

    With the learning rate of a linear model under SGD, the usual ways to go wrong are told apart.
    """
    assert_ran(seen["llamada"])
    expected, got = model["pasos"].tensor, seen["pasos"].tensor
    steps = 0 if got is None or got.dim() == 0 else len(got)
    before, after = seen["antes"].tensor, seen["despues"].tensor
    if before is None or after is None or torch.equal(before, after):
        fail("not_trained", name="fit")
    if steps != len(expected):
        fail("steps", name="fit", got=steps, expected=len(expected))
    try:
        for part in ("pasos", "despues"):
            assert_matches(seen[part], model[part], trained=True)
    except CheckFailed:
        # The tensors compared are ours: their names and shapes would tell a student nothing.
        alike = got.shape == expected.shape and got.dtype == expected.dtype
        for kind in ("never_zeroed", "step_too_early") if rate and alike else ():
            if torch.allclose(got, went_wrong(kind, model, rate, steps), rtol=1e-3, atol=1e-5):
                fail(kind, name="fit")
        fail("updates", name="fit")


def went_wrong(kind, model, rate, steps):
    """The parameters after every step of a loop that makes the mistake `kind`."""
    x, y = (model[part].tensor.split(5) for part in ("x", "y"))
    weights = model["antes"].tensor.clone().requires_grad_()
    gradient = torch.zeros_like(weights)
    taken = []
    for step in range(steps):
        with torch.enable_grad():
            weight, bias = parts(weights, y[0].shape[1])
            loss = F.mse_loss(x[step % len(x)] @ weight.t() + bias, y[step % len(y)])
        (fresh,) = torch.autograd.grad(loss, weights)
        if kind == "never_zeroed":
            gradient = gradient + fresh
        weights.data -= rate * gradient
        if kind == "step_too_early":
            gradient = fresh
        taken.append(weights.detach().clone())
    return torch.stack(taken)


def parts(parameters, outputs):
    """Weight and bias of a linear layer from all its parameters in one row."""
    return parameters[:-outputs].view(outputs, -1), parameters[-outputs:]


@check(
    "`fit` hace las actualizaciones del descenso por lotes",
    en="`fit` makes the updates of batch gradient descent",
    exercise="fit",
    points=2,
    devices=["cpu", "cuda"],
)
def test_updates(student, reference):
    seen, model = student.probe("actualizaciones"), reference.probe("actualizaciones")
    assert_same_updates(seen, model, rate=0.05)


@check(
    "`fit` sirve para otros modelos, pérdidas, optimizadores y lotes",
    en="`fit` works for other models, losses, optimisers and loaders",
    exercise="fit",
    points=1,
    devices=["cpu", "cuda"],
)
def test_others(student, reference):
    seen, model = student.probe("otros"), reference.probe("otros")
    for place in range(3):
        assert_same_updates(seen[place], model[place])


@check(
    "`fit` reduce la pérdida al menos un 90 %",
    en="`fit` reduces the loss by at least 90 %",
    exercise="fit",
    points=1,
    devices=["cpu", "cuda"],
)
def test_reduction(student, reference):
    # The loss is computed here from the weights that were seen: nobody's word is taken for it.
    seen, model = student.probe("reduccion"), reference.probe("reduccion")
    assert_ran(seen["llamada"])
    x, y = model["x"].tensor, model["y"].tensor
    before = linear_loss(model["antes"].tensor, x, y)
    after = linear_loss(seen["despues"].tensor, x, y)
    steps = seen["pasos"].tensor
    if steps is not None and steps.dim() == 2 and 0 < len(steps) <= MAX_STEPS:
        # Gradients that pile up let the loss swing up and down: its last value alone is chance.
        late = [linear_loss(step, x, y) for step in steps[-len(steps) // 4 :]]
        after = max(after, sum(late) / len(late))
    if not math.isfinite(after) or after > 0.1 * before:
        fail("not_reduced", by=0.9)


def linear_loss(parameters, x, y):
    shape = (y.shape[1] * (x.shape[1] + 1),)
    if parameters is None or parameters.shape != shape or parameters.dtype != x.dtype:
        return math.inf
    weight, bias = parts(parameters, y.shape[1])
    return F.mse_loss(x @ weight.t() + bias, y).item()


LINE = re.compile(r"^Epoch \[(\d+)/(\d+)\], Loss: (-?\d+\.\d{4})\s*$", re.MULTILINE)


@check(
    "`fit` escribe cada 10 épocas la pérdida del último lote",
    en="`fit` prints the last batch's loss every 10 epochs",
    exercise="fit",
    points=1,
)
def test_printed(student, reference):
    seen, model = student.probe("escritura"), reference.probe("escritura")
    assert_ran(seen["llamada"])
    lines = list(LINE.finditer(seen["llamada"].call.printed))
    if [(line[1], line[2]) for line in lines] != [("10", "25"), ("20", "25")]:
        fail("not_printed", name="fit", expected=[10, 20])
    losses, weights = seen["perdidas"].tensor, seen["pesos"].tensor
    calls = [] if losses is None or losses.dim() != 2 else losses.tolist()
    x, y = (model[part].tensor[-5:] for part in ("x", "y"))
    for line in lines:
        # The loss of the loader's last batch, by the weights that the model had when it was asked
        # for last before this line: computed here, whatever the student's code says it was.
        asked = [
            place for place, (last, printed) in enumerate(calls) if last and printed <= line.start()
        ]
        known = asked and weights is not None and weights.dim() == 2 and asked[-1] < len(weights)
        loss = linear_loss(weights[asked[-1]] if known else None, x, y)
        if not math.isclose(float(line[3]), loss, rel_tol=1e-3, abs_tol=1e-4):
            fail("printed_loss", name="fit", epoch=line[1])


def state_of(module):
    """The recorded parameters of a module and of all that it is made of."""
    own = [getattr(one, "value", None) for one in module.state.values()]
    inner = [tensor for child in module.children.values() for tensor in state_of(child)]
    return [one for one in own + inner if isinstance(one, torch.Tensor) and not one.is_complex()]


def own_loss(student):
    """MSE of the student's `modelo` over the 15 rows, from its recorded state."""
    seen = student["modelo"]
    if seen.kind != "module":
        fail("kind", name="modelo", got=seen.kind, asked="nn.Linear")
    tensors = state_of(seen.value)
    if sorted(tuple(one.shape) for one in tensors) != [(2,), (2, 3)]:
        fail("kind", name="modelo", got=seen.value.type, asked="nn.Linear(3, 2)")
    bias, weight = sorted(tensors, key=torch.Tensor.dim)
    return F.mse_loss(ROWS @ weight.float().t() + bias.float(), YIELDS)


@check(
    "`modelo` está entrenado",
    en="`modelo` is trained",
    exercise="prediccion",
    points=2 / 3,
)
def test_trained_model(student, reference):
    loss = own_loss(student).item()
    if not loss <= 100:
        fail("loss_too_high", name="modelo")


@check(
    "`prediccion` para `[75, 63, 44]`",
    en="`prediccion` for `[75, 63, 44]`",
    exercise="prediccion",
    points=2 / 3,
)
def test_prediction(student, reference):
    # An extra pass over the loader moves it by up to 0.3, another seed by 1.6.
    assert_matches(
        student["prediccion"],
        reference["prediccion"],
        tolerance=Tolerance(rtol=0.0, atol=0.5),
        published=[55.19, 69.08],
    )


@check(
    "`rmse` es la raíz del error de `modelo`",
    en="`rmse` is the root of the error of `modelo`",
    exercise="prediccion",
    points=2 / 3,
)
def test_rmse(student, reference):
    assert_matches(student["rmse"], own_loss(student).sqrt(), trained=True)
