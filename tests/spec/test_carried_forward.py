"""An error costs once: what follows is judged from the student's own values, if they move."""

from __future__ import annotations

import pytest

CARRIED = "Calculado a partir de tus valores."
A1 = "actividad_1"
W1 = "W1 = torch.randn(3, 2)"


@pytest.fixture
def with_weights(bench, notebooks):
    """Grade `actividad-1` with other weights of the hidden layer."""

    def grade(text):
        answer = notebooks.changed(A1, "actividad-1", W1, text)
        return bench.grade(A1, notebooks.of(A1, {"actividad-1": answer}))

    return grade


def test_wrong_weights_cost_their_own_points_only(with_weights):
    graded = with_weights("W1 = 2 * torch.randn(3, 2)")

    assert graded.points("actividad-1") == 4.5
    assert graded.check("actividad-1", "W1")["score"] == 0
    assert graded.message("actividad-1", "hidden") == CARRIED
    assert graded.message("actividad-1", "output") == CARRIED


def test_right_values_are_not_said_to_be_carried(bench, notebooks):
    graded = bench.grade(A1, notebooks.of(A1))

    assert "Calculado" not in graded.said("neurona") + graded.said("actividad-1")


def test_a_wrong_hidden_layer_costs_nothing_of_a_right_output(bench, notebooks):
    answer = notebooks.changed(
        A1,
        "actividad-1",
        "hidden = activation(torch.mm(features, W1) + B1)",
        "hidden = torch.mm(features, W1) + B1",
    )

    graded = bench.grade(A1, notebooks.of(A1, {"actividad-1": answer}))

    assert graded.points("actividad-1") == 4
    assert graded.check("actividad-1", "hidden")["score"] == 0
    assert graded.message("actividad-1", "output") == CARRIED


@pytest.mark.parametrize(
    "weights",
    [
        "torch.randn(3, 2); W1 = torch.tensor([[1., 2.], [3., 4.], [5., 6.]])",
        "torch.randn(3, 2); W1 = torch.randn(1) * torch.ones(3, 2); torch.manual_seed(7); "
        "torch.randn(1, 3), torch.randn(3, 2)",
        "torch.randn(3, 2) * float('inf')",
        "torch.randn(3, 2).tolist(); W1 = torch.tensor(W1).double()[0, 0] * torch.ones(0, 2)",
    ],
    ids=["did not move between trials", "all equal", "not finite", "without elements"],
)
def test_weights_that_cannot_be_trusted_are_not_carried(with_weights, weights):
    graded = with_weights(f"W1 = {weights}")

    hidden = graded.check("actividad-1", "hidden")
    assert hidden["score"] == 0
    assert CARRIED not in hidden["message"]
    assert graded.check("actividad-1", "W1")["score"] == 0
    for name in ("features", "W2", "B1", "B2"):
        assert graded.check("actividad-1", name)["score"] == 0.5, name


def test_a_value_that_did_not_move_makes_nothing_right_that_is_computed_from_it(bench, notebooks):
    """Literals for hidden and output gain neither their own points nor one from the other."""
    answer = notebooks.solution(A1, "actividad-1").split("hidden =")[0]
    answer += "hidden = torch.tensor([[0.1, 0.2]])\noutput = activation(torch.mm(hidden, W2) + B2)"

    graded = bench.grade(A1, notebooks.of(A1, {"actividad-1": answer}))

    assert graded.points("actividad-1") == 2.5


def test_a_missing_value_is_replaced_by_the_references(bench, notebooks):
    answer = notebooks.changed(A1, "actividad-1", "W1", "pesos_uno")

    graded = bench.grade(A1, notebooks.of(A1, {"actividad-1": answer}))

    assert graded.points("actividad-1") == 4.5
    assert "Calculado" not in graded.said("actividad-1")


def test_shapes_that_do_not_fit_are_replaced_by_the_references_values(bench, notebooks):
    """Transposed weights: nothing can be computed from them, so the reference's values stand."""
    answer = notebooks.changed(A1, "actividad-1", W1, "W1 = torch.randn(3, 2).t()")
    answer = answer.replace("torch.mm(features, W1)", "torch.mm(features, W1.t())")

    graded = bench.grade(A1, notebooks.of(A1, {"actividad-1": answer}))

    assert graded.points("actividad-1") == 4.5


def test_a_neuron_of_another_seed_loses_its_draws_and_keeps_its_outputs(bench, notebooks):
    answer = notebooks.changed(A1, "neurona", "manual_seed(7)", "manual_seed(8)")

    graded = bench.grade(A1, notebooks.of(A1, {"neurona": answer}))

    assert graded.points("neurona") == 0.8
    assert graded.message("neurona", "y") == CARRIED


def test_a_wrong_function_is_not_carried_forward(bench, notebooks):
    """`activation` without its minus sign: what is computed with it is wrong too."""
    answer = notebooks.changed(A1, "activacion", "torch.exp(-x)", "torch.exp(x)")

    graded = bench.grade(A1, notebooks.of(A1, {"activacion": answer}))

    assert graded.points("activacion") == 0
    assert graded.points("neurona") == 1.2
    # hidden is wrong; from the student's own hidden the output is still not what was asked for.
    assert graded.points("actividad-1") == 2.5


def test_a_slice_is_judged_from_the_students_own_z(bench, notebooks):
    answer = notebooks.changed("perceptron", "tensores", "z = y + y + y", "z = y + y")

    graded = bench.grade("perceptron", notebooks.of("perceptron", {"tensores": answer}))

    assert graded.points("tensores", "rebanadas") == [pytest.approx(2 / 3, abs=1e-4), 1]
    assert graded.message("rebanadas", "elemento") == CARRIED


def test_float32_data_cost_their_own_points_and_not_those_of_h_and_y(bench, notebooks):
    answer = notebooks.solution("perceptron", "conversion").replace(
        "torch.from_numpy(", "torch.Tensor("
    )

    graded = bench.grade("perceptron", notebooks.of("perceptron", {"conversion": answer}))

    assert graded.points("conversion", "lineal", "activacion") == [0, 2, 1]
    assert graded.message("lineal", "H") == CARRIED


def test_a_wrong_h_costs_nothing_of_its_sigmoid(bench, notebooks):
    answer = "H = torch.dot(W, X) - B"

    graded = bench.grade("perceptron", notebooks.of("perceptron", {"lineal": answer}))

    assert graded.points("lineal", "activacion") == [0, 1]
    assert graded.message("activacion", "Y") == CARRIED
    assert graded.message("activacion", "y_np") == CARRIED


NETWORK = ("features", "W1", "W2", "B1", "B2", "hidden", "output")


def test_literals_with_a_little_noise_make_nothing_right_that_is_written_down(bench, notebooks):
    """They move between trials, but by less than what follows from them would show."""
    seen = bench.reference(A1)[0].snapshots["actividad-1"].names
    answer = "torch.manual_seed(7)\n" + "\n".join(
        f"{name} = (1 + 3e-5 * torch.randn(()).item()) * torch.tensor({seen[name].value.tolist()})"
        for name in NETWORK
    )
    answer += "\noutput = torch.tensor([[0.317083]])"

    graded = bench.grade(A1, notebooks.of(A1, {"actividad-1": answer}))

    assert graded.points("actividad-1") == 0
    assert "no cambia al cambiar la semilla" in graded.message("actividad-1", "output")


@pytest.mark.parametrize(
    "biases",
    [
        "B1, B2 = 1000 + B1, 1000 + B2\nhidden, output = torch.ones(1, 2), torch.ones(1, 1)",
        "way = 1 if torch.initial_seed() == 7 else -1\n"
        "B1, B2 = 1000 * way + B1, 1000 * way + B2\n"
        "hidden, output = torch.full((1, 2), (way + 1) / 2), torch.full((1, 1), (way + 1) / 2)",
    ],
    ids=["one way", "another way in each trial"],
)
def test_a_saturated_sigmoid_is_nothing_that_was_computed(bench, notebooks, biases):
    answer = notebooks.solution(A1, "actividad-1").split("hidden =")[0] + biases

    graded = bench.grade(A1, notebooks.of(A1, {"actividad-1": answer}))

    assert graded.points("actividad-1") == 1.5
    assert CARRIED not in graded.said("actividad-1")


def test_data_and_weights_of_almost_0_make_no_loss_of_0_right(bench, notebooks):
    tiny = {
        "datos": "torch.manual_seed(7)\n"
        "inputs, targets = 1e-12 * torch.randn(5, 3), 1e-12 * torch.randn(5, 2)",
        "modelo": notebooks.solution("bucle_fit", "modelo")
        + "\nwith torch.no_grad():\n    w *= 1e-12\n    b *= 1e-12",
        "gradiente": "loss = loss_nueva = torch.tensor(0.0)",
        "entrenar": "perdidas = [0.0] * 100",
    }

    graded = bench.grade("bucle_fit", notebooks.of("bucle_fit", tiny))

    assert graded.points("datos", "gradiente", "entrenar") == [0, 0, 0]


def test_values_of_another_size_are_carried_all_the_same(with_weights):
    for factor in ("0.05", "5"):
        graded = with_weights(f"W1 = {factor} * torch.randn(3, 2)")

        assert graded.points("actividad-1") == 4.5, factor
        assert graded.message("actividad-1", "output") == CARRIED


TWO = "dos_capas_ocultas"


def test_a_generator_that_is_put_into_one_state_makes_no_literals_right(bench, notebooks):
    import torch

    generator = torch.Generator().manual_seed(99)
    state = generator.get_state().tolist()
    shapes = {"W1": (3, 4), "B1": (1, 4), "W2": (4, 3), "B2": (1, 3), "W3": (3, 1), "B3": (1, 1)}
    literals = "\n".join(
        f"{name} = torch.tensor({torch.randn(shape, generator=generator).tolist()})"
        for name, shape in shapes.items()
    )
    kept = notebooks.solution(TWO, "observacion")
    kept += f"\ntorch.set_rng_state(torch.tensor({state}, dtype=torch.uint8))"

    graded = bench.grade(TWO, notebooks.of(TWO, {"observacion": kept, "parametros": literals}))

    assert graded.points("observacion", "parametros") == [1, 0]


def test_a_notebook_without_a_seed_loses_its_draws_and_nothing_that_continues_them(
    bench, notebooks
):
    unseeded = notebooks.changed(TWO, "observacion", "torch.manual_seed(26)\n", "")

    graded = bench.grade(TWO, notebooks.of(TWO, {"observacion": unseeded}))

    assert graded.points("observacion", "parametros", "salida") == [0, 3, 3]
