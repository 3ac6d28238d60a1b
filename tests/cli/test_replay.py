"""``autograder replay``: what was judged once comes out the same, by the checks of that time."""

from __future__ import annotations

import json
import shutil

import nbformat
import pytest

NAME = "tarea"
ON_CUDA = """

@check("`doble` en CUDA", exercise="doble", devices=["cuda"])
def test_double_on_cuda(student, reference):
    assert_matches(student.probe("dobla"), reference.probe("dobla"))
"""
OTHER = "torch.manual_seed(8)\nx = torch.randn(3)\ny = x.sum()"
HANDED_IN = {
    "all right": {},
    "all right again": {},
    "a misconception": {"suma": "torch.manual_seed(7)\nx = torch.randn(3)\ny = x.mean()"},
    "another seed, carried forward": {"suma": OTHER},
    "a literal": {"suma": "torch.manual_seed(7)\nx = torch.randn(3)\ny = torch.tensor(0.5)"},
    "raises": {"suma": "raise ValueError('no pude')"},
    "the function raises": {"doble": "def doble(z):\n    raise KeyError(z)"},
    "too slow": {"doble": "while True:\n    pass"},
    "the function is too slow": {"doble": "def doble(z):\n    while True:\n        pass"},
    "ends the run": {"suma": "import os\nos._exit(0)"},
    "no cell": {"suma": None},
    "nothing done": {"suma": "# aquí", "doble": "# aquí"},
    "prints the time": {"suma": f"import time\nprint(time.time_ns())\n{OTHER}"},
    "not a notebook": b"{",
    "an empty file": b"",
}


@pytest.fixture(scope="module")
def template(small, lending, tmp_path_factory):
    """A course in which every kind of outcome was graded."""
    from autograder.course import Course
    from autograder.grading import Grader, write_json
    from autograder.render.json import batch_json

    made = type(small)(shutil.copytree(small.root, tmp_path_factory.mktemp("replay") / "course"))
    config = made.root / "grading_config.yaml"
    text = config.read_text("utf-8")
    limits = "seconds_per_cell: 0.5\n  seconds_per_trial: 3.0\n  devices:"
    config.write_text(text.replace("devices:", limits), "utf-8")
    made.add("checks", ON_CUDA)
    for student, answers in HANDED_IN.items():
        hand_in(made, student, answers)
    with lending(), Grader(Course.at(made.root)) as grader:
        reports = grader.grade(NAME)
    write_json(made.root / "graded.json", batch_json(NAME, reports))
    return made


@pytest.fixture
def course(template, tmp_path):
    return type(template)(shutil.copytree(template.root, tmp_path / "course"))


def hand_in(course, student, answers):
    path = course.root / "submitted" / student / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(answers, bytes):
        path.write_bytes(answers)
        return
    notebook = nbformat.read(course.path("source"), as_version=4)
    cells = []
    for cell in notebook.cells:
        id = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = answers.get(id, cell.source) if id in answers else cell.source
        if cell.source is not None:
            cells.append(cell)
    notebook.cells = cells
    path.write_text(json.dumps(notebook), "utf-8")


@pytest.fixture
def replay(autograder, tmp_path):
    """How ``replay`` ended, and its JSON."""

    def run(course, student, *options):
        out = tmp_path / "replay.json"
        out.unlink(missing_ok=True)
        ran = autograder(
            "replay", NAME, "--student", student, "--course", course.root, "--json", out, *options
        )
        assert autograder.asked == [], "a sandbox was opened"
        assert "Traceback" not in ran.err
        return ran, json.loads(out.read_text("utf-8")) if out.exists() else None

    return run


@pytest.fixture
def grade(autograder, course):
    def run(*options):
        ran = autograder("grade", NAME, "--course", course.root, *options)
        assert ran.status == 0, ran
        autograder.asked.clear()

    return run


def graded(course):
    """The reports of the first grading, by student."""
    batch = json.loads((course.root / "graded.json").read_text("utf-8"))
    return {one["student"]: one for one in batch["reports"]}


def observations(course):
    return sorted((course.root / ".autograder" / "observations").rglob("*.safetensors"))


def log_of(course, student):
    from autograder.course import Course
    from autograder.history import History

    return History(Course.at(course.root).history, NAME).entries(student)[0]


def error_of(ran):
    (line,) = ran.err.strip().split("\n")
    return line


def test_the_course_has_every_outcome_that_is_recorded(template):
    reports = graded(template)

    outcomes = {
        check["outcome"]
        for report in reports.values()
        for exercise in report["exercises"]
        for check in exercise["checks"]
    }
    assert outcomes == {"passed", "failed", "errored", "timed_out", "blocked", "not_run"}
    assert {one["status"] for one in reports.values()} == {"graded", "errored", "timed_out"}
    said = json.dumps(list(reports.values()), ensure_ascii=False)
    assert "Es la media y se pedía la suma." in said
    assert "Calculado a partir de tus valores." in said


@pytest.mark.parametrize("student", HANDED_IN)
def test_a_replay_gives_the_report_byte_for_byte(replay, template, student):
    ran, made = replay(template, student)

    assert (ran.status, ran.err) == (0, "")
    assert "judged again from its observations: the same report" in ran.out
    assert made["same"] is True
    assert made["differences"] == []
    assert json.dumps(made["report"]).encode() == json.dumps(graded(template)[student]).encode()


def test_a_replay_changes_nothing(replay, course):
    def stamps():
        return {
            path: path.stat().st_mtime_ns
            for path in course.root.rglob("*")
            if path.is_file() and path.name != "log"
        }

    before = stamps()

    replay(course, "a misconception")

    assert stamps() == before


def test_an_older_entry_is_judged_by_the_checks_of_its_time(replay, course, grade):
    """The check that failed is worth nothing now, and its misconception has another sentence."""
    student = "a misconception"
    course.change("checks", "points=1)\ndef test_x", "points=2)\ndef test_x")
    course.change("checks", "points=1)\ndef test_y", "points=0)\ndef test_y")
    course.change("misconceptions", "Es la media y se pedía la suma.", "Otra frase.")
    grade("--student", student)

    first, then = replay(course, student, "--entry", 1)
    second, now = replay(course, student)

    assert (first.status, second.status) == (0, 0)
    assert "entry 1 of 2" in first.out
    assert "entry 2 of 2" in second.out
    assert then["report"] == graded(course)[student]
    assert (then["report"]["score"], now["report"]["score"]) == (2.0, 3.0)
    assert "Otra frase." in json.dumps(now["report"])


def test_the_settings_of_that_time_hold(replay, course, grade):
    """Under the tolerance that the course has now, every number would be right."""
    config = course.root / "grading_config.yaml"
    config.write_text(
        config.read_text("utf-8").replace(
            "devices:", "tolerances: {float32: {rtol: 1.0, atol: 100.0}}\n  devices:"
        ),
        "utf-8",
    )
    grade("--student", "a literal")

    _, then = replay(course, "a literal", "--entry", 1)
    _, now = replay(course, "a literal")

    assert (then["same"], now["same"]) == (True, True)
    assert then["report"]["score"] < now["report"]["score"] == 3.0


def test_a_replay_needs_neither_the_assignment_nor_the_submission_as_they_are_now(replay, course):
    for folder in ("solutions", "submitted", "autograded"):
        shutil.rmtree(course.root / folder)
    (course.root / "gradebook.db").unlink()
    (course.root / ".autograder" / "key").unlink()

    ran, made = replay(course, "a misconception")

    assert (ran.status, made["same"]) == (0, True)


def test_grading_by_force_keeps_the_observations_that_a_result_was_judged_from(
    replay, course, grade
):
    student = "prints the time"
    before = observations(course)
    told = [content for _, content in log_of(course, student)[0].trials]

    for _ in range(2):
        grade("--student", student, "--force")

    made = set(observations(course)) - set(before)
    assert len(made) == 2, "one file aside for each trial, however often it is made anew"
    assert {path.suffixes[0].removeprefix(".") for path in made} == set(told)
    assert len(log_of(course, student)) == 1
    assert replay(course, student)[0].status == 0


def test_equal_submissions_are_observed_once_and_both_can_be_judged_again(
    replay, course, grade, autograder
):
    pair = ("one", "two")
    for student in pair:
        hand_in(course, student, {"suma": f"import time\nprint(time.time_ns())\n{OTHER}\n# copia"})
    before = observations(course)

    grade("--jobs", 2, "--force", "--student", pair[0], "--student", pair[1])

    one, two = (log_of(course, student)[0] for student in pair)
    assert one.trials == two.trials
    assert replay(course, "one")[0].status == replay(course, "two")[0].status == 0
    assert len(set(observations(course)) - set(before)) == 2, "of the two trials"


def test_an_observation_that_was_tampered_with_is_noticed(replay, course):
    digest, _ = log_of(course, "a misconception")[0].trials[0]
    (path,) = (one for one in observations(course) if one.name.startswith(digest))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)

    ran, made = replay(course, "a misconception")

    assert (ran.status, made) == (3, None)
    assert "this is not the observation that was judged" in error_of(ran)
    assert str(path) in error_of(ran)


def test_anothers_observation_in_its_place_is_noticed(replay, course):
    (own, _), (other, _) = (
        log_of(course, student)[0].trials[0] for student in ("a misconception", "all right")
    )
    paths = {one.stem: one for one in observations(course)}
    shutil.copy(paths[other], paths[own])

    ran, _ = replay(course, "a misconception")

    assert ran.status == 3
    assert "this is not the observation that was judged" in error_of(ran)


def test_an_observation_of_the_reference_that_was_tampered_with_is_noticed(replay, course):
    from autograder.basis import Kept
    from autograder.course import Course

    entry = log_of(course, "all right")[0]
    basis = Kept(Course.at(course.root).history / "kept").basis(entry.basis)
    (path,) = (one for one in observations(course) if one.stem == basis.reference[1][0])
    path.write_bytes(path.read_bytes() + b" ")

    assert replay(course, "all right")[0].status == 3


def test_an_observation_that_is_gone_is_said_in_a_sentence(replay, course):
    for path in observations(course):
        path.unlink()

    ran, made = replay(course, "all right")

    assert (ran.status, made) == (3, None)
    assert "the observation that was judged is gone" in error_of(ran)


@pytest.mark.parametrize("what", ["checks", "misconceptions", "source", "basis"])
def test_what_a_result_rests_on_and_is_gone_is_said_in_a_sentence(replay, course, what):
    from hashlib import sha256

    kept = course.root / ".autograder" / "history" / "kept"
    if what == "basis":
        digest = log_of(course, "all right")[0].basis
    else:
        digest = sha256(course.path(what).read_bytes()).hexdigest()
    (kept / digest).unlink()

    ran, made = replay(course, "all right")

    assert (ran.status, made) == (3, None)
    assert f"{kept / digest}: what the result rests on is gone" in error_of(ran)


def test_a_check_that_was_changed_where_it_is_kept_is_noticed(replay, course):
    from hashlib import sha256

    digest = sha256(course.path("checks").read_bytes()).hexdigest()
    path = course.root / ".autograder" / "history" / "kept" / digest
    path.write_bytes(path.read_bytes().replace(b"points=1", b"points=0"))

    ran, _ = replay(course, "all right")

    assert ran.status == 3
    assert "the file was changed" in error_of(ran)


def test_a_report_that_does_not_come_out_again_shows_which_check_differs(replay, course):
    """The log was written by somebody else."""
    path = course.root / ".autograder" / "history" / f"{NAME}.jsonl"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    (at,) = (number for number, line in enumerate(lines) if '"a misconception"' in line)
    data = json.loads(lines[at])
    check = data["report"]["exercises"][0]["checks"][1]
    assert (check["title"], check["score"]) == ("`y`", 0.0)
    check |= {"score": 1.0, "outcome": "passed", "message": "[bold]bien"}
    lines[at] = json.dumps(data) + "\n"
    path.write_text("".join(lines), "utf-8")

    ran, made = replay(course, "a misconception")

    assert ran.status == 1
    assert "not the same report" in ran.out
    assert "  suma · `y`: 1 → 0, passed → failed\n" in ran.out
    assert "suma · `y`: message: “[bold]bien” → “Es la media y se pedía la suma.”" in ran.out
    assert "`x`" not in ran.out
    assert error_of(ran) == (
        "autograder: a misconception's tarea came out differently when it was judged again."
    )
    assert made["same"] is False
    assert {(one["exercise"], one["check"], one["key"]) for one in made["differences"]} == {
        ("suma", "`y`", key) for key in ("score", "outcome", "message")
    }


def test_other_versions_are_told(replay, course, monkeypatch):
    import torch

    monkeypatch.setattr(torch, "__version__", "9.9.9")

    ran, made = replay(course, "all right")

    assert ran.status == 0
    assert "since then changed: torch (" in ran.out
    assert "→ 9.9.9)" in ran.out
    assert [one["what"] for one in made["others"]] == ["torch"]


def test_who_has_no_result_is_told_so(replay, course):
    (course.root / "students.csv").write_text("id\nzoe\n", "utf-8")

    ran, _ = replay(course, "zoe")

    assert ran.status == 2
    assert "the log has no result of 'zoe' in tarea." in error_of(ran)


def test_quiet_prints_nothing(replay, template):
    ran, _ = replay(template, "all right", "--quiet")

    assert (ran.status, ran.out, ran.err) == (0, "", "")
