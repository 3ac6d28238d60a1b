"""What the sandbox warms up for is what the notebooks use; and it is closed whatever happens."""

from __future__ import annotations

import gc
import weakref
from contextlib import nullcontext

import pytest

from autograder import cli
from autograder.course import Course
from autograder.errors import AuthorError
from autograder.exam import Options
from autograder.grading import Grader

P, FIT = "perceptron", "bucle_fit"


@pytest.fixture
def course(make_course, tmp_path):
    return make_course(tmp_path / "course", only=[P, FIT])


def hand_in_many(course, hand_in, notebooks, plotting, others):
    plain = notebooks.of(P)
    plots = notebooks.of(P, own={"": ["import matplotlib.pyplot as plt"]})
    for number in range(plotting + others):
        hand_in(course, f"s{number:03}", P, plots if number < plotting else plain)


def warm_for(course, *names):
    with Grader(Course.at(course), names=names) as grader:
        return grader.sandbox.uses[-1]


@pytest.mark.parametrize(
    ("names", "uses"),
    [((P,), set()), ((FIT,), {"figures"}), ((P, FIT), {"figures"}), ((), {"figures"})],
    ids=["perceptron", "bucle_fit", "both", "the whole course"],
)
def test_an_assignment_that_draws_is_warm_for_figures(opened, course, names, uses):
    probes = course / "solutions" / FIT / f"probes_{FIT}.py"
    probes.write_text("import matplotlib.pyplot\n" + probes.read_text("utf-8"), "utf-8")

    assert warm_for(course, *names) == uses


@pytest.mark.parametrize(
    ("plotting", "others", "uses"), [(0, 3, set()), (1, 3, {"figures"}), (1, 99, set())]
)
def test_figures_are_warm_where_more_than_one_submission_in_a_hundred_has_them(
    opened, course, hand_in, notebooks, plotting, others, uses
):
    hand_in_many(course, hand_in, notebooks, plotting, others)

    assert warm_for(course, P) == uses


@pytest.mark.parametrize(
    "line",
    ["from torch.func import grad", "J = torch.func.vmap(f)", "f = torch.compile(f)"],
)
def test_what_imports_the_compiler_is_warm_for_it(opened, course, hand_in, notebooks, line):
    hand_in(course, "ana", P, notebooks.of(P, own={"": line}))

    assert warm_for(course, P) == {"compiler"}


def test_a_logarithmic_axis_is_warm_for_its_powers(opened, course, hand_in, notebooks):
    lines = "import matplotlib.pyplot as plt\nplt.yscale('log')"
    hand_in(course, "ana", P, notebooks.of(P, own={"": lines}))

    assert warm_for(course, P) == {"figures", "formulas"}


def test_functional_is_not_func(opened, course, hand_in, notebooks):
    hand_in(course, "ana", P, notebooks.of(P, own={"": "import torch.nn.functional as F"}))

    assert warm_for(course, P) == set()


def test_a_sandbox_that_was_begun_is_closed_when_grading_is_refused(opened, course):
    options = Options(force=True, students=("nobody",))

    with (
        pytest.raises(AuthorError, match="nobody"),
        Grader(Course.at(course), options, (P,)) as grader,
    ):
        grader.grade(P)

    assert len(opened.uses) == opened.closed == 1


def test_it_starts_while_submissions_are_read_if_one_is_new(
    opened, course, hand_in, notebooks, monkeypatch
):
    from autograder import reading

    class Read(Exception):
        """The first submission is being read."""

    def read(*_):
        raise Read

    monkeypatch.setattr(reading, "read_submission", read)

    def started():
        with pytest.raises(Read), Grader(Course.at(course)) as grader:
            grader.grade(P)
        return len(opened.uses)

    for student in ("ana", "luis"):
        hand_in(course, student, P, notebooks.of(P))
        path = Course.at(course).report_path(student, P)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}", "utf-8")
    assert started() == 0
    path.unlink()
    assert started() == 1


def test_a_command_begins_with_the_sandbox_if_there_is_something_to_be_run(
    opened, course, hand_in, notebooks
):
    def begins(*, force=False):
        with (
            cli._early() if force else nullcontext() as early,
            cli._begun(Course.at(course), [FIT, P], early) as starting,
        ):
            assert early in (None, starting)
            if starting is not None:
                starting.warm_for({"figures"})
                assert starting.sandbox() is opened
        return starting is not None

    assert not begins()
    assert begins(force=True)
    hand_in(course, "ana", P, notebooks.of(P))
    assert begins()
    path = Course.at(course).report_path("ana", P)
    path.parent.mkdir(parents=True)
    path.write_text("{}", "utf-8")
    assert not begins()
    assert opened.uses == [{"figures"}] * 2
    assert opened.closed == 2


def test_one_that_was_begun_before_the_config_was_read_gives_way_to_what_that_asks_for(
    opened, course
):
    config = course / "grading_config.yaml"
    text = config.read_text("utf-8")
    assert "sandbox: full" in text
    config.write_text(text.replace("sandbox: full", "sandbox: none"), "utf-8")

    with (
        cli._early() as early,
        cli._begun(Course.at(course), [P], early) as starting,
    ):
        starting.warm_for([])
        assert starting.sandbox() is opened

    assert early.is_up
    assert (early.isolation, starting.isolation) == ("full", "none")
    assert opened.uses == [set()]
    assert opened.closed == 1


def test_a_sandbox_that_a_command_began_with_is_given_up_when_grading_is_refused(opened, course):
    with (
        pytest.raises(AuthorError, match="nobody"),
        cli._early() as early,
        cli._begun(Course.at(course), [P], early) as starting,
        Grader(Course.at(course), Options(students=("nobody",)), (P,), starting=starting) as grader,
    ):
        grader.grade(P)

    assert starting.is_up
    assert opened.uses == []


def test_what_the_assignment_before_left_behind_does_not_stay(course):
    class Circle:
        def __init__(self):
            self.itself = self

    gc.disable()
    try:
        left = weakref.ref(Circle())
        Grader(Course.at(course)).grade(P)
        assert left() is None
    finally:
        gc.enable()
