"""The fit loop: which points a wrong one keeps and what it is told; a right one gets all."""

from __future__ import annotations

import pytest

FIT, DEEP = "bucle_fit", "dos_capas_ocultas"

UPDATES, OTHERS, REDUCTION, PRINTED = (
    "`fit` hace las actualizaciones del descenso por lotes",
    "`fit` sirve para otros modelos, pérdidas, optimizadores y lotes",
    "`fit` reduce la pérdida al menos un 90 %",
    "`fit` escribe cada 10 épocas la pérdida del último lote",
)
WEIGHTS = {UPDATES: 2, OTHERS: 1, REDUCTION: 1, PRINTED: 1}

HEAD = "def fit(num_epochs, model, loss_fn, opt, train_dl):\n"
EPOCHS = HEAD + "    for epoch in range(1, num_epochs + 1):\n"
BATCHES = EPOCHS + "        for xb, yb in train_dl:\n"
PRINT = """
        if epoch % 10 == 0:
            print(f"Epoch [{epoch}/{num_epochs}], Loss: {loss.item():.4f}")
"""
STEPS = [
    "loss = loss_fn(model(xb), yb)",
    "loss.backward()",
    "opt.step()",
    "opt.zero_grad()",
]


def loop(*steps, start=BATCHES, end=PRINT):
    """A `fit` whose inner loop makes ``steps``."""
    return start + "\n".join(f"            {line}" for line in steps) + end


RIGHT = loop(*STEPS)
ALL = {UPDATES, OTHERS, REDUCTION, PRINTED}

WRONG = {
    # An optimiser that is never told to forget sums up all gradients.
    "gradients are never zeroed": (loop(*STEPS[:3]), {PRINTED}, ""),
    "zeroed once an epoch only": (
        loop(*STEPS[:3], end=PRINT + "        opt.zero_grad()\n"),
        {REDUCTION, PRINTED},
        "",
    ),
    # The gradients of a batch move the weights at the next one: it trains, one batch late.
    "the step comes before backward": (
        loop(STEPS[0], "opt.step()", "opt.zero_grad()", "loss.backward()"),
        {REDUCTION, PRINTED},
        "",
    ),
    "the step comes first and zeroing before backward": (
        loop("opt.zero_grad()", STEPS[0], "opt.step()", "loss.backward()"),
        {PRINTED},
        "no cambia los parámetros",
    ),
    "zeroed between backward and step": (
        loop(STEPS[0], "loss.backward()", "opt.zero_grad()", "opt.step()"),
        {PRINTED},
        "no cambia los parámetros",
    ),
    "no step at all": (
        loop(STEPS[0], "loss.backward()", "opt.zero_grad()"),
        {PRINTED},
        "no cambia los parámetros",
    ),
    "no backward": (loop(STEPS[0], "opt.step()"), {PRINTED}, "no cambia los parámetros"),
    "only the first batch": (
        loop(*STEPS, "break"),
        set(),
        "hace 4 actualizaciones y se esperaban 12",
    ),
    "only the last batch": (
        EPOCHS
        + "        for xb, yb in train_dl: pass\n"
        + "".join(f"        {line}\n" for line in STEPS)
        + PRINT,
        {PRINTED},
        "hace 4 actualizaciones y se esperaban 12",
    ),
    "no loop over the epochs": (
        loop(
            *STEPS, start=HEAD + "    for epoch in [num_epochs]:\n        for xb, yb in train_dl:\n"
        ),
        set(),
        "hace 3 actualizaciones y se esperaban 12",
    ),
    "one epoch too many": (
        RIGHT.replace("range(1, num_epochs + 1)", "range(0, num_epochs + 1)"),
        {REDUCTION},
        "hace 15 actualizaciones y se esperaban 12",
    ),
    "one epoch too few": (
        RIGHT.replace("range(1, num_epochs + 1)", "range(1, num_epochs)"),
        {REDUCTION, PRINTED},
        "hace 9 actualizaciones y se esperaban 12",
    ),
    "two steps a batch": (
        loop(*STEPS, *STEPS),
        {REDUCTION, PRINTED},
        "hace 24 actualizaciones y se esperaban 12",
    ),
    "another model is built": (
        RIGHT.replace(HEAD, HEAD + "    model = nn.Linear(3, 2)\n"),
        set(),
        "no cambia los parámetros",
    ),
    "a model and an optimiser are built": (
        RIGHT.replace(
            HEAD,
            HEAD
            + "    model = nn.Linear(3, 2)\n"
            + "    opt = torch.optim.SGD(model.parameters(), lr=1e-5)\n",
        ),
        set(),
        "no cambia los parámetros",
    ),
    "the model is built anew for every batch": (
        loop("model = nn.Linear(3, 2)", *STEPS),
        set(),
        "no cambia los parámetros",
    ),
    "the optimiser is built inside the loop": (
        loop("opt = torch.optim.SGD(model.parameters(), lr=0.05)", *STEPS),
        {REDUCTION, PRINTED},
        "hace 0 actualizaciones y se esperaban 12",
    ),
    "a global model": (
        "otro = nn.Linear(3, 2)\n" + RIGHT.replace("model(xb)", "otro(xb)"),
        set(),
        "no cambia los parámetros",
    ),
    "a loss of its own": (
        RIGHT.replace("loss_fn(model(xb), yb)", "F.l1_loss(model(xb), yb)"),
        {REDUCTION},
        "",
    ),
    "the loss is summed over the epoch": (
        EPOCHS
        + "        loss = sum(loss_fn(model(xb), yb) for xb, yb in train_dl)\n"
        + "        loss.backward(); opt.step(); opt.zero_grad()\n"
        + PRINT,
        {REDUCTION},
        "hace 4 actualizaciones y se esperaban 12",
    ),
    "the optimiser steps uphill": (
        loop(STEPS[0], "(-loss).backward()", *STEPS[2:]),
        {PRINTED},
        "",
    ),
    "it prints the mean of the epoch": (
        EPOCHS.replace("\n    for", "\n    for", 1)
        + "        losses = []\n"
        + loop(
            *STEPS, "losses.append(loss.item())", start="        for xb, yb in train_dl:\n", end=""
        )
        + PRINT.replace("loss.item()", "sum(losses) / len(losses)"),
        {UPDATES, OTHERS, REDUCTION},
        "no es la del último lote de la época 10",
    ),
    "it prints in every epoch": (
        loop(*STEPS, end=PRINT.replace("epoch % 10 == 0", "True")),
        {UPDATES, OTHERS, REDUCTION},
        "no escribe las líneas pedidas",
    ),
    "it prints epochs from zero": (
        RIGHT.replace("range(1, num_epochs + 1)", "range(num_epochs)"),
        {UPDATES, OTHERS, REDUCTION},
        "no escribe las líneas pedidas",
    ),
    "it prints nothing": (
        loop(*STEPS, end="\n"),
        {UPDATES, OTHERS, REDUCTION},
        "no escribe las líneas pedidas",
    ),
    "it prints another form": (
        RIGHT.replace("Epoch [{epoch}/{num_epochs}], Loss:", "Época {epoch}: pérdida"),
        {UPDATES, OTHERS, REDUCTION},
        "con el formato `Epoch [10/100], Loss: 12.3456`",
    ),
    "it prints two decimals": (
        RIGHT.replace(":.4f", ":.2f"),
        {UPDATES, OTHERS, REDUCTION},
        "con el formato `Epoch [10/100], Loss: 12.3456`",
    ),
    "it returns what it should print": (
        EPOCHS.replace("    for", "    lines = []\n    for", 1)
        + loop(*STEPS, start="        for xb, yb in train_dl:\n")
        .replace("print(", "lines.append(")
        .rstrip()
        + '\n    return "\\n".join(lines)\n',
        {UPDATES, OTHERS, REDUCTION},
        "no escribe las líneas pedidas",
    ),
    "it raises after the last epoch": (
        RIGHT + "    return loss / 'épocas'\n",
        set(),
        "`fit` se detuvo en la línea",
    ),
    "it takes fewer arguments": (
        RIGHT.replace("opt, train_dl):", "opt):"),
        set(),
        "TypeError",
    ),
    "it is not a function": ("fit = 5", set(), "`fit`"),
    "it is the untouched stub": (
        HEAD + '    raise NotImplementedError("Aún no has resuelto esta celda.")',
        set(),
        "Aún no has resuelto esta celda",
    ),
}
"""By what is wrong: the cell, which checks still hold, some of what the first failing one says."""

FAKES = {
    "losses and lines that are made up": (
        HEAD
        + """    for epoch in range(10, num_epochs + 1, 10):
        print(f"Epoch [{epoch}/{num_epochs}], Loss: 0.0000")
    return [0.0] * num_epochs
""",
        set(),
    ),
    "a right run with made-up losses": (
        RIGHT.replace("loss.item():.4f", "1 / epoch:.4f"),
        {UPDATES, OTHERS, REDUCTION},
    ),
    "a step that is patched to do nothing and be counted": (
        RIGHT.replace(HEAD, HEAD + "    opt.step = lambda *a, **k: None\n"),
        {PRINTED},
    ),
    "parameters that are set to zero": (
        HEAD
        + """    for p in model.parameters():
        p.data.zero_()
    for epoch in range(1, num_epochs + 1):
        for xb, yb in train_dl:
            loss = loss_fn(model(xb), yb)
            opt.step()
"""
        + PRINT,
        {PRINTED},
    ),
    "a loss that is not the model's": (
        HEAD
        + """    for epoch in range(1, num_epochs + 1):
        for xb, yb in train_dl:
            loss = loss_fn(yb, yb)
            opt.step()
"""
        + PRINT,
        set(),
    ),
    "steps that are only recorded": (
        HEAD
        + """    for epoch in range(1, num_epochs + 1):
        for xb, yb in train_dl:
            loss = loss_fn(model(xb), yb)
            for hook in list(opt._optimizer_step_post_hooks.values()):
                hook(opt, (), {})
"""
        + PRINT,
        {PRINTED},
    ),
    "a mse_loss that always gives 0": (
        "F.mse_loss = torch.nn.functional.mse_loss = lambda *a, **k: torch.zeros(())\n"
        + HEAD
        + "    pass\n",
        set(),
    ),
}

STYLES = {
    "zeroed first": loop("opt.zero_grad()", *STEPS[:3]),
    "zeroed before backward": loop(STEPS[0], "opt.zero_grad()", *STEPS[1:3]),
    "gradients set to None": loop(*STEPS[:3], "opt.zero_grad(set_to_none=True)"),
    "gradients filled with zeros": loop(*STEPS[:3], "opt.zero_grad(set_to_none=False)"),
    "zeroed by the model": loop(*STEPS[:3], "model.zero_grad()"),
    "zeroed by hand": loop(*STEPS[:3], "for p in model.parameters(): p.grad = None"),
    "enumerate": loop(*STEPS).replace("xb, yb in train_dl", "i, (xb, yb) in enumerate(train_dl)"),
    "a batch that is taken apart": loop("xb, yb = batch", *STEPS).replace(
        "xb, yb in train_dl", "batch in train_dl"
    ),
    "an evaluation after each epoch": loop(
        *STEPS,
        end=PRINT
        + """
        model.eval()
        with torch.no_grad():
            total = sum(loss_fn(model(x), y).item() for x, y in train_dl)
        model.train()
""",
    ),
    "it returns a history": RIGHT.replace(HEAD, HEAD + "    history = []\n").replace(
        "opt.zero_grad()", "opt.zero_grad(); history.append(loss.item())"
    )
    + "    return history\n",
    "a while loop": HEAD
    + """    epoch = 0
    while epoch < num_epochs:
        epoch += 1
        lotes = iter(train_dl)
        while True:
            try:
                xb, yb = next(lotes)
            except StopIteration:
                break
            opt.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            opt.step()
"""
    + PRINT,
    "model.train() first": RIGHT.replace(HEAD, HEAD + "    model.train()\n"),
    "the step is made with a closure": HEAD
    + """    for epoch in range(1, num_epochs + 1):
        for xb, yb in train_dl:
            def closure():
                opt.zero_grad()
                loss = loss_fn(model(xb), yb)
                loss.backward()
                return loss
            loss = opt.step(closure)
"""
    + PRINT,
    "a helper for one batch": '''
def un_lote(model, loss_fn, opt, xb, yb):
    """Los cinco pasos."""
    loss = loss_fn(model(xb), yb)
    loss.backward()
    opt.step()
    opt.zero_grad()
    return loss.item()


def fit(num_epochs, model, loss_fn, opt, train_dl):
    for epoch in range(num_epochs):
        *_, last = [un_lote(model, loss_fn, opt, xb, yb) for xb, yb in train_dl]
        if (epoch + 1) % 10 == 0:
            print("Epoch [{}/{}], Loss: {:.4f}".format(epoch + 1, num_epochs, last))
''',
    "written to sys.stdout": "import sys\n"
    + RIGHT.replace("print(", "sys.stdout.write(").replace(":.4f}", ":.4f}\\n"),
    "other lines between": RIGHT.replace(HEAD, HEAD + '    print("empieza")\n') + "    print()\n",
    "all steps under enable_grad": loop(
        *STEPS, start=HEAD + "    torch.set_grad_enabled(True)\n" + BATCHES.removeprefix(HEAD)
    ),
    "with annotations and defaults": RIGHT.replace(
        HEAD,
        "from typing import Callable\n\n"
        "def fit(num_epochs: int, model: nn.Module, loss_fn: Callable, opt, train_dl=None):\n",
    ),
}


@pytest.fixture(scope="module")
def quick_bench(bench, make_course, tmp_path_factory):
    """One trial under a fixed key: how far a wrong loop gets depends on what probes draw."""
    from autograder.course import Course

    folder = tmp_path_factory.mktemp("quick")
    root = make_course(folder / "course", only=[FIT], trials=1)
    (root / ".autograder/key").write_text("07" * 32)
    return type(bench)(Course.at(root), bench.sandbox, folder / "in")


@pytest.fixture
def grade_fits(quick_bench, notebooks):
    """Grade cells of `fit` whose authors solved nothing else, which is quicker, in one batch.

    Gives, by what is said of the cell, which checks of `fit` hold and what the first one says that
    does not.
    """
    others = dict.fromkeys(notebooks.ids(FIT), "pass")

    def grade(cells):
        batch = quick_bench.grade_all(
            FIT, {what: notebooks.of(FIT, {**others, "fit": cells[what]}) for what in cells}
        )
        return {what: held(graded) for what, graded in batch.items()}

    return grade


def held(graded):
    checks = graded.exercise("fit")["checks"]
    assert {one["title"]: one["points"] for one in checks} == WEIGHTS
    kept = {one["title"] for one in checks if one["outcome"] == "passed"}
    assert graded.points("fit") == sum(WEIGHTS[one] for one in kept)
    said = [one["message"] for one in checks if one["outcome"] != "passed"]
    return kept, said[0] if said else None


@pytest.mark.parametrize("half", [0, 1])
def test_a_wrong_fit_keeps_the_points_of_what_it_does_right_and_is_told_the_idea(grade_fits, half):
    wrong = dict(list(WRONG.items())[half::2])

    found = grade_fits({what: cell for what, (cell, _, _) in wrong.items()})

    assert {what: kept for what, (kept, _) in found.items()} == {
        what: holding for what, (_, holding, _) in wrong.items()
    }
    for what, (_, said) in found.items():
        assert wrong[what][2] in said
        assert "\n" not in said


def test_a_fit_that_only_pretends_gains_nothing(grade_fits):
    found = grade_fits({what: cell for what, (cell, _) in FAKES.items()})

    assert {what: kept for what, (kept, _) in found.items()} == {
        what: holding for what, (_, holding) in FAKES.items()
    }


def test_a_right_fit_gets_all_points_however_it_is_written(grade_fits):
    assert grade_fits(STYLES) == dict.fromkeys(STYLES, (ALL, None))


TOLD_APART = [
    "gradients are never zeroed",
    "the step comes before backward",
    "a loss of its own",
    "only the first batch",
    "no loop over the epochs",
    "a model and an optimiser are built",
]


def test_the_ways_in_which_a_fit_goes_wrong_are_told_apart(grade_fits):
    found = grade_fits({what: WRONG[what][0] for what in TOLD_APART})

    said = {what: sentence for what, (_, sentence) in found.items()}

    assert len(set(said.values())) == len(TOLD_APART), said


def test_a_sentence_about_fit_names_no_shape_of_what_we_recorded(grade_fits):
    found = grade_fits({"wrong": WRONG["a loss of its own"][0]})

    # The shape is that of the steps that we recorded: the student has no such tensor.
    assert "forma" not in found["wrong"][1]


def test_the_epochs_that_are_missing_are_named_in_the_course_language(
    bench, make_course, notebooks, tmp_path
):
    from autograder.course import Course

    root = make_course(tmp_path / "course", only=[FIT], trials=1)
    config = root / "grading_config.yaml"
    config.write_text(config.read_text("utf-8").replace("language: es", "language: en"), "utf-8")
    answers = {**dict.fromkeys(notebooks.ids(FIT), "pass"), "fit": loop(*STEPS, end="\n")}

    english = type(bench)(Course.at(root), bench.sandbox, tmp_path / "in")
    (_, _, _, printed) = english.grade(FIT, notebooks.of(FIT, answers)).exercise("fit")["checks"]

    assert printed["message"] == (
        "`fit` does not print the lines asked for: epochs 10 and 20 were expected, in the form "
        "`Epoch [10/100], Loss: 12.3456`."
    )
