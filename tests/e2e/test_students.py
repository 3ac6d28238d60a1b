"""What a student sees and does in JupyterLab and Notebook 7, from fetching to the feedback."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e

P, COURSE = "perceptron", "redes"
VALIDATED = 120_000  # ms: a kernel starts and imports torch
TASK = "# Calcula `H` a partir de `X`, `W` y `B`.\n"
BARE = TASK + "H = torch.dot(W, X)"
FULL = TASK + "H = torch.add(torch.dot(W, X), B)"
TOLD = "`H` tiene forma () y se pide (1,): un producto interno de forma () más un sesgo"


@dataclass(frozen=True)
class Classroom:
    """A course whose assignment is released in an exchange of its own.

    ``settings`` is the folder of the configuration that a site gives to all who work there.
    """

    root: Path
    settings: Path
    run: Callable[..., Any]

    def instructor(self, *command: str) -> None:
        ran = self.run(*command, cwd=self.root, JUPYTER_CONFIG_PATH=str(self.settings))
        assert ran.status == 0, ran.out + ran.err


def classroom_in(folder: Path, run: Callable[..., Any]) -> Classroom:
    settings = folder / "settings"
    settings.mkdir()
    (settings / "nbgrader_config.py").write_text(
        "c = get_config()\n"
        f"c.Exchange.root = {str(folder / 'exchange')!r}\n"
        f"c.CourseDirectory.course_id = {COURSE!r}\n",
        "utf-8",
    )
    return Classroom(folder / "course", settings, run)


@pytest.fixture(scope="module")
def released(make_course, program, repository, tmp_path_factory):
    """A folder with a course and an exchange in which its assignment is released."""
    folder = tmp_path_factory.mktemp("released")
    root = make_course(folder / "course", only=[P], misconceptions=True)
    shutil.copy(repository / "nbgrader_config.py", root)
    exchange = folder / "exchange"
    exchange.mkdir()
    exchange.chmod(0o777)
    made = classroom_in(folder, program)
    made.instructor("autograder", "release", P, "--unverified")
    made.instructor("nbgrader", "release_assignment", P)
    return folder


@pytest.fixture
def classroom(released, program, tmp_path):
    """One's own copy: in both front-ends the student is the user who runs the tests."""
    for one in ("course", "exchange"):
        shutil.copytree(released / one, tmp_path / one)
    return classroom_in(tmp_path, program)


@pytest.fixture
def shot(request):
    """Saves what a page shows, where ``AUTOGRADER_SCREENSHOTS`` names a folder."""
    folder = os.environ.get("AUTOGRADER_SCREENSHOTS")
    taken = iter(range(1, 100))

    def save(page, name):
        if folder:
            app = request.node.callspec.id
            page.screenshot(path=Path(folder) / f"{app}-{next(taken)}-{name}.png")

    return save


def open_assignments(page, server, app):
    server.open(page, "/lab" if app == "lab" else "/tree")
    page.get_by_role("menuitem", name="Nbgrader").click()
    page.get_by_role("menuitem", name="Assignment List").click()
    expect(page.locator("#course_list_default")).to_have_text(COURSE)
    # The lists are drawn after the course is known.
    page.wait_for_load_state("networkidle")


def open_notebook(page, server, app):
    place = f"{P}/{P}.ipynb"
    server.open(page, f"/lab/tree/{place}" if app == "lab" else f"/notebooks/{place}")


def write_answer(page, text):
    """Types ``text`` over the answer to `lineal`, which begins with the comment of its stub."""
    cell = page.locator(".jp-CodeCell").filter(has_text=TASK.strip())
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)
    expect(cell).to_contain_text(text.split("\n")[-1])


def solve_all_but(notebooks, exercise, path):
    """Fills the fetched notebook in; `funcion` then passes the public asserts, not the check."""
    solved = nbformat.read(path, as_version=4)
    for id in notebooks.ids(P):
        if id != exercise:
            answer = notebooks.solution(P, id)
            if id == "funcion":
                answer = notebooks.changed(P, id, "+ b)", "+ b.abs())")
            solved.cells[notebooks.place(solved, id)].source = answer
    nbformat.write(solved, path)


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_a_student_goes_all_the_way_from_fetching_to_the_feedback(
    page, shot, jupyter, classroom, notebooks, tmp_path, app
):
    home = tmp_path / "home"
    home.mkdir()
    server = jupyter(app, home, JUPYTER_CONFIG_PATH=str(classroom.settings))
    fetched = page.locator("#fetched_assignments_list")
    submitted = page.locator("#submitted_assignments_list")
    dialog = page.locator(".jp-Dialog")

    # Fetch: what comes is the release, nothing else.
    open_assignments(page, server, app)
    shot(page, "released")
    page.locator("#released_assignments_list").get_by_role("button", name="Fetch").click()
    expect(fetched.get_by_role("button", name="Submit")).to_be_visible()
    path = home / P / f"{P}.ipynb"
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert nbformat.read(path, as_version=4) == notebooks.released(P)
    shot(page, "fetched")

    # Solve: the public asserts speak where the notebook is run, and under Validate, in red.
    solve_all_but(notebooks, "lineal", path)
    open_notebook(page, server, app)
    write_answer(page, BARE)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    error = page.locator(".jp-OutputArea-output").filter(has_text="AssertionError")
    expect(error).to_contain_text(TOLD, timeout=VALIDATED)
    shot(page, "run")
    page.locator(".validate-button").first.click()
    expect(dialog).to_contain_text("The following cell failed", timeout=VALIDATED)
    expect(dialog).to_contain_text(TOLD)
    expect(dialog).to_contain_text("`Y` tiene forma () y se pide (1,)")
    assert dialog.inner_text().count("The following cell failed") == 2
    dialog.locator("pre", has_text=TOLD).last.evaluate("it => it.scrollIntoView(false)")
    shot(page, "red")
    dialog.get_by_role("button").click()

    # Mend it: green.
    write_answer(page, FULL)
    with page.expect_response(lambda one: one.request.method == "PUT" and one.ok):
        page.keyboard.press("Control+s")
    open_assignments(page, server, app)
    fetched.locator(".assignment-notebooks-link").click()
    validate = fetched.get_by_role("button", name="Validate")
    validate.click()
    expect(dialog).to_contain_text("Success! Your notebook passes all", timeout=VALIDATED)
    shot(page, "green")
    dialog.get_by_role("button").click()
    expect(validate).to_have_class(re.compile("btn-success"))

    # Submit; the instructor's part.
    fetched.get_by_role("button", name="Submit").click()
    expect(submitted.get_by_role("button", name="Fetch Feedback")).to_be_visible()
    shot(page, "submitted")
    for command in (
        ("nbgrader", "collect", P),
        ("autograder", "grade", P),
        ("autograder", "feedback", P),
        ("nbgrader", "release_feedback", P),
    ):
        classroom.instructor(*command)

    # Fetch the feedback and read it.
    page.locator("#refresh_assignments_list").click()
    expect(submitted).to_contain_text("feedback available to fetch")
    submitted.get_by_role("button", name="Fetch Feedback").click()
    submitted.get_by_text("view feedback").click()
    file = page.locator(".jp-DirListing-item").filter(has_text=f"{P}.html")
    if app == "lab":
        file.dblclick()
        shown = page
    else:
        with page.context.expect_page() as opened:
            file.dblclick()
        shown = opened.value
    feedback = shown.frame_locator(".jp-HTMLViewer iframe, iframe.jp-IFrame, .jp-IFrame iframe")
    expect(feedback.locator("h1").first).to_have_text("Retroalimentación")
    expect(feedback.locator(".total")).to_contain_text("de 10")
    shot(shown, "feedback")
    feedback.get_by_role("link", name="funcion").first.click()
    told = feedback.locator("#exercise-funcion .comment")
    expect(told).to_be_in_viewport()
    expect(told).to_contain_text("perceptron")
    shot(shown, "told")
