"""The course's policy: every mistake is one sentence with file, line, path and nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.config import Config, Tolerance, load_config
from autograder.errors import AuthorError


def load(folder: Path, text: str | bytes) -> Config:
    content = text.encode() if isinstance(text, str) else text
    (folder / "grading_config.yaml").write_bytes(content)
    return load_config(folder)


def mistake(folder: Path, text: str | bytes) -> str:
    with pytest.raises(AuthorError) as caught:
        load(folder, text)
    message = str(caught.value)
    assert "\n" not in message
    return message


MISTAKES = {
    "a device that does not exist": (
        "assignments:\n  a:\n    devices: [cpu, gpu]\n",
        "grading_config.yaml:3: assignments.a.devices.1: 'gpu' is not a device; "
        "did you mean 'cuda'?",
    ),
    "a device on a line of its own": (
        "defaults:\n  devices:\n    - cpu\n    - gpu\nassignments:\n  a:\n",
        "grading_config.yaml:4: defaults.devices.1: 'gpu' is not a device; did you mean 'cuda'?",
    ),
    "a device that is near to none": (
        "assignments:\n  a:\n    devices: [xpu9000]\n",
        "grading_config.yaml:3: assignments.a.devices.0: 'xpu9000' is not a device; "
        "there are cpu, cuda.",
    ),
    "a device that is a number": (
        "assignments:\n  a:\n    devices: [1]\n",
        "grading_config.yaml:3: assignments.a.devices.0: 1 is not a device; there are cpu, cuda.",
    ),
    "a misspelt key at the top": (
        "course: x\nassignmets:\n  a:\n",
        "grading_config.yaml:2: assignmets: there is no setting 'assignmets'; "
        "did you mean 'assignments'?",
    ),
    "a misspelt key of the defaults": (
        "defaults:\n  trils: 3\nassignments:\n  a:\n",
        "grading_config.yaml:2: defaults.trils: there is no setting 'trils'; "
        "did you mean 'trials'?",
    ),
    "a misspelt key of an assignment": (
        "assignments:\n  a:\n    trials: 2\n    memory: 7\n",
        "grading_config.yaml:4: assignments.a.memory: there is no setting 'memory'; "
        "did you mean 'memory_mb'?",
    ),
    "a misspelt key of a tolerance": (
        "assignments:\n  a:\n    checks:\n      test_x:\n        rtl: 0.1\n",
        "grading_config.yaml:5: assignments.a.checks.test_x.rtl: there is no setting 'rtl'; "
        "did you mean 'rtol'?",
    ),
    "a tolerance of no dtype": (
        "assignments:\n  a:\n    tolerances:\n      float31: {rtol: 0.1}\n",
        "grading_config.yaml:4: assignments.a.tolerances.float31: 'float31' is not a choice here; "
        "did you mean 'float32'?",
    ),
    "a tolerance without rtol": (
        "assignments:\n  a:\n    tolerances:\n      float32: {atol: 0.1}\n",
        "grading_config.yaml:4: assignments.a.tolerances.float32.rtol: this setting is required.",
    ),
    "no assignments": (
        "course: x\n",
        "grading_config.yaml:1: assignments: this setting is required.",
    ),
    "a text for a number": (
        "assignments:\n  a:\n    trials: two\n",
        "grading_config.yaml:3: assignments.a.trials: input should be a valid integer, not 'two'.",
    ),
    "a bool for a number": (
        "assignments:\n  a:\n    trials: true\n",
        "grading_config.yaml:3: assignments.a.trials: input should be a valid integer, not True.",
    ),
    "a number out of range": (
        "defaults:\n  seconds_per_cell: -1\nassignments:\n  a:\n",
        "grading_config.yaml:2: defaults.seconds_per_cell: input should be greater than 0, not -1.",
    ),
    "a list for the assignments": (
        "course: x\nassignments: [a]\n",
        "grading_config.yaml:2: assignments: input should be a valid dictionary, not ['a'].",
    ),
    "a list for the defaults": (
        "defaults: [1]\nassignments:\n  a:\n",
        "grading_config.yaml:1: defaults: input should be a valid dictionary, not [1].",
    ),
    "a language in words": (
        "language: Spanish\nassignments:\n  a:\n",
        "grading_config.yaml:1: language: 'Spanish' is not a choice here; did you mean 'es'?",
    ),
    "a language that is not there": (
        "language: fr\nassignments:\n  a:\n",
        "grading_config.yaml:1: language: 'fr' is not a choice here; there are es, en.",
    ),
    "a sandbox that is not there": (
        "sandbox: ful\nassignments:\n  a:\n",
        "grading_config.yaml:1: sandbox: 'ful' is not a choice here; did you mean 'full'?",
    ),
    "brackets that do not close": (
        "a: [1\nb: 2\n",
        "grading_config.yaml:2: expected ',' or ']', but got ':'.",
    ),
    "a tab": (
        "a:\n\tb: 1\n",
        "grading_config.yaml:2: found character '\\t' that cannot start any token.",
    ),
    "a control character": ("a: \x00\n", "grading_config.yaml:1: it is not YAML."),
    "a Python object": (
        "course: !!python/object:os.system {}\n",
        "grading_config.yaml:1: could not determine a constructor for the tag "
        "'tag:yaml.org,2002:python/object:os.system'.",
    ),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_sentence_with_line_path_and_nearest_name(tmp_path, text, message):
    assert mistake(tmp_path, text) == message


def test_a_missing_file_is_named_with_its_folder(tmp_path):
    with pytest.raises(AuthorError) as caught:
        load_config(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/grading_config.yaml: not found; a course has a grading_config.yaml in its "
        "folder (name the folder with --course)."
    )


def test_bytes_that_are_not_utf8_are_a_mistake_of_the_author(tmp_path):
    message = mistake(tmp_path, "course: añil\n".encode("latin-1"))
    assert message.startswith(f"{tmp_path}/grading_config.yaml: cannot be read as UTF-8 text (")


def test_a_folder_in_the_files_place_is_a_mistake_of_the_author(tmp_path):
    (tmp_path / "grading_config.yaml").mkdir()
    with pytest.raises(AuthorError, match="cannot be read as UTF-8 text"):
        load_config(tmp_path)


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "just words\n"])
def test_a_file_that_is_no_mapping_is_told_without_an_empty_path(tmp_path, text):
    message = mistake(tmp_path, text)
    assert message.startswith("grading_config.yaml:1: ")
    assert ": :" not in message


def test_an_impossible_date_is_a_mistake_of_the_author(tmp_path):
    assert mistake(tmp_path, "course: 2024-99-99\nassignments:\n  a:\n").startswith(
        "grading_config.yaml:"
    )


@pytest.mark.parametrize(
    "text", ["assignments: {}\n", "assignments:\n  a:\n    devices: []\n"], ids=["a", "b"]
)
def test_what_must_not_be_empty_is_told_with_one_not(tmp_path, text):
    assert mistake(tmp_path, text).count(", not ") <= 1


def test_a_tolerance_that_lets_everything_pass_is_refused(tmp_path):
    assert "rtol" in mistake(
        tmp_path, "assignments:\n  a:\n    tolerances:\n      float32: {rtol: .inf}\n"
    )


def test_a_setting_that_stands_twice_is_refused(tmp_path):
    assert "trials" in mistake(tmp_path, "assignments:\n  a:\n    trials: 3\n    trials: 4\n")


def test_an_assignment_may_be_called_like_a_setting(tmp_path):
    message = mistake(tmp_path, "assignments:\n  checks:\n    trils: 3\n")
    assert message.endswith("there is no setting 'trils'; did you mean 'trials'?")


def test_defaults_are_laid_under_every_assignment_and_overridden(tmp_path):
    config = load(
        tmp_path,
        "defaults:\n"
        "  devices: [cpu]\n"
        "  trials: 3\n"
        "  tolerances:\n"
        "    float32: {rtol: 0.5}\n"
        "assignments:\n"
        "  bare:\n"
        "  own:\n"
        "    trials: 1\n"
        "    devices: [cuda]\n"
        "    checks:\n"
        "      test_x: {rtol: 0.25, atol: 1}\n",
    )
    bare, own = config.assignments["bare"], config.assignments["own"]
    assert (bare.devices, bare.trials) == (("cpu",), 3)
    assert bare.tolerances == {"float32": Tolerance(rtol=0.5)}
    assert (own.devices, own.trials) == (("cuda",), 1)
    assert own.tolerances == {"float32": Tolerance(rtol=0.5)}
    assert own.checks == {"test_x": Tolerance(rtol=0.25, atol=1.0)}
    assert bare.seconds_per_cell == 10.0


def test_a_bare_course_has_the_documented_policy(tmp_path):
    config = load(tmp_path, "assignments:\n  a:\n")
    assert config.model_dump(mode="json") == {
        "course": "",
        "timezone": None,
        "language": "es",
        "sandbox": "full",
        "db_url": "sqlite:///gradebook.db",
        "exchange": None,
        "clusters": {},
        "defaults": {},
        "assignments": {
            "a": {
                "devices": ["cpu", "cuda"],
                "trials": 2,
                "seconds_per_cell": 10.0,
                "seconds_per_trial": 30.0,
                "memory_mb": 2048,
                "gpu_memory_mb": 2048,
                "without_device": "leave_out",
                "output_kb": 1024,
                "observation_mb": 64,
                "processes": 64,
                "scratch_mb": 64,
                "tolerances": {},
                "tolerances_cuda": {},
                "checks": {},
            }
        },
    }


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    assert list(load(tmp_path, "\ufeffassignments:\n  a:\n").assignments) == ["a"]


def test_a_policy_cannot_be_changed_after_it_was_read(tmp_path):
    config = load(tmp_path, "assignments:\n  a:\n")
    with pytest.raises(ValueError, match="frozen"):
        config.assignments["a"].trials = 5


EXCHANGE = "assignments:\n  a:\nexchange:\n"


def test_an_exchange_has_nbgraders_place_by_default(tmp_path):
    exchange = load(tmp_path, EXCHANGE + "  course_id: redes-2026\n").exchange

    assert exchange is not None
    assert exchange.course_id == "redes-2026"
    assert exchange.root == "/usr/local/share/nbgrader/exchange"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("  course_id: dos palabras\n", ":4: exchange.course_id: a name without spaces"),
        ("  course_id: ../otro\n", ":4: exchange.course_id: a name without spaces"),
        ("  course_id: c\n  root: exchange\n", ":5: exchange.root: a whole path, from / on"),
        ("  course_id: c\n  rot: /x\n", ":5: exchange.rot: there is no setting 'rot'; did you"),
        ("  root: /x\n", "exchange.course_id: this setting is required"),
    ],
)
def test_a_wrong_exchange_is_named(tmp_path, lines, said):
    assert said in mistake(tmp_path, EXCHANGE + lines)
