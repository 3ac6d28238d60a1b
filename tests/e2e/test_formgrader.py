"""What an instructor sees and does in nbgrader's formgrader, in a real browser."""

from __future__ import annotations

import re
import shutil

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e

A1, P = "actividad_1", "perceptron"


@pytest.fixture(scope="module")
def root(course, tmp_path_factory):
    """A copy of the graded course: what is done in the formgrader stays here."""
    return shutil.copytree(course, tmp_path_factory.mktemp("formgrader") / "course")


@pytest.fixture(scope="module")
def server(root, jupyter):
    return jupyter("lab", root)


def rows(page):
    """The cells' texts of a list, by row, once it is there."""
    expect(page.locator("table tbody tr").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    return [
        one.all_inner_texts()
        for one in (row.locator("td") for row in page.locator("table tbody tr").all())
    ]


def open_submission(page, server, student):
    server.open(page, f"/formgrader/gradebook/{P}/{P}")
    rows(page)
    # The name is shown by a button; its link is there all the time.
    link = page.locator("table tbody a").filter(has_text=re.compile(f"^{student}$"))
    page.goto(server.address + link.first.get_attribute("href"))
    # Scores and comments come after the page itself.
    expect(page.locator("#lineal-check")).to_have_attribute("placeholder", re.compile("."))
    expect(page.locator("#lineal-comment")).to_have_attribute("placeholder", re.compile("."))


def test_the_assignments_are_listed_with_their_submissions(page, server):
    server.open(page, "/formgrader/manage_assignments")

    listed = {row[0].strip(): row for row in rows(page)}

    assert {A1, P} <= listed.keys()
    assert "3" in [one.strip() for one in listed[P]]


def test_a_list_shows_every_submissions_score_and_asks_for_nothing_by_hand(page, server):
    server.open(page, f"/formgrader/gradebook/{P}/{P}")

    shown = rows(page)

    assert sorted(row[2].strip() for row in shown) == ["0 / 10", "10 / 10", "8 / 10"]
    assert {row[6].strip() for row in shown} == {""}


def test_a_submission_shows_scores_by_cell_and_our_messages_in_spanish(page, server):
    open_submission(page, server, "carla")

    scores = {
        one.get_attribute("id").removesuffix("-check"): one.get_attribute("placeholder")
        for one in page.locator("input.score").all()
    }
    comments = {
        one.get_attribute("id").removesuffix("-comment"): one.get_attribute("placeholder")
        for one in page.locator("textarea.comment").all()
    }

    assert len(scores) == 7
    assert (scores["lineal"], scores["funcion"]) == ("0", "2")
    assert comments.keys() == scores.keys()
    assert "es solo el producto interno" in comments["lineal"]
    assert "2 de 2 puntos" in comments["funcion"]
    # Formulas come from the network, without which the rest has to do.
    assert [one for one in page.errors if "MathJax" not in one] == []


def test_a_notebook_that_could_not_be_read_says_so_there(page, server):
    open_submission(page, server, "hugo")

    comment = page.locator("#lineal-comment").get_attribute("placeholder")

    assert "está cortado o no es un cuaderno" in comment.replace("\\", "")


def test_what_is_overridden_by_hand_stands_after_a_regrade(page, server, root, program):
    open_submission(page, server, "carla")
    for field, value in (("#lineal-check", "1.5"), ("#lineal-comment", "Lo vimos en clase.")):
        page.locator(field).fill(value)
        with page.expect_response(lambda one: one.request.method == "PUT" and one.ok):
            page.locator(field).blur()

    ran = program("autograder", "grade", P, "--force", "--course", root)

    assert ran.status == 0, ran.err
    open_submission(page, server, "carla")
    assert page.locator("#lineal-check").input_value() == "1.5"
    assert page.locator("#lineal-check").get_attribute("placeholder") == "0"
    assert page.locator("#lineal-comment").input_value() == "Lo vimos en clase."
    server.open(page, f"/formgrader/gradebook/{P}/{P}")
    assert "9.5 / 10" in [row[2].strip() for row in rows(page)]


def test_the_button_for_feedback_makes_our_pages(page, server, root):
    server.open(page, "/formgrader/manage_assignments")
    rows(page)
    row = page.locator("table tbody tr").filter(has=page.get_by_text(A1, exact=True))

    with page.expect_response(lambda one: "generate_feedback" in one.url, timeout=120_000) as got:
        row.locator("td.generate-feedback a").click()

    assert got.value.json()["success"], got.value.json()
    made = sorted(path.parent.parent.name for path in root.glob(f"feedback/*/{A1}/{A1}.html"))
    assert made == ["ana", "carla", "hugo"]
    text = (root / f"feedback/carla/{A1}/{A1}.html").read_text("utf-8")
    assert "<h1>Retroalimentación</h1>" in text
    assert "<script" not in text


def test_the_button_for_autograding_grades_in_our_sandbox(page, server, root, hand_in, notebooks):
    answers = {"numpy": "pass", "funcion": "def perceptron(x, w, b):\n    return x"}
    hand_in(root, "ana", P, notebooks.of(P, answers))
    observed = set(root.rglob("*.safetensors"))
    server.open(page, f"/formgrader/manage_submissions/{P}")
    rows(page)

    for student in ("ana", "hugo"):
        row = page.locator("table tbody tr").filter(has=page.get_by_text(student, exact=True))
        with page.expect_response(lambda one: "autograde" in one.url, timeout=120_000) as got:
            row.locator("td.autograde a").click()
        assert got.value.json()["success"], got.value.json()
        page.locator("#success-modal button.close, .modal.show .btn").first.click()

    assert set(root.rglob("*.safetensors")) - observed
    server.open(page, f"/formgrader/gradebook/{P}/{P}")
    assert "6 / 10" in [row[2].strip() for row in rows(page)]
