"""The page that a student reads: complete, offline, on a phone, with a screen reader."""

from __future__ import annotations

import re
import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e

A1, P = "actividad_1", "perceptron"
PHONE = {"width": 360, "height": 740}
STUDENTS = ["ana", "carla", "hugo"]


@pytest.fixture(scope="module")
def pages(course, program, tmp_path_factory):
    """The addresses of the pages that nbgrader's own command makes, by student and assignment."""
    root = shutil.copytree(course, tmp_path_factory.mktemp("pages") / "course")
    for name in (A1, P):
        ran = program("nbgrader", "generate_feedback", name, cwd=root)
        assert ran.status == 0, ran.err
    return {
        (student, name): (root / f"feedback/{student}/{name}/{name}.html").as_uri()
        for student in STUDENTS
        for name in (A1, P)
    }


@pytest.fixture
def offline(page):
    """A page without a network, which notes what it would have fetched."""
    page.fetched = []
    page.on("request", lambda one: page.fetched.append(one.url))
    page.context.set_offline(True)
    return page


@pytest.mark.parametrize("student", STUDENTS)
@pytest.mark.parametrize("name", [A1, P])
@pytest.mark.parametrize("viewport", [None, PHONE], ids=["desk", "phone"])
def test_a_screen_reader_has_no_trouble_with_a_page(offline, pages, student, name, viewport):
    if viewport:
        offline.set_viewport_size(viewport)
    offline.goto(pages[student, name])

    found = Axe().run(offline).response["violations"]

    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == []


@pytest.mark.parametrize("name", [A1, P])
def test_a_page_needs_no_network_and_runs_nothing(offline, pages, name):
    offline.goto(pages["carla", name])

    assert offline.fetched == [pages["carla", name]]
    assert offline.locator("script").count() == 0
    assert offline.errors == []


@pytest.mark.parametrize("name", [A1, P])
def test_on_a_phone_nothing_has_to_be_pushed_sideways(offline, pages, name):
    offline.set_viewport_size(PHONE)
    offline.goto(pages["carla", name])

    width = offline.evaluate("document.documentElement.scrollWidth")

    assert width <= PHONE["width"]


def test_a_page_shows_for_every_exercise_points_checks_outcome_and_reason(offline, pages):
    offline.goto(pages["carla", A1])

    summary = offline.get_by_role("table", name="Puntos de cada ejercicio")
    expect(summary.get_by_role("row", name=re.compile("actividad-1"))).to_contain_text("1.5 / 5")
    text = offline.locator("main").inner_text()
    assert "La capa oculta tiene 4 neuronas" in text
    for id in ("formas", "actividad-1", "neurona"):
        target = offline.locator(f"#exercise-{id}")
        expect(target).to_have_count(1)


def test_from_the_summary_one_reaches_an_exercise_by_keyboard(offline, pages):
    offline.goto(pages["carla", A1])
    link = offline.get_by_role("table").get_by_role("link", name="actividad-1")

    link.focus()
    offline.keyboard.press("Enter")

    assert offline.url.endswith("#exercise-actividad-1")
    expect(offline.locator("#exercise-actividad-1")).to_be_in_viewport()
