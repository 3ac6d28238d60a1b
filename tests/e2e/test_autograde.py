"""`nbgrader autograde`, its commands unchanged: our sandbox, our checks, our scores."""

from __future__ import annotations

import copy
import json
import os
import shutil
import sqlite3
import stat
import subprocess

import nbformat
import pytest

pytestmark = pytest.mark.e2e

P = "perceptron"
NOISE = "import warnings, sys\nwarnings.warn('aviso')\nprint('algo', file=sys.stderr)\n"


def changed(notebooks, id, change):
    notebook = notebooks.of(P)
    change(notebook.cells, notebooks.place(notebook, id))
    return notebook


def twice(cells, at):
    cells.insert(at, copy.deepcopy(cells[at]))
    cells[at]["id"] = "the-copy"


def submissions(notebooks):
    """What was handed in, by student: a notebook, bytes, or a function that fills the folder."""
    whole = notebooks.of(P)

    def beside(fill):
        def put(folder):
            nbformat.write(whole, folder / f"{P}.ipynb")
            fill(folder)

        return put

    return {
        "ana": whole,
        "carla": notebooks.of(P, {"lineal": "H = torch.dot(W, X)"}),
        "noise": notebooks.of(P, {"funcion": NOISE + notebooks.solution(P, "funcion")}),
        "stub": notebooks.released(P),
        "grade cell twice": changed(notebooks, "numpy-check", twice),
        "solution twice": changed(notebooks, "numpy", twice),
        "grade cell gone": changed(notebooks, "numpy-check", lambda cells, at: cells.pop(at)),
        "solution gone": changed(notebooks, "numpy", lambda cells, at: cells.pop(at)),
        "grade cell edited": changed(
            notebooks, "numpy-check", lambda cells, at: cells[at].update(source="1")
        ),
        "cut": b'{"cells": [',
        "odd marks": json.dumps(
            {"cells": [{"cell_type": "code", "metadata": {"nbgrader": 3}}], "nbformat": 4}
        ).encode(),
        "none": lambda folder: None,
        "renamed": lambda folder: nbformat.write(whole, folder / f"{P} (1).ipynb"),
        "a folder": lambda folder: (folder / f"{P}.ipynb").mkdir(),
        "no time": beside(lambda folder: (folder / "timestamp.txt").write_text("2026-02-30 99:99")),
        "no text": beside(lambda folder: (folder / "timestamp.txt").write_bytes(b"\xff")),
        "a time": beside(lambda folder: (folder / "timestamp.txt").write_text("2026-03-01 12:30")),
        "a pipe": beside(lambda folder: os.mkfifo(folder / "datos.csv")),
        "a link": beside(lambda folder: (folder / "x").symlink_to("/etc/hostname")),
        "a lost link": beside(lambda folder: (folder / "x").symlink_to("nowhere")),
        "data": beside(lambda folder: (folder / "datos.csv").write_text("1")),
    }


ZERO = {"stub", "cut", "odd marks", "none", "renamed", "a folder"}
LESS = {"carla", "solution gone"}


@pytest.fixture(scope="module")
def handed_in(make_course, hand_in, notebooks, repository, tmp_path_factory):
    """A fresh course, without a gradebook and without observations."""
    root = make_course(tmp_path_factory.mktemp("autograde") / "course", only=[P], trials=1)
    shutil.copy(repository / "nbgrader_config.py", root)
    for student, what in submissions(notebooks).items():
        if callable(what):
            folder = root / "submitted" / student / P
            folder.mkdir(parents=True)
            what(folder)
        else:
            hand_in(root, student, P, what)
    return root


@pytest.fixture(scope="module")
def commanded(handed_in, program):
    """The course after nbgrader's own command, and how that ended."""
    return handed_in, program("nbgrader", "autograde", P, cwd=handed_in)


@pytest.fixture(scope="module")
def course(commanded):
    root, ran = commanded
    assert ran.status == 0, ran.err
    return root


FEW = {"ana", "carla", "cut", "none"}


@pytest.fixture
def copied(course, tmp_path, notebooks):
    """One's own copy, with the submissions of a few."""
    others = set(submissions(notebooks)) - FEW

    def ignore(folder, names):
        return [one for one in names if one.removesuffix(".json") in others]

    return shutil.copytree(course, tmp_path / "course", ignore=ignore)


def grade(root, lending, **options):
    from autograder.course import Course
    from autograder.exam import Options
    from autograder.grading import Grader

    with lending(), Grader(Course.at(root), Options(jobs=2, **options)) as grader:
        return {one["student"]: one for one in grader.grade(P)}


def test_the_command_records_what_ours_records_of_every_submission(
    course, recorded, forget, lending, tmp_path
):
    by_nbgrader, root = recorded(course), tmp_path / "course"
    subprocess.run(["cp", "-r", course, root], check=True)  # which copies pipes, too
    forget(root)

    grade(root, lending)

    ours = recorded(root)
    assert by_nbgrader.grades == ours.grades
    assert by_nbgrader.comments == ours.comments
    assert by_nbgrader.times == ours.times
    assert by_nbgrader.notebooks == ours.notebooks
    assert set(ours.scores) == {path.name for path in (course / "submitted").iterdir()}


def test_neither_stderr_nor_damage_costs_more_than_the_contract_says(course, recorded, notebooks):
    scores = recorded(course).scores

    expected = dict.fromkeys(submissions(notebooks), 10) | dict.fromkeys(LESS, 8)
    assert scores == expected | dict.fromkeys(ZERO, 0)


def test_whoever_waits_at_the_terminal_sees_no_traceback(commanded):
    _, ran = commanded

    assert "Traceback" not in ran.err
    assert "ERROR" not in ran.err
    assert "21 of 21 submissions observed" in ran.err


def test_nobodys_mark_is_left_for_grading_by_hand(course, recorded):
    assert not any(needs for *_, needs in recorded(course).grades)


def test_autograded_notebooks_are_nbgraders_read_only_files(course):
    for path in (course / "autograded").glob("*/*/*.ipynb"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o444, path
    assert (course / f"autograded/data/{P}/datos.csv").read_text() == "1"


def test_a_link_of_a_students_is_not_followed(course):
    names = {path.name for path in (course / f"autograded/a link/{P}").iterdir()}

    assert names == {f"{P}.ipynb"}


def stamps(root):
    return {
        path: path.stat().st_mtime_ns
        for folder in ("autograded", ".autograder/reports", ".autograder/observations")
        for path in (root / folder).rglob("*")
        if path.is_file()
    }


def test_what_has_not_changed_is_left_alone(course, by_nbgrader, recorded):
    before, rows = stamps(course), recorded(course)

    done = by_nbgrader(course, P)

    assert done["success"], done
    assert "21 graded before and unchanged since" in done["log"]
    assert stamps(course) == before
    assert recorded(course) == rows


def test_force_records_again_without_observing_again(copied, by_nbgrader, recorded):
    before = recorded(copied)
    with sqlite3.connect(copied / "gradebook.db") as database:
        database.execute("UPDATE grade SET auto_score = 0")
        database.execute("UPDATE comment SET auto_comment = 'No response.'")
    observed = {path: path.stat().st_mtime_ns for path in copied.rglob("*.safetensors")}

    done = by_nbgrader(copied, P, force=True)

    assert done["success"], done
    assert recorded(copied).of(FEW) == before.of(FEW)
    assert {path: path.stat().st_mtime_ns for path in copied.rglob("*.safetensors")} == observed


def test_our_command_finds_nothing_to_do_after_nbgraders(copied, lending):
    before = stamps(copied)

    reports = grade(copied, lending)

    assert stamps(copied) == before
    assert reports["carla"]["score"] == 8


def test_nbgraders_command_finds_nothing_to_do_after_ours(copied, forget, lending, by_nbgrader):
    forget(copied)
    grade(copied, lending)
    before = stamps(copied)

    done = by_nbgrader(copied, P)

    assert done["success"], done
    assert stamps(copied) == before


def test_a_single_student_is_graded_as_the_formgraders_button_does(
    copied, by_nbgrader, recorded, hand_in, notebooks
):
    before = recorded(copied).scores
    hand_in(copied, "ana", P, notebooks.released(P))
    hand_in(copied, "carla", P, notebooks.of(P))

    done = by_nbgrader(copied, P, "carla", force=True)

    assert done["success"], done
    assert recorded(copied).scores == {**before, "carla": 10}


def test_who_hands_in_again_is_graded_again_without_force(
    copied, by_nbgrader, recorded, hand_in, notebooks
):
    before = recorded(copied).scores
    hand_in(copied, "carla", P, notebooks.of(P))

    done = by_nbgrader(copied, P)

    assert done["success"], done
    assert recorded(copied).scores == before | {"carla": 10}


def test_what_was_given_by_hand_stays(copied, by_nbgrader, recorded):
    with sqlite3.connect(copied / "gradebook.db") as database:
        database.execute("UPDATE grade SET manual_score = 1.5")
        database.execute("UPDATE comment SET manual_comment = 'Hablamos.'")

    done = by_nbgrader(copied, P, force=True)

    assert done["success"], done
    after = recorded(copied)
    assert {row[3] for row in after.grades} == {1.5}
    assert {row[3] for row in after.comments} == {"Hablamos."}
    assert not any(row[4] for row in after.grades)


def test_folders_that_no_student_can_have_and_links_to_others_spoil_no_batch(
    copied, forget, by_nbgrader, recorded
):
    forget(copied)
    place = copied / "submitted"
    (place / "ana" / P / "datos.csv").write_text("de ana")
    (copied / "solutions" / P / "datos.csv").write_text("del curso")
    shutil.copytree(place / "ana", place / "a\nb")
    shutil.copytree(place / "ana", place / "[ana]")
    (place / "linked").symlink_to(place / "ana")
    (place / "inside").mkdir()
    (place / "inside" / P).symlink_to(copied / "solutions" / P)

    done = by_nbgrader(copied, P)

    assert done["success"], done
    assert "submitted/[ana] is not graded" in done["log"]
    assert recorded(copied).scores == {**dict.fromkeys(FEW | {"linked", "inside"}, 0)} | {
        "ana": 10,
        "carla": 8,
    }
    for student in ("linked", "inside"):
        names = {path.name for path in (copied / "autograded" / student / P).iterdir()}
        assert names == {f"{P}.ipynb"}
        text = (copied / "autograded" / student / P / f"{P}.ipynb").read_text("utf-8")
        assert "BEGIN SOLUTION" not in text


def test_students_can_be_left_out(copied, forget, recorded, by_nbgrader):
    forget(copied)

    done = by_nbgrader(copied, P, places={"student_id_exclude": "ana,cut"})

    assert done["success"], done
    assert set(recorded(copied).scores) == {"carla", "none"}
    assert not (copied / "autograded/ana").exists()


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ({"submitted_directory": "entregas"}, "leave it unset"),
        ({"db_url": "sqlite:///otra.db"}, "set it in grading_config.yaml only"),
    ],
)
def test_folders_and_scores_are_in_one_place_only(copied, hand_in, by_nbgrader, places, said):
    (copied / "entregas").symlink_to(copied / "submitted")

    done = by_nbgrader(copied, P, places=places)

    assert not done["success"]
    assert said in done["log"]


def test_a_student_whom_the_gradebook_does_not_know_is_refused_where_the_course_wants_it(
    copied, forget, by_nbgrader, recorded
):
    forget(copied)
    by_nbgrader(copied, P, "ana")

    done = by_nbgrader(copied, P, create=False)

    assert not done["success"]
    assert "no student 'carla' in the gradebook" in done["log"]
    assert "Traceback" not in done["log"]
    assert recorded(copied).scores == {"ana": 10}


def test_what_is_our_fault_costs_nobody_else_anything(copied, forget, by_nbgrader, recorded):
    from autograder.observe import Observer

    forget(copied)
    observe = Observer.on_cpu

    def break_at_carla(self, submission, **how):
        if submission.student == "carla":
            raise OSError("the disk is on fire")
        return observe(self, submission, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Observer, "on_cpu", break_at_carla)
        done = by_nbgrader(copied, P)

    assert not done["success"]
    assert f"could not grade carla ({P}); see" in done["log"]
    assert "Traceback" not in done["log"]
    assert "carla" not in recorded(copied).scores
    assert recorded(copied).scores["ana"] == 10
    assert not (copied / "autograded/carla").exists()


def test_what_nbgrader_gives_up_is_as_ours_leaves_it(copied, forget, by_nbgrader, recorded):
    from autograder.record.autograde import Observe

    before = recorded(copied)
    forget(copied)
    observe = Observe.preprocess

    def fail_at_carla(self, nb, resources):
        if resources["nbgrader"]["student"] == "carla":
            raise ValueError("no way")
        return observe(self, nb, resources)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Observe, "preprocess", fail_at_carla)
        done = by_nbgrader(copied, P)

    assert not done["success"]
    assert recorded(copied) == before.of(FEW)


MISTAKES = {
    "the config": ("grading_config.yaml", "trials: 1", "trails: 1", "did you mean 'trials'?"),
    "a check": (f"solutions/{P}/test_{P}.py", "points=", "pints=", "pints"),
    "a probe": (f"solutions/{P}/probes_{P}.py", '@probe("', '@probe("x', "the probe"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_an_instructors_mistake_is_one_sentence_and_changes_nothing(
    copied, by_nbgrader, recorded, mistake
):
    file, old, new, said = MISTAKES[mistake]
    path, before = copied / file, recorded(copied)
    assert old in path.read_text("utf-8")
    path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8")

    done = by_nbgrader(copied, P, force=True)

    assert not done["success"]
    errors = [line for line in done["log"].splitlines() if line.startswith("[ERROR]")]
    assert len(errors) == 1
    assert said in errors[0]
    assert recorded(copied) == before


def test_an_assignment_that_the_config_does_not_name_is_refused(copied, by_nbgrader, hand_in):
    hand_in(copied, "ana", "otra", b"{}")

    done = by_nbgrader(copied, "otra")

    assert not done["success"]
    assert "there is no assignment 'otra' in grading_config.yaml" in done["log"]
    assert not (copied / "autograded/ana/otra").exists()


def test_without_a_sandbox_nothing_is_run(copied, by_nbgrader, recorded, monkeypatch):
    from autograder.errors import MachineError
    from autograder.grading import Grader

    before = recorded(copied)

    def unavailable(_):
        raise MachineError("The sandbox needs bubblewrap.")

    monkeypatch.setattr(Grader, "sandbox", property(unavailable))

    done = by_nbgrader(copied, P, force=True)

    assert not done["success"]
    assert "[ERROR] The sandbox needs bubblewrap." in done["log"]
    assert recorded(copied) == before


def test_where_our_package_is_missing_nbgrader_does_not_go_on_without_it(copied, program, tmp_path):
    (tmp_path / "autograder.py").write_text("")

    ran = program("nbgrader", "autograde", P, "--force", cwd=copied, PYTHONPATH=str(tmp_path))

    assert ran.status == 1
    assert ran.err.startswith("nbgrader_config.py: No module named 'autograder.record'")
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("command", ["generate_assignment", "generate_feedback"])
def test_other_commands_refuse_a_mistaken_config_as_well(copied, command):
    from nbgrader.apps import NbGraderAPI

    from autograder.record.settings import nbgrader_settings

    path = copied / "grading_config.yaml"
    path.write_text(path.read_text("utf-8").replace("trials: 1", "trails: 1"), "utf-8")

    done = getattr(NbGraderAPI(config=nbgrader_settings(copied)), command)(P)

    assert not done["success"]
    assert "did you mean 'trials'?" in done["log"]
    assert "Traceback" not in done["log"]
