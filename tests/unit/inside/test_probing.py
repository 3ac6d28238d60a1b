"""Probes: what a student's function gives, raises, prints, changes and uses."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from autograder.inside.probing import Draws, Missing, Student, load_probes, run_probe
from autograder.inside.record import Recorder
from autograder.inside.shell import Interrupted, describe
from autograder.values import parse_value


def student(source="", names=None, **values):
    """A student whose cell is ``source``, compiled as IPython names it."""
    namespace = {"torch": torch, "F": torch.nn.functional, "nn": torch.nn, "np": np, **values}
    exec(compile(source, "<ipython-input-1-abc>", "exec"), namespace)
    return Student(namespace, set(namespace) if names is None else names)


# --- calls --------------------------------------------------------------------------------------


def test_a_call_gives_what_the_function_gives():
    call = student("def f(x, k=1):\n    print('hola')\n    return x * k").call(
        "f", torch.ones(2), k=3
    )
    assert call.function == "f"
    assert call.value.tolist() == [3, 3]
    assert (call.error, call.printed, call.changed, call.operators) == (None, "hola\n", [], [])


def test_an_exception_of_the_functions_is_recorded_with_its_line():
    call = student("def f(x):\n    y = x\n    raise KeyError('no')").call("f", 1)
    assert call.error == {"name": "KeyError", "message": "'no'", "line": 3}
    assert call.value is None


@pytest.mark.parametrize("error", ["SystemExit", "KeyboardInterrupt", "GeneratorExit"])
def test_an_exception_that_would_end_the_process_is_recorded(error):
    assert student(f"def f():\n    raise {error}").call("f").error["name"] == error


def test_an_interruption_is_not_the_students_exception():
    with pytest.raises(Interrupted):
        student("def f():\n    raise Interrupted", Interrupted=Interrupted).call("f")


def test_an_error_that_cannot_be_shown_has_an_empty_message():
    source = "class E(Exception):\n    def __str__(self): return 1 / 0\ndef f():\n    raise E"
    assert student(source).call("f").error == {"name": "E", "message": "", "line": 4}


def test_what_is_no_function_is_an_error_of_the_students():
    call = student("f = 3").call("f", 1)
    assert (call.error["name"], call.value) == ("TypeError", None)


def test_what_was_printed_before_an_error_is_kept_and_bounded():
    call = student("def f():\n    print('x' * 50_000)\n    1 / 0").call("f")
    assert call.printed == "x" * 20_000
    assert call.error["name"] == "ZeroDivisionError"


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ("return x + w", []),
        ("x.mul_(2)", ["0"]),
        ("w.mul_(2)", ["w"]),
        ("x += w", ["0"]),
        ("x[0] = 9; w[0] = 9", ["0", "w"]),
        ("x.requires_grad_()", ["0"]),
        ("x.requires_grad_(); (x * 2).sum().backward(); x.requires_grad_(False)", ["0"]),
        ("x.resize_(4)", ["0"]),
        ("x = x * 2", []),
        ("x.mul_(1)", []),
        ("x.zero_(); 1 / 0", ["0"]),
    ],
)
def test_arguments_that_were_changed_are_named(body, changed):
    call = student(f"def f(x, w):\n    {body}").call("f", torch.ones(2), w=torch.ones(2))
    assert call.changed == changed


def test_what_is_replaced_in_torch_hides_no_change(monkeypatch):
    value = torch.ones(2)
    own = student("def f(x):\n    x.mul_(2)")
    with monkeypatch.context() as patch:
        for name in ("all", "eq", "ne", "clone", "detach", "logical_or", "item"):
            patch.setattr(torch.Tensor, name, lambda *_: torch.ones(()))
        patch.setattr(torch.Tensor, "__bool__", lambda *_: True)
        patch.setattr(torch, "eq", lambda *_: torch.ones(()))
        call = own.call("f", value)
    assert call.changed == ["0"]


@pytest.mark.parametrize(
    ("name", "answer"), [("grad", None), ("is_leaf", False), ("requires_grad", False)]
)
def test_what_is_replaced_in_torch_hides_no_gradient(name, answer, monkeypatch):
    body = "x.requires_grad_()" if name == "requires_grad" else "(x * 3).sum().backward()"
    value = torch.ones(2, requires_grad=name != "requires_grad")
    own = student(f"def f(x):\n    {body}")
    with monkeypatch.context() as patch:
        patch.setattr(torch.Tensor, name, property(lambda self: answer))
        call = own.call("f", value)
    assert call.changed == ["0"]


def test_a_gradient_that_was_added_to_is_a_change():
    weight = torch.ones(2, requires_grad=True)
    body = "def f(w):\n    (w * 3).sum().backward()"
    assert student(body).call("f", weight).changed == ["0"]
    assert student(body).call("f", weight).changed == ["0"]
    assert student("def f(w):\n    return w * 3").call("f", weight).changed == []


def test_arrays_are_watched_and_other_arguments_are_not():
    body = "def f(a, l):\n    a[0] = 9\n    l.append(1)"
    assert student(body).call("f", np.ones(2), []).changed == ["0"]


def test_nan_in_an_argument_is_no_change():
    value = torch.tensor([float("nan"), 1.0])
    assert student("def f(x):\n    return x").call("f", value).changed == []


def test_a_name_that_the_cell_did_not_bind_is_missing():
    for name in ("f", "g"):
        with pytest.raises(Missing) as caught:
            student("def f(): pass", names=set()).call(name)
        assert caught.value.name == name
    with pytest.raises(Missing):
        student("", names={"f"})["f"]


# --- operators ----------------------------------------------------------------------------------

SIGMOIDS = [
    "return torch.sigmoid(x)",
    "return x.sigmoid()",
    "return F.sigmoid(x)",
    "return nn.Sigmoid()(x)",
    "return torch.special.expit(x)",
    "return x.clone().sigmoid_()",
    "return torch.ops.aten.sigmoid(x)",
    "return helper(x)",
    "return alias(x)",
    "return getattr(torch, 'sig' + 'moid')(x)",
    "return torch.vmap(torch.sigmoid)(x)",
    "y = torch.empty(2); torch.sigmoid(x, out=y); return y",
    "with torch._C.DisableTorchFunction(): return torch.sigmoid(x)",
    "return torch.jit.trace(torch.sigmoid, x)(x)",
]
HELPERS = "alias = torch.sigmoid\ndef helper(x):\n    return torch.sigmoid(x)\ndef f(x):\n    "


def used(body, *args):
    call = student(HELPERS + body).operators("f", *args)
    assert call.error is None, call.error
    return set(call.operators)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("body", SIGMOIDS)
def test_a_sigmoid_is_seen_however_it_is_called(body):
    assert used(body, torch.ones(2)) & {"sigmoid", "sigmoid_", "expit", "special_expit"}


def test_a_sigmoid_by_hand_uses_none():
    names = used("return 1 / (1 + torch.exp(-x))", torch.ones(2))
    assert not names & {"sigmoid", "sigmoid_", "expit", "special_expit"}
    assert "exp" in names


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("return F.linear(x, x)", "linear"),
        ("return nn.Linear(2, 2)(x)", "linear"),
        ("return F.mse_loss(x, x)", "mse_loss"),
        ("return nn.MSELoss()(x, x)", "mse_loss"),
        ("return F.relu(x)", "relu"),
        ("return nn.ReLU()(x)", "relu"),
        ("return x.relu()", "relu"),
        ("return torch.linalg.det(x)", "det"),
        ("return torch.special.softmax(x, 0)", "softmax"),
        ("return torch.fft.fft(x)", "fft"),
    ],
)
def test_functions_that_are_taken_apart_below_are_seen_by_name(body, name):
    assert name in used(body, torch.ones(2, 2))


def test_watching_operators_changes_no_value():
    call = student(HELPERS + "return torch.sigmoid(x)").operators("f", torch.zeros(2))
    assert call.value.tolist() == [0.5, 0.5]


def test_operators_are_not_watched_afterwards():
    one = student(HELPERS + "return 1 / 0")
    assert one.operators("f", 1).error["name"] == "ZeroDivisionError"
    assert one.call("f", 1).operators == []
    assert torch.sigmoid(torch.zeros(1)).item() == 0.5


# --- draws --------------------------------------------------------------------------------------


def test_draws_follow_their_seed_alone():
    one, same, other = Draws(1, "cpu"), Draws(1, "cpu"), Draws(2, "cpu")
    torch.manual_seed(3)
    first = one.randn(2, 3)
    torch.manual_seed(4)
    assert torch.equal(first, same.randn(2, 3))
    assert not torch.equal(first, other.randn(2, 3))
    assert not torch.equal(first, one.randn(2, 3))
    assert one.randn().shape == ()
    assert one.randn(1, dtype=torch.float64).dtype is torch.float64
    drawn = one.randint(-5, 6, (100,))
    assert drawn.dtype is torch.int64
    assert -5 <= drawn.min() < drawn.max() <= 5


# --- running a probe ----------------------------------------------------------------------------

PROBES = """
import torch
from autograder.probes import probe

@probe("uno")
def calls(student, draws, device):
    return {"all": [student.call("f", draws.randn(2)), 3], 7: (device,)}

@probe("uno", devices=["cpu", "cuda"])
def own(student, draws, device):
    return student["missing"]

@probe("dos")
def fails(student, draws, device):
    raise KeyError("mine")

@probe("dos")
def endless(student, draws, device):
    while True:
        pass

@probe("dos")
def sees(student, draws, device):
    return [torch.rand(1), student["x"]]
"""


def probes():
    return {one.name: one for one in load_probes(PROBES)}


def run(name, source="", bound=None, key="k", seconds=60.0, **values):
    namespace = {"torch": torch, **values}
    exec(compile(source, "<ipython-input-1-abc>", "exec"), namespace)
    recorder = Recorder(2**20, 2**22)
    tree = run_probe(
        probes()[name],
        namespace,
        set(namespace) if bound is None else bound,
        device="cpu",
        key=key,
        seconds=seconds,
        recorder=recorder,
    )
    json.dumps(tree, allow_nan=False)
    return parse_value(tree, recorder._tensors), namespace


def test_probes_are_loaded_in_order_with_their_devices():
    loaded = load_probes(PROBES)
    assert [one.name for one in loaded] == ["calls", "own", "fails", "endless", "sees"]
    assert (loaded[0].devices, loaded[1].devices) == (("cpu",), ("cpu", "cuda"))
    assert loaded[2].exercise == "dos"
    assert load_probes("") == []


def test_what_a_probe_gives_is_recorded_with_its_calls():
    got, _ = run("calls", "def f(x):\n    print('hola')\n    return x * 2")
    call, three = got.items["all"].items
    assert (call.function, call.printed, call.value.shape) == ("f", "hola\n", (2,))
    assert three.value == 3
    assert got.items["7"].items[0].value == "cpu"


def test_draws_differ_by_key_and_are_the_same_for_the_same_key():
    source = "def f(x):\n    return x"
    values = [run("calls", source, key=key)[0].items["all"].items[0].value for key in "aab"]
    assert torch.equal(values[0].value, values[1].value)
    assert not torch.equal(values[0].value, values[2].value)


def test_a_missing_name_is_told():
    got, _ = run("own", "missing = 3", bound=set())
    assert (got.why, got.name) == ("missing", "missing")


def test_a_probe_that_raises_is_a_failure_with_its_error():
    got, _ = run("fails")
    assert (got.why, got.error.name, got.error.message) == ("failure", "KeyError", "'mine'")


def test_an_endless_probe_is_interrupted():
    got, _ = run("endless", seconds=0.01)
    assert got.why == "interrupted"


def test_a_function_that_never_ends_is_interrupted_too():
    got, _ = run("calls", "def f(x):\n    while True: pass", seconds=0.01)
    assert got.why == "interrupted"


def test_a_probe_leaves_the_students_objects_and_generators_as_they_were():
    x = torch.ones(2)
    before = torch.get_rng_state()
    _, namespace = run(
        "calls", "def f(v):\n    global y\n    y = 1\n    x.zero_()\n    return torch.rand(1)", x=x
    )
    assert x.tolist() == [1, 1]
    assert "y" not in namespace
    assert torch.equal(torch.get_rng_state(), before)


def test_every_probe_starts_from_the_same_generators():
    torch.manual_seed(1)
    first = run("sees", x=1)[0].items[0].value
    torch.manual_seed(2)
    assert torch.equal(first, run("sees", x=1)[0].items[0].value)


def test_what_a_probe_gives_is_recorded_before_it_is_put_back():
    source = "x = [1]\ndef f(v):\n    x.append(2)\n    return x"
    got, namespace = run("calls", source)
    assert [one.value for one in got.items["all"].items[0].value.items] == [1, 2]
    assert namespace["x"] == [1]


# --- where it happened --------------------------------------------------------------------------


def error_of(cells, call):
    """The description of the error that ``call`` raises after ``cells`` have run."""
    namespace = {}
    for number, cell in enumerate(cells):
        exec(compile(cell, f"<ipython-input-{number}-abc>", "exec"), namespace)
    code = compile(call, f"<ipython-input-{len(cells)}-abc>", "exec")
    with pytest.raises(Exception) as caught:  # noqa: PT011 (any error will do)
        exec(code, namespace)
    return describe(caught.value)


def test_the_line_is_that_of_the_cell():
    assert error_of([], "x = 1\n\n1 / 0")["line"] == 3
    assert error_of([], "def f():\n    return 1 / 0\n\nf()")["line"] == 2
    assert error_of([], "import json\njson.loads('{')")["line"] == 2


def test_the_line_is_not_that_of_another_cell_whose_function_raised():
    """What the cell bound before its own line 2 counts; line 5 is in another cell."""
    helper = "\n\n\ndef helper():\n    return 1 / 0"
    assert error_of([helper], "x = 1\nhelper()\ny = 2")["line"] == 2


def test_the_line_of_a_syntax_error_is_its_own():
    with pytest.raises(SyntaxError) as caught:
        compile("x = 1\ny = (", "<ipython-input-1-abc>", "exec")
    assert describe(caught.value)["line"] == 2


def test_an_error_from_nowhere_has_no_line():
    assert describe(ValueError("no")) == {"name": "ValueError", "message": "no", "line": None}


def test_names_and_messages_of_errors_are_bounded():
    kind = type("E" * 1000, (Exception,), {})
    told = describe(kind("x" * 100_000))
    assert (len(told["name"]), len(told["message"])) == (200, 2000)
