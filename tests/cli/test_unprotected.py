"""With `sandbox: none` everything that is made of a submission says that it ran unprotected."""

from __future__ import annotations

import json

import pytest
import yaml

pytestmark = pytest.mark.heavy

P = "perceptron"
SAID = "Corregido sin el aislamiento habitual."


@pytest.fixture
def course(make_course, notebooks, hand_in, tmp_path):
    """A course with a good and an unreadable submission."""
    made = make_course(tmp_path / "course", only=[P])
    hand_in(made, "ana", P, notebooks.of(P))
    hand_in(made, "luis", P, b"{")
    return made


def page(course, student):
    return (course / "feedback" / student / P / f"{P}.html").read_text("utf-8")


def test_report_comment_page_and_table_say_so(course, program):
    path = course / "grading_config.yaml"
    config = yaml.safe_load(path.read_text("utf-8"))
    path.write_text(yaml.safe_dump({**config, "sandbox": "none"}), "utf-8")

    ran = program("autograder", "grade", "--json", course / "out.json", cwd=course)
    pages = program("autograder", "feedback", cwd=course)

    assert (ran.status, pages.status) == (0, 0), ran.err + pages.err
    assert "unprotected: for 2 of these reports students' code ran without isolation" in ran.out
    reports = json.loads((course / "out.json").read_text("utf-8"))["reports"]
    for report in reports:
        assert report["made_from"]["isolation"] == "none"
        assert SAID in report["message"]
    for student in ("ana", "luis"):
        summary, _, comments = page(course, student).partition('id="notebook"')
        assert SAID in summary
        assert comments.count(SAID) == 7  # one an exercise


def test_a_protected_run_says_nothing_of_the_kind(course, autograder):
    ran = autograder("grade", "--course", course, "--json", course / "out.json")
    assert ran.status == 0, ran.err
    autograder("feedback", "--course", course)

    assert "unprotected" not in ran.out
    assert SAID not in (course / "out.json").read_text("utf-8")
    assert SAID not in page(course, "ana")
