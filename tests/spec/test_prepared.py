"""What is compiled before any submission runs: what all have in common, and no solution."""

from __future__ import annotations

import json

import pytest

from autograder.course import Course
from autograder.exam import Exam, Options
from autograder.record.released import released_notebook
from autograder.submission import as_submission, reference

ALL = (
    "actividad_1",
    "bucle_fit",
    "corazon_abierto",
    "dos_capas_ocultas",
    "gradientes",
    "perceptron",
)


class Deaf:
    """Stands for the sandbox: keeps what it is given, and runs nothing."""

    attempts = 1

    @property
    def facts(self):
        return {"isolation": "full", "cuda": False}

    def run(self, job, **more):
        self.job, self.prepared = job, json.loads(more["prepared"])
        raise NotImplementedError


@pytest.fixture(scope="module")
def course(make_course, tmp_path_factory):
    return Course.at(make_course(tmp_path_factory.mktemp("prepared") / "course"))


@pytest.fixture
def prepared(course):
    def prepare(name):
        exam, deaf = Exam(course, course.assignment(name), Deaf(), Options(device="cpu")), Deaf()
        exam.observer.sandbox = deaf
        starter = as_submission(exam.assignment, released_notebook(course, exam.assignment))
        with pytest.raises(NotImplementedError):
            exam.observer.on_cpu(starter, fresh=True)
        return deaf

    return prepare


@pytest.mark.parametrize("name", ALL)
def test_it_is_what_a_student_was_given_where_it_was(prepared, course, name):
    deaf = prepared(name)
    cells = [one["source"] for one in deaf.job["cells"]]
    known = dict(deaf.prepared["cells"])
    exercises = course.assignment(name).exercises
    assert {cells[number - 1] for number in known} == set(known.values())
    assert len(known) == len(cells) - len(exercises)
    assert deaf.prepared["probes"] == deaf.job["probes"] != ""


@pytest.mark.parametrize("name", ALL)
def test_it_has_no_solution(prepared, course, name):
    assignment = course.assignment(name)
    solutions = {one.source for one in reference(assignment).cells if one.exercise}
    assert solutions
    assert not solutions & {source for _, source in prepared(name).prepared["cells"]}
