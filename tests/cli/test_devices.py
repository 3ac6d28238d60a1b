"""``grade`` where a device is missing that checks name: it is told, or waited for."""

from __future__ import annotations

import json

import nbformat
import pytest

pytestmark = pytest.mark.heavy

ON_BOTH = 'devices=["cpu", "cuda"]'


@pytest.fixture
def course(small_course):
    """The small course, whose `doble` asks for CUDA too, with one submission."""
    small_course.change(
        "checks", 'exercise="doble", points=1', f'exercise="doble", points=1, {ON_BOTH}'
    )
    small_course.change("probes", '@probe("doble")', f'@probe("doble", {ON_BOTH})')
    _settings(small_course, "leave_out")
    notebook = nbformat.read(small_course.path("source"), as_version=4)
    place = small_course.root / "submitted" / "ana" / small_course.name
    place.mkdir(parents=True)
    nbformat.write(notebook, place / f"{small_course.name}.ipynb")
    return small_course


def _settings(course, without_device):
    (course.root / "grading_config.yaml").write_text(
        f"defaults:\n  devices: [cpu, cuda]\n  without_device: {without_device}\n"
        f"assignments:\n  {course.name}:\n",
        "utf-8",
    )


@pytest.fixture(autouse=True)
def no_gpu(warm_sandbox):
    if warm_sandbox.facts["cuda"]:
        pytest.skip("this machine has a CUDA device")


def test_the_table_says_how_many_reports_lack_a_device(course, autograder):
    ran = autograder("grade", "--course", course.root)
    assert ran.status == 0
    assert "not run: for lack of cuda, 1 of these reports have checks" in ran.out


def test_a_course_that_waits_gives_no_score_until_the_device_is_there(course, autograder, tmp_path):
    _settings(course, "wait")
    file = tmp_path / "reports.json"
    ran = autograder("grade", "--course", course.root, "--json", file)
    assert ran.status == 3
    assert "1 not graded: they wait for a device" in ran.err
    assert "waits for cuda" in ran.out
    (report,) = json.loads(file.read_text("utf-8"))["reports"]
    assert (report["status"], report["waits_for"]) == ("broken", ["cuda"])
    assert not (course.root / "autograded").exists(), "nothing was recorded"

    _settings(course, "leave_out")
    ran = autograder("grade", "--course", course.root)
    assert (ran.status, "3/3" in ran.out) == (0, True)


def test_a_check_left_out_says_so_in_the_log(course, autograder):
    autograder("grade", "--course", course.root)
    ran = autograder(
        "log", course.name, "--student", "ana", "--course", course.root, "--entry", "1"
    )
    assert ran.out.count("No se comprobó en CUDA, porque aquí no hay") == 1


def test_a_setting_that_is_none_is_named_with_its_line(course, autograder):
    _settings(course, "waits")
    ran = autograder("grade", "--course", course.root)
    assert ran.status == 2
    assert "without_device: 'waits' is not a choice here; did you mean 'wait'?" in ran.err
