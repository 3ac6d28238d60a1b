"""What of the hidden side shows in a release: told line by line, and nothing else is."""

from __future__ import annotations

import copy

import pytest
from handmade import assignment, grade, locked, solution
from nbformat.v4 import new_code_cell, new_markdown_cell

from autograder.verify.leaks import leaks, regions

MARKED = """import torch
### BEGIN SOLUTION
datos = torch.ones(3)
x = datos.sum() + 41
### END SOLUTION"""
STUB = "import torch\nraise NotImplementedError('Aún no.')"
CHECK = '    assert_matches(student["x"], reference["x"])'


@pytest.fixture
def source(tmp_path):
    made = assignment(
        tmp_path,
        [
            locked("enunciado", "Calcula `x`.", "markdown"),
            solution("uno", MARKED, {"x": {"kind": "tensor"}}),
            grade("uno", "assert x > 0"),
        ],
    )
    made.checks_path.write_text(
        "from autograder import assert_matches, check\n\n\n"
        f'@check("`x`", exercise="uno", points=1)\ndef test_x(student, reference):\n{CHECK}\n'
        "# =====================================\n",
        "utf-8",
    )
    made.probes_path.write_text("from autograder import probe, and_more_of_it\n", "utf-8")
    made.misconceptions_path.write_text(
        "- id: otra\n  es: Aquí falta sumar el sesgo de la neurona.\n", "utf-8"
    )
    return made


@pytest.fixture
def released(source):
    """The release as nbgrader would make it, which a test may spoil."""
    made = copy.deepcopy(source.notebook)
    made.cells[1].source = STUB
    return made


def found(source, released):
    return list(leaks(source, released))


def test_nothing_is_said_of_a_release_that_shows_nothing(source, released):
    assert found(source, released) == []


def test_a_line_of_the_solution_in_its_own_cell_is_told(source, released):
    released.cells[1].source += "\n    x = datos.sum() + 41  "

    assert "uno: the solution's line 'x = datos.sum() + 41' is in its released cell." in found(
        source, released
    )


@pytest.mark.parametrize("cell", [new_markdown_cell, new_code_cell])
def test_a_whole_solution_elsewhere_is_told_however_it_is_broken_into_lines(source, released, cell):
    released.cells.append(cell("Por ejemplo, datos = torch.ones(3)\n\n  x = datos.sum() + 41."))

    assert found(source, released) == ["uno: the whole solution stands in the release."]


def test_a_part_of_a_solution_elsewhere_is_no_leak(source, released):
    released.cells.append(new_code_cell("datos = torch.ones(3)"))

    assert found(source, released) == []


def test_a_name_that_the_stub_itself_makes_is_told(source, released):
    released.cells[1].source = f"{STUB}\nif True:\n    a, x = 1, torch.ones(3).sum()"

    assert found(source, released) == [
        "uno: the line 'a, x = (1, torch.ones(3).sum())' of its released cell makes what is asked "
        "for; does it belong in the solution region?"
    ]


@pytest.mark.parametrize("line", ["x = None", "x = []", "datos2 = x = 0", "y = torch.ones(2)", "x"])
def test_a_stub_may_prepare_the_place_of_an_answer(source, released, line):
    released.cells[1].source = f"{line}\n{STUB}"

    assert found(source, released) == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("checks_path", CHECK.strip()),
        ("checks_path", '@check("`x`", exercise="uno", points=1)'),
        ("misconceptions_path", "es: Aquí falta sumar el sesgo de la neurona."),
    ],
)
def test_a_line_of_a_hidden_file_is_told_with_the_file(source, released, path, line):
    released.cells[0].source += f" {line}"

    name = getattr(source, path).name
    assert found(source, released) == [f"{name}: its line {line!r} is in the release."]


@pytest.mark.parametrize(
    "line",
    [
        "from autograder import probe, and_more_of_it",
        "# =====================================",
        "- id: otra",
        "def test_y(student, reference):",
    ],
    ids=["an import", "no words", "short", "of no file"],
)
def test_what_may_stand_in_a_statement_by_chance_is_no_leak(source, released, line):
    released.cells[0].source += f"\n{line}"

    assert found(source, released) == []


def test_an_assignment_without_hidden_files_has_nothing_to_leak(source, released):
    for path in (source.checks_path, source.probes_path, source.misconceptions_path):
        path.unlink()

    assert found(source, released) == []


def test_regions_are_the_lines_between_the_marks():
    text = "a\n### BEGIN SOLUTION\nb\n  c\n### END SOLUTION\nd\n    ### BEGIN SOLUTION\n    ### END SOLUTION"  # noqa: E501

    assert regions(text) == [["b", "  c"], []]
    assert regions("a\n### END SOLUTION\n### BEGIN SOLUTION\nb") == []
