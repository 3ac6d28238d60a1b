"""``autograder log``: each score that a student had, when, why, and what the gradebook has now."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3

import pytest

NAME = "tarea"


@pytest.fixture(scope="module")
def template(small, lending, tmp_path_factory):
    """A graded course: ana lost `y`, bea nothing, hugo's notebook cannot be read."""
    from autograder.course import Course
    from autograder.grading import Grader

    made = type(small)(shutil.copytree(small.root, tmp_path_factory.mktemp("log") / "course"))
    hand_in(made, "ana", y="x.mean()")
    hand_in(made, "bea")
    path = made.root / "submitted" / "hugo" / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"{")
    with lending(), Grader(Course.at(made.root)) as grader:
        grader.grade(NAME)
    return made


@pytest.fixture
def course(template, tmp_path):
    return type(template)(shutil.copytree(template.root, tmp_path / "course"))


def hand_in(course, student, *, y="x.sum()", timestamp=None):
    """The solution, with another formula for `y`."""
    import nbformat

    notebook = nbformat.read(course.path("source"), as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace("x.sum()", y)
    path = course.root / "submitted" / student / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    if timestamp is not None:
        (path.parent / "timestamp.txt").write_text(timestamp, "utf-8")


@pytest.fixture
def grade(autograder, course):
    def run(*options):
        ran = autograder("grade", NAME, "--course", course.root, *options)
        assert ran.status == 0, ran
        return ran.out

    return run


@pytest.fixture
def log(autograder, course, tmp_path):
    """What the log shows of a student, as text and as JSON."""

    def run(student="ana", *options):
        out = tmp_path / "log.json"
        ran = autograder(
            "log", NAME, "--student", student, "--course", course.root, "--json", out, *options
        )
        assert (ran.status, ran.err) == (0, ""), ran
        return " ".join(re.sub("[│┃]", " ", ran.out).split()), json.loads(out.read_text("utf-8"))

    return run


def give_by_hand(course, student, exercise, score):
    with sqlite3.connect(course.root / "gradebook.db") as book:
        changed = book.execute(
            "UPDATE grade SET manual_score = ? WHERE id IN (SELECT g.id FROM grade g "
            "JOIN base_cell c ON c.id = g.cell_id "
            "JOIN submitted_notebook n ON n.id = g.notebook_id "
            "JOIN submitted_assignment s ON s.id = n.assignment_id "
            "WHERE c.name = ? AND s.student_id = ?)",
            (score, f"{exercise}-check", student),
        )
        assert changed.rowcount == 1
    book.close()


def test_the_first_result_is_shown_with_all_that_it_rests_on(log, course):
    from hashlib import sha256

    from autograder.course import Course

    text, told = log()

    (entry,) = told["entries"]
    assert (entry["score"], entry["max_score"], entry["status"]) == (2.0, 3.0, "graded")
    assert re.search(r"1 \d{4}-\d\d-\d\d \d\d:\d\d 2/3 first result", text)
    notebook = course.root / "submitted" / "ana" / NAME / f"{NAME}.ipynb"
    assert entry["submission"]["notebook"] == sha256(notebook.read_bytes()).hexdigest()
    assert f"its notebook {entry['submission']['notebook'][:10]}" in text
    assert "it lies in submitted/ now" in text
    for part, noun in (("checks", "checks"), ("misconceptions", "misconceptions")):
        digest = sha256(course.path(part).read_bytes()).hexdigest()
        assert entry["rests_on"]["texts"][noun] == digest
        assert f"{noun} {digest[:10]}" in text
    for package in ("autograder", "torch", "python", "numpy"):
        assert f"{package} {entry['rests_on']['versions'][package]}" in text
    assert f"seeds of key {Course.at(course.root).key.id}, 2 trials" in text
    assert "devices cpu; isolation full" in text
    assert "in the gradebook now: 2/3" in text


def test_a_score_that_a_changed_check_moved_says_which_and_why(log, course, grade):
    course.change(
        "checks",
        'student["y"], carry(lambda x: x.sum(), student',
        'student["x"], carry(lambda x: x, student',
    )

    shown = grade()
    text, told = log()

    assert "2 → 3/3" in shown
    assert "1 result changed since the last run (old → new)" in shown
    assert f"autograder log --student ana {NAME}" in shown
    assert [one["score"] for one in told["entries"]] == [2.0, 3.0]
    assert [one["what"] for one in told["entries"][1]["causes"]] == ["the checks"]
    assert "2 → 3, because the checks changed suma · `y`: 0 → 1, failed → passed" in text
    assert len(log("bea")[1]["entries"]) == 1


def test_of_several_causes_none_is_called_the_reason(log, course, grade):
    course.add("checks", "\n# another comment\n")
    course.change("source", "2 * z", "z * 2")
    course.change("misconceptions", "2 * z", "z * 2")
    course.change("probes", "randn(4)", "randn(5)")
    hand_in(course, "ana")
    config = course.root / "grading_config.yaml"
    text = config.read_text("utf-8")
    config.write_text(text.replace("devices:", "trials: 3\n  devices:"), "utf-8")

    grade()

    assert (
        "2 → 3; changed in between: the submission, the misconceptions, the probes, the source "
        "notebook, the checks and the setting `trials` (2 → 3) suma · `y`: 0 → 1"
    ) in log()[0]


def test_one_cause_is_named_as_the_reason(log, course, grade):
    course.change(
        "checks",
        '@check("`y`", exercise="suma", points=1)',
        '@check("`y`", exercise="suma", points=0.5)',
    )
    course.change(
        "checks",
        '@check("`x`", exercise="suma", points=1)',
        '@check("`x`", exercise="suma", points=1.5)',
    )

    grade()
    text, _ = log()

    assert "2 → 2.5, because the checks changed" in text
    assert "suma · `x`: 1 → 1.5, worth 1 → 1.5" in text
    assert "suma · `y`: worth 1 → 0.5" in text


def test_a_new_submission_is_the_reason_and_the_old_result_stays(log, course, grade):
    hand_in(course, "ana", y="x.max()", timestamp="2025-05-02 10:03:00 UTC")
    grade()
    hand_in(course, "ana", timestamp="2025-05-03 09:00:00 UTC")
    shown = grade()

    text, told = log()

    assert "2 → 3/3" in shown
    assert [one["score"] for one in told["entries"]] == [2.0, 2.0, 3.0]
    assert "the same score, because the submission changed" in text
    assert "2 → 3, because the submission changed" in text
    assert "handed in 2025-05-03 09:00:00 UTC; it lies in submitted/ now" in text
    first = told["entries"][0]["report"]["exercises"][0]["checks"][1]
    assert first["reasons"][0]["id"] == "media-en-vez-de-suma"


def test_a_submission_that_was_replaced_and_not_graded_yet_is_told(log, course):
    hand_in(course, "ana")

    assert "another one lies in submitted/ now" in log()[0]


def test_a_run_that_changes_nothing_logs_nothing_and_grade_says_nothing(log, course, grade):
    path = course.root / ".autograder" / "history" / f"{NAME}.jsonl"
    before = path.read_bytes()

    shown = grade("--force")

    assert path.read_bytes() == before
    assert "→" not in shown
    assert "changed" not in shown


def test_a_changed_check_that_changes_no_result_is_told_without_an_entry(log, course, grade):
    course.add("checks", "\n# another comment\n")

    grade()
    text, told = log()

    assert len(told["entries"]) == 1
    assert "the same result, judged again, because the checks changed" in text


def test_scores_by_hand_are_shown_as_such(log, course, grade):
    give_by_hand(course, "ana", "suma", 1.75)

    text, told = log()
    assert "in the gradebook now: 2.75/3: suma 1.75 by hand instead of 1" in text
    assert told["gradebook"]["exercises"][0]["by_hand"] == 1.75

    hand_in(course, "ana", y="x.max()")
    grade()
    text, told = log()
    assert [one["by_hand"] for one in told["entries"]] == [{}, {"suma": 1.75}]
    assert "the same score, because the submission changed" in text
    assert "suma: 1.75 by hand in the gradebook" in text


def test_what_an_entry_said_of_every_check_can_be_read_again(log, course, grade, autograder):
    hand_in(course, "ana")
    grade()

    text, _ = log("ana", "--entry", "1")

    assert "entry 1, judged" in text
    assert "suma · 1/2 ✓ `x` 1/1 ✗ `y` 0/1: Es la media y se pedía la suma." in text


def test_a_notebook_that_cannot_be_read_has_its_entry(log):
    text, told = log("hugo")

    assert "0/3 errored first result" in text
    assert told["entries"][0]["submission"]["notebook"]


def test_who_has_no_result_is_told_so(log, course):
    (course.root / "students.csv").write_text("id\nzoe\n", "utf-8")

    text, told = log("zoe")

    assert text == "zoe · tarea: no result is logged. the gradebook has nothing of it now."
    assert told["entries"] == []


def test_a_torn_line_is_told_and_the_others_shown(log, course):
    path = course.root / ".autograder" / "history" / f"{NAME}.jsonl"
    line = next(one for one in path.read_bytes().splitlines() if b'"ana"' in one)
    with path.open("ab") as file:
        file.write(line[: len(line) // 2])

    text, told = log()

    assert len(told["entries"]) == 1
    assert f"{path}:4: not a whole entry, left out" in text


def test_what_a_result_rested_on_may_be_gone_and_the_log_is_shown_all_the_same(log, course):
    basis = log()[1]["entries"][0]["basis"]
    (course.root / ".autograder" / "history" / "kept" / basis).unlink()

    text, told = log()

    assert told["entries"][0]["rests_on"] is None
    assert "2/3 first result" in text
    assert "the rest of it is gone" in text
    assert "put the file back from a copy" in text


def test_a_run_that_stopped_before_the_gradebook_is_told_and_the_next_one_logs_nothing_twice(
    log, course, grade, autograder, monkeypatch
):
    from autograder.errors import MachineError
    from autograder.record.gradebook import Gradebook

    def stopped(*_):
        raise MachineError("the machine stops here")

    hand_in(course, "ana")
    with monkeypatch.context() as patch:
        patch.setattr(Gradebook, "record", stopped)
        assert autograder("grade", NAME, "--course", course.root).status == 3
    text, told = log()
    assert [one["score"] for one in told["entries"]] == [2.0, 3.0]
    assert "in the gradebook now: 2/3" in text
    assert "its automatic scores are not those of entry 2" in text

    shown = grade()

    # The report that vouched for the old score was gone before the gradebook was asked.
    assert "3/3" in shown
    text, told = log()
    assert len(told["entries"]) == 2
    assert "in the gradebook now: 3/3" in text
    assert "its automatic scores are not" not in text


def test_checks_that_change_while_submissions_are_graded_are_refused(
    course, autograder, monkeypatch
):
    """Nobody could say which of them the results rest on."""
    from autograder.exam import Exam

    diagnose = Exam.diagnose

    def slowly(self, batch):
        diagnose(self, batch)
        course.add("checks", "\n# saved in the meantime\n")

    monkeypatch.setattr(Exam, "diagnose", slowly)
    hand_in(course, "ana")

    ran = autograder("grade", NAME, "--course", course.root)

    assert ran.status == 2
    assert f"test_{NAME}.py: changed while its submissions were graded" in ran.err


def test_the_log_holds_no_secret(course):
    from autograder.course import Course

    key = Course.at(course.root).key
    secrets = [key.secret.hex(), key.draws(0), key.draws(1), str(key.shift(1)), str(course.root)]
    logged = [one for one in (course.root / ".autograder/history").rglob("*") if one.is_file()]

    assert len(logged) > 4
    for path in logged:
        text = path.read_text("utf-8")
        assert not any(secret in text for secret in secrets), path


def test_names_and_times_of_students_do_not_steer_the_terminal(log, course, grade):
    hand_in(course, "ana", timestamp="\x1b[2J[red]ayer\x07" + "9" * 500)

    grade()
    text, told = log()

    assert "\x1b[2J" not in text
    assert "handed in [2J[red]ayer 9999" in text
    assert "9" * 100 not in text
    assert len(told["entries"][-1]["submission"]["timestamp"]) == 100


def test_an_unknown_student_is_named_with_the_nearest(autograder, course):
    ran = autograder("log", NAME, "--student", "anna", "--course", course.root)

    assert ran.status == 2
    assert "--student anna" in ran.err
    assert "did you mean 'ana'?" in ran.err


def test_an_unknown_assignment_is_named_with_the_nearest(autograder, course):
    ran = autograder("log", "tareas", "--student", "ana", "--course", course.root)

    assert ran.status == 2
    assert "there is no assignment 'tareas'; did you mean 'tarea'?" in ran.err


def test_an_entry_that_is_not_there_is_named(autograder, course):
    ran = autograder("log", NAME, "--student", "ana", "--entry", 2, "--course", course.root)

    assert ran.status == 2
    assert "--entry 2: the last entry of ana in tarea is 1." in ran.err


def test_an_assignment_that_was_given_up_keeps_its_log(autograder, course):
    config = course.root / "grading_config.yaml"
    config.write_text("assignments: {otra: }\n", "utf-8")
    shutil.rmtree(course.root / "solutions")

    ran = autograder("log", "--student", "ana", "--course", course.root)

    assert ran.status == 0
    assert "2/3" in ran.out
    assert "otra: no result is logged." in ran.out
