"""A released notebook in a Jupyter that has neither us nor nbgrader."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e

P = "perceptron"
OURS = ("autograder", "nbgrader", "__editable__")
RUN = """
import sys, nbclient, nbformat

for path in sys.argv[1:]:
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, kernel_name="python3", allow_errors=True).execute()
    nbformat.write(notebook, path)
"""
ASK = """
import importlib.util
print([one for one in ("autograder", "nbgrader") if importlib.util.find_spec(one)])
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The programs' folder of an environment like this one, without our package and nbgrader."""
    base = tmp_path_factory.mktemp("plain")
    venv.create(base / "env", symlinks=True)
    (library,) = (base / "env/lib").glob("python*/site-packages")
    for one in Path(sysconfig.get_path("purelib")).iterdir():
        if not one.name.lower().startswith(OURS) and not (library / one.name).exists():
            (library / one.name).symlink_to(one)
    share = base / "env/share/jupyter"
    share.mkdir(parents=True)
    (share / "lab").symlink_to(Path(sys.prefix) / "share/jupyter/lab")
    return base / "env/bin"


@pytest.fixture
def outside(monkeypatch):
    """No path of this project in the environment."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.delenv("JUPYTER_PATH", raising=False)


def outputs_of(notebook, exercise, notebooks):
    return notebook.cells[notebooks.place(notebook, exercise)].outputs


def test_a_release_and_a_solved_notebook_run_in_a_kernel_that_lacks_us_and_nbgrader(
    plain, outside, notebooks, tmp_path
):
    paths = {"released": tmp_path / "released.ipynb", "solved": tmp_path / "solved.ipynb"}
    made = {"released": notebooks.released(P), "solved": notebooks.of(P)}
    for name, path in paths.items():
        made[name].cells.append(nbformat.v4.new_code_cell(ASK))
        nbformat.write(made[name], path)

    done = subprocess.run(
        [plain / "python", "-c", RUN, *paths.values()],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    ran = {name: nbformat.read(path, as_version=4) for name, path in paths.items()}
    for notebook in ran.values():
        assert "".join(one.text for one in notebook.cells[-1].outputs) == "[]\n"
    unsolved = ("NotImplementedError", "Aún no has resuelto esta celda.")
    for exercise in notebooks.ids(P):
        # The stub of a function raises when the asserts call it.
        raising = exercise if exercise != "funcion" else "funcion-check"
        (error,) = outputs_of(ran["released"], raising, notebooks)
        assert (error.ename, error.evalue) == unsolved
        # What is printed may come in pieces.
        passed = outputs_of(ran["solved"], f"{exercise}-check", notebooks)
        assert "".join(one.get("text", "") for one in passed).startswith("✓")


def test_jupyterlab_without_nbgrader_opens_and_runs_a_release(
    page, plain, outside, jupyter, notebooks, repository, tmp_path
):
    shutil.copy(repository / f"assignments/{P}/{P}.ipynb", tmp_path)
    server = jupyter("lab", tmp_path, PATH=f"{plain}{os.pathsep}{os.environ['PATH']}")

    server.open(page, f"/lab/tree/{P}.ipynb")
    # The menu has its entries once the notebook is there; its kernel starts after that.
    expect(page.locator(".jp-CodeCell").first).to_be_visible()
    expect(page.get_by_text("| Idle")).to_be_visible()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    error = page.locator(".jp-OutputArea-output").filter(has_text="NotImplementedError")
    expect(error.last).to_contain_text("Aún no has resuelto esta celda.", timeout=60_000)
    if folder := os.environ.get("AUTOGRADER_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / "plain.png")
    assert page.get_by_role("menuitem", name="Nbgrader").count() == 0
    assert page.locator(".validate-button").count() == 0
