"""The example submissions get what examples/expected.yaml says."""

from __future__ import annotations

import pytest
import yaml


@pytest.fixture(scope="module")
def expected(repository):
    return yaml.safe_load((repository / "examples/expected.yaml").read_text("utf-8"))


@pytest.fixture(scope="module")
def graded(bench, make_course, warm_sandbox, repository, notebooks, tmp_path_factory):
    """All of them; three seconds a cell, as one never ends and others train for a while."""
    from autograder.course import Course

    folder = tmp_path_factory.mktemp("examples")
    course = Course.at(make_course(folder / "course", seconds_per_cell=3.0))
    own, found = type(bench)(course, warm_sandbox, folder / "in"), {}
    for name in notebooks.assignments:
        folders = {path.parent.name: path for path in (repository / "examples").glob(f"*/{name}")}
        found[name] = own.grade_all(name, folders)
    return found


def test_there_is_an_expectation_for_every_example_and_the_other_way_round(graded, expected):
    handed_in = {(student, name) for name, batch in graded.items() for student in batch}
    written = {
        (student, name) for student, own in expected.items() for name in own if name in graded
    }

    assert handed_in == written
    assert len(handed_in) >= 8


def test_every_example_gets_the_points_that_are_expected(graded, expected, each_assignment):
    wrong = []
    for student, one in graded[each_assignment].items():
        for exercise, points in expected[student][each_assignment].items():
            got = one.exercise(exercise)["score"]
            if got != pytest.approx(points, abs=0.01):
                wrong.append(f"{student} {exercise}: got {got}, expected {points}")

    assert not wrong, "\n".join(wrong)


def test_no_example_is_broken(graded, each_assignment):
    statuses = {student: one.status for student, one in graded[each_assignment].items()}

    assert "broken" not in statuses.values(), statuses


def test_lola_whose_loop_never_ends_is_timed_out(graded):
    lola = graded["perceptron"]["lola"]

    assert lola.status == "timed_out"
    assert lola.outcome("lineal") == "timed_out"
    assert "superó su límite de tiempo" in lola.message("lineal", "H")


def test_hugo_whose_file_is_cut_short_gets_zeros_and_one_sentence(graded):
    hugo = graded["perceptron"]["hugo"]

    assert (hugo.status, hugo.score, hugo.report["max_score"]) == ("errored", 0, 10)
    assert hugo.report["message"] == (
        "El archivo `perceptron.ipynb` no se puede leer: está cortado o no es un cuaderno "
        "(no es JSON)."
    )


def test_carla_gets_one_and_a_half_of_five_for_features_and_hidden(graded):
    carla = graded["actividad_1"]["carla"]

    network = carla.exercise("actividad-1")

    assert network["score"] == pytest.approx(1.5)
    assert network["max_score"] == 5
    won = {check["title"].split("`")[1] for check in network["checks"] if check["score"]}
    assert won == {"features", "hidden"}


def test_carlas_output_is_the_one_that_the_contract_tells_of(graded):
    trial = graded["actividad_1"]["carla"].trials[0]

    output = trial.snapshots["actividad-1"].names["output"].value

    assert output.item() == pytest.approx(4.5520, abs=5.1e-5)


def test_carla_is_told_of_the_shape_and_that_hidden_was_judged_from_her_values(graded):
    carla = graded["actividad_1"]["carla"]

    assert carla.message("actividad-1", "W1") == "`W1` tiene forma (3, 4) y se pedía (3, 2)."
    assert carla.check("actividad-1", "hidden")["outcome"] == "passed"
    assert carla.message("actividad-1", "hidden") == "Calculado a partir de tus valores."
    assert carla.message("actividad-1", "features") == ""


def test_carla_is_told_what_she_got_and_what_is_known_for_the_output(graded):
    message = graded["actividad_1"]["carla"].message("actividad-1", "output")

    assert "obtenido 4.5520, esperado 0.3171" in message
    assert "forma (1, 1) y tipo float32 correctos" in message
