"""``autograder watch``: grades what is there and what arrives, makes its pages, releases them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import threading
import time

import nbformat
import pytest
import yaml

T = "tarea"


@pytest.fixture
def solved(small_course):
    """The source's notebook as a student hands it in."""
    return small_course.path("source").read_bytes()


@pytest.fixture
def wrong(small_course):
    notebook = nbformat.read(small_course.path("source"), 4)
    for cell in notebook.cells:
        cell.source = cell.source.replace("x.sum()", "x.mean()")
    return nbformat.writes(notebook).encode()


def exchange_of(course, root):
    inbound = root / "redes" / "inbound"
    inbound.mkdir(parents=True)
    config = yaml.safe_load((course.root / "grading_config.yaml").read_text("utf-8"))
    config["exchange"] = {"course_id": "redes", "root": str(root)}
    (course.root / "grading_config.yaml").write_text(yaml.safe_dump(config), "utf-8")
    return inbound


def submit(inbound, student, content, when="2026-03-01 10:00:00.000000 UTC"):
    folder = inbound / f"{student}+{T}+{when}+cmFuZG9t"
    folder.mkdir()
    (folder / f"{T}.ipynb").write_bytes(content)
    (folder / "timestamp.txt").write_text(when)
    (folder / "submission_secret.txt").write_text(f"secret of {student}")
    folder.chmod(0o777)


def page_of(inbound, student):
    name = hashlib.md5(f"secret of {student}{T}".encode()).hexdigest()
    return inbound.parent / "feedback" / f"{name}.html"


def events(ran):
    return [json.loads(line) for line in ran.out.splitlines()]


def test_what_is_there_is_graded_once_with_its_page(autograder, small_course, hand_in, solved):
    hand_in(small_course.root, "ana", T, solved)
    hand_in(small_course.root, "hugo", T, b"{")

    ran = autograder("watch", "--once", "--interval", "0.2", "--course", small_course.root)

    assert (ran.status, ran.err) == (0, "")
    first, *graded, last = (line[21:] for line in ran.out.splitlines())
    assert first == f"watching submitted/ for {T}; feedback is made at once."
    assert sorted(one.partition("  waited ")[0] for one in graded) == [
        "ana  tarea  3/3",
        "hugo  tarea  0/3 errored",
    ]
    assert last == "stopped: 2 graded."
    for student in ("ana", "hugo"):
        assert (small_course.root / f"feedback/{student}/{T}/{T}.html").exists()
    assert list((small_course.root / ".autograder/watch").glob("*/*")) == []
    again = autograder("watch", "--once", "--interval", "0.2", "--course", small_course.root)
    assert again.out.splitlines()[-1].endswith("stopped: 0 graded.")
    assert autograder("grade", "--quiet", "--course", small_course.root).status == 0


@pytest.mark.heavy
def test_without_feedback_nothing_but_the_grade_is_made(autograder, small_course, hand_in, solved):
    hand_in(small_course.root, "ana", T, solved)

    ran = autograder(
        "watch", "--once", "--interval", "0.2", "--no-feedback", "--course", small_course.root
    )

    assert "ana  tarea  3/3" in ran.out
    assert not (small_course.root / "feedback").exists()


def test_the_exchange_is_collected_from_and_the_page_released(
    autograder, small_course, solved, wrong, tmp_path
):
    inbound = exchange_of(small_course, tmp_path / "exchange")
    submit(inbound, "ana", solved)
    submit(inbound, "bea", wrong)
    watch = ("watch", "--once", "--interval", "0.2", "--log", "json", "--course", small_course.root)

    ran = autograder(*watch)

    assert ran.status == 0, ran
    graded = {one["student"]: one for one in events(ran) if one["event"] == "graded"}
    assert {who: (one["score"], one["released"]) for who, one in graded.items()} == {
        "ana": (3.0, True),
        "bea": (2.0, True),
    }
    assert "Es la media y se pedía la suma." in page_of(inbound, "bea").read_text("utf-8")
    assert "Es la media" not in page_of(inbound, "ana").read_text("utf-8")
    # A newer one of the same student takes its place, under a secret of its own or not.
    submit(inbound, "bea", solved, "2026-03-01 10:00:09.000000 UTC")
    ran = autograder(*watch)
    assert [one["student"] for one in events(ran) if one["event"] == "graded"] == ["bea"]
    assert "Es la media" not in page_of(inbound, "bea").read_text("utf-8")


@pytest.mark.heavy
def test_what_was_graded_before_is_not_released(
    autograder, small_course, solved, hand_in, tmp_path
):
    inbound = exchange_of(small_course, tmp_path / "exchange")
    submit(inbound, "ana", solved)
    folder = small_course.root / "submitted" / "ana" / T
    shutil.copytree(next(inbound.iterdir()), folder)
    root = ("--course", small_course.root)
    assert autograder("grade", "--quiet", *root).status == 0

    for change in (None, "# another reason to judge again\n"):
        if change:
            small_course.add("checks", change)
        ran = autograder("watch", "--once", "--interval", "0.2", "--log", "json", *root)
        assert ran.status == 0, ran
        assert [one["event"] for one in events(ran) if one.get("released")] == []
        assert not page_of(inbound, "ana").exists()


@pytest.mark.heavy
def test_who_is_owed_an_answer_when_it_was_killed_has_it_after_the_next_start(
    autograder, small_course, solved, tmp_path
):
    inbound = exchange_of(small_course, tmp_path / "exchange")
    submit(inbound, "ana", solved)
    root = ("--course", small_course.root)
    assert autograder("watch", "--once", *root).status == 0
    # As if it had been killed behind the score: the page is gone, the note is there.
    page_of(inbound, "ana").unlink()
    (small_course.root / f".autograder/watch/{T}/ana").touch()

    ran = autograder("watch", "--once", *root)

    assert ran.status == 0
    assert page_of(inbound, "ana").exists()


def test_an_authors_mistake_ends_it_with_status_2_where_once_is_asked(
    autograder, small_course, solved, hand_in
):
    hand_in(small_course.root, "ana", T, solved)
    small_course.add("checks", "\nnonsense(\n")

    ran = autograder("watch", "--once", "--interval", "0.2", "--course", small_course.root)

    assert ran.status == 2
    assert "test_tarea.py" in ran.err
    assert "Traceback" not in ran.err + ran.out
    assert "What arrives waits until it is mended." in ran.out


@pytest.mark.parametrize("arguments", [["--interval", "0"], ["--log", "xml"], ["tares"]])
def test_what_cannot_be_meant_is_refused(autograder, small_course, arguments):
    ran = autograder("watch", "--course", small_course.root, *arguments)

    assert ran.status == 2
    assert "Traceback" not in ran.err + ran.out


@pytest.mark.heavy
def test_it_stays_up_until_a_signal_and_answers_within_seconds(
    autograder, small_course, solved, hand_in, tmp_path
):
    answered = []

    def student() -> None:
        try:
            time.sleep(2)
            desk = hand_in(tmp_path / "desk", "ana", T, solved).parent
            time.sleep(0.02)
            place = small_course.root / "submitted" / "ana" / T
            place.parent.mkdir(parents=True)
            desk.rename(place)
            page = small_course.root / f"feedback/ana/{T}/{T}.html"
            begun = time.monotonic()
            while not page.exists() and time.monotonic() - begun < 60:
                time.sleep(0.05)
            answered.append(page.exists())
            time.sleep(0.5)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=student)
    thread.start()
    ran = autograder("watch", "--interval", "0.2", "--course", small_course.root)
    thread.join()

    assert answered == [True]
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines()[-1].endswith("stopped by SIGTERM: 1 graded.")
