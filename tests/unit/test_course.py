"""Where a course keeps things, and its key."""

from __future__ import annotations

import stat

import pytest
from handmade import assignment

from autograder.course import Course, Key
from autograder.errors import AuthorError, MachineError


@pytest.fixture
def course(tmp_path):
    text = "assignments:\n  tarea:\n    trials: 3\n  otra:\n"
    (tmp_path / "grading_config.yaml").write_text(text)
    return Course.at(tmp_path)


def test_places_follow_nbgraders_layout(course, tmp_path):
    root = tmp_path.resolve()
    assert course.released("tarea") == root / "assignments/tarea/tarea.ipynb"
    assert course.submitted("ana", "tarea") == root / "submitted/ana/tarea"
    assert course.autograded("ana", "tarea") == root / "autograded/ana/tarea"
    assert course.report_path("ana", "tarea") == root / ".autograder/reports/tarea/ana.json"
    assert course.policy("tarea").trials == 3


def test_an_unknown_assignment_is_told_with_the_known_ones(course):
    with pytest.raises(AuthorError) as caught:
        course.assignment("tare")
    assert str(caught.value) == (
        "there is no assignment 'tare' in grading_config.yaml: tarea, otra."
    )


def test_an_assignment_is_loaded_from_the_solutions(course, tmp_path):
    assignment(tmp_path)
    assert course.assignment("tarea").name == "tarea"


def test_students_are_those_with_a_folder_for_the_assignment(course, tmp_path):
    assert course.students("tarea") == []
    for path in ("berta/tarea", "ana/tarea", "carla/otra", ".hidden/tarea"):
        (tmp_path / "submitted" / path).mkdir(parents=True)
    (tmp_path / "submitted" / "notas.txt").write_text("x")
    (tmp_path / "submitted" / "dora").mkdir()
    (tmp_path / "submitted" / "dora" / "tarea").write_text("a file")
    assert course.students("tarea") == ["ana", "berta"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///gradebook.db", "sqlite:///ROOT/gradebook.db"),
        ("sqlite:///a/b.db", "sqlite:///ROOT/a/b.db"),
        ("sqlite:////srv/gradebook.db", "sqlite:////srv/gradebook.db"),
        ("postgresql://u@h/db", "postgresql+DRIVER://u@h/db"),
        ("postgres://u@h/db", "postgresql+DRIVER://u@h/db"),
        ("postgresql+pg8000://u@h/db", "postgresql+pg8000://u@h/db"),
    ],
)
@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
def test_a_relative_gradebook_lies_in_the_course_and_a_server_has_a_driver_that_is_there(
    tmp_path, monkeypatch, url, expected, driver
):
    monkeypatch.setattr("autograder.course.find_spec", lambda name: name == driver or None)
    (tmp_path / "grading_config.yaml").write_text(f"db_url: {url}\nassignments:\n  a:\n")
    wanted = expected.replace("ROOT", str(tmp_path.resolve())).replace("DRIVER", driver)
    assert Course.at(tmp_path).db_url == wanted


# --- the key ------------------------------------------------------------------------------------


def test_the_key_is_made_once_and_for_its_owner_alone(course, tmp_path):
    key = course.key
    path = tmp_path / ".autograder" / "key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(key.secret) == 32
    assert Course.at(tmp_path).key == key
    assert [one.name for one in path.parent.iterdir()] == ["key"]


@pytest.mark.parametrize("content", ["", "\n", "no es hexadecimal", "abc", "ab"])
def test_a_key_that_is_none_is_refused_and_left_alone(course, tmp_path, content):
    path = tmp_path / ".autograder" / "key"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(MachineError, match=r"key cannot be read|key"):
        _ = course.key
    assert path.read_text() == content


def test_shifts_and_draws_follow_from_the_key_and_the_trial():
    one, other = Key(b"a" * 32), Key(b"b" * 32)
    assert one.shift(0) == other.shift(0) == 0
    shifts = [key.shift(trial) for key in (one, other) for trial in range(1, 6)]
    assert len(set(shifts)) == len(shifts)
    assert all(1 <= shift <= 2**31 for shift in shifts)
    draws = [key.draws(trial) for key in (one, other) for trial in range(3)]
    assert len(set(draws)) == len(draws)
    assert one.shift(1) == Key(b"a" * 32).shift(1)


def test_the_id_tells_keys_apart_and_does_not_tell_the_key():
    one, other = Key(b"a" * 32), Key(b"b" * 32)
    assert one.id != other.id
    assert len(one.id) == 8
    assert one.id not in one.secret.hex()
    assert one.id not in one.draws(0)


# --- the roster ---------------------------------------------------------------------------------


def test_a_course_without_a_roster_has_an_empty_one(course):
    assert course.roster() == {}


def test_a_roster_is_read_as_nbgrader_writes_it(course, tmp_path):
    text = "\ufeffid,first_name,last_name,email,extra\nana,Ana,Núñez,a@b.c,x\n berta ,,,,\n"
    (tmp_path / "students.csv").write_text(text, encoding="utf-8")
    assert course.roster() == {
        "ana": {"first_name": "Ana", "last_name": "Núñez", "email": "a@b.c"},
        "berta": {},
    }


def test_a_roster_without_ids_is_told_with_its_line(course, tmp_path):
    (tmp_path / "students.csv").write_text("id,email\nana,a@b.c\n,x@y.z\n")
    with pytest.raises(AuthorError) as caught:
        course.roster()
    assert str(caught.value).endswith(
        "students.csv:3: no student id; the first line names an 'id'."
    )


def test_a_roster_that_is_not_utf8_is_told(course, tmp_path):
    (tmp_path / "students.csv").write_bytes("id\nñ\n".encode("latin-1"))
    with pytest.raises(AuthorError, match="cannot be read as CSV in UTF-8"):
        course.roster()
