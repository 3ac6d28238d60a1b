"""``autograder --help``: answers fast, because nothing slow is imported for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

SLOW = (
    "torch",
    "numpy",
    "nbgrader",
    "nbformat",
    "IPython",
    "matplotlib",
    "sqlalchemy",
    "pytest",
    "babel",
    "dask",
    "distributed",
)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        *(
            [name, "--help"]
            for name in ("new", "grade", "watch", "release", "verify", "log", "replay")
        ),
    ],
)
def test_help_imports_nothing_slow(arguments):
    code = (
        "import sys\n"
        "from autograder.program import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "except SystemExit as ended:\n"
        "    assert not ended.code, ended.code\n"
        f"print('IMPORTED', [one for one in {SLOW!r} if one in sys.modules])\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "IMPORTED []" in done.stdout


def test_help_names_every_command_with_a_sentence(autograder):
    ran = autograder("--help")

    assert ran.status == 0
    for command in ("new", "release", "grade", "watch", "log", "replay", "verify", "feedback"):
        assert command in ran.out
    assert "Make the students' notebooks in assignments/" in ran.out
    assert "Begin an assignment: a small one in solutions/" in ran.out


def test_help_of_grade_names_every_option(autograder):
    ran = autograder("grade", "--help")

    for option in ("--course", "--jobs", "--student", "--device", "--json", "--quiet", "--force"):
        assert option in ran.out
    for option in ("--executor", "--cluster"):
        assert option in ran.out


def test_help_of_watch_names_every_option_and_says_what_it_is_for(autograder):
    ran = autograder("watch", "--help")

    for option in ("--course", "--inbound", "--interval", "--no-feedback", "--jobs", "--device"):
        assert option in ran.out
    for option in ("--once", "--log"):
        assert option in ran.out
    assert "For exercises that students practise with" in " ".join(ran.out.split())


def test_the_program_is_installed_and_answers(program):
    ran = program("autograder", "--help")

    assert (ran.status, ran.err) == (0, "")
    assert "Usage: autograder" in ran.out


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["grade", "--nonsense"], ["grade", "--device", "gpu"]]
)
def test_a_mistyped_command_ends_with_status_2_and_no_traceback(autograder, arguments):
    ran = autograder(*arguments)

    assert ran.status == 2
    assert "Traceback" not in ran.err + ran.out
    assert arguments[-1] in ran.err


def test_nbformat_comes_without_checks_that_no_notebook_needs():
    code = (
        "import contextlib, sys\n"
        "from autograder.program import main\n"
        "from autograder.unneeded import UNNEEDED\n"
        "with contextlib.suppress(SystemExit):\n"
        "    main(['--help'])\n"
        "import nbformat\n"
        "nbformat.validate(nbformat.v4.new_notebook())\n"
        "there = [one for one in (*UNNEEDED, 'arrow') if sys.modules.get(one)]\n"
        "print('IMPORTED', there)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "IMPORTED []" in done.stdout
