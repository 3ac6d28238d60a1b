"""``pytest solutions/<assignment> --submissions DIR``: checks as plain tests, for their authors."""

from __future__ import annotations

import pytest

P = "perceptron"


@pytest.fixture(scope="module")
def course(make_course, notebooks, tmp_path_factory):
    """A course and, in ``in/``, a right, a wrong and an unreadable submission."""
    import nbformat

    root = make_course(tmp_path_factory.mktemp("direct") / "course", only=[P])
    for student, answers in {"ana": {}, "diego": {"lineal": "H = torch.dot(W, X)"}}.items():
        path = root / f"in/{student}/{P}/{P}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(notebooks.of(P, answers), path)
    (root / f"in/hugo/{P}").mkdir(parents=True)
    (root / f"in/hugo/{P}/{P}.ipynb").write_text("{")
    return root


@pytest.fixture
def run(course, lend_sandbox, capsys, monkeypatch):
    """pytest in this process, with the warm sandbox."""

    def run(*arguments):
        from _pytest.config import ExitCode

        monkeypatch.chdir(course)
        monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
        capsys.readouterr()
        status = pytest.main(
            [
                f"solutions/{P}",
                "-p",
                "no:cacheprovider",
                "-p",
                "no:xdist",
                "--capture=no",
                "-c",
                "/dev/null",
                f"--rootdir={course}",
                *arguments,
            ]
        )
        said = capsys.readouterr()
        return ExitCode(status), said.out + said.err

    return run


@pytest.fixture
def submissions(course):
    return ["--submissions", str(course / "in")]


def test_a_right_submission_passes_every_check(run, submissions):
    status, text = run(*submissions, "-k", "ana")

    assert status is pytest.ExitCode.OK, text
    assert "passed" in text
    assert "failed" not in text


def test_a_wrong_submission_fails_with_the_students_sentence_and_no_traceback(run, submissions):
    status, text = run(*submissions, "-k", "diego")

    assert status is pytest.ExitCode.TESTS_FAILED
    assert "failed: `H` tiene forma () y se pedía (1,)." in text
    assert "1 failed" in text
    assert "Traceback" not in text


def test_k_chooses_students_and_checks_and_observes_nobody_else(
    run, submissions, course, lend_sandbox
):
    status, text = run(*submissions, "-k", "ana and test_linear", "-v")

    assert status is pytest.ExitCode.OK
    assert "1 passed" in text
    assert "test_linear[ana]" in text
    assert lend_sandbox == ["full"]


def test_x_stops_at_the_first_failure(run, submissions):
    status, text = run(*submissions, "-k", "diego or ana", "-x")

    assert status is pytest.ExitCode.TESTS_FAILED
    assert "stopping after 1 failures" in text


def test_collecting_only_runs_no_students_code(run, submissions, lend_sandbox):
    status, text = run(*submissions, "--collect-only", "-q")

    assert status is pytest.ExitCode.OK
    assert "test_linear[ana]" in text
    assert "test_linear[diego]" in text
    assert lend_sandbox == []


def test_without_the_option_it_is_asked_for(run, lend_sandbox):
    status, text = run()

    assert status is pytest.ExitCode.USAGE_ERROR
    assert "give --submissions DIR" in text
    assert "Traceback" not in text
    assert lend_sandbox == []


def test_a_folder_that_is_missing_is_named(run, tmp_path):
    status, text = run("--submissions", str(tmp_path / "nowhere"))

    assert status is pytest.ExitCode.USAGE_ERROR
    assert "nowhere: there is no such folder" in text


def test_an_unreadable_submission_fails_and_breaks_nothing(run, submissions):
    """It cannot be observed, so each of its checks has to fail, with the reason."""
    status, text = run(*submissions, "-k", "hugo or ana")

    assert status is pytest.ExitCode.TESTS_FAILED, text
    assert "no es JSON" in text
    assert "KeyError" not in text


def test_notebooks_that_lie_flat_in_a_folder_are_named_by_their_files(
    run, course, notebooks, tmp_path
):
    import nbformat

    nbformat.write(notebooks.of(P), tmp_path / "bruno.ipynb")

    status, text = run("--submissions", str(tmp_path), "-v", "-k", "test_linear")

    assert status is pytest.ExitCode.OK, text
    assert "test_linear[bruno]" in text


def test_nothing_is_recorded(run, submissions, course):
    run(*submissions, "-k", "ana and test_linear")

    assert not (course / "gradebook.db").exists()
    assert not (course / "autograded").exists()


def test_the_plugin_comes_with_the_installation(program, course):
    """The real command, in a process of its own."""
    ran = program(
        "pytest",
        f"solutions/{P}",
        "--submissions",
        "in",
        "-k",
        "ana and test_linear",
        "-p",
        "no:cacheprovider",
        cwd=course,
    )

    assert ran.status == 0, ran.out + ran.err
    assert "1 passed" in ran.out


def test_a_run_of_other_tests_does_not_notice_the_plugin(program, tmp_path):
    slow = {"nbformat", "nbgrader", "torch"}
    (tmp_path / "test_other.py").write_text(
        f"import sys\ndef test_one():\n    assert not {slow} & sys.modules.keys()\n"
    )

    ran = program("pytest", "-q", "-p", "no:cacheprovider", cwd=tmp_path)

    assert ran.status == 0
    assert "1 passed" in ran.out
