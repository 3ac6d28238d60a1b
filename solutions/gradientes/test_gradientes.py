"""Checks of gradientes."""

from autograder import assert_matches, assert_requires_grad, check, fail

CREATED = ("tensor_data", "tensor_np", "x_zeros", "x_ones", "x_rand")
ATTRIBUTES = ("rand_tensor", "forma", "tipo", "dispositivo")


@check("`{name}`", exercise="creacion", each=dict.fromkeys(CREATED, 0.4))
def test_created(student, reference, name):
    assert_matches(student[name], reference[name])


@check("`{name}`", exercise="atributos", each=dict.fromkeys(ATTRIBUTES, 0.25))
def test_attributes(student, reference, name):
    assert_matches(student[name], reference[name])


@check(
    "`mover` lleva el tensor a CUDA si hay una GPU, y si no lo devuelve",
    en="`mover` takes the tensor to CUDA where there is a GPU, and else returns it",
    exercise="mover",
    points=1,
    devices=["cpu", "cuda"],
)
def test_move(student, reference):
    seen, model = student.probe("destino"), reference.probe("destino")
    assert_matches(seen["llamadas"], model["llamadas"])
    # A tensor that is where it belongs comes back itself, not as a copy.
    for place, same in enumerate(model["mismos"].parts):
        if same.holds and not seen["mismos"][place].holds:
            fail("not_same", name="mover")


@check("`{name}`", exercise="grafo", each={"w": 0.5, "b": 0.5})
def test_parameters(student, reference, name):
    assert_matches(student[name], reference[name])
    assert_requires_grad(student[name])


@check("`z`", exercise="grafo", points=0.5)
def test_logits(student, reference):
    assert_matches(student["z"], reference["z"])


@check("`loss`", exercise="grafo", points=0.5)
def test_loss(student, reference):
    assert_matches(student["loss"], reference["loss"], trained=True, published=2.9719)


@check(
    "`{name}` es el gradiente que deja `backward`",
    en="`{name}` is the gradient that `backward` leaves",
    exercise="grafo",
    each={"w_grad": 0.5, "b_grad": 0.5},
)
def test_gradients(student, reference, name):
    row = [0.0467, 0.3329, 0.2908]
    published = 5 * row if name == "w_grad" else None
    assert_matches(student[name], reference[name], published=published)


@check("`{name}`", exercise="derivada", each={"y": 1, "dx": 1})
def test_derivative_values(student, reference, name):
    published = 616 if name == "y" else [-40.0 + 4 * place for place in range(21)]
    assert_matches(student[name], reference[name], published=published)


@check(
    "`derivada` deriva cualquier función",
    en="`derivada` differentiates any function",
    exercise="derivada",
    points=0.5,
    devices=["cpu", "cuda"],
)
def test_derivative(student, reference):
    assert_matches(student.probe("derivadas"), reference.probe("derivadas"))


@check(
    "`derivada` deja `x.grad` como estaba",
    en="`derivada` leaves `x.grad` as it was",
    exercise="derivada",
    points=0.5,
    devices=["cpu", "cuda"],
)
def test_derivative_leaves_gradient(student, reference):
    assert_matches(student.probe("con_gradiente"), reference.probe("con_gradiente"))
