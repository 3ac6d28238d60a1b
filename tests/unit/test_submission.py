"""Whatever a student hands in becomes data: a notebook that can be run, damage, or one word."""

from __future__ import annotations

import copy
import json
import os

import nbformat
import pytest
from handmade import assignment, grade, hand_in, ids_of, locked, marks, raw, solution, source_cells
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader.nbgraderformat import MetadataValidator

from autograder import submission as module
from autograder.submission import as_submission, read_submission, reference

SOURCE_IDS = ["enunciado", "datos", "uno", "uno-check", "dos", "dos-check"]


@pytest.fixture
def source(tmp_path):
    return assignment(tmp_path)


def read(folder, source, content):
    home = hand_in(folder, content)
    submission = read_submission(home, "ana", source)
    sound(submission)
    return submission


def sound(submission):
    """What holds of every restored notebook, whatever was handed in."""
    notebook = submission.notebook
    nbformat.validate(notebook)
    MetadataValidator().validate_nb(notebook)
    assert sorted(filter(None, ids_of(notebook))) == sorted(SOURCE_IDS)
    cell_ids = [cell.id for cell in notebook.cells]
    assert len(set(cell_ids)) == len(cell_ids)
    assert all(cell.outputs == [] for cell in notebook.cells if cell.cell_type == "code")
    nbformat.writes(notebook).encode("utf-8")


def answers(one="x = 10", two="y = 20"):
    """The cells of an honest submission."""
    cells = source_cells()
    cells[3].source, cells[5].source = one, two
    return cells


def sources(submission):
    return {cell.exercise: cell.source for cell in submission.cells if cell.exercise}


# --- an honest submission -----------------------------------------------------------------------


def test_an_honest_submission_is_run_as_it_was_written(tmp_path, source):
    got = read(tmp_path, source, answers())
    assert (got.student, got.assignment, got.unreadable, dict(got.damage)) == (
        "ana",
        "tarea",
        None,
        {},
    )
    assert [(cell.index, cell.source, cell.exercise) for cell in got.cells] == [
        (2, "import torch\ndatos = 1", None),
        (3, "x = 10", "uno"),
        (4, "assert x == 2", None),
        (5, "y = 20", "dos"),
        (6, "assert y == 4", None),
    ]


def test_source_may_be_a_list_of_lines(tmp_path, source):
    cells = raw(answers())
    cells["cells"][3]["source"] = ["x = 1\n", "x += 1"]
    assert sources(read(tmp_path, source, cells))["uno"] == "x = 1\nx += 1"


@pytest.mark.parametrize("odd", [None, 3, {"a": 1}, [1, None], True])
def test_a_source_that_is_no_text_is_an_empty_one(tmp_path, source, odd):
    cells = raw(answers())
    cells["cells"][3]["source"] = odd
    assert sources(read(tmp_path, source, cells))["uno"] == ""


def test_a_notebook_of_version_3_is_read(tmp_path, source):
    old = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {},
        "worksheets": [
            {
                "metadata": {},
                "cells": [
                    {
                        "cell_type": "code",
                        "language": "python",
                        "collapsed": False,
                        "input": "x = 33",
                        "outputs": [],
                        "metadata": {"nbgrader": marks("uno", "solution")},
                    }
                ],
            }
        ],
    }
    got = read(tmp_path, source, old)
    assert got.unreadable is None
    assert sources(got) == {"uno": "x = 33"}
    assert got.damage == {"dos": "missing"}


def test_a_byte_order_mark_is_no_reason_to_refuse(tmp_path, source):
    got = read(tmp_path, source, b"\xef\xbb\xbf" + json.dumps(raw(answers())).encode())
    assert sources(got) == {"uno": "x = 10", "dos": "y = 20"}


def test_outputs_and_execution_counts_are_dropped(tmp_path, source):
    cells = answers()
    cells[3].outputs = [{"output_type": "stream", "name": "stdout", "text": "mío"}]
    cells[3].execution_count = 7
    cells[6].outputs = [{"output_type": "stream", "name": "stdout", "text": "mío"}]
    got = read(tmp_path, source, cells)
    assert "mío" not in nbformat.writes(got.notebook)
    assert got.notebook.cells[3].execution_count is None


def test_metadata_of_the_notebook_is_the_sources(tmp_path, source):
    cells = raw(answers())
    cells["metadata"] = {"kernelspec": {"name": "evil", "display_name": "x"}, "widgets": {}}
    assert read(tmp_path, source, cells).notebook.metadata == source.notebook.metadata


# --- cells that were edited, moved, deleted, doubled --------------------------------------------


def test_grade_and_locked_cells_are_put_back_as_they_were(tmp_path, source):
    cells = answers()
    cells[2].source = "datos = 99"
    cells[4].source = "pass"
    cells[4].metadata["nbgrader"]["points"] = 1000
    got = read(tmp_path, source, cells)
    assert got.notebook.cells[2].source == "import torch\ndatos = 1"
    assert got.notebook.cells[4].source == "assert x == 2"
    assert got.notebook.cells[4].metadata.nbgrader.points == 2
    assert got.damage == {}


def test_marks_of_a_solution_cell_are_put_back(tmp_path, source):
    cells = answers()
    cells[3].metadata["nbgrader"].update(grade=True, points=50, locked=True)
    cells[3].metadata["extra"] = "x"
    got = read(tmp_path, source, cells)
    assert got.notebook.cells[3].metadata == source.notebook.cells[3].metadata
    assert sources(got)["uno"] == "x = 10"


@pytest.mark.parametrize("missing", [2, 4, 6, 1])
def test_a_deleted_grade_or_locked_cell_comes_back_in_its_place(tmp_path, source, missing):
    cells = answers()
    del cells[missing]
    got = read(tmp_path, source, cells)
    assert [id for id in ids_of(got.notebook) if id] == SOURCE_IDS
    assert got.damage == {}


def test_a_deleted_solution_cell_is_damage_and_comes_back_empty(tmp_path, source):
    cells = answers()
    del cells[3]
    got = read(tmp_path, source, cells)
    assert got.damage == {"uno": "missing"}
    assert ids_of(got.notebook) == [None, *SOURCE_IDS]
    assert got.notebook.cells[3].source == ""
    assert sources(got) == {"dos": "y = 20"}


def test_a_solution_cell_without_its_mark_is_missing_and_still_runs(tmp_path, source):
    cells = answers()
    del cells[3].metadata["nbgrader"]
    got = read(tmp_path, source, cells)
    assert got.damage == {"uno": "missing"}
    assert "x = 10" in [cell.source for cell in got.cells if cell.exercise is None]


@pytest.mark.parametrize("kind", ["markdown", "raw", "heading", None, 3, ["code"]])
def test_a_retyped_solution_cell_is_damage_and_its_text_is_kept(tmp_path, source, kind):
    cells = raw(answers())
    cells["cells"][3]["cell_type"] = kind
    got = read(tmp_path, source, cells)
    assert got.damage == {"uno": "retyped"}
    assert sources(got) == {"dos": "y = 20"}
    assert "x = 10" in [cell.source for cell in got.notebook.cells]


@pytest.mark.parametrize("place", [2, 4])
def test_a_retyped_grade_or_locked_cell_costs_nothing(tmp_path, source, place):
    cells = raw(answers())
    cells["cells"][place]["cell_type"] = "markdown"
    got = read(tmp_path, source, cells)
    assert got.damage == {}
    assert got.notebook.cells[place].cell_type == "code"


def test_of_a_doubled_solution_cell_all_copies_run_and_the_last_keeps_the_mark(tmp_path, source):
    cells = answers()
    again = copy.deepcopy(cells[3])
    again.source = "x = 11"
    got = read(tmp_path, source, [*cells[:4], again, *cells[4:]])
    runs = [(cell.source, cell.exercise) for cell in got.cells if cell.exercise == "uno"]
    assert runs == [("x = 10", "uno"), ("x = 11", "uno")]
    assert [cell.source for cell in got.notebook.cells if cell.id == "uno"] == ["x = 11"]
    assert got.damage == {}


def test_a_copy_that_was_retyped_does_not_take_the_place_of_a_code_cell(tmp_path, source):
    cells = raw(answers())
    again = copy.deepcopy(cells["cells"][3])
    again.update(cell_type="markdown", source="notas")
    cells["cells"].insert(4, again)
    got = read(tmp_path, source, cells)
    assert got.damage == {}
    assert sources(got)["uno"] == "x = 10"


@pytest.mark.parametrize("place", [2, 4])
def test_a_doubled_grade_or_locked_cell_is_there_once(tmp_path, source, place):
    cells = answers()
    got = read(tmp_path, source, [*cells, copy.deepcopy(cells[place])])
    assert ids_of(got.notebook) == [None, *SOURCE_IDS]


def test_moved_cells_stay_in_the_students_order(tmp_path, source):
    cells = answers()
    got = read(tmp_path, source, [cells[0], cells[5], cells[6], cells[1], *cells[2:5]])
    assert [cell.exercise for cell in got.cells if cell.exercise] == ["dos", "uno"]
    assert ids_of(got.notebook) == [
        None,
        "dos",
        "dos-check",
        "enunciado",
        "datos",
        "uno",
        "uno-check",
    ]


def test_own_cells_run_in_their_place(tmp_path, source):
    own = new_code_cell("extra = 1")
    cells = answers()
    got = read(tmp_path, source, [*cells[:3], own, *cells[3:]])
    assert [cell.source for cell in got.cells][:3] == [
        "import torch\ndatos = 1",
        "extra = 1",
        "x = 10",
    ]


def test_stolen_marks_are_taken_off_own_cells(tmp_path, source):
    own = new_code_cell(
        "truco = 1", metadata={"nbgrader": marks("mia", "grade", 100), "autograder": {"names": {}}}
    )
    got = read(tmp_path, source, [*answers(), own])
    assert got.notebook.cells[-1].metadata == {}
    assert got.notebook.cells[-1].source == "truco = 1"


def test_an_own_cell_may_not_have_the_id_of_one_of_ours(tmp_path, source):
    cells = [new_code_cell("a = 1", id="dos"), *answers(), new_code_cell("b = 1", id="own-0")]
    got = read(tmp_path, source, cells)
    assert len({cell.id for cell in got.notebook.cells}) == len(got.notebook.cells)


def test_empty_own_cells_do_not_run_but_an_empty_solution_does(tmp_path, source):
    got = read(tmp_path, source, [*answers(one="  \n"), new_code_cell("  \n")])
    assert [(cell.source, cell.exercise) for cell in got.cells][1] == ("  \n", "uno")
    assert got.cells[-1].source == "assert y == 4"


@pytest.mark.parametrize("junk", [[3], [None], ["x"], [[]], [{}], [{"cell_type": {}}]])
def test_cells_that_are_no_cells_do_no_harm(tmp_path, source, junk):
    cells = raw(answers())
    cells["cells"] = [*junk, *cells["cells"]]
    got = read(tmp_path, source, cells)
    assert sources(got) == {"uno": "x = 10", "dos": "y = 20"}
    assert got.damage == {}


@pytest.mark.parametrize(
    "metadata",
    [None, [], "x", {"nbgrader": []}, {"nbgrader": {"grade_id": 3}}, {"nbgrader": None}],
)
def test_metadata_that_is_none_makes_an_own_cell(tmp_path, source, metadata):
    cells = raw(answers())
    cells["cells"][3]["metadata"] = metadata
    assert read(tmp_path, source, cells).damage == {"uno": "missing"}


def test_no_cells_at_all_is_all_damage(tmp_path, source):
    got = read(tmp_path, source, [])
    assert got.unreadable is None
    assert got.damage == {"uno": "missing", "dos": "missing"}
    assert ids_of(got.notebook) == SOURCE_IDS


def test_a_lone_surrogate_in_a_cell_does_no_harm(tmp_path, source):
    got = read(tmp_path, source, [*answers(one="x = '\ud800'"), new_markdown_cell("\udfff")])
    assert "uno" in sources(got)


# --- assignments of other shapes ----------------------------------------------------------------


def test_a_doubled_text_answer_is_there_once(tmp_path):
    text = locked("opinion", "Escribe.", "markdown")
    text.metadata["nbgrader"].update(solution=True, grade=True, locked=False, points=1)
    source = assignment(tmp_path, [text, solution("uno", "x = 1"), grade("uno")])
    home = hand_in(tmp_path, [text, text, solution("uno", "x = 1"), grade("uno")])
    got = read_submission(home, "ana", source)
    assert ids_of(got.notebook).count("opinion") == 1


def test_a_code_answer_that_is_graded_by_hand_is_no_exercise(tmp_path):
    manual = solution("libre", "")
    manual.metadata["nbgrader"] = marks("libre", "manual", 2)
    source = assignment(tmp_path, [manual, solution("uno", "x = 1"), grade("uno")])
    manual.source = "z = 1"
    home = hand_in(tmp_path, [manual, solution("uno", "x = 1"), grade("uno")])
    got = read_submission(home, "ana", source)
    assert (got.cells[0].source, got.cells[0].exercise) == ("z = 1", None)


@pytest.mark.filterwarnings("ignore::nbformat.warnings.MissingIDFieldWarning")
def test_a_source_without_cell_ids_gives_a_valid_notebook(tmp_path):
    cells = source_cells()
    for cell in cells:
        del cell["id"]
    source = assignment(tmp_path, cells, minor=4)
    home = hand_in(tmp_path, answers())
    nbformat.validate(read_submission(home, "ana", source).notebook)


# --- notebooks that cannot be read --------------------------------------------------------------

NOTEBOOK = json.dumps(raw(answers()))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b" \n\t ", "empty"),
        (NOTEBOOK[:200].encode(), "not_json"),
        (b"print('hola')", "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"cells": ' + b"9" * 5_000 + b"}", "not_json"),
        (b"\xff\xfe" + NOTEBOOK.encode("utf-16-le"), "not_utf8"),
        (NOTEBOOK.replace("datos", "año").encode() + b"\xf1", "not_utf8"),
        (b"[]", "not_notebook"),
        (b"null", "not_notebook"),
        (b'"cells"', "not_notebook"),
        (b'{"a": 1}', "not_notebook"),
        (b'{"cells": 3}', "not_notebook"),
        (b'{"cells": {"a": {}}}', "not_notebook"),
        (b'{"nbformat": 4, "worksheets": []}', "not_notebook"),
        (b'{"nbformat": 3, "worksheets": 7}', "not_notebook"),
        (b'{"nbformat": 3, "worksheets": [{"cells": [3]}]}', "not_notebook"),
        (b'{"nbformat": 99, "cells": []}', "not_notebook"),
        (b'{"nbformat": "4", "cells": []}', "not_notebook"),
        (b'{"nbformat": [], "cells": []}', "not_notebook"),
        (b'{"nbformat": null, "cells": []}', "not_notebook"),
    ],
)
def test_what_is_no_notebook_is_one_word_and_a_stub(tmp_path, source, content, why):
    got = read(tmp_path, source, content)
    assert got.unreadable == why
    assert got.cells == ()
    assert got.damage == {"uno": "missing", "dos": "missing"}
    assert ids_of(got.notebook) == SOURCE_IDS


def test_a_missing_notebook_is_missing_and_its_files_are_read(tmp_path, source):
    home = tmp_path / "submitted" / "ana" / "tarea"
    home.mkdir(parents=True)
    (home / "notas.txt").write_text("hola")
    got = read_submission(home, "ana", source)
    assert (got.unreadable, dict(got.files)) == ("missing", {"notas.txt": b"hola"})
    sound(got)


def test_a_missing_folder_is_a_missing_notebook(tmp_path, source):
    got = read_submission(tmp_path / "nobody", "ana", source)
    assert got.unreadable == "missing"
    sound(got)


def test_a_folder_of_the_notebooks_name_is_a_missing_notebook(tmp_path, source):
    home = tmp_path / "submitted" / "ana" / "tarea"
    (home / "tarea.ipynb").mkdir(parents=True)
    assert read_submission(home, "ana", source).unreadable == "missing"


def test_a_notebook_over_the_limit_is_not_read(tmp_path, source, monkeypatch):
    monkeypatch.setattr(module, "MAX_NOTEBOOK_BYTES", 100)
    assert read(tmp_path, source, answers()).unreadable == "too_large"


# --- files beside the notebook ------------------------------------------------------------------


def test_data_files_are_read_and_notebooks_beside_it_are_not(tmp_path, source):
    home = hand_in(tmp_path, answers())
    (home / "datos").mkdir()
    (home / "datos" / "a.csv").write_bytes(b"1,2\n")
    (home / "otra.ipynb").write_text("{}")
    (home / ".ipynb_checkpoints").mkdir()
    (home / ".ipynb_checkpoints" / "b.csv").write_bytes(b"x")
    got = read_submission(home, "ana", source)
    assert dict(got.files) == {"datos/a.csv": b"1,2\n"}


def test_the_timestamp_is_taken_and_is_no_data_file(tmp_path, source):
    home = hand_in(tmp_path, answers())
    (home / "timestamp.txt").write_text(" 2030-01-01 00:00:00 UTC\n")
    got = read_submission(home, "ana", source)
    assert got.timestamp == "2030-01-01 00:00:00 UTC"
    assert "timestamp.txt" not in got.files


@pytest.mark.parametrize("content", [b"", b"  \n"])
def test_an_empty_timestamp_is_none(tmp_path, source, content):
    home = hand_in(tmp_path, answers())
    (home / "timestamp.txt").write_bytes(content)
    assert read_submission(home, "ana", source).timestamp is None


def test_symlinks_are_not_followed(tmp_path, source):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "answers.txt").write_text("42")
    home = hand_in(tmp_path, answers())
    (home / "file.txt").symlink_to(secret / "answers.txt")
    (home / "folder").symlink_to(secret)
    (home / "real").mkdir()
    (home / "real" / "inner").symlink_to(secret)
    assert dict(read_submission(home, "ana", source).files) == {}


def test_what_a_linked_folder_leads_to_may_change_while_it_is_graded(tmp_path, source):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "cache.pyc").write_bytes(b"one")
    (tmp_path / "ana").mkdir()
    (tmp_path / "ana" / "tarea").symlink_to(tmp_path / "elsewhere")

    submission = read_submission(tmp_path / "ana" / "tarea", "ana", source)
    (tmp_path / "elsewhere" / "cache.pyc").write_bytes(b"another")
    assert not submission.has_changed()

    (tmp_path / "ana" / "tarea").unlink()
    hand_in(tmp_path / "ana" / "tarea", b"{}")
    assert submission.has_changed()


def test_a_notebook_that_is_a_symlink_is_missing(tmp_path, source):
    home = hand_in(tmp_path, answers())
    (home / "tarea.ipynb").rename(tmp_path / "elsewhere.ipynb")
    (home / "tarea.ipynb").symlink_to(tmp_path / "elsewhere.ipynb")
    got = read_submission(home, "ana", source)
    assert got.unreadable == "missing"
    assert got.cells == ()


def test_a_pipe_is_no_data_file(tmp_path, source):
    home = hand_in(tmp_path, answers())
    os.mkfifo(home / "pipe")
    assert dict(read_submission(home, "ana", source).files) == {}


def test_files_are_read_within_bounds(tmp_path, source, monkeypatch):
    home = hand_in(tmp_path, answers())
    for name in ("a", "b", "c"):
        (home / name).write_bytes(b"12345")
    monkeypatch.setattr(module, "MAX_FILES_BYTES", 10)
    assert sorted(read_submission(home, "ana", source).files) == ["a", "b"]
    monkeypatch.setattr(module, "MAX_FILES", 1)
    assert sorted(read_submission(home, "ana", source).files) == ["a"]


def test_a_notebook_of_another_name_is_read_on_request(tmp_path, source):
    home = hand_in(tmp_path, answers())
    (home / "tarea.ipynb").rename(home / "ana.ipynb")
    got = read_submission(home, "ana", source, "ana.ipynb")
    assert sources(got) == {"uno": "x = 10", "dos": "y = 20"}


# --- identity -----------------------------------------------------------------------------------


def digest(folder, source, content, **files):
    home = hand_in(folder, content)
    for name, data in files.items():
        (home / name).write_bytes(data)
    return read_submission(home, "ana", source).digest


def test_the_digest_changes_with_code_and_data_and_not_with_outputs(tmp_path, source):
    base = digest(tmp_path, source, answers())
    executed = answers()
    executed[3].outputs = [{"output_type": "stream", "name": "stdout", "text": "hola"}]
    executed[3].execution_count = 4
    executed[0].source = "# Otro título"
    assert digest(tmp_path, source, executed) == base
    others = [
        digest(tmp_path, source, answers(one="x = 11")),
        digest(tmp_path, source, answers()[:5]),
        digest(tmp_path, source, [*answers(), new_code_cell("1")]),
        digest(tmp_path, source, b""),
        digest(tmp_path, source, answers(), data=b"1"),
        digest(tmp_path, source, answers(), data=b"2"),
        digest(tmp_path, source, answers(), data=b"2", more=b""),
    ]
    assert len({base, *others}) == 1 + len(others)


def test_the_digest_tells_a_solution_from_an_own_cell_with_its_text(tmp_path, source):
    unmarked = answers()
    del unmarked[3].metadata["nbgrader"]
    assert digest(tmp_path, source, unmarked) != digest(tmp_path, source, answers())


def test_the_digest_does_not_change_with_who_and_when(tmp_path, source):
    home = hand_in(tmp_path, answers())
    first = read_submission(home, "ana", source).digest
    (home / "timestamp.txt").write_text("2030-01-01")
    assert read_submission(home, "berta", source).digest == first


def test_the_same_submission_gives_the_same_notebook(tmp_path, source):
    cells = [new_code_cell("a = 1"), *answers(), new_markdown_cell("fin")]
    first = read(tmp_path, source, cells)
    second = read(tmp_path, source, cells)
    assert nbformat.writes(first.notebook) == nbformat.writes(second.notebook)
    assert first.notebook.cells[0].id == "own-0"


# --- ours ---------------------------------------------------------------------------------------


def test_the_reference_is_the_source_with_its_solutions(source):
    ours = reference(source)
    assert sources(ours) == {"uno": "x = datos + 1", "dos": "y = x * 2"}
    assert dict(ours.damage) == {}
    sound(ours)


def test_the_reference_may_have_another_cell_for_an_exercise(source):
    wrong = reference(source, {"dos": "y = x"})
    assert sources(wrong) == {"uno": "x = datos + 1", "dos": "y = x"}
    assert sources(reference(source)) == {"uno": "x = datos + 1", "dos": "y = x * 2"}


def test_a_released_notebook_is_a_submission_too(tmp_path, source):
    stub = "raise NotImplementedError"
    home = hand_in(tmp_path, answers(one=stub, two=stub))
    released = nbformat.read(home / "tarea.ipynb", as_version=4)
    assert sources(as_submission(source, released)) == {"uno": stub, "dos": stub}


def test_submissions_share_what_is_the_sources_and_neither_reading_nor_running_changes_it(
    tmp_path, source
):
    from autograder.observation import Observation
    from autograder.record.notebook import executed

    before = nbformat.writes(source.notebook)
    one = read(tmp_path / "one", source, answers(one="x = 1"))
    other = read(tmp_path / "other", source, answers(one="x = 2"))
    others = nbformat.writes(other.notebook)
    seen = Observation()
    for index in range(len(one.cells)):
        output = {"output_type": "stream", "name": "stdout", "text": "dicho"}
        frame = {"frame": "cell", "index": index, "status": "ok", "error": None}
        seen.accept({**frame, "outputs": [output], "seconds": 0.0}, b"")

    ran = executed(one, seen, "es")

    assert nbformat.writes(ran).count("dicho") == len(one.cells) > 3
    assert "dicho" not in nbformat.writes(one.notebook)
    assert nbformat.writes(other.notebook) == others
    assert nbformat.writes(source.notebook) == before
    shared = [a is b for a, b in zip(one.notebook.cells, other.notebook.cells, strict=True)]
    marks = [
        cell.metadata.nbgrader.grade_id
        for cell in one.notebook.cells
        if "nbgrader" in cell.metadata
    ]
    assert sum(shared) == len(marks) - 2, "all but the two solutions and cells of the student's own"
