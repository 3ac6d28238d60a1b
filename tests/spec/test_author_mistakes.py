"""What an author wrote wrongly is named with file, line and mend before anybody is graded."""

from __future__ import annotations

import copy
import re
import sys
import types

import nbformat
import pytest

P = "perceptron"


@pytest.fixture
def course(make_course, tmp_path):
    return make_course(tmp_path / "course", only=[P], trials=1)


@pytest.fixture
def checks(course):
    return course / f"solutions/{P}/test_{P}.py"


@pytest.fixture
def probes(course):
    return course / f"solutions/{P}/probes_{P}.py"


@pytest.fixture
def source(course):
    return course / f"solutions/{P}/{P}.ipynb"


@pytest.fixture
def refused(autograder, course, hand_in, notebooks):
    """Grade, and give the one sentence that the command ends with."""

    def refuse(command="grade"):
        hand_in(course, "ana", P, notebooks.of(P))
        ran = autograder(command, P, "--course", course)
        assert ran.status == 2, ran.err
        assert ran.err.count("\n") == 1, ran.err
        assert ran.err.startswith("autograder: ")
        assert "Traceback" not in ran.err
        assert not (course / "autograded").exists()
        return ran.err.removeprefix("autograder: ").strip()

    return refuse


def rewrite(path, old, new):
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def line_of(path, text):
    return next(n for n, line in enumerate(path.read_text("utf-8").split("\n"), 1) if text in line)


def append(path, text):
    path.write_text(path.read_text("utf-8") + text, "utf-8")


def change_cell(path, id, change):
    notebook = nbformat.read(path, as_version=4)
    for place, cell in enumerate(notebook.cells):
        if cell.metadata.get("nbgrader", {}).get("grade_id") == id:
            change(notebook.cells, place)
            break
    else:
        raise AssertionError(f"no cell {id}")
    nbformat.write(notebook, path)


@pytest.mark.parametrize("command", ["grade", "release"])
def test_a_check_of_an_unknown_exercise_is_named_with_the_nearest_one(refused, checks, command):
    append(
        checks,
        "\n\n@check('otra', exercise='tensore', points=0)\n"
        "def test_lost(student, reference):\n    pass\n",
    )

    sentence = refused(command)

    assert sentence.startswith(f"{checks}:{line_of(checks, 'exercise=' + chr(39) + 'tensore')}: ")
    assert "did you mean 'tensores'?" in sentence


def test_an_exercise_without_a_check_is_named_with_the_line_to_add(refused, checks, source):
    def another(cells, place):
        for id, cell in (("nueva", cells[place - 1]), ("nueva-check", cells[place])):
            copied = copy.deepcopy(cell)
            copied["id"] = copied.metadata.nbgrader["grade_id"] = id
            cells.append(copied)

    change_cell(source, "funcion-check", another)

    sentence = refused()

    assert sentence.startswith(f"{checks}: exercise 'nueva' has no check; add one with @check(")
    assert "exercise='nueva', points=2)" in sentence


@pytest.mark.parametrize(
    "text",
    ["", "import torch\n", "def test_a(student, reference):\n    pass\n"],
    ids=["empty", "imports", "no decorator"],
)
def test_a_file_without_any_check_is_refused(refused, checks, text):
    checks.write_text(text, "utf-8")

    sentence = refused()

    assert str(checks) in sentence
    assert "'tensores' has no check; add one with @check(" in sentence


def test_checks_that_are_not_there_are_named_by_their_file(refused, checks):
    checks.unlink()

    assert refused().startswith(f"{checks}: not found")


def test_points_of_checks_that_differ_from_the_notebook_are_named(refused, checks, source):
    def dearer(cells, place):
        cells[place].metadata.nbgrader.points = 3

    change_cell(source, "funcion-check", dearer)

    sentence = refused()

    assert re.match(rf"{checks}:\d+: the checks of 'funcion' are worth 2 points together", sentence)
    assert "'funcion-check' in perceptron.ipynb has 3; make them agree" in sentence


def test_a_check_with_negative_points_is_named(refused, checks):
    append(
        checks,
        "\n\n@check('otra', exercise='funcion', points=-1)\ndef test_minus(student):\n    pass\n",
    )

    assert re.match(rf"{checks}:\d+: points and penalties are not negative", refused())


def test_a_probe_that_raises_on_the_reference_is_named_with_its_line(refused, probes):
    append(probes, "\n\n@probe('funcion')\ndef rota(student, draws, device):\n    return 1 / 0\n")

    sentence = refused()

    assert sentence.startswith(
        f"{probes}:{line_of(probes, '1 / 0')}: the probe 'rota' of 'funcion'"
    )
    assert "ZeroDivisionError" in sentence
    assert sentence.endswith("mend the probe or the reference.")


def test_a_probe_that_asks_for_a_name_that_the_reference_lacks_is_named(refused, probes):
    append(
        probes,
        "\n\n@probe('funcion')\ndef rota(student, draws, device):\n"
        "    return student['percptron']\n",
    )

    sentence = refused()

    assert sentence.startswith(f"{probes}: the probe 'rota' of 'funcion'")
    assert "percptron" in sentence


def test_a_probe_of_an_unknown_exercise_is_named(refused, probes):
    append(probes, "\n\n@probe('function')\ndef perdida(student, draws, device):\n    return 1\n")

    sentence = refused()

    assert str(probes) in sentence
    assert "'function'" in sentence
    assert "did you mean 'funcion'?" in sentence


def test_a_probe_with_a_syntax_error_is_named_with_its_line(refused, probes):
    append(probes, "\n\ndef rota(:\n    pass\n")

    assert refused().startswith(f"{probes}:{line_of(probes, 'def rota(:')}: ")


def test_probes_that_cannot_be_imported_are_named(refused, probes):
    append(probes, "\nimport no_hay_tal_modulo\n")

    sentence = refused()

    assert str(probes.name) in sentence
    assert "no_hay_tal_modulo" in sentence


def test_a_check_that_the_reference_does_not_pass_is_named_with_its_line(refused, checks):
    append(
        checks,
        "\n\n@check('imposible', en='impossible', exercise='funcion', points=0)\n"
        "def test_impossible(student, reference):\n    raise AssertionError('nunca')\n",
    )

    sentence = refused()

    assert re.match(rf"{checks}:\d+: the reference does not pass 'impossible'", sentence)
    assert sentence.endswith("nunca")


def test_a_check_that_raises_is_named_with_its_error(refused, checks):
    append(
        checks,
        "\n\n@check('rota', en='broken', exercise='funcion', points=0)\n"
        "def test_broken(student, reference):\n    {}['falta']\n",
    )

    sentence = refused()

    assert str(checks) in sentence
    assert "'broken' of 'funcion'" in sentence
    assert "KeyError: 'falta'" in sentence


def test_a_check_that_asks_for_an_unknown_probe_or_name_is_named(refused, checks):
    append(
        checks,
        "\n\n@check('rota', en='broken', exercise='funcion', points=0)\n"
        "def test_broken(student, reference):\n    reference.probe('no hay')\n",
    )

    sentence = refused()

    assert str(checks) in sentence
    assert "no probe 'no hay'" in sentence


def test_a_derived_fixture_is_named_with_the_check_that_takes_it(refused, checks):
    append(
        checks,
        "\n\nimport pytest\n\n\n@pytest.fixture\ndef y(student):\n    return student['Y']\n\n\n"
        "@check('derivada', exercise='funcion', points=0)\ndef test_derived(student, y):\n"
        "    pass\n",
    )

    sentence = refused()

    assert re.match(rf"{checks}:\d+: the fixture 'y' is made once", sentence)
    assert "make it a plain function" in sentence


def test_a_fixture_derived_at_second_hand_is_named_too(refused, checks):
    append(
        checks,
        "\n\nimport pytest\n\n\n@pytest.fixture\ndef y(student):\n    return student\n\n\n"
        "@pytest.fixture\ndef z(y):\n    return y\n\n\n"
        "@check('derivada', exercise='funcion', points=0)\ndef test_derived(student, z):\n"
        "    pass\n",
    )

    assert "is made once" in refused()


def test_a_check_without_student_is_named(refused, checks):
    append(
        checks,
        "\n\n@check('sola', exercise='funcion', points=0)\ndef test_alone(reference):\n    pass\n",
    )

    assert re.match(rf"{checks}:\d+: the check takes no `student`; add the argument", refused())


def test_a_check_that_takes_an_unknown_fixture_is_named(refused, checks):
    append(
        checks,
        "\n\n@check('otra', exercise='funcion', points=0)\n"
        "def test_other(student, referencia):\n    pass\n",
    )

    sentence = refused()

    assert str(checks) in sentence
    assert "referencia" in sentence


def test_an_import_error_in_the_checks_is_named(refused, checks):
    rewrite(checks, "from autograder import", "import no_hay_tal_modulo\nfrom autograder import")

    sentence = refused()

    assert checks.name in sentence
    assert "No module named 'no_hay_tal_modulo'" in sentence


def test_a_syntax_error_in_the_checks_is_named_with_its_line(refused, checks):
    append(checks, "\n\ndef rota(:\n    pass\n")

    sentence = refused()

    assert checks.name in sentence
    assert "SyntaxError" in sentence
    assert str(line_of(checks, "def rota(:")) in sentence


def test_a_solution_cell_without_a_check_cell_is_named_with_its_place(refused, source):
    change_cell(source, "funcion-check", lambda cells, place: cells.pop(place))

    sentence = refused()

    assert re.match(rf"{source}: cell \d+: the solution cell 'funcion' has no grade cell", sentence)
    assert "'funcion-check' behind it" in sentence


def test_an_unknown_kind_of_a_name_is_named_with_those_there_are(refused, source):
    def misspell(cells, place):
        cells[place].metadata.autograder.names["perceptron"]["kind"] = "fonction"

    change_cell(source, "funcion", misspell)

    sentence = refused()

    assert sentence.startswith(
        f"{source}: funcion: the kind of 'perceptron' is \"fonction\"; there "
    )
    assert "function" in sentence


@pytest.mark.parametrize("broken", ["names", "spec", "observe"])
def test_marks_of_another_type_than_asked_are_named(refused, source, broken):
    def spoil(cells, place):
        marks = cells[place].metadata.autograder
        match broken:
            case "names":
                marks["names"] = ["perceptron"]
            case "spec":
                marks["names"]["perceptron"] = "function"
            case "observe":
                marks["observe"] = 5

    change_cell(source, "funcion", spoil)

    assert refused().startswith(f"{source}: ")


@pytest.mark.parametrize("points", [None, "two", -1])
def test_points_that_are_no_points_are_named(refused, source, points):
    def spoil(cells, place):
        cells[place].metadata.nbgrader.points = points

    change_cell(source, "funcion-check", spoil)

    assert str(source.name) in refused()


def test_two_cells_of_one_id_are_named_with_their_places(refused, source):
    def double(cells, place):
        cells[place].metadata.nbgrader.grade_id = "lineal-enunciado"

    change_cell(source, "funcion-enunciado", double)

    sentence = refused()

    assert re.match(rf"{source}: cells \d+ and \d+ are both called 'lineal-enunciado'", sentence)


def test_a_reference_that_does_not_run_to_its_end_is_named(refused, source):
    def end(cells, place):
        cells[place].source = "import os\n### BEGIN SOLUTION\nos._exit(0)\n### END SOLUTION"

    change_cell(source, "funcion", end)

    sentence = refused()

    assert sentence.startswith(f"{source}: the reference, with the probes of probes_perceptron.py,")


def test_a_source_that_is_no_notebook_is_named(refused, source):
    source.write_text("{", "utf-8")

    assert refused().startswith(f"{source}: not a notebook")


def test_a_module_of_the_same_name_is_not_taken_for_the_checks(
    autograder, course, hand_in, notebooks, monkeypatch
):
    monkeypatch.setitem(sys.modules, f"test_{P}", types.ModuleType(f"test_{P}"))
    hand_in(course, "ana", P, notebooks.of(P))

    ran = autograder("grade", P, "--course", course)

    assert (ran.status, "10/10" in ran.out) == (0, True), ran.err
