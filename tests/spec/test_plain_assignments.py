"""Assignments without checks of ours are like all others to log, replay, late work and exports."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sqlite3

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from autograder.course import Course
from autograder.grading import Grader

NAME = "reglas"
CONFIG = {
    "course": "curso",
    "timezone": "America/Bogota",
    "defaults": {"seconds_per_cell": 5.0, "late": {"percent_per_day": 10, "cap_percent": 50}},
    "assignments": {NAME: {"due": "2026-03-01 23:59"}},
}
ON_TIME, LATE = "2026-03-01 12:00:00 UTC", "2026-03-03 05:30:00 UTC"
TOTAL = 2 + 3 + 1 + 4 + 5


def cell(id, source, make=new_code_cell, **marks):
    flags = {"grade": False, "solution": False, "locked": False, "task": False, **marks}
    mark = {"grade_id": id, "schema_version": 3, **flags}
    return make(source, metadata={"nbgrader": mark}, id=id)


def graded(id, source, points):
    return cell(id, source, grade=True, locked=True, points=points)


def manual(id, source, points, make=new_code_cell):
    return cell(id, source, make, grade=True, solution=True, points=points)


def solution(name):
    return f"def {name}():\n    ### BEGIN SOLUTION\n    return 2\n    ### END SOLUTION"


def sources():
    """Two notebooks: names that both have, a test that is called as a check of ours is."""
    task = cell("tarea", "Haz algo.", new_markdown_cell, task=True, locked=True, points=4)
    one = [
        cell("g", solution("g"), solution=True),
        graded("f-check", "g()", 2),
        manual("f", "x = 1", 1),
        manual("ensayo", "Porque sí.", 3, new_markdown_cell),
        task,
    ]
    two = [cell("g", solution("g"), solution=True), graded("f-check", "assert g() == 2", 5)]
    return {"uno": new_notebook(cells=one), "dos": new_notebook(cells=two)}


def write(path, notebook):
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def hand_in(root, student, answers, timestamp=ON_TIME, notebooks=("uno", "dos")):
    """``answers`` by cell, in all notebooks that have it."""
    for name in notebooks:
        book = sources()[name]
        for one in book.cells:
            one.source = answers.get(one.metadata.nbgrader.grade_id, one.source)
        write(root / "submitted" / student / NAME / f"{name}.ipynb", book)
    (root / "submitted" / student / NAME / "timestamp.txt").write_text(timestamp)


def returns(value):
    return f"def g():\n    return {value}"


WRITTEN = {"ensayo": "Creo que sí.", "f": "x = 3"}


def grade(root, lending, **options):
    from autograder.exam import Options

    said = []
    with lending(), Grader(Course.at(root), Options(**options), notice=said.append) as grader:
        reports = {one["student"]: one for one in grader.grade(NAME)}
    return reports, said


@pytest.fixture(scope="module")
def template(tmp_path_factory, lending):
    """ana is right, bea is late and half right, cid has handed in one notebook that loops, didi
    notebooks that are none."""
    root = tmp_path_factory.mktemp("plain") / "course"
    for name, notebook in sources().items():
        write(root / "solutions" / NAME / f"{name}.ipynb", notebook)
    (root / "grading_config.yaml").write_text(yaml.safe_dump(CONFIG), "utf-8")
    (root / "nbgrader_config.py").write_text("c = get_config()\n")
    (root / "students.csv").write_text("id,first_name,last_name\nana,Ana,Ñandú\nzoe,Zoe,\n")
    hand_in(root, "ana", {"g": returns(2), **WRITTEN})
    hand_in(root, "bea", {"g": returns(1), **WRITTEN}, LATE)
    endless = "def g():\n    import os\n    os._exit(0)"
    hand_in(root, "cid", {"g": endless, "ensayo": "No sé."}, notebooks=("uno",))
    hand_in(root, "didi", {})
    for name in ("uno", "dos"):
        (root / "submitted" / "didi" / NAME / f"{name}.ipynb").write_bytes(b"{")
    return root, *grade(root, lending)


@pytest.fixture
def course(template, tmp_path):
    return shutil.copytree(template[0], tmp_path / "course")


@pytest.fixture
def reports(template):
    return template[1]


@pytest.fixture
def log(autograder, course, tmp_path):
    def run(student):
        out = tmp_path / "log.json"
        options = ("--student", student, "--course", course, "--json", out)
        ran = autograder("log", NAME, *options)
        assert (ran.status, ran.err) == (0, "")
        return " ".join(re.sub("[│┃]", " ", ran.out).split()), json.loads(out.read_text("utf-8"))

    return run


def give_by_hand(root, student, notebook, cell, score):
    with sqlite3.connect(root / "gradebook.db") as book:
        changed = book.execute(
            "UPDATE grade SET manual_score = ?, needs_manual_grade = 0 WHERE id IN (SELECT g.id "
            "FROM grade g JOIN base_cell c ON c.id = g.cell_id "
            "JOIN notebook b ON b.id = c.notebook_id "
            "JOIN submitted_notebook n ON n.id = g.notebook_id "
            "JOIN submitted_assignment s ON s.id = n.assignment_id "
            "WHERE s.student_id = ? AND b.name = ? AND c.name = ?)",
            (score, student, notebook, cell),
        )
        assert changed.rowcount == 1
    book.close()


def test_the_reports_have_the_points_of_all_notebooks_cell_by_cell(reports):
    assert {student: one["score"] for student, one in reports.items()} == {
        "ana": 7,
        "bea": 1,
        "cid": 0,
        "didi": 0,
        "zoe": 0,
    }
    assert {one["max_score"] for one in reports.values()} == {TOTAL}
    assert {student: one["status"] for student, one in reports.items()} == {
        "ana": "graded",
        "bea": "graded",
        "cid": "graded",
        "didi": "errored",
        "zoe": "missing",
    }
    found = {one["id"]: (one["score"], one["outcome"]) for one in reports["bea"]["exercises"]}
    assert found == {
        "dos/f-check": (0, "failed"),
        "uno/f-check": (1, "failed"),
        "uno/f": (0, "not_run"),
        "uno/ensayo": (0, "not_run"),
        "uno/tarea": (0, "not_run"),
    }
    assert reports["bea"]["message"] == "Respuestas que se califican a mano: 3."
    assert "falta el archivo `dos.ipynb`" in reports["cid"]["message"]


def test_the_log_tells_the_score_and_all_that_it_rests_on(log, course):
    text, told = log("bea")

    (entry,) = told["entries"]
    assert (entry["score"], entry["max_score"]) == (1, TOTAL)
    assert f"1/{TOTAL} first result" in text
    assert set(entry["rests_on"]["texts"]) == {
        *("`uno.ipynb`", "`dos.ipynb`", "what nbgrader makes of it")
    }
    assert re.search(r"dos.ipynb \w{10}, uno.ipynb \w{10}, handed in 2026-03-03", text)
    assert "it lies in submitted/ now" in text
    assert f"in the gradebook now: 1/{TOTAL}: 0.2 less for being late" in text
    assert "its automatic scores are not those" not in text


def test_a_changed_answer_and_scores_by_hand_are_in_the_log(log, course, lending):
    give_by_hand(course, "bea", "uno", "ensayo", 2.5)
    give_by_hand(course, "bea", "uno", "f-check", 0.5)
    hand_in(course, "bea", {"g": returns(2), **WRITTEN}, LATE)
    assert "another one lies in submitted/ now" in log("bea")[0]

    grade(course, lending)

    text, told = log("bea")
    assert [one["score"] for one in told["entries"]] == [1, 7]
    assert "1 → 7, because the submission changed" in text
    assert "uno/f-check · uno/f-check: 1 → 2, failed → passed" in text
    assert "dos/f-check · dos/f-check: 0 → 5, failed → passed" in text
    assert told["entries"][1]["by_hand"] == {"uno/ensayo": 2.5, "uno/f-check": 0.5}
    given = {one["id"]: one["by_hand"] for one in told["gradebook"]["exercises"]}
    assert given == {
        "dos/f-check": None,
        "uno/f-check": 0.5,
        "uno/f": None,
        "uno/ensayo": 2.5,
        "uno/tarea": None,
    }
    assert "uno/f-check 0.5 by hand instead of 2; uno/ensayo 2.5 by hand" in text


def test_a_changed_source_is_the_cause_of_another_score(log, course, lending):
    path = course / "solutions" / NAME / "dos.ipynb"
    book = nbformat.read(path, as_version=4)
    book.cells[1].source = "assert g() == 1"
    write(path, book)

    grade(course, lending)

    text, told = log("bea")
    assert [one["score"] for one in told["entries"]] == [1, 6]
    assert "1 → 6, because `dos.ipynb` changed" in text


def test_data_that_change_are_the_cause_and_not_the_submission(log, course, lending):
    (course / "solutions" / NAME / "datos.txt").write_text("1")

    grade(course, lending)

    told = log("ana")[1]
    assert len(told["entries"]) == 1
    assert [one["what"] for one in told["since"]["causes"]] == ["`datos.txt`"]


def test_what_is_the_same_is_neither_graded_nor_logged_again(log, course, lending):
    with lending() as asked, Grader(Course.at(course)) as grader:
        grader.grade(NAME)
        assert (grader.recorded, asked) == ([], [])

    assert len(log("ana")[1]["entries"]) == 1


@pytest.mark.parametrize("student", ["ana", "bea", "cid", "didi"])
def test_every_result_can_be_replayed_without_submission_and_source(student, course, autograder):
    shutil.rmtree(course / "submitted")
    shutil.rmtree(course / "solutions")

    ran = autograder("replay", NAME, "--student", student, "--course", course)

    assert (ran.status, ran.err) == (0, "")
    assert "the same report" in ran.out


def test_a_replay_without_the_observation_says_so(course, autograder):
    shutil.rmtree(course / ".autograder" / "observations")

    ran = autograder("replay", NAME, "--student", "ana", "--course", course)

    assert ran.status == 3
    assert "the observation that was judged is gone" in ran.err


def test_late_work_loses_of_every_notebook_and_of_scores_by_hand(course, lending, reports):
    assert reports["bea"]["late"]["penalty"] == 0.2
    assert "late" not in reports["ana"]
    give_by_hand(course, "bea", "uno", "tarea", 4)
    give_by_hand(course, "bea", "dos", "f-check", 5)

    now, _ = grade(course, lending)

    assert now["bea"]["late"]["penalty"] == 2
    with sqlite3.connect(course / "gradebook.db") as book:
        query = (
            "SELECT b.name, n.late_submission_penalty FROM submitted_notebook n "
            "JOIN notebook b ON b.id = n.notebook_id "
            "JOIN submitted_assignment s ON s.id = n.assignment_id WHERE s.student_id = 'bea'"
        )
        assert dict(book.execute(query)) == {"uno": 1, "dos": 1}
    book.close()


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.fixture
def export(autograder, course):
    def run(form):
        ran = autograder("export", "--course", course, "--format", form)
        assert ran.status == 0, ran.err
        return ran.err

    return run


def test_exports_say_what_somebody_has_still_to_grade(export, course):
    said = export("csv")

    assert f"{NAME}: 4 with a score that a person has still to look at." in said
    found = {row[3]: row[7:] for row in rows(course / "exports/grades.csv")[1:]}
    assert found == {
        "ana": ["7", "0", "7", "15", "needs_manual_grade"],
        "bea": ["1", "0.2", "0.8", "15", "needs_manual_grade"],
        "cid": ["0", "0", "0", "15", "needs_manual_grade"],
        "didi": ["0", "0", "0", "15", "needs_manual_grade"],
        "zoe": ["0", "0", "0", "15", "missing"],
    }


@pytest.mark.parametrize("form", ["moodle", "canvas"])
def test_platforms_get_the_sum_of_all_notebooks(form, export, course):
    give_by_hand(course, "bea", "uno", "ensayo", 3)

    export(form)

    table = rows(course / f"exports/{form}.csv")
    (ana,) = (row for row in table if "ana" in row)
    (bea,) = (row for row in table if "bea" in row)
    assert table[0][-1] == NAME
    assert (ana[-1], bea[-1]) == ("7", "3.2")


ORDER = ["dos/f-check", "uno/f-check", "uno/f", "uno/ensayo", "uno/tarea"]


def test_json_and_gradescope_have_every_cell_once_in_the_notebooks_order(export, course):
    give_by_hand(course, "ana", "uno", "ensayo", 3)
    export("json")
    export("gradescope")

    whole = json.loads((course / "exports/grades.json").read_text("utf-8"))
    (ana,) = (one for one in whole["grades"] if one["student"] == "ana")
    assert [one["name"] for one in ana["exercises"]] == ORDER
    assert [one["score"] for one in ana["exercises"]] == [5, 2, 0, 3, 0]
    assert [one["by_hand"] for one in ana["exercises"]] == [False, False, False, True, False]
    path = course / "exports/gradescope" / NAME / "ana/results.json"
    results = json.loads(path.read_text("utf-8"))
    assert (results["score"], [one["name"] for one in results["tests"]]) == (10, ORDER)


def test_every_notebook_has_its_feedback_page(autograder, course):
    ran = autograder("feedback", "--course", course)

    assert (ran.status, ran.err) == (0, "")
    assert f"{NAME}: 8 feedback pages, 8 of them made now" in ran.out
    folder = course / "feedback" / "bea" / NAME
    one, two = ((folder / f"{name}.html").read_text("utf-8") for name in ("uno", "dos"))
    assert "<strong>0.8</strong> de 10" in one
    assert "<strong>0</strong> de 5" in two
    for id in ("f-check", "f", "ensayo", "tarea"):
        assert one.count(f'<th scope="row"><a href="#exercise-{id}">') == 1
        assert one.count(f'id="exercise-{id}"') == 1
    gone = (course / "feedback" / "cid" / NAME / "dos.html").read_text("utf-8")
    assert "No se entregó el cuaderno: falta el archivo" in gone
    died = (course / "feedback" / "cid" / NAME / "uno.html").read_text("utf-8")
    assert "Esta celda terminó el proceso de Python" in died


def test_only_pages_of_changed_results_are_made_again(autograder, course):
    autograder("feedback", "--course", course)
    give_by_hand(course, "bea", "uno", "ensayo", 1)

    ran = autograder("feedback", "--course", course)

    assert f"{NAME}: 8 feedback pages, 2 of them made now" in ran.out


def test_a_submission_that_changes_meanwhile_is_left_for_the_next_run(course, lending, monkeypatch):
    from autograder.plain import grading

    marks = grading.marks

    def meanwhile(*arguments):
        hand_in(course, "bea", {"g": returns(2)}, LATE)
        return marks(*arguments)

    hand_in(course, "bea", {"g": returns(0)}, LATE)
    with monkeypatch.context() as patch:
        patch.setattr(grading, "marks", meanwhile)
        reports, said = grade(course, lending)
    assert "bea" not in reports or reports["bea"]["status"] == "missing"
    assert any("bea's submission was changed while this ran" in one for one in said)

    reports, _ = grade(course, lending)
    assert reports["bea"]["score"] == 7


def test_a_run_that_stopped_is_in_the_log_and_asks_nobody_again_for_what_they_have_graded(
    course, lending, log, monkeypatch
):
    from autograder.errors import MachineError
    from autograder.record.gradebook import Gradebook

    def stopped(*_):
        raise MachineError("the machine stops here")

    give_by_hand(course, "bea", "uno", "ensayo", 2.5)
    before = scores(course, "bea")
    hand_in(course, "bea", {"g": returns(2), **WRITTEN}, LATE)
    with monkeypatch.context() as patch:
        patch.setattr(Gradebook, "record_notebooks", stopped)
        with pytest.raises(MachineError):
            grade(course, lending)
    assert [one["score"] for one in log("bea")[1]["entries"]] == [1, 7]
    assert "its automatic scores are not those of entry 2" in log("bea")[0]
    assert scores(course, "bea") == before

    # The old notebook comes back; what vouched for its result is gone all the same.
    hand_in(course, "bea", {"g": returns(1), **WRITTEN}, LATE)
    with lending(), Grader(Course.at(course)) as grader:
        grader.grade(NAME)
        assert grader.recorded == [(NAME, "bea")]

    assert scores(course, "bea") == before
    assert ("uno", "ensayo", None, 2.5, 0) in before


def scores(root, student):
    """What the gradebook has: notebook, cell, automatic, by hand, whether it waits."""
    query = (
        "SELECT b.name, c.name, g.auto_score, g.manual_score, g.needs_manual_grade FROM grade g "
        "JOIN base_cell c ON c.id = g.cell_id JOIN notebook b ON b.id = c.notebook_id "
        "JOIN submitted_notebook n ON n.id = g.notebook_id "
        "JOIN submitted_assignment s ON s.id = n.assignment_id WHERE s.student_id = ?"
    )
    with sqlite3.connect(root / "gradebook.db") as book:
        found = set(book.execute(query, (student,)))
    book.close()
    return found


def test_a_source_that_changes_meanwhile_is_refused(course, lending, monkeypatch):
    from autograder.errors import AuthorError
    from autograder.plain import grading

    marks = grading.marks

    def meanwhile(*arguments):
        (course / "solutions" / NAME / "datos.txt").write_text("otros")
        return marks(*arguments)

    hand_in(course, "bea", {"g": returns(0)}, LATE)
    with monkeypatch.context() as patch:
        patch.setattr(grading, "marks", meanwhile)
        with pytest.raises(AuthorError, match=r"datos\.txt: changed while its submissions were"):
            grade(course, lending)


def test_what_cannot_be_read_is_our_fault_and_nobody_elses(course, lending, monkeypatch):
    from dataclasses import replace

    from autograder.plain import grading

    read = grading.read_plain

    def unreadable(folder, student, notebook):
        made = read(folder, student, notebook)
        return replace(made, fault="disk") if student == "bea" else made

    monkeypatch.setattr(grading, "read_plain", unreadable)
    reports, _ = grade(course, lending, again=True)

    assert reports["bea"]["status"] == "broken"
    assert reports["ana"]["score"] == 7


def test_a_notebook_sees_its_data_and_nothing_of_the_course(course, lending):
    """SECURITY.md: that tests run beside the student's code opens nothing else."""
    spy = f"""def g():
    import os
    there = [os.path.exists(one) for one in ({str(course)!r}, '/etc/shadow')]
    print('SEEN', any(there), sorted(os.listdir('.')), dict(os.environ))
    return 2"""
    (course / "solutions" / NAME / "datos.txt").write_text("1")
    hand_in(course, "ana", {"g": spy})

    grade(course, lending)

    book = nbformat.read(course / "autograded/ana" / NAME / "uno.ipynb", as_version=4)
    shown = [one["text"] for cell in book.cells for one in cell.get("outputs", ()) if "text" in one]
    (seen,) = (one for one in shown if "SEEN" in one)
    assert seen.startswith("SEEN False ['datos.txt'] ")
    assert "NBGRADER_EXECUTION" in seen
    assert not any(word in seen for word in ("gradebook", "AUTOGRADER", "SECRET", "TOKEN"))


def test_without_isolation_page_comment_and_report_say_so(course, warm_sandbox, monkeypatch):
    from autograder import isolation
    from autograder.record.feedback import make_feedback

    class Bare:
        @property
        def facts(self):
            return {**warm_sandbox.facts, "isolation": "none"}

        def __getattr__(self, name):
            return getattr(warm_sandbox, name)

        def close(self):
            pass

    monkeypatch.setattr(isolation, "open_sandbox", lambda *_: Bare())
    hand_in(course, "ana", {"g": returns(2), "ensayo": "Sí."})

    with Grader(Course.at(course)) as grader:
        reports = {one["student"]: one for one in grader.grade(NAME)}

    make_feedback(Course.at(course), NAME)
    said = "Corregido sin el aislamiento habitual."
    assert said in reports["ana"]["message"]
    for name, answers in (("uno", 4), ("dos", 1)):
        page = (course / "feedback/ana" / NAME / f"{name}.html").read_text("utf-8")
        summary, _, rest = page.partition('id="notebook"')
        assert said in summary
        assert rest.count(said) == answers - (name == "uno")
