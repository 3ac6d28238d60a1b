"""Marks of plain nbgrader's cells: credit as nbgrader gives it, and every outcome that there is."""

from __future__ import annotations

import pytest
from handmade import cell_frame, hand_in, locked, marks, raw
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.utils import determine_grade

from autograder.errors import AuthorError
from autograder.judge.finding import OUTCOMES
from autograder.observation import ROOM, Observation
from autograder.plain.assignment import plain_assignment, read_plain
from autograder.plain.marks import credit, handed_of
from autograder.plain.marks import marks as marks_of

CUT = "[cortado]"
POINTS = 2.0
TEST = "assert f() == 1"


def answer(id, source="def f(): ...", make=new_code_cell, kind="solution", points=None):
    return make(source, metadata={"nbgrader": marks(id, kind, points)}, id=id)


def check(id, source=TEST, points=POINTS, make=new_code_cell):
    return make(source, metadata={"nbgrader": marks(id, "grade", points)}, id=id)


def task(id, points=POINTS):
    made = {**marks(id, "task", points), "task": True}
    return new_markdown_cell("Haz algo.", metadata={"nbgrader": made}, id=id)


def assignment(folder, cells, name="uno", **more):
    """An assignment of one notebook, whose release is its source; ``more`` are other notebooks."""
    made = {one: new_notebook(cells=own) for one, own in {name: cells, **more}.items()}
    home = folder / "solutions" / "tarea"
    return plain_assignment(home, {one: [book, book] for one, book in made.items()})


def marked(tmp_path, source, *, handed=None, frames=(), ending="finished"):
    """The marks by cell. ``handed`` are the cells that were handed in; ``frames`` what was seen."""
    (notebook,) = assignment(tmp_path, source).notebooks
    folder = hand_in(tmp_path, source if handed is None else handed, name="uno")
    part = read_plain(folder, "ana", notebook)
    seen = None
    if frames is not None:
        seen = Observation()
        for index, frame in enumerate(frames):
            seen.accept(cell_frame(index, **frame), b"")
        seen.end(ending, "")
    return {one.cell: one for one in marks_of(notebook, handed_of(notebook, part), seen, CUT)}


def result(text):
    data = {} if text is None else {"text/plain": text}
    return {
        "output_type": "execute_result",
        "data": data,
        "metadata": {},
        "execution_count": 1,
    }


def stream(name, text):
    return {"output_type": "stream", "name": name, "text": text}


def by_nbgrader(outputs, points):
    """What nbgrader gives for a test cell; ``None`` where it refuses."""
    made = [new_output(**one) for one in outputs]
    cell = new_code_cell(TEST, metadata={"nbgrader": marks("t", "grade", points)}, outputs=made)
    try:
        return determine_grade(cell)[0]
    except (ValueError, KeyError):
        return None


def by_us(outputs, points):
    try:
        return credit(outputs, points)[0]
    except ValueError:
        return None


VALUES = [
    "0", "0.0", "-0.0", "1", "1.5", "2", "2.0", "2.5", "1e0", "1_0", " 1 ", "\n1\n", "٣", "0x1",
    "-1", "-1e-300", "nan", "-nan", "inf", "-inf", "Infinity", "True", "None", "'hola'", "1/2",
    "tensor(1.)", "np.float64(0.5)", "array([1.])", "[1]", "1.5 puntos", "", " ", "1\x00", "½",
]  # fmt: skip


@pytest.mark.parametrize("points", [0.0, 0.5, 2.0, 10.0])
@pytest.mark.parametrize("text", VALUES)
def test_a_value_gives_the_credit_that_nbgrader_gives(text, points):
    outputs = [stream("stdout", "3\n"), result(text)]

    assert by_us(outputs, points) == by_nbgrader(outputs, points)


@given(
    st.one_of(st.floats().map(repr), st.integers().map(str), st.decimals().map(str), st.text()),
    st.sampled_from([0.0, 1.0, 3.0, 1e6]),
)
def test_whatever_a_cell_shows_gives_the_credit_that_nbgrader_gives(text, points):
    ours, theirs = by_us([result(text)], points), by_nbgrader([result(text)], points)

    # A sum of tenths may be a hair above the points; nbgrader refuses the whole batch for it.
    assert ours == theirs or (theirs is None and points < float(text) <= points * (1 + 1e-9))


@pytest.mark.parametrize(
    "outputs",
    [[], [stream("stdout", "0\n")], [{"output_type": "display_data", "data": {}, "metadata": {}}]],
)
def test_a_cell_without_a_value_gives_all_points_as_nbgrader_does(outputs):
    assert by_us(outputs, POINTS) == by_nbgrader(outputs, POINTS) == POINTS


def test_stderr_costs_nothing_here_and_everything_there():
    outputs = [stream("stderr", "aviso"), result("1.5")]

    assert (by_us(outputs, POINTS), by_nbgrader(outputs, POINTS)) == (1.5, 0)


def test_a_value_without_a_text_is_refused_here_and_there():
    assert by_us([result(None)], POINTS) is by_nbgrader([result(None)], POINTS) is None


def test_of_several_values_the_last_is_the_cells_own():
    assert credit([result("0"), result("1.5")], POINTS) == (1.5, "")


def test_a_value_that_is_no_number_is_a_doubt_for_its_author(tmp_path):
    mark = marked(tmp_path, [check("t", "f()")], frames=[{"outputs": [result("'hola'")]}])["t"]

    assert (mark.score, mark.outcome) == (POINTS, "passed")
    assert mark.doubt == """t: its value "'hola'" is no number, which counts as all points"""


def raised(name="AssertionError"):
    error = {"name": name, "message": "no", "line": 1}
    return {"status": "error", "error": error}


INTERRUPTED = {"status": "interrupted", "error": None}
ERROR = {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []}
OUTCOMES_OF_A_TEST = {
    # what was seen of the cells, the test being the second one; how it ended: score, outcome, why
    "passes": ([{}, {}], "finished", (2.0, "passed", None)),
    "has a part": ([{}, {"outputs": [result("0.5")]}], "finished", (0.5, "failed", None)),
    "has nothing": ([{}, {"outputs": [result("0")]}], "finished", (0.0, "failed", None)),
    "is noisy": ([{}, {"outputs": [stream("stderr", "x")]}], "finished", (2.0, "passed", None)),
    "fails": ([{}, raised()], "finished", (0.0, "failed", "raised_here")),
    "raises": ([{}, raised("NameError")], "finished", (0.0, "errored", "raised_here")),
    "the answer raises": ([raised("NameError"), {}], "finished", (2.0, "passed", None)),
    "what it runs raises": ([{}, {"outputs": [ERROR]}], "finished", (0.0, "failed", "raised_here")),
    "takes too long": ([{}, INTERRUPTED], "finished", (0.0, "timed_out", "run_timed_out")),
    "ends the time": ([{}], "timed_out", (0.0, "timed_out", "run_timed_out")),
    "ends the processor's": ([{}], "out_of_cpu", (0.0, "timed_out", "run_out_of_cpu")),
    "ends the memory": ([{}], "out_of_memory", (0.0, "errored", "run_out_of_memory")),
    "kills itself": ([{}], "died", (0.0, "errored", "run_died")),
    "ends by itself": ([{}], "finished", (0.0, "errored", "run_finished")),
    "never runs": ([], "died", (0.0, "blocked", "blocked")),
    "gives too much": ([{}, {"outputs": [result("3")]}], "finished", (0.0, "broken", "broken")),
}


@pytest.mark.parametrize("what", OUTCOMES_OF_A_TEST)
def test_a_test_that(what, tmp_path):
    frames, ending, expected = OUTCOMES_OF_A_TEST[what]

    mark = marked(tmp_path, [answer("f"), check("t")], frames=frames, ending=ending)["t"]

    assert (mark.score, mark.outcome, mark.finding and mark.finding.kind) == expected


def test_every_outcome_of_the_contract_is_among_them():
    assert {one[2][1] for one in OUTCOMES_OF_A_TEST.values()} | {"not_run"} == set(OUTCOMES)


def test_what_people_grade_has_no_score_until_they_do(tmp_path):
    essay = answer("ensayo", "Responde.", new_markdown_cell, "manual", 3)
    code = answer("a-mano", "x = ...", kind="manual", points=1)
    text = check("texto", "Un texto.", make=new_markdown_cell)
    source = [essay, code, text, task("tarea")]
    handed = raw(source)["cells"]
    handed[0]["source"], handed[1]["source"] = "Creo que sí.", "x = 1"

    found = marked(tmp_path, source, handed=handed, frames=[{}])

    assert {one.score for one in found.values()} == {None}
    assert {one.outcome for one in found.values()} == {"not_run"}
    assert [one.task for one in found.values()] == [False, False, False, True]


@pytest.mark.parametrize("make", [new_markdown_cell, new_code_cell])
def test_an_answer_that_is_as_it_was_released_has_nothing_and_waits_for_nobody(tmp_path, make):
    mark = marked(tmp_path, [answer("ensayo", "Responde.", make, "manual", 3)], frames=[{}])

    assert (mark["ensayo"].score, mark["ensayo"].outcome) == (0.0, "failed")
    assert mark["ensayo"].finding.kind == "unsolved"


def test_of_a_notebook_that_cannot_be_read_only_tasks_wait_for_somebody(tmp_path):
    essay = answer("ensayo", "Responde.", new_markdown_cell, "manual", 3)

    found = marked(tmp_path, [check("t"), essay, task("tarea")], handed="{", frames=None)

    assert {id: (one.score, one.outcome) for id, one in found.items()} == {
        "t": (0.0, "errored"),
        "ensayo": (0.0, "errored"),
        "tarea": (None, "not_run"),
    }


def test_a_test_without_code_gives_its_points(tmp_path):
    found = marked(tmp_path, [answer("f"), check("t", "")], frames=[{}])

    assert (found["t"].score, found["t"].outcome) == (POINTS, "passed")


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2]])
def test_tests_are_found_wherever_the_student_has_put_them(tmp_path, order):
    source = [answer("f"), check("uno"), check("dos")]
    handed = [raw(source)["cells"][place] for place in order]
    runs = [one["metadata"]["nbgrader"]["grade_id"] for one in handed]
    frames = [raised() if id == "dos" else {} for id in runs if id != "f"]
    frames = [{}, *frames] if runs[:1] == ["f"] else [*frames, {}]
    if "f" not in runs:
        frames = [{}, raised()]  # it is put back without a text, which is not run

    found = marked(tmp_path, source, handed=handed, frames=frames)

    assert (found["uno"].score, found["dos"].score) == (POINTS, 0)
    assert list(found) == ["uno", "dos"]


def test_outputs_that_were_cut_give_no_points_by_their_absence(tmp_path):
    noise = [stream("stdout", "x"), stream("stderr", f"x{CUT}")]

    value = marked(tmp_path, [check("t", "f()")], frames=[{"outputs": noise}])["t"]
    claim = marked(tmp_path, [check("t", "assert f()")], frames=[{"outputs": noise}])["t"]

    assert (value.score, value.outcome, value.finding.kind) == (0, "errored", "points_cut")
    assert (claim.score, claim.outcome) == (POINTS, "passed")


def test_a_flood_of_outputs_in_one_cell_hides_no_value_of_another(tmp_path):
    flood = {"outputs": [stream("stdout", "x")] * (ROOM[0] + 1)}
    hidden = {"outputs": [result("0")]}

    found = marked(tmp_path, [answer("f"), check("t", "f()")], frames=[flood, hidden])

    assert (found["t"].score, found["t"].finding.kind) == (0, "points_cut")


def test_that_outputs_were_left_out_is_kept_with_the_observation(tmp_path):
    seen = Observation()
    seen.accept(cell_frame(0, outputs=[stream("stdout", "x")] * ROOM[0]), b"")
    seen.accept(cell_frame(1, outputs=[result("0")]), b"")
    seen.accept(cell_frame(2), b"")
    seen.end("finished", "")
    seen.save(tmp_path / "seen")

    for one in (seen, Observation.load(tmp_path / "seen")):
        assert [one.is_cut(index) for index in range(3)] == [False, True, False]


def test_an_assignment_without_grade_cells_has_nothing_to_grade_by(tmp_path):
    with pytest.raises(AuthorError, match="no grade cell in any notebook"):
        assignment(tmp_path, [answer("f"), locked("dato", "x = 1")])


@pytest.mark.parametrize(
    "metadata",
    [
        {"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}},
        {"kernelspec": {"name": "ir", "display_name": "R"}},
        {"language_info": {"name": "julia"}},
    ],
)
def test_a_notebook_in_another_language_is_refused(tmp_path, metadata):
    book = new_notebook(cells=[check("t")], metadata=metadata)

    with pytest.raises(AuthorError, match="only notebooks in Python"):
        plain_assignment(tmp_path / "tarea", {"uno": [book]})


def test_cells_are_named_with_their_notebook_where_there_are_several(tmp_path):
    alone = assignment(tmp_path, [check("t")])
    several = assignment(tmp_path, [check("t")], dos=[check("t", points=5)])

    assert (alone.label("uno", "t"), alone.max_score) == ("t", 2)
    assert (several.label("dos", "t"), several.max_score) == ("dos/t", 7)
