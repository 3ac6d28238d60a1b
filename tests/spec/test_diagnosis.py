"""A wrong answer is understood: failed checks say why, and right ones are told nothing."""

from __future__ import annotations

import html
import re
import shutil
from collections.abc import Mapping

import pytest
import yaml
from test_styles import STYLES

from autograder.assignment import load_assignment
from autograder.misconceptions import load_misconceptions

A1, TWO, PERCEPTRON, FIT = "actividad_1", "dos_capas_ocultas", "perceptron", "bucle_fit"
HEAVY = {FIT, "corazon_abierto"}

UNTOLD: Mapping[tuple[str, str], str] = {}
"""The misconceptions, by assignment and id, that are not told their own sentence, and why. At
most one in twenty."""

NETWORK = """torch.manual_seed(7)
features = torch.randn(1, 3)
W1 = torch.randn(3, 2)
W2 = torch.randn(2, 1)
B1 = torch.randn(1, 2)
B2 = torch.randn(1, 1)
"""
NEURON = """torch.manual_seed(7)
features = torch.randn(1, 5)
weights = torch.randn_like(features)
bias = torch.randn(1, 1)
"""

OTHER_WORDS = {
    (A1, "exponente-sin-signo"): {
        "activacion": "def activation(z):\n    e = torch.exp(z)\n    return (1 + e) ** -1"
    },
    (A1, "sin-sigmoide-en-la-salida"): {
        "actividad-1": NETWORK
        + "hidden = activation(features @ W1 + B1)\noutput = B2 + hidden @ W2"
    },
    (A1, "neurona-sin-sesgo"): {
        "neurona": NEURON
        + """
suma = 0
for i in range(5):
    suma = suma + features[0, i] * weights[0, i]
y = activation(suma)
y_mm = activation(features @ weights.T)
"""
    },
    (A1, "capa-por-capa"): {
        "actividad-1": """
azar = torch.Generator().manual_seed(7)
features, W1, B1, W2, B2 = (
    torch.randn(forma, generator=azar) for forma in [(1, 3), (3, 2), (1, 2), (2, 1), (1, 1)]
)
hidden = activation(features @ W1 + B1)
output = activation(hidden @ W2 + B2)
"""
    },
    (A1, "red-sin-sesgos"): {
        "actividad-1": NETWORK
        + """
def capa(entrada, pesos):
    return activation(entrada.matmul(pesos))

hidden = capa(features, W1)
output = capa(hidden, W2)
"""
    },
    (TWO, "relu-en-las-ocultas"): {
        "salida": """
hidden1 = (features @ W1 + B1).clamp(min=0)
hidden2 = (hidden1 @ W2 + B2).clamp(min=0)
output = 1 / (1 + torch.exp(-(hidden2 @ W3 + B3)))
"""
    },
    (TWO, "pesos-antes-que-sesgos"): {
        "parametros": """
W1, W2, W3 = (torch.randn(forma) for forma in [(3, 4), (4, 3), (3, 1)])
B1, B2, B3 = (torch.randn(1, ancho) for ancho in (4, 3, 1))
"""
    },
    (TWO, "promedio-del-lote"): {
        "red": """
def red(x, W1, B1, W2, B2, W3, B3):
    a = x
    for w, b in ((W1, B1), (W2, B2), (W3, B3)):
        a = torch.sigmoid(a @ w + b)
    return a.sum(0, keepdim=True) / len(a)
"""
    },
    (PERCEPTRON, "perceptron-con-el-sesgo-repetido"): {
        "funcion": """
def perceptron(x, w, b):
    total = torch.zeros_like(b)
    for xi, wi in zip(x, w):
        total = total + xi * wi + b
    return 1 / (1 + torch.exp(-total[0]))
"""
    },
    (PERCEPTRON, "tensor-nuevo-con-el-doble"): {
        "numpy": """
np.random.seed(7)
a = np.random.random((4, 3))
A = torch.from_numpy(a)
b = A.numpy()
A = torch.add(A, A)
"""
    },
    (FIT, "media-entre-las-filas"): {
        "mse": "def mse(t1, t2):\n    return ((t1 - t2) ** 2).sum() / t1.shape[0]"
    },
}
"""The same mistakes, written as others write."""


class Batches:
    """What each assignment's wrong and right notebooks get, each graded once."""

    def __init__(self, bench, notebooks, repository):
        self.bench, self.notebooks, self.repository = bench, notebooks, repository
        self.expected = yaml.safe_load((repository / "examples/expected.yaml").read_text("utf-8"))
        self._graded = {}

    def known(self, assignment):
        return load_misconceptions(load_assignment(self.repository / "solutions" / assignment))

    def sentence(self, assignment, id):
        return next(one.es for one in self.known(assignment) if one.id == id)

    def of(self, assignment):
        """Misconceptions by id, other words by ``id~``, right ones by ``=``, and carla."""
        if assignment not in self._graded:
            self._graded[assignment] = self.bench.grade_all(
                assignment, self._handed_in(assignment), explained=True
            )
        return self._graded[assignment]

    def _handed_in(self, assignment):
        found = {}
        for one in self.known(assignment):
            # The cell with the marks of its region, so that it is observed once for all.
            found[one.id] = notebook = self.notebooks.source(assignment)
            notebook.cells[self.notebooks.place(notebook, one.exercise)].source = one.cell
        for (name, id), answers in OTHER_WORDS.items():
            if name == assignment:
                found[f"{id}~"] = self.notebooks.of(assignment, answers)
        for number, ((name, _), answers) in enumerate(STYLES.items()):
            if name == assignment:
                found[f"=style{number}"] = self.notebooks.of(assignment, answers)
        for student in self.right_examples(assignment):
            found[f"={student}"] = self.repository / "examples" / student / assignment
        if assignment == A1:
            found["carla"] = self.repository / "examples/carla" / A1
        return found

    def right_examples(self, assignment):
        points = {one.id: one.points for one in self._exercises(assignment)}
        return [
            student
            for student, own in self.expected.items()
            if own.get(assignment) == pytest.approx(points, abs=0.001)
        ]

    def _exercises(self, assignment):
        return load_assignment(self.repository / "solutions" / assignment).exercises


@pytest.fixture(scope="module")
def batches(bench, notebooks, repository):
    return Batches(bench, notebooks, repository)


def ids(graded, exercise=None):
    """The misconceptions that are told in a report."""
    return {
        reason["id"]
        for one in graded.report["exercises"]
        if exercise in (None, one["id"])
        for check in one["checks"]
        for reason in check["reasons"]
        if "id" in reason
    }


# --- every misconception -------------------------------------------------------------------------


def test_a_misconception_is_told_its_own_sentence_and_no_other_one(batches, each_assignment):
    graded = batches.of(each_assignment)

    wrong = {
        one.id: sorted(told)
        for one in batches.known(each_assignment)
        if (told := ids(graded[one.id])) != {one.id} and (each_assignment, one.id) not in UNTOLD
    }
    assert wrong == {}
    own = [one for name, one in UNTOLD if name == each_assignment]
    assert not [one for one in own if one in ids(graded[one])], "told after all"
    assert len(own) <= 0.05 * len(batches.known(each_assignment))


def test_a_misconception_loses_what_it_says_by_exercise_and_nothing_else(batches, each_assignment):
    graded, wrong = batches.of(each_assignment), []
    for one in batches.known(each_assignment):
        for exercise in graded[one.id].report["exercises"]:
            lost = exercise["max_score"] - exercise["score"]
            says = one.loses.get(exercise["id"], 0)
            if lost != pytest.approx(says, abs=0.01):
                wrong.append(f"{one.id}: {exercise['id']} loses {lost:.2f}, says {says}")

    assert not wrong, "\n".join(wrong)


def test_nothing_is_told_in_exercises_that_are_right(batches, each_assignment):
    for student, graded in batches.of(each_assignment).items():
        for exercise in graded.report["exercises"]:
            if exercise["outcome"] == "passed":
                assert graded.told(exercise["id"]) == set(), (student, exercise["id"])
            for check in exercise["checks"]:
                assert len(check["reasons"]) <= 2
                assert not (check["outcome"] == "passed" and check["reasons"])


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=" ".join(case), marks=pytest.mark.heavy if case[0] in HEAVY else ())
        for case in OTHER_WORDS
    ],
)
def test_the_same_mistake_in_other_words_is_told_the_same(batches, case):
    assignment, id = case

    graded = batches.of(assignment)[f"{id}~"]

    assert ids(graded) == {id}
    assert graded.told() == {batches.sentence(assignment, id)}


def test_who_is_right_in_another_style_is_told_nothing(batches, each_assignment):
    right = {
        student: one for student, one in batches.of(each_assignment).items() if student[0] == "="
    }

    assert len(right) >= 2
    for student, one in right.items():
        assert one.score == one.report["max_score"], student
        assert one.told() == set(), student


# --- the contract's example ----------------------------------------------------------------------


def test_carla_is_told_exactly_two_things_and_no_third(batches):
    carla = batches.of(A1)["carla"]

    neurons = batches.sentence(A1, "cuatro-neuronas-ocultas")
    sigmoid = batches.sentence(A1, "sin-sigmoide-en-la-salida")
    assert carla.told() == {neurons, sigmoid}
    assert carla.points("actividad-1") == 1.5
    told = {
        check["title"].split("`")[1]: {reason["message"] for reason in check["reasons"]}
        for check in carla.exercise("actividad-1")["checks"]
    }
    assert {name for name, said in told.items() if said == {neurons}} == {"W1", "W2", "B1", "B2"}
    assert {name for name, said in told.items() if said == {sigmoid}} == {"output"}
    assert told["features"] == told["hidden"] == set()
    assert carla.message("actividad-1", "W1") == neurons
    difference = carla.check("actividad-1", "W1")["difference"]
    assert difference == "`W1` tiene forma (3, 4) y se pedía (3, 2)."


def test_a_comment_says_one_cause_once_with_all_the_checks_that_it_cost(batches):
    comment = batches.of(A1)["carla"].comments["actividad-1"]

    neurons = batches.sentence(A1, "cuatro-neuronas-ocultas")
    assert comment.count(neurons) == 1
    assert f"- ✗ `W1` · `W2` · `B1` · `B2`: {neurons}\n" in comment
    assert "\\`" not in comment
    assert comment.count("✗") == 2


def test_in_english_everything_is_told_in_english(bench, batches, repository):
    folder = repository / "examples/carla" / A1
    carla = bench.grade_all(A1, {"carla": folder}, explained=True, language="en")["carla"]

    known = {one.id: one.en for one in batches.known(A1)}
    english = {known["cuatro-neuronas-ocultas"], known["sin-sigmoide-en-la-salida"]}
    assert carla.told() == english
    assert all(one in carla.comments["actividad-1"] for one in english)
    assert carla.check("actividad-1", "W1")["difference"].endswith("(3, 2) was asked for.")


# --- several mistakes, and those that nobody has written down ------------------------------------


@pytest.fixture(scope="module")
def mixed(bench, notebooks):
    """Notebooks of `actividad_1` and `dos_capas_ocultas` with more than one mistake, or less."""

    def changed(exercise, *pairs, assignment=A1):
        text = notebooks.solution(assignment, exercise)
        for old, new in pairs:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        return {exercise: text}

    output = (
        "output = activation(torch.mm(hidden, W2) + B2)",
        "output = torch.mm(hidden, W2) + B2",
    )
    weights = ("W1 = torch.randn(3, 2)", "W1 = 2 * torch.randn(3, 2)")
    mean = ("torch.sum(features * weights)", "torch.mean(features * weights)")
    one = {
        "upstream": changed("actividad-1", weights, output),
        "two exercises": changed("neurona", mean) | changed("formas", ("w.reshape(3, 2)", "w.t()")),
        "two in one": changed("actividad-1", ("manual_seed(7)", "manual_seed(42)"), output),
        "one transposed": changed(
            "actividad-1",
            ("W1 = torch.randn(3, 2)", "W1 = torch.randn(2, 3)"),
            ("features, W1", "features, W1.t()"),
        ),
        "one bias": changed("actividad-1", (" + B1", "")),
        "seed of its own": changed("actividad-1", ("manual_seed(7)", "manual_seed(123)")),
        "raises": {
            **changed("actividad-1", output),
            "neurona": "y = 1\nraise ValueError('<b>*mal*</b> `x`')",
        },
        "nonsense": changed("actividad-1", ("output = ", "output = 0.3 + 0.01 * W2.sum() * ")),
    }
    first = ("torch.mm(features, W1) + B1", "torch.mm(features, W1)")
    seed = ("torch.manual_seed(26)", "torch.manual_seed(42)")
    biases = [
        (f"torch.mm({x}, W{n}) + B{n}", f"torch.mm({x}, W{n})")
        for n, x in enumerate(("x", "oculta1", "oculta2"), 1)
    ]
    two = {
        "one layer": changed("salida", first, assignment=TWO),
        "two exercises": changed("observacion", seed, assignment=TWO)
        | changed("red", *biases, assignment=TWO),
    }
    return {
        assignment: bench.grade_all(
            assignment,
            {name: notebooks.of(assignment, answers) for name, answers in all.items()},
            explained=True,
        )
        for assignment, all in ((A1, one), (TWO, two))
    }


def test_a_mistake_behind_another_ones_values_is_still_told(mixed, batches):
    """`W1` is not the reference's, so all that follows has other numbers."""
    graded = mixed[A1]["upstream"]

    assert ids(graded) == {"sin-sigmoide-en-la-salida"}
    assert "un mismo factor" in graded.message("actividad-1", "W1")
    assert graded.message("actividad-1", "output") == batches.sentence(
        A1, "sin-sigmoide-en-la-salida"
    )
    assert graded.points("actividad-1") == 3


def test_two_mistakes_in_two_exercises_are_both_told(mixed):
    assert ids(mixed[A1]["two exercises"], "neurona") == {"media-en-vez-de-suma"}
    assert ids(mixed[A1]["two exercises"], "formas") == {"transpuesta-en-vez-de-reshape"}
    assert ids(mixed[A1]["two exercises"], "actividad-1") == set()
    assert ids(mixed[TWO]["two exercises"], "observacion") == {"otra-semilla"}
    assert ids(mixed[TWO]["two exercises"], "red") == {"red-sin-sesgos"}


def test_two_mistakes_in_one_exercise_are_both_told(mixed):
    graded = mixed[A1]["two in one"]

    assert ids(graded) == {"red-con-otra-semilla", "sin-sigmoide-en-la-salida"}


def test_a_sentence_about_more_than_was_done_is_not_told(mixed):
    """One bias or one matrix is not «the biases» and «the matrices»: numbers agree in part."""
    assert ids(mixed[A1]["one transposed"]) == set()
    assert ids(mixed[A1]["one bias"]) == set()
    assert ids(mixed[TWO]["one layer"]) == set()
    assert "con otra forma" in mixed[A1]["one transposed"].message("actividad-1", "W1")


def test_a_seed_that_no_misconception_has_is_named_by_the_general_diagnosis(mixed):
    graded = mixed[A1]["seed of its own"]

    assert ids(graded) == set()
    for name in ("features", "W1", "W2", "B1", "B2"):
        assert "sale de la semilla 123" in graded.message("actividad-1", name)


def test_what_has_no_name_is_left_with_the_plain_difference(mixed):
    check = mixed[A1]["nonsense"].check("actividad-1", "output")

    assert check["outcome"] == "failed"
    assert check["reasons"] == []
    assert check["message"] == check["difference"]


def test_authors_sentences_keep_their_markdown_and_the_students_words_do_not(mixed, batches):
    comments = mixed[A1]["raises"].comments

    neurons = batches.sentence(A1, "sin-sigmoide-en-la-salida")
    assert neurons in comments["actividad-1"]
    assert "<b>" not in comments["neurona"]
    assert "&lt;b&gt;\\*mal\\*" in comments["neurona"]


# --- the page ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(bench, make_course, lending, program, repository, tmp_path_factory):
    """Carla's feedback page, as text without markup, and as it is."""
    from autograder.course import Course
    from autograder.grading import Grader

    root = make_course(
        tmp_path_factory.mktemp("diagnosis") / "course", only=[A1], misconceptions=True
    )
    # The same key and what was seen under it: nothing is observed twice.
    shutil.copytree(bench.course.state, root / ".autograder", symlinks=True, dirs_exist_ok=True)
    handed_in = root / "submitted/carla" / A1
    handed_in.mkdir(parents=True)
    source = repository / "examples/carla" / A1 / f"{A1}.ipynb"
    (handed_in / source.name).write_bytes(source.read_bytes())
    with lending(), Grader(Course.at(root)) as grader:
        grader.grade(A1)
    made = program("autograder", "feedback", "--course", root)
    assert made.status == 0, made.err
    markup = (root / f"feedback/carla/{A1}/{A1}.html").read_text("utf-8")
    return html.unescape(re.sub(r"<[^>]*>", "", markup)), markup


def test_the_feedback_page_shows_the_two_sentences_and_their_code_as_code(page, batches):
    text, markup = page

    for id in ("cuatro-neuronas-ocultas", "sin-sigmoide-en-la-salida"):
        assert batches.sentence(A1, id).replace("`", "") in text
    assert "¿Qué dimensiones de <code>W1</code>" in markup


def test_the_feedback_page_shows_nothing_hidden(page, batches):
    text, _ = page
    told = {"cuatro-neuronas-ocultas", "sin-sigmoide-en-la-salida"}

    assert "misconception" not in text
    for one in batches.known(A1):
        assert f"({one.id})" not in text
        assert one.en.replace("`", "") not in text
        assert one.id in told or one.es.replace("`", "") not in text
