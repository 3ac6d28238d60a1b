"""A notebook that hangs, dies or asks questions costs its own points, never the batch's."""

from __future__ import annotations

import nbformat
import pytest

A1 = "actividad_1"
LOOP = "while True:\n    pass"
SWALLOW = """while True:
    try:
        while True:
            pass
    except BaseException:
        pass"""
IDS = ("activacion", "neurona", "formas", "actividad-1")

HANGS = {
    "endless": LOOP,
    "sleeps": "import time; time.sleep(3600)",
    "long operator": "m = torch.randn(1500, 1500)\nfor _ in range(10**9):\n    m = (m @ m).tanh()",
    "swallows exceptions": """while True:
    try:
        pass
    except Exception:
        pass""",
    "waits for a program": "!sleep 60",
}

SURVIVED = {
    "input": "nombre = input('¿Cómo te llamas? ')",
    "getpass": "import getpass; getpass.getpass()",
    "breakpoint": "breakpoint()",
    "exit": "exit()",
    "quit": "quit",
    "sys.exit": "import sys; sys.exit()",
    "SystemExit": "raise SystemExit(3)",
    "KeyboardInterrupt": "raise KeyboardInterrupt",
    "kills itself": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "closes its output": "import os; os.close(1); os.close(2)",
    "reads from standard input": "import sys; print(repr(sys.stdin.read()))",
}

ENDED = {
    "os._exit": "import os; os._exit(0)",
    "segfault": "import ctypes; ctypes.string_at(0)",
    "abort": "import os; os.abort()",
}


@pytest.fixture(scope="module")
def hung(hasty_bench, notebooks):
    """Each of HANGS in the place of `neurona`; and what takes longest, all at the same time."""
    half = notebooks.solution(A1, "neurona").split("y =")[0] + LOOP
    slow = ["import time; time.sleep(0.8)"] * 8
    return hasty_bench.grade_all(
        A1,
        {
            "swallows interruptions": notebooks.of(A1, {"formas": SWALLOW}),
            "many slow cells": notebooks.of(A1, own={"formas": slow}),
            "half-way": notebooks.of(A1, {"neurona": half}),
            **{name: notebooks.of(A1, {"neurona": text}) for name, text in HANGS.items()},
        },
    )


@pytest.fixture(scope="module")
def survived(bench, notebooks):
    """Each of SURVIVED as a cell of the student's own."""
    return bench.grade_all(
        A1, {name: notebooks.of(A1, own={"formas": text}) for name, text in SURVIVED.items()}
    )


@pytest.fixture(scope="module")
def ended(bench, notebooks):
    """Each of ENDED in the place of `formas`."""
    return bench.grade_all(
        A1, {name: notebooks.of(A1, {"formas": text}) for name, text in ENDED.items()}
    )


@pytest.mark.parametrize("name", HANGS)
def test_a_cell_over_its_limit_is_interrupted_and_later_exercises_are_graded(hung, name):
    graded = hung[name]

    assert graded.points(*IDS) == [2, 0, 1, 5]
    assert [trial.ending.how for trial in graded.trials] == ["finished", "finished"]


@pytest.mark.parametrize("name", HANGS)
def test_an_interrupted_exercise_is_timed_out_and_the_message_asks_about_the_loop(hung, name):
    graded = hung[name]

    assert graded.status == "timed_out"
    assert graded.outcome("neurona") == "timed_out"
    assert "superó su límite de tiempo y se interrumpió" in graded.message("neurona", "y")


def test_an_interruption_says_in_spanish_how_long_the_cell_could_run(hung):
    (error,) = hung["endless"].outputs(LOOP)

    assert error.output_type == "error"
    assert error.evalue == "La celda superó su límite de 1 s y se interrumpió."


def test_names_bound_before_an_interruption_count(hung):
    graded = hung["half-way"]

    assert graded.points("neurona") == 1.2
    assert graded.check("neurona", "bias")["outcome"] == "passed"
    assert graded.check("neurona", "y")["outcome"] == "timed_out"


def test_a_function_that_never_returns_is_timed_out_and_the_rest_is_graded(hasty_bench, notebooks):
    answer = (
        "def perceptron(x, w, b):\n    if len(x) != 3:\n        while True:\n            pass\n"
        "    return torch.sigmoid(torch.dot(w, x) + b)"
    )

    graded = hasty_bench.grade("perceptron", notebooks.of("perceptron", {"funcion": answer}))

    assert graded.points("funcion") == 0
    assert graded.outcome("funcion") == "timed_out"
    assert graded.score == pytest.approx(8)
    assert "La función superó el límite de tiempo" in graded.said("funcion")


def test_a_run_that_swallows_every_interruption_is_killed_and_what_was_seen_is_graded(hung):
    graded = hung["swallows interruptions"]

    assert graded.trials[0].ending.how == "timed_out"
    assert graded.points(*IDS) == [2, 2, 0, 0]
    assert graded.status == "timed_out"
    assert (graded.outcome("formas"), graded.outcome("actividad-1")) == ("timed_out", "blocked")
    assert "superó su tiempo límite en esta celda" in graded.said("formas")
    assert "una celda anterior superó el tiempo límite" in graded.said("actividad-1")


def test_later_trials_of_a_killed_run_go_up_to_the_last_cell_that_ended(hung):
    graded = hung["swallows interruptions"]

    first, second = graded.trials

    assert len(first.cells) == len(second.cells) < len(graded.submission.cells)
    assert second.ending.how == "finished"


def test_many_slow_cells_are_killed_together_at_the_deadline_of_the_trial(hung):
    """Each within its limit, all together over the trial's."""
    graded = hung["many slow cells"]

    assert graded.trials[0].ending.how == "timed_out"
    assert graded.points(*IDS) == [2, 2, 0, 0]
    assert graded.outcome("actividad-1") == "blocked"


@pytest.mark.parametrize("name", SURVIVED)
def test_what_asks_or_leaves_does_not_end_the_run(survived, name):
    graded = survived[name]

    assert graded.score == pytest.approx(10), graded.report
    assert graded.status == "graded"
    assert graded.trials[0].ending.how == "finished"


@pytest.mark.parametrize("name", ["input", "getpass"])
def test_a_question_is_an_error_at_once_that_says_so_in_spanish(survived, name):
    (error,) = survived[name].outputs(SURVIVED[name])

    assert error.output_type == "error"
    assert error.evalue == "input() no está disponible al corregir: nadie puede responder."


@pytest.mark.parametrize("name", ENDED)
def test_what_ends_the_process_costs_its_own_and_later_points(ended, name):
    graded = ended[name]

    assert graded.trials[0].ending.how == "died"
    assert graded.points(*IDS) == [2, 2, 0, 0]
    assert graded.status == "graded"
    assert (graded.outcome("formas"), graded.outcome("actividad-1")) == ("errored", "blocked")
    assert "terminó el proceso de Python" in graded.said("formas")
    assert "una celda anterior terminó el proceso de Python" in graded.said("actividad-1")


def test_a_notebook_that_dies_in_its_first_cell_gets_zeros_and_stays_a_notebook(bench, notebooks):
    notebook = notebooks.of(A1)
    notebook.cells.insert(0, nbformat.v4.new_code_cell("import os; os._exit(0)"))

    graded = bench.grade(A1, notebook)

    assert graded.score == 0
    assert {graded.outcome(id) for id in IDS} == {"blocked"}


def test_memory_over_the_limit_ends_the_run_and_keeps_the_points_before(
    make_course, notebooks, warm_sandbox, tmp_path, bench
):
    from autograder.course import Course

    course = Course.at(make_course(tmp_path / "course", memory_mb=512))
    small = type(bench)(course, warm_sandbox, tmp_path / "in")

    graded = small.grade(A1, notebooks.of(A1, {"formas": "torch.ones(2**30)"}))

    assert graded.points("activacion", "neurona", "formas") == [2, 2, 0]
    assert graded.status == "graded"


def test_one_submission_that_dies_leaves_the_others_of_its_batch_alone(bench, notebooks):
    batch = bench.grade_all(
        A1,
        {
            "dead": notebooks.of(A1, {"activacion": "import os; os._exit(1)"}),
            "fine": notebooks.of(A1),
            "unreadable": b"{",
        },
    )

    assert {who: one.score for who, one in batch.items()} == {
        "dead": 0,
        "fine": pytest.approx(10),
        "unreadable": 0,
    }
