"""Observe, judge and record each do their part, and the same part every time."""

from __future__ import annotations

import json
import shutil

import pytest

A1 = "actividad_1"


@pytest.fixture(scope="module")
def graded(make_course, hand_in, notebooks, lending, tmp_path_factory):
    """A course with a right, a half right, a typed-in and an unreadable submission, graded once;
    and its reports."""
    folder = tmp_path_factory.mktemp("graded") / "course"
    root = make_course(folder, only=[A1])
    literal = notebooks.changed(
        A1,
        "actividad-1",
        "output = activation(torch.mm(hidden, W2) + B2)",
        "output = torch.tensor([[0.3171]])",
    )
    draws = "import random; print(random.random(), np.random.rand(), torch.rand(1))"
    hand_in(root, "ana", A1, notebooks.of(A1, own={"": draws}))
    hand_in(root, "carla", A1, notebooks.of(A1, {"formas": "w = 1 / 0"}))
    hand_in(root, "gema", A1, notebooks.of(A1, {"actividad-1": literal}))
    hand_in(root, "hugo", A1, b"{")
    with lending():
        return root, grade_course(root)


def grade_course(root, **options):
    from autograder.course import Course
    from autograder.exam import Options
    from autograder.grading import Grader

    with Grader(Course.at(root), Options(**options)) as grader:
        return grader.grade(A1)


@pytest.fixture
def course(graded, tmp_path):
    """A copy of the graded course, to do with as one likes."""
    return shutil.copytree(graded[0], tmp_path / "course")


@pytest.fixture
def grade(course, lend_sandbox):
    return lambda **options: grade_course(course, **options)


def observations(course):
    """When each stored observation was written."""
    files = (course / ".autograder/observations").rglob("*.safetensors")
    return {path: path.stat().st_mtime_ns for path in files}


def replaced(path, old, new):
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


@pytest.fixture
def checks(course):
    return course / f"solutions/{A1}/test_{A1}.py"


def test_the_scores_are_what_the_submissions_deserve(graded):
    scores = {one["student"]: one["score"] for one in graded[1]}

    assert scores == {"ana": 10, "carla": 9, "gema": 8.5, "hugo": 0}


def test_grading_three_times_by_force_gives_the_same_json(graded, grade):
    texts = {json.dumps(grade(force=True, jobs=jobs), ensure_ascii=False) for jobs in (1, 2, 4)}

    assert texts == {json.dumps(graded[1], ensure_ascii=False)}


def test_the_scores_are_the_same_under_another_key(graded, grade, course):
    (course / ".autograder/key").unlink()

    after = grade()

    before = graded[1]
    assert before[0]["made_from"]["key"] != after[0]["made_from"]["key"]
    assert [{**one, "made_from": None} for one in before] == [
        {**one, "made_from": None} for one in after
    ]


def test_a_run_with_nothing_new_asks_for_no_sandbox_and_gives_the_same(graded, grade, lend_sandbox):
    assert grade() == graded[1]
    assert lend_sandbox == []


def test_only_what_changed_is_observed_again(grade, course, hand_in, notebooks):
    stored = observations(course)
    hand_in(course, "hugo", A1, notebooks.of(A1, {"formas": "w = 2"}))

    reports = grade()

    fresh = observations(course)
    assert len(fresh) == len(stored) + 2
    assert stored.items() <= fresh.items()
    assert [one["score"] for one in reports] == [10, 9, 8.5, 9]


def test_a_changed_check_judges_again_and_runs_no_students_code(grade, course, checks):
    stored = observations(course)
    replaced(checks, "points=1.5", "points=1.0")
    replaced(checks, "points=1,\n)\ndef test_hidden", "points=1.5,\n)\ndef test_hidden")

    reports = grade()

    assert [one["score"] for one in reports] == [10, 9, 9, 0]
    assert observations(course) == stored


def test_a_check_that_the_reference_does_not_pass_is_refused_and_nothing_recorded(
    graded, grade, course, checks
):
    from autograder.errors import AuthorError

    replaced(checks, "return torch.sigmoid(values", "return torch.tanh(values")

    with pytest.raises(AuthorError, match=r"test_actividad_1\.py.*hidden") as raised:
        grade()

    assert "actividad-1" in str(raised.value)
    report = json.loads((course / f".autograder/reports/{A1}/ana.json").read_text("utf-8"))
    assert report["score"] == graded[1][0]["score"]


def test_a_check_that_crashes_on_a_submission_breaks_its_report_which_is_not_recorded(
    grade, course, checks
):
    autograded = course / "autograded/carla/actividad_1/actividad_1.ipynb"
    before = autograded.stat().st_mtime_ns
    with checks.open("a", encoding="utf-8") as file:
        file.write(
            '\n\n@check("roto", exercise="formas")\n'
            "def test_broken(student, reference):\n"
            "    try:\n        student['w_rsh']\n"
            "    except Exception:\n        raise KeyError('ours') from None\n"
        )

    reports = {one["student"]: one for one in grade()}

    assert {who: one["status"] for who, one in reports.items()} == {
        "ana": "graded",
        "carla": "broken",
        "gema": "graded",
        "hugo": "errored",
    }
    assert autograded.stat().st_mtime_ns == before


def test_a_stored_observation_that_cannot_be_read_is_made_again(graded, grade, course, checks):
    from autograder.observation import Observation

    (path, *_) = observations(course)
    path.write_bytes(path.read_bytes()[:-7])
    checks.write_text(checks.read_text("utf-8") + "\n", "utf-8")

    assert [one["score"] for one in grade()] == [one["score"] for one in graded[1]]
    assert Observation.load(path).ending.how == "finished"


def test_an_error_that_nobody_foresaw_stays_one_submissions(graded, grade, monkeypatch):
    from autograder.observe import Observer

    observe = Observer.on_cpu

    def fail(self, submission, **more):
        if submission.student == "carla":
            raise RecursionError("nobody foresaw it")
        return observe(self, submission, **more)

    monkeypatch.setattr(Observer, "on_cpu", fail)

    reports = {one["student"]: one for one in grade(force=True)}

    assert reports["carla"]["status"] == "broken"
    others = [one for one in graded[1] if one["student"] != "carla"]
    assert [reports[one["student"]]["score"] for one in others] == [one["score"] for one in others]


def test_an_observation_is_safetensors_and_never_pickle(course):
    from safetensors import safe_open

    files = list(observations(course))

    assert len(files) == 2 * 4  # two trials of the reference and of the three that run
    for path in files:
        with safe_open(path, "pt") as stored:
            assert stored.metadata()


def test_another_seed_in_the_reference_changes_what_students_must_have(grade, course):
    replaced(
        course / f"solutions/{A1}/{A1}.ipynb",
        '    "torch.manual_seed(7)\\n",\n    "features = torch.randn(1, 5)',
        '    "torch.manual_seed(9)\\n",\n    "features = torch.randn(1, 5)',
    )

    ana = grade(students=("ana",))[0]

    scores = {one["id"]: one["score"] for one in ana["exercises"]}
    assert scores == {"activacion": 2, "neurona": pytest.approx(0.8), "formas": 1, "actividad-1": 5}


def test_a_report_says_from_what_it_was_made(graded):
    made_from = graded[1][0]["made_from"]

    assert made_from["isolation"] == "full"
    assert set(made_from["versions"]) == {"python", "torch", "numpy"}
    assert made_from["devices"] == ["cpu"]
    assert len(made_from["trials"]) == 2
    assert len(made_from["key"]) == 8


def test_messages_come_in_english_where_the_course_asks_for_it(grade, course):
    replaced(course / "grading_config.yaml", "language: es", "language: en")

    reports = {one["student"]: one for one in grade()}

    assert reports["hugo"]["message"] == (
        "The file `actividad_1.ipynb` cannot be read: it is cut off or not a notebook (not JSON)."
    )
    formas = next(one for one in reports["carla"]["exercises"] if one["id"] == "formas")
    assert (
        "was never defined: the cell stopped on line 1 with ZeroDivisionError"
        in (formas["checks"][0]["message"])
    )


def test_a_tolerance_of_the_config_counts(grade, course, hand_in, notebooks):
    near = notebooks.changed(A1, "actividad-1", "W2) + B2)", "W2) + B2) + 1e-3")
    hand_in(course, "ana", A1, notebooks.of(A1, {"actividad-1": near}))
    strict = grade(students=("ana",))[0]["score"]

    replaced(
        course / "grading_config.yaml",
        "defaults:\n",
        "defaults:\n  checks:\n    test_output: {rtol: 0, atol: 0.01}\n",
    )
    wide = grade(students=("ana",))[0]["score"]

    assert (strict, wide) == (8.5, 10)
