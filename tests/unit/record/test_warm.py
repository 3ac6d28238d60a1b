"""The grader that stays warm between two calls in one process."""

from __future__ import annotations

import time

import pytest

from autograder import isolation
from autograder.course import Course
from autograder.exam import Options
from autograder.record import warm


class Sandbox:
    closed = False

    def close(self):
        self.closed = True


@pytest.fixture
def opened(monkeypatch):
    """The sandboxes that were opened."""
    made = []

    def open_sandbox(*_):
        made.append(Sandbox())
        return made[-1]

    monkeypatch.setattr(isolation, "open_sandbox", open_sandbox)
    yield made
    warm.close()


@pytest.fixture
def course(make_course, tmp_path):
    return Course.at(make_course(tmp_path / "course", only=["perceptron"]))


def lent(course, **options):
    ignore = {"progress": lambda done, total: None, "notice": lambda sentence: None}
    return warm.lent(course, Options(**options), ("perceptron",), **ignore)


def use(course, **options):
    with lent(course, **options) as grader:
        grader.recorded.append(("perceptron", "ana"))
        return grader.sandbox


def test_a_second_call_finds_the_sandbox_warm(course, opened):
    assert use(course) is use(course, force=True)
    assert [one.closed for one in opened] == [False]


def test_what_the_last_call_recorded_is_forgotten(course, opened):
    use(course)

    with lent(course, jobs=3) as grader:
        assert grader.recorded == []
        assert grader.options.jobs == 3


def test_it_ends_after_a_while_in_which_nobody_asks(course, opened, monkeypatch):
    monkeypatch.setattr(warm, "IDLE_SECONDS", 0.05)

    use(course)

    until = time.monotonic() + 20
    while not opened[0].closed and time.monotonic() < until:
        time.sleep(0.01)
    assert opened[0].closed


def test_it_ends_with_an_error_and_the_next_call_begins_anew(course, opened):
    def fail():
        with lent(course) as grader:
            _ = grader.sandbox
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    use(course)

    assert [one.closed for one in opened] == [True, False]


def test_another_course_or_isolation_has_another_one(course, opened, make_course, tmp_path):
    other = Course.at(make_course(tmp_path / "other", only=["perceptron"]))
    use(course)
    use(other)
    text = (other.root / "grading_config.yaml").read_text("utf-8")
    assert "sandbox: full" in text
    (other.root / "grading_config.yaml").write_text(text.replace("sandbox: full", "sandbox: none"))
    use(Course.at(other.root))

    assert [one.closed for one in opened] == [True, True, False]


def test_a_changed_config_is_followed(course, opened):
    use(course)
    path = course.root / "grading_config.yaml"
    path.write_text(path.read_text("utf-8").replace("language: es", "language: en"), "utf-8")

    with lent(Course.at(course.root)) as grader:
        assert grader.course.config.language == "en"
    assert len(opened) == 1
