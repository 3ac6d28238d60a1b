"""What students get: it is what the source makes, it runs without us, and it gives nothing away."""

from __future__ import annotations

import json
import subprocess
import sys

import nbformat
import pytest

from autograder.verify.leaks import leaks, regions

RUN_BARE = """
import importlib.abc, json, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "autograder":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
try:
    import autograder
except ModuleNotFoundError:
    pass
else:
    raise SystemExit("autograder can be imported")

from IPython.core.interactiveshell import InteractiveShell

found = {}
for path in sys.argv[1:]:
    shell = InteractiveShell(user_ns={}, colors="nocolor")
    cells = json.load(open(path, encoding="utf-8"))["cells"]
    sources = ["".join(one["source"]) for one in cells if one["cell_type"] == "code"]
    errors = []
    for source in sources:
        result = shell.run_cell(source, store_history=False)
        error = result.error_before_exec or result.error_in_exec
        errors.append(error and [type(error).__name__, str(error)])
    found[path] = errors
print("\\x01" + json.dumps(found), file=sys.__stdout__)
"""

NBGRADERS_ENGLISH = [
    "YOUR CODE HERE",
    "YOUR ANSWER HERE",
    "No response",
    "raise NotImplementedError()",
]


def path_of(repository, name):
    return repository / "assignments" / name / f"{name}.ipynb"


@pytest.fixture(scope="module")
def generated(bench, notebooks, tmp_path_factory):
    from autograder.record.release import generate

    folder = tmp_path_factory.mktemp("generated")
    for name in notebooks.assignments:
        generate(bench.course, bench.course.assignment(name), folder)
    return folder


@pytest.fixture(scope="module")
def bare_run(repository, notebooks, tmp_path_factory):
    """By assignment: the error of every code cell in a plain IPython process, or None."""
    paths = [str(path_of(repository, name)) for name in notebooks.assignments]
    done = subprocess.run(
        [sys.executable, "-c", RUN_BARE, *paths],
        cwd=tmp_path_factory.mktemp("bare"),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    by_path = json.loads(done.stdout.rpartition("\x01")[2])
    return dict(zip(notebooks.assignments, by_path.values(), strict=True))


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def marks(cell):
    return cell.metadata.get("nbgrader", {})


def test_the_committed_release_is_byte_for_byte_what_the_source_generates(
    repository, generated, each_assignment
):
    committed = repository / "assignments" / each_assignment
    fresh = generated / each_assignment

    names = sorted(path.name for path in committed.iterdir())

    assert names == sorted(path.name for path in fresh.iterdir()) == [f"{each_assignment}.ipynb"]
    for name in names:
        assert (committed / name).read_bytes() == (fresh / name).read_bytes(), (
            "run `autograder release` and commit assignments/"
        )


def test_generating_twice_gives_the_same_bytes(bench, generated, tmp_path, each_assignment):
    from autograder.record.release import generate

    generate(bench.course, bench.course.assignment(each_assignment), tmp_path)

    again = (tmp_path / each_assignment / f"{each_assignment}.ipynb").read_bytes()
    assert again == (generated / each_assignment / f"{each_assignment}.ipynb").read_bytes()


def test_a_release_is_a_valid_notebook_without_outputs(repository, each_assignment):
    notebook = nbformat.read(path_of(repository, each_assignment), as_version=4)

    nbformat.validate(notebook)
    assert all(not cell.outputs and cell.execution_count is None for cell in code_cells(notebook))


def test_in_a_bare_python_only_stubs_their_asserts_and_the_tagged_cell_raise(
    notebooks, bare_run, each_assignment
):
    cells = code_cells(notebooks.released(each_assignment))
    errors = bare_run[each_assignment]
    assert len(cells) == len(errors)

    for cell, error in zip(cells, errors, strict=True):
        tagged = "raises-exception" in cell.metadata.get("tags", [])
        known = marks(cell).get("solution") or marks(cell).get("grade")
        if tagged:
            assert error is not None, f"{cell.source}\nis tagged as raising and does not"
        elif not known:
            assert error is None, f"{cell.source}\nraises {error}"


def test_what_a_stub_raises_says_in_spanish_that_it_is_not_solved(
    notebooks, bare_run, each_assignment
):
    cells = code_cells(notebooks.released(each_assignment))

    raised = [
        error
        for cell, error in zip(cells, bare_run[each_assignment], strict=True)
        if marks(cell).get("solution") and error
    ]

    assert all(one == ["NotImplementedError", "Aún no has resuelto esta celda."] for one in raised)
    stubs = [cell for cell in cells if marks(cell).get("solution")]
    assert all("# ESCRIBE TU CÓDIGO AQUÍ" in cell.source for cell in stubs)
    assert all("raise NotImplementedError(" in cell.source for cell in stubs)


def test_every_public_assert_fails_on_the_untouched_stub(notebooks, bare_run, each_assignment):
    cells = code_cells(notebooks.released(each_assignment))

    checks = [
        (marks(cell)["grade_id"], error)
        for cell, error in zip(cells, bare_run[each_assignment], strict=True)
        if marks(cell).get("grade")
    ]

    assert [id for id, _ in checks] == [f"{id}-check" for id in notebooks.ids(each_assignment)]
    assert not [id for id, error in checks if error is None]


def test_a_release_imports_torch_and_numpy_only(notebooks, each_assignment):
    text = "\n".join(cell.source for cell in code_cells(notebooks.released(each_assignment)))

    imports = [
        line.split()[1].split(".")[0]
        for line in text.split("\n")
        if line.startswith(("import ", "from "))
    ]

    assert imports
    assert set(imports) <= {"torch", "numpy"}


def test_every_exercise_has_a_solution_region_that_a_release_can_leave_out(bench, each_assignment):
    assignment = bench.course.assignment(each_assignment)

    for exercise in assignment.exercises:
        source = assignment.notebook.cells[assignment.cells[exercise.id].index].source
        assert regions(source)
        assert all("".join(region).strip() for region in regions(source))


def test_a_release_shows_nothing_of_solutions_and_hidden_files(bench, notebooks, each_assignment):
    assignment = bench.course.assignment(each_assignment)
    hidden = (assignment.checks_path, assignment.probes_path, assignment.misconceptions_path)
    assert all(path.exists() for path in hidden)

    assert list(leaks(assignment, notebooks.released(each_assignment))) == []


def test_a_release_holds_no_mark_of_a_region(repository, each_assignment):
    text = path_of(repository, each_assignment).read_text("utf-8")

    for mark in ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN", "HIDDEN TESTS", "autograder."):
        assert mark not in text


def test_a_release_says_nothing_in_nbgraders_english(repository, each_assignment):
    text = path_of(repository, each_assignment).read_text("utf-8")

    assert [one for one in NBGRADERS_ENGLISH if one in text] == []


def test_the_grade_cells_are_locked_and_carry_the_points(bench, notebooks, each_assignment):
    cells = {
        marks(cell).get("grade_id"): cell for cell in notebooks.released(each_assignment).cells
    }

    for exercise in bench.course.assignment(each_assignment).exercises:
        check = marks(cells[exercise.check_cell])
        assert (check["grade"], check["locked"]) == (True, True)
        assert check["points"] == exercise.points
        assert marks(cells[exercise.id])["solution"] is True


def test_the_asserts_pass_with_the_references_solutions(bench, each_assignment):
    (trial, _) = bench.reference(each_assignment)

    failed = [
        (number, cell.error)
        for number, cell in trial.cells.items()
        if cell.error is not None and cell.error.name == "AssertionError"
    ]

    assert failed == []
