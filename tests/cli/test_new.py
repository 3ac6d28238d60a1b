"""``autograder new``: an assignment that verifies as it is, or one sentence and nothing changed."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

from autograder.course import Course
from autograder.scaffold import nearest_name

CONFIG = "grading_config.yaml"
TEXT = """# ours
language: es # for now

assignments:
  perceptron: # the first one

# what follows is for all
defaults: {trials: 2, devices: [cpu]}
"""
NEW = TEXT.replace("first one\n", "first one\n  nueva:\n")


@pytest.fixture
def course(tmp_path):
    """A course whose one assignment is only named."""
    root = tmp_path / "course"
    root.mkdir()
    (root / CONFIG).write_text(TEXT, "utf-8")
    return root


def state(root):
    """Everything below ``root``: what it is, and what is in it."""
    return {
        str(path.relative_to(root)): (
            path.lstat().st_mode,
            path.read_bytes() if path.is_file() else None,
        )
        for path in root.rglob("*")
    }


@pytest.fixture
def refused(autograder, course):
    """The one sentence with which ``new`` ends, having changed nothing."""

    def refuse(name, status=2):
        before = state(course)
        ran = autograder("new", name, "--course", course)
        assert (ran.status, ran.out) == (status, "")
        assert ran.err.count("\n") == 1, ran.err
        assert ran.err.startswith("autograder: ")
        assert state(course) == before
        return ran.err.removeprefix("autograder: ").strip()

    return refuse


# --- what is made -------------------------------------------------------------------------------


def test_new_makes_four_files_and_a_line_of_the_config_and_nothing_else(autograder, course):
    before = state(course)

    ran = autograder("new", "nueva", "--course", course)

    assert (ran.status, ran.err) == (0, "")
    files = ("nueva.ipynb", "probes_nueva.py", "test_nueva.py", "misconceptions_nueva.yaml")
    made = {"solutions", "solutions/nueva", *(f"solutions/nueva/{file}" for file in files)}
    assert state(course).keys() - before.keys() == made
    assert (course / CONFIG).read_text("utf-8") == NEW


def test_new_says_what_it_made_and_the_next_three_commands(program, course, monkeypatch):
    monkeypatch.chdir(course)
    code = "from autograder.program import main; main(['new', 'nueva'])"

    ran = program(Path(sys.executable).name, "-c", code, cwd=course, PYTHONPATH=_root())

    assert ran.out == (
        "solutions/nueva/nueva.ipynb: made\n"
        "solutions/nueva/probes_nueva.py: made\n"
        "solutions/nueva/test_nueva.py: made\n"
        "solutions/nueva/misconceptions_nueva.yaml: made\n"
        "grading_config.yaml: nueva added\n"
        "\n"
        "It verifies as it is; edit it, verify it again and release it:\n"
        "  jupyter lab solutions/nueva/nueva.ipynb\n"
        "  autograder verify nueva\n"
        "  autograder release nueva\n"
    )


def _root():
    return str(Path(__file__).resolve().parents[2])


def test_the_next_commands_name_the_course_they_are_for(autograder, course):
    named = course.rename(course.with_name("my course"))

    ran = autograder("new", "nueva", "--course", named)

    commands = [shlex.split(line) for line in ran.out.splitlines()[-3:]]
    assert commands[0] == ["jupyter", "lab", str(named / "solutions/nueva/nueva.ipynb")]
    assert commands[1] == ["autograder", "verify", "nueva", "--course", str(named)]
    assert commands[2] == ["autograder", "release", "nueva", "--course", str(named)]


def test_quiet_says_nothing(autograder, course):
    ran = autograder("new", "nueva", "--course", course, "--quiet")

    assert (ran.status, ran.out, ran.err) == (0, "", "")
    assert (course / "solutions/nueva/nueva.ipynb").exists()


def test_a_course_gets_its_first_assignment(autograder, course):
    (course / CONFIG).write_text("language: en\nassignments:\n", "utf-8")

    ran = autograder("new", "nueva", "--course", course)

    assert ran.status == 0, ran.err
    assert (course / CONFIG).read_text("utf-8") == "language: en\nassignments:\n  nueva:\n"


def test_the_permissions_of_the_config_stay_and_so_does_a_link_to_it(autograder, course):
    elsewhere = (course / CONFIG).rename(course.parent / "kept.yaml")
    elsewhere.chmod(0o640)
    (course / CONFIG).symlink_to(elsewhere)

    autograder("new", "nueva", "--course", course)

    assert (course / CONFIG).is_symlink()
    assert elsewhere.stat().st_mode & 0o777 == 0o640
    assert elsewhere.read_text("utf-8") == NEW


@pytest.mark.parametrize(
    ("language", "said", "told"),
    [
        ("es", "Suma ponderada de cada fila", "la suma ponderada de cada fila"),
        ("en", "Weighted sum of each row", "the weighted sum of each row"),
    ],
)
def test_what_is_made_verifies_and_is_released_as_it_is(autograder, course, language, said, told):
    text = TEXT.replace("language: es", f"language: {language}")
    (course / CONFIG).write_text(text, "utf-8")
    autograder("new", "nueva", "--course", course)
    found = course.parent / "found.json"

    verified = autograder("verify", "nueva", "--course", course, "--json", found, "--quiet")

    assert (verified.status, verified.err) == (0, "")
    (proof,) = json.loads(found.read_text("utf-8"))
    assert [one["holds"] for one in proof["claims"]] == [True] * 6
    assert not [warning for one in proof["claims"] for warning in one["warnings"]]
    assert len(proof["confusion"]) == 2
    assert all(next(iter(told)) == id for id, told in proof["confusion"].items())
    assert proof["mutants"]["made"] >= 20
    assert not proof["mutants"]["survivors"]

    released = autograder("release", "nueva", "--course", course)

    assert (released.status, released.err) == (0, "")
    assert released.out == "assignments/nueva/nueva.ipynb: released\n"
    folder = course / "assignments/nueva"
    assert [path.name for path in folder.iterdir()] == ["nueva.ipynb"]
    notebook = nbformat.read(folder / "nueva.ipynb", as_version=4)
    everything = "\n".join(cell.source for cell in notebook.cells)
    assert said in everything
    assert told in everything
    # What is said to the instructor stays with the instructor.
    assert "instructor" not in everything
    assert ".sum(" not in everything
    imported = re.findall(r"^\s*(?:import|from) (\w+)", everything, re.MULTILINE)
    assert sorted(imported) == ["numpy", "torch"]


def test_the_same_things_are_asked_for_in_both_languages(autograder, course):
    asked = {}
    for language in ("es", "en"):
        text = TEXT.replace("language: es", f"language: {language}")
        (course / CONFIG).write_text(text, "utf-8")
        autograder("new", f"nueva_{language}", "--course", course)
        (exercise,) = Course.at(course).assignment(f"nueva_{language}").exercises
        asked[language] = exercise

    assert asked["es"] == asked["en"]
    assert [*asked["es"].names] == ["total", "w", "x", "y"]


def test_the_notebook_is_in_one_language(autograder, course):
    texts = {}
    for language in ("es", "en"):
        text = TEXT.replace("language: es", f"language: {language}")
        (course / CONFIG).write_text(text, "utf-8")
        autograder("new", f"tarea_{language}", "--course", course)
        path = course / f"solutions/tarea_{language}/tarea_{language}.ipynb"
        cells = nbformat.read(path, as_version=4).cells
        texts[language] = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")

    assert texts["es"].startswith("# Tarea es\n")
    assert texts["en"].startswith("# Tarea en\n")
    assert not set("áéíóúñ¿") & set(texts["en"])
    assert not {"the", "of", "is"} & set(texts["es"].lower().split())


def test_the_misconceptions_are_explained_in_both_languages(autograder, course):
    autograder("new", "nueva", "--course", course)

    text = (course / "solutions/nueva/misconceptions_nueva.yaml").read_text("utf-8")

    assert all(one["es"] and one["en"] for one in yaml.safe_load(text))
    assert len(yaml.safe_load(text)) == 2


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("Mi Tarea", "mi_tarea"),
        ("perceptrón-2", "perceptron_2"),
        ("1_tensores", "tensores_1"),
        ("3", "assignment_3"),
        ("_privada", "privada"),
        ("../fuera", "fuera"),
        ("a/b", "a_b"),
        ("nueva.ipynb", "nueva_ipynb"),
        ("nueva\n", "nueva"),
        ("", "assignment_1"),
        ("日本", "assignment_1"),
        ("x" * 61, "x" * 60),
        ("x" * 59 + "-y", "x" * 59),
    ],
)
def test_a_name_that_is_not_valid_is_refused_with_the_nearest_that_is(refused, name, near):
    sentence = refused(name)

    assert sentence.startswith(f"{name!r} is not a name for an assignment: it has lower-case")
    assert sentence.endswith(f"; {near!r} would do.")


@pytest.mark.parametrize("given", ["", "9", "_", "__9__", "ÄÖ ß", "9" * 80, "9" * 59 + "a"])
def test_every_name_that_is_proposed_is_valid(autograder, course, given):
    ran = autograder("new", nearest_name(given), "--course", course)

    assert ran.status == 0, ran.err


def test_a_name_of_the_config_is_refused_with_its_line(refused):
    assert refused("perceptron") == (
        "grading_config.yaml:5: there is an assignment 'perceptron' already; choose another name."
    )


@pytest.mark.parametrize("kind", ["folder", "file", "broken link"])
def test_a_name_that_is_in_solutions_is_refused(refused, course, kind):
    taken = course / "solutions/nueva"
    taken.parent.mkdir()
    make = {
        "folder": taken.mkdir,
        "file": taken.touch,
        "broken link": lambda: taken.symlink_to("nowhere"),
    }
    make[kind]()

    assert refused("nueva") == (
        f"{taken}: is there already, though grading_config.yaml does not name it; choose another "
        "name, or move it away."
    )


def test_a_name_that_was_released_is_refused(refused, course):
    taken = course / "assignments/nueva"
    taken.mkdir(parents=True)

    assert refused("nueva") == (
        f"{taken}: students have an assignment of this name already; choose another one."
    )


def test_a_folder_without_a_config_is_refused(refused, course):
    (course / CONFIG).unlink()

    assert f"{course / CONFIG}: not found" in refused("nueva")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("assignments:\n  a:\nsandbox: ful\n", f"{CONFIG}:3: sandbox: 'ful' is not a choice here"),
        ("assignments:\n  a\n", f"{CONFIG}:1: assignments: "),
        ("assignments: [a]\n", f"{CONFIG}:1: assignments: "),
        ("assignments:\nsandbox: ful\n", f"{CONFIG}:2: sandbox: 'ful' is not a choice here"),
        ("assignments: {a: {}}\n", f"{CONFIG}:1: 'nueva' cannot be added to the assignments"),
        ("a: b: c\n", f"{CONFIG}:1: "),
        ("# nothing\n", f"{CONFIG}:1: the file has no settings"),
        ("assignments:\n  a:\n  a:\n", f"{CONFIG}:3: assignments.a: this setting stands on line 2"),
    ],
)
def test_a_config_that_is_wrong_or_cannot_be_edited_is_refused(refused, course, text, sentence):
    (course / CONFIG).write_text(text, "utf-8")

    assert refused("nueva").startswith(sentence)


# --- all or nothing -----------------------------------------------------------------------------


@pytest.fixture
def failing(monkeypatch):
    """Let the ``count``-th call of a method of ``Path`` for this course fail."""

    def fail(method, count, error):
        real, calls = getattr(Path, method), []

        def sometimes(path, *arguments, **options):
            calls.append(path)
            if len(calls) == count:
                raise error
            return real(path, *arguments, **options)

        monkeypatch.setattr(Path, method, sometimes)
        return calls

    return fail


@pytest.mark.parametrize("begun", [False, True], ids=["no solutions yet", "with solutions"])
@pytest.mark.parametrize(
    ("method", "count"),
    [("write_text", 1), ("write_text", 4), ("rename", 1), ("write_text", 5), ("replace", 1)],
    ids=["first file", "last file", "the folder", "the config", "the config's place"],
)
def test_where_something_cannot_be_written_nothing_is_left(
    refused, course, failing, method, count, begun
):
    if begun:
        (course / "solutions/otra").mkdir(parents=True)
    calls = failing(method, count, OSError(28, "No space left on device"))

    sentence = refused("nueva", status=3)

    assert len(calls) == count
    assert "cannot be written" in sentence
    assert "No space left on device" in sentence
    assert (course / "solutions").exists() == begun


def test_an_interruption_leaves_nothing(autograder, course, failing):
    before = state(course)
    failing("replace", 1, KeyboardInterrupt())

    ran = autograder("new", "nueva", "--course", course)

    assert ran.status == 130
    assert state(course) == before
