"""``autograder feedback``: a page for every graded submission, made again after a regrade."""

from __future__ import annotations

import pytest

P = "perceptron"


@pytest.fixture(scope="module")
def course(make_course, hand_in, notebooks, lending, tmp_path_factory):
    from autograder.course import Course
    from autograder.grading import Grader

    root = make_course(
        tmp_path_factory.mktemp("feedback") / "course", only=[P], misconceptions=True
    )
    hand_in(root, "ana", P, notebooks.of(P, {"lineal": "H = torch.dot(W, X)"}))
    hand_in(root, "hugo", P, b"{")
    with lending(), Grader(Course.at(root)) as grader:
        grader.grade(P)
    return root


@pytest.fixture(scope="module")
def made(program, course):
    return program("autograder", "feedback", "--course", course)


@pytest.fixture
def page(course, made):
    assert made.status == 0, made.err
    return lambda student: (course / f"feedback/{student}/{P}/{P}.html").read_text("utf-8")


def test_feedback_says_how_many_pages_it_made_and_where(made, course):
    assert (made.status, made.err) == (0, "")
    assert f"{P}: 2 feedback pages" in made.out
    assert str(course / "feedback") in made.out


def test_a_page_holds_the_message_and_the_points(page):
    text = page("ana")

    assert "es solo el producto interno" in text
    assert "8" in text


def test_the_page_of_an_unreadable_notebook_says_why(page):
    assert "está cortado o no es un cuaderno" in page("hugo")


def test_a_page_says_nothing_in_nbgraders_english(page):
    for student in ("ana", "hugo"):
        for english in ("No response", "YOUR CODE HERE", "Score:", "Comments:", "Student's answer"):
            assert english not in page(student), english


def test_a_page_gives_no_solution_and_no_check_away(page, repository):
    checks = (repository / f"solutions/{P}/test_{P}.py").read_text("utf-8")
    secrets = [line.strip() for line in checks.split("\n") if "assert_" in line and "(" in line]

    assert secrets
    for student in ("ana", "hugo"):
        text = page(student)
        assert "SOLUTION" not in text
        assert not [line for line in secrets if line in text]


def test_a_regrade_is_seen_on_the_page(autograder, course, hand_in, notebooks, page):
    assert "es solo el producto interno" in page("ana")
    hand_in(course, "ana", P, notebooks.of(P))

    assert autograder("grade", P, "--course", course, "--student", "ana", "--quiet").status == 0
    ran = autograder("feedback", P, "--course", course)

    assert ran.status == 0
    assert "es solo el producto interno" not in page("ana")


def test_a_course_where_nothing_was_graded_has_no_pages(autograder, make_course, tmp_path):
    ran = autograder("feedback", "--course", make_course(tmp_path / "course", only=[P]))

    assert ran.status == 0
    assert f"{P}: 0 feedback pages" in ran.out


def test_an_unknown_assignment_is_named(autograder, course):
    ran = autograder("feedback", "otra", "--course", course)

    assert ran.status == 2
    assert "'otra'" in ran.err
    assert "Traceback" not in ran.err
