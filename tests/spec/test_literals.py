"""Values that were written down instead of computed get nothing where the exercise draws."""

from __future__ import annotations

import nbformat
import pytest

LITERAL = "output = torch.tensor([[0.3171]])"
COMPUTED = "output = activation(torch.mm(hidden, W2) + B2)"


@pytest.fixture
def with_literal(notebooks):
    return notebooks.changed("actividad_1", "actividad-1", COMPUTED, LITERAL)


def test_a_typed_in_output_loses_the_outputs_points_and_no_others(bench, notebooks, with_literal):
    graded = bench.grade("actividad_1", notebooks.of("actividad_1", {"actividad-1": with_literal}))

    assert graded.points("actividad-1") == 3.5
    assert graded.score == pytest.approx(8.5)
    assert graded.check("actividad-1", "output")["score"] == 0
    assert "no cambia al cambiar la semilla" in graded.message("actividad-1", "output")


def test_a_whole_network_of_literals_gets_nothing(bench, notebooks):
    seen = bench.reference("actividad_1")[0].snapshots["actividad-1"].names
    answer = "\n".join(
        f"{name} = torch.tensor({value.value.tolist()!r})" for name, value in seen.items()
    )

    graded = bench.grade("actividad_1", notebooks.of("actividad_1", {"actividad-1": answer}))

    assert graded.points("actividad-1") == 0
    assert graded.score == pytest.approx(5)


def test_literals_of_a_neuron_get_nothing(bench, notebooks):
    seen = bench.reference("actividad_1")[0].snapshots["neurona"].names
    answer = "\n".join(
        f"{name} = torch.tensor({value.value.tolist()!r})" for name, value in seen.items()
    )

    graded = bench.grade("actividad_1", notebooks.of("actividad_1", {"neurona": answer}))

    assert graded.points("neurona") == 0


def test_literals_of_numpy_draws_get_nothing(bench, notebooks):
    value = bench.reference("perceptron")[0].snapshots["numpy"].names["a"].value
    answer = f"a = np.array({value.tolist()!r})\nA = torch.from_numpy(a)\nb = A.numpy()\nA.mul_(1)"

    graded = bench.grade("perceptron", notebooks.of("perceptron", {"numpy": answer}))

    assert graded.points("numpy") == 0


def test_layers_whose_parameters_are_written_down_get_nothing(bench, notebooks):
    seen = bench.reference("corazon_abierto")[0].snapshots["capas"].names
    lines = ["", "with torch.no_grad():"]
    for layer in ("linear_layer", "output_layer"):
        for part, value in seen[layer].state.items():
            lines.append(f"    {layer}.{part}.copy_(torch.tensor({value.value.tolist()!r}))")
    answer = notebooks.changed(
        "corazon_abierto",
        "capas",
        "output_layer = nn.Linear(3, 1)",
        "output_layer = nn.Linear(3, 1)" + "\n".join(lines),
    )

    graded = bench.grade("corazon_abierto", notebooks.of("corazon_abierto", {"capas": answer}))

    assert graded.points("capas") == 0
    assert graded.score == pytest.approx(18)


def test_what_is_computed_from_a_literal_gets_nothing_either(bench, notebooks):
    samples = "salida_muestras = torch.tensor([[-2.8107], [-1.6803], [-2.3069]])"

    graded = bench.grade("corazon_abierto", notebooks.of("corazon_abierto", {"muestras": samples}))

    assert graded.points("muestras", "sigmoide") == [0, 1]
    assert "no cambia al cambiar la semilla" in graded.said("muestras")


def test_gradients_that_are_written_down_get_nothing(bench, notebooks):
    seen = bench.reference("gradientes")[0].snapshots["grafo"].names
    answer = "\n".join(
        f"{name} = torch.tensor({value.value.tolist()!r}, requires_grad={name in 'wb'})"
        for name, value in seen.items()
    )

    graded = bench.grade("gradientes", notebooks.of("gradientes", {"grafo": answer}))

    assert graded.points("grafo") == 0
    assert graded.score == pytest.approx(7)


ENDINGS = {
    "exit": "import os; os._exit(0)",
    "segfault": "import ctypes; ctypes.string_at(0)",
    "interrupted": "while True:\n    pass",
    "endless": """while True:
    try:
        while True:
            pass
    except BaseException:
        pass""",
}


@pytest.fixture(scope="module")
def ended(hasty_bench, notebooks):
    """The literal, and behind it each of ENDINGS in a cell of the student's own."""
    literal = notebooks.changed("actividad_1", "actividad-1", COMPUTED, LITERAL)
    return hasty_bench.grade_all(
        "actividad_1",
        {
            name: notebooks.of("actividad_1", {"actividad-1": literal}, own={"": text})
            for name, text in ENDINGS.items()
        },
    )


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("exit", "died"),
        ("segfault", "died"),
        ("interrupted", "finished"),
        ("endless", "timed_out"),
    ],
)
def test_a_literal_gains_nothing_from_a_run_that_ends_behind_it(ended, name, how):
    graded = ended[name]

    assert graded.trials[0].ending.how == how
    assert graded.points("activacion", "neurona", "formas", "actividad-1") == [2, 2, 1, 3.5]


def test_a_literal_in_a_cell_that_ends_the_process_itself_counts_for_nothing(
    bench, notebooks, with_literal
):
    answer = with_literal + "\nimport os; os._exit(0)"

    graded = bench.grade("actividad_1", notebooks.of("actividad_1", {"actividad-1": answer}))

    assert graded.points("activacion", "neurona", "formas", "actividad-1") == [2, 2, 1, 0]


@pytest.mark.parametrize(
    "escape", ["import os; os._exit(0)", "raise SystemExit", "raise KeyboardInterrupt"]
)
def test_a_notebook_that_leaves_when_it_notices_a_shifted_seed_gains_nothing(
    bench, notebooks, with_literal, escape
):
    answer = with_literal.replace(
        "features =", f"if torch.initial_seed() != 7:\n    {escape}\nfeatures ="
    )
    assert answer != with_literal

    graded = bench.grade("actividad_1", notebooks.of("actividad_1", {"actividad-1": answer}))

    assert graded.trials[0].cells[len(graded.trials[0].cells) - 1].status == "ok"
    assert graded.points("actividad-1") == 0


def test_computed_values_survive_what_ends_the_run_behind_them(bench, notebooks):
    notebook = notebooks.of("actividad_1", own={"": "import os; os._exit(0)"})

    graded = bench.grade("actividad_1", notebook)

    assert graded.score == pytest.approx(10)


def test_a_function_that_knows_only_the_public_inputs_gets_nothing(bench, notebooks):
    answer = """
def activation(x):
    if x.shape == (2, 3):
        return torch.tensor([[0.7311, 0.8808, 0.9526], [0.9820, 0.9933, 0.9975]])
    return torch.tensor(0.5, dtype=x.dtype)
"""
    graded = bench.grade("actividad_1", notebooks.of("actividad_1", {"activacion": answer}))

    assert graded.points("activacion") == 0


BY_HAND = """
import json, os, struct
from safetensors.torch import save

def write(message, payload=b""):
    text = json.dumps(message).encode()
    os.write(3, struct.pack("!IQ", len(text), len(payload)) + text + payload)

tensors = {name: torch.tensor(value) for name, value in VALUES.items()}
names = {
    name: {"kind": "tensor", "type": "torch.Tensor", "shape": list(one.shape), "dtype": "float32",
           "device": "cpu", "requires_grad": False, "leaf": True, "value": name}
    for name, one in tensors.items()
}
frame = {"frame": "snapshot", "exercise": "actividad-1", "names": names, "also": {},
         "elsewhere": [], "memory": [], "generator": None}
write({"frame": frame}, save(tensors))
END
"""


@pytest.mark.parametrize("end", ["os._exit(0)", 'write({"done": True}); os._exit(0)', "1 / 0"])
def test_frames_written_by_hand_before_any_cell_has_ended_gain_nothing(bench, notebooks, end):
    seen = bench.reference("actividad_1")[0].snapshots["actividad-1"].names
    values = {name: value.value.tolist() for name, value in seen.items()}
    notebook = notebooks.of("actividad_1", {"actividad-1": "pass"})
    text = f"import torch\nVALUES = {values}\n{BY_HAND}".replace("END", end)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(text))

    graded = bench.grade("actividad_1", notebook)

    assert "actividad-1" in graded.trials[0].snapshots
    assert graded.points("actividad-1") == 0


FAKE = """
X, Y = torch.from_numpy(entradas15_np).float(), torch.from_numpy(objetivos15_np).float()

class Rows(list):
    __class__ = TensorDataset
    tensors = (X, Y)

class Loader(list):
    __class__ = DataLoader
    def __iter__(self):
        return iter([[X[some], Y[some]] for some in torch.randperm(15).split(5)])

train_ds, train_dl = Rows(), Loader()
"""


def test_what_says_to_be_a_data_loader_is_none(bench, notebooks):
    data = notebooks.solution("bucle_fit", "dataset")
    given = data[: data.index("train_ds")]

    graded = bench.grade("bucle_fit", notebooks.of("bucle_fit", {"dataset": given + FAKE}))

    assert graded.points("dataset") == 0


@pytest.mark.parametrize("otherwise", ["raise ValueError", "import time; time.sleep(60)"])
def test_a_built_in_is_not_hidden_by_failing_where_operators_are_watched(
    hasty_bench, notebooks, otherwise
):
    answer = f"""
def activation(x):
    if torch._C._len_torch_function_stack() > 0 or x.shape == (5,):
        {otherwise}
    return torch.sigmoid(x)
"""
    graded = hasty_bench.grade("actividad_1", notebooks.of("actividad_1", {"activacion": answer}))

    assert graded.points("activacion") == 0
