"""``autograder doctor``: what of this machine is ready, and how to mend what is not."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections import namedtuple
from importlib.metadata import PackageNotFoundError

import pytest
import yaml

P = "perceptron"


@pytest.fixture
def course(make_course, tmp_path):
    return make_course(tmp_path / "course", only=[P])


@pytest.fixture
def configure(course):
    """Change settings of the course."""

    def change(**settings):
        path = course / "grading_config.yaml"
        config = yaml.safe_load(path.read_text("utf-8"))
        path.write_text(yaml.safe_dump({**config, **settings}), "utf-8")

    return change


@pytest.fixture
def warm(warm_sandbox, monkeypatch):
    """Let the doctor look at the warm sandbox: starting one takes seconds. Who asked, in order."""
    from autograder import isolation

    asked: list[str] = []

    def open_sandbox(kind, uses=()):
        asked.append(kind)
        return contextlib.nullcontext(warm_sandbox)

    monkeypatch.setattr(isolation, "open_sandbox", open_sandbox)
    return asked


@pytest.fixture
def doctor(autograder, course, warm):
    """The status and, by thing, the state, what was said and the mend."""

    def examine():
        ran = autograder("doctor", "--course", course)
        assert ran.err == ""
        rows: dict[str, tuple[str, str, str]] = {}
        last = ""
        for line in ran.out.splitlines():
            if line.startswith("      → "):
                state, said, _ = rows[last]
                rows[last] = (state, said, line.removeprefix("      → "))
            else:
                state, rest = line[:4], line[6:]
                last, _, said = rest.partition(": ")
                rows[last] = (state.strip(), said, "")
        return ran.status, rows

    return examine


THINGS = ["python", "torch", "nbgrader", "pytest", "config", "sandbox", "memory limit", "cuda"]


def test_a_ready_machine_is_told_so(doctor, course):
    status, rows = doctor()

    assert status == 0
    assert list(rows) == [*THINGS, "nbgrader's commands", "database", "disk"]
    assert {rows[thing][0] for thing in THINGS[:6]} == {"ok"}
    assert rows["config"][1] == str(course / "grading_config.yaml")
    assert rows["database"] == ("ok", f"{course / 'gradebook.db'} (will be made)", "")
    assert "BAD" not in {state for state, _, _ in rows.values()}


def test_nbgraders_own_configuration_is_looked_at(doctor, course, repository):
    status, rows = doctor()
    state, said, mend = rows["nbgrader's commands"]
    assert (status, state) == (0, "weak")
    assert "unprotected" in said
    assert "copy nbgrader_config.py" in mend

    shutil.copy(repository / "nbgrader_config.py", course)

    assert doctor()[1]["nbgrader's commands"][0] == "ok"


@pytest.mark.parametrize("names", [["plana"], ["dos", "uno"]])
def test_an_assignment_without_checks_of_ours_is_told_by_what_it_is_graded(
    doctor, configure, course, names
):
    configure(assignments={P: {}, "plana": {}})
    for name in names:
        path = course / "solutions" / "plana" / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        path.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')

    status, rows = doctor()

    many = "notebook" if len(names) == 1 else "2 notebooks"
    said = f"no checks of ours (test_plana.py): graded by the test cells of its {many}"
    assert (status, rows["plana"]) == (0, ("ok", said, ""))
    assert P not in rows


def test_an_assignment_whose_checks_are_lost_is_not_taken_for_a_plain_one(doctor, course):
    """Its notebook still says which names its exercises define."""
    folder = course / "solutions" / P
    for path in (folder / f"test_{P}.py", folder / f"probes_{P}.py", folder / f"proof_{P}.json"):
        path.unlink(missing_ok=True)

    assert P not in doctor()[1]


def test_a_broken_config_is_named_with_its_line_and_the_sandbox_is_still_looked_at(
    doctor, configure
):
    configure(languaje="es")

    status, rows = doctor()

    state, said, mend = rows["config"]
    assert (status, state) == (1, "BAD")
    assert "grading_config.yaml:" in said
    assert "did you mean 'language'?" in said
    assert mend
    assert rows["sandbox"][0] == "ok"


def test_a_folder_without_a_course_is_named_with_the_mend(autograder, warm, tmp_path):
    ran = autograder("doctor", "--course", tmp_path)

    assert ran.status == 1
    assert f"BAD   config: {tmp_path / 'grading_config.yaml'}: not found" in ran.out
    assert "--course" in ran.out


def test_without_bubblewrap_it_says_what_to_install(program, course, tmp_path):
    (tmp_path / "bin").mkdir()

    ran = program("autograder", "doctor", "--course", course, path=str(tmp_path / "bin"))

    assert (ran.status, ran.err) == (1, "")
    (row,) = [line for line in ran.out.splitlines() if "sandbox:" in line and "BAD" in line]
    assert "bubblewrap" in row
    assert "install" in row
    assert "memory limit" not in ran.out


def test_grade_refuses_where_doctor_says_that_it_would(program, course, tmp_path, hand_in):
    hand_in(course, "ana", P, b"{}")
    (tmp_path / "bin").mkdir()

    ran = program("autograder", "grade", "--course", course, path=str(tmp_path / "bin"))

    assert ran.status == 3
    assert ran.err.count("\n") == 1
    assert "bubblewrap" in ran.err


def test_a_switched_off_sandbox_is_named_as_weak(doctor, warm, configure):
    configure(sandbox="none")

    status, rows = doctor()

    assert (status, warm) == (0, ["none"])
    assert rows["sandbox"] == (
        "weak",
        "switched off by the config: students' code runs unprotected",
        "set `sandbox: full` in grading_config.yaml",
    )


def test_a_server_that_is_not_there_is_named_without_its_password(doctor, configure):
    configure(db_url="postgresql://notas:secreto@127.0.0.1:1/curso")

    status, rows = doctor()

    state, said, mend = rows["database"]
    assert (status, state) == (1, "BAD")
    assert "127.0.0.1" in said or "psycopg" in said
    assert "secreto" not in said
    assert mend


NO_ADDRESS = ["nonsense", "mysql://x/y", "sqlite:////proc/no/hay.db"]


@pytest.mark.parametrize("url", NO_ADDRESS)
def test_an_address_that_is_none_is_named_and_ends_in_no_traceback(doctor, configure, url):
    configure(db_url=url)

    status, rows = doctor()

    assert (status, rows["database"][0]) == (1, "BAD")
    assert rows["database"][2]


@pytest.mark.parametrize("url", [*NO_ADDRESS, "postgresql://notas:secreto@127.0.0.1:1/curso"])
def test_grade_refuses_such_an_address_with_one_sentence(
    autograder, course, configure, hand_in, url
):
    configure(db_url=url)
    hand_in(course, "ana", P, b"{}")

    ran = autograder("grade", "--course", course)

    assert ran.status in (2, 3)
    assert ran.err.count("\n") == 1
    assert "a fault of ours" not in ran.err
    assert "secreto" not in ran.err


def test_a_database_that_is_no_database_is_named(doctor, course):
    (course / "gradebook.db").write_bytes(b"esto no es SQLite" * 100)

    status, rows = doctor()

    assert (status, rows["database"][0]) == (1, "BAD")
    assert "gradebook.db" in rows["database"][1]


@pytest.mark.parametrize("exists", [True, False])
def test_a_database_that_may_not_be_written_is_named_with_the_right_to_give(
    doctor, course, monkeypatch, exists
):
    if exists:
        (course / "gradebook.db").touch()
    locked = course / "gradebook.db" if exists else course
    allowed = os.access

    # Root may write everywhere, and tests may run as root.
    def access(path, mode, **more):
        forbidden = os.fspath(path) == os.fspath(locked) and mode == os.W_OK
        return not forbidden and allowed(path, mode, **more)

    monkeypatch.setattr(os, "access", access)

    status, rows = doctor()

    assert status == 1
    assert rows["database"] == (
        "BAD",
        f"{locked} cannot be written to",
        f"give this user the right: {locked}",
    )


def test_a_package_that_is_too_old_or_missing_is_named_with_what_to_install(doctor, monkeypatch):
    from autograder import doctor as module

    found = {"torch": "2.3.1+cpu", "nbgrader": "0.9.10"}

    def version(name):
        if name not in found:
            raise PackageNotFoundError(name)
        return found[name]

    monkeypatch.setattr(module, "version", version)

    status, rows = doctor()

    assert status == 1
    assert rows["torch"] == ("BAD", "2.3.1+cpu", "pip install 'torch>=2.4'")
    assert rows["nbgrader"] == ("ok", "0.9.10", "")
    assert rows["pytest"][::2] == ("BAD", "pip install pytest")


def test_a_release_candidate_of_what_is_needed_is_good_enough(doctor, monkeypatch):
    from autograder import doctor as module

    monkeypatch.setattr(module, "version", lambda name: "9.0rc1")

    assert doctor()[0] == 0


def test_little_room_on_the_disk_is_weak(doctor, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 10**12, 10**8))

    status, rows = doctor()

    assert status == 0
    assert rows["disk"] == ("weak", "0.1 GB free", "make room: observations are kept")


def test_a_course_folder_that_is_not_there_ends_in_no_traceback(autograder, warm, tmp_path):
    ran = autograder("doctor", "--course", tmp_path / "nada")

    assert ran.status == 1
    assert "a fault of ours" not in ran.err
