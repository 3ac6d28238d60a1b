"""Judging a batch: a pytest run over checks and submissions, from hand-made observations."""

from __future__ import annotations

import sys
import textwrap

import pytest
from handmade import (
    TENSOR,
    assignment,
    call,
    grade,
    listed,
    number,
    observed,
    solution,
    tensor,
    trial,
)

from autograder.config import Assignment as Policy
from autograder.config import Tolerance
from autograder.errors import AuthorError
from autograder.judge.batch import Batch, examine_checks, judge
from autograder.judge.check import check
from autograder.values import MappingValue, PlainValue

NAMES = {"uno": ["x"], "dos": ["y"]}
HEAD = """
import pytest
from autograder import assert_avoids, assert_matches, carry, check
"""
MATCHES = """
@check("`x`", en="the x", exercise="uno", points=2)
def test_x(student, reference):
    assert_matches(student["x"], reference["x"])
"""
DOS = """
@check("`y`", exercise="dos", points=3)
def test_y(student, reference):
    assert_matches(student["y"], reference["y"])
"""


def values(x=1.0, y=2.0, shift=0.0, probes=None):
    names = {"uno": {"x": tensor([x + shift])}, "dos": {"y": tensor([y + shift])}}
    return trial(names, probes)


def side(*trials, is_reference=False):
    return observed(*trials, names=NAMES, is_reference=is_reference)


REFERENCE = side(values(), values(shift=10), is_reference=True)
RIGHT = side(values(), values(shift=10))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Judge ``students`` by the text of a checks file; the results by student and exercise."""
    # The pytest that runs these tests would rewrite the checks' asserts; grading has no such.
    finders = [one for one in sys.meta_path if "AssertionRewriting" not in type(one).__name__]
    monkeypatch.setattr(sys, "meta_path", finders)
    loaded = assignment(
        tmp_path,
        [
            solution("uno", "x = 1", {"x": TENSOR}),
            grade("uno", points=2),
            solution("dos", "y = 2", {"y": TENSOR}),
            grade("dos", points=3),
        ],
    )

    def go(checks, students=None, reference=REFERENCE, available=("cpu",), /, only=(), **policy):
        loaded.checks_path.write_text(HEAD + textwrap.dedent(checks), encoding="utf-8")
        students = {"ana": RIGHT} if students is None else students
        batch = Batch(loaded, Policy(**policy), reference, students, available, dict(only))
        judge(batch)
        go.batch = batch
        return {student: {one.id: one for one in batch.exercises(student)} for student in students}

    go.assignment = loaded
    return go


def test_every_submission_is_judged_by_every_check_in_the_files_order(run):
    wrong = side(values(x=5.0), values(x=5.0, shift=10))
    got = run(DOS + MATCHES, {"ana": RIGHT, "berta": wrong})
    assert list(got["ana"]) == ["uno", "dos"]
    assert [got[one][id].score for one in got for id in got[one]] == [2, 3, 0, 3]
    result = got["berta"]["uno"].checks[0]
    assert (result.title, result.english, result.points) == ("`x`", "the x", 2)
    assert (result.outcome, result.finding.kind) == ("failed", "values")
    assert result.devices == ("cpu",)
    assert got["ana"]["uno"].checks[0].finding is None
    assert got["ana"]["uno"].max_score == 2


@pytest.mark.parametrize(
    ("only", "judged"),
    [
        ({"berta": ["dos"]}, {"ana": ["uno", "dos"], "berta": ["dos"]}),
        ({"ana": ["dos"], "berta": ["dos"]}, {"ana": ["dos"], "berta": ["dos"]}),
        ({"ana": [], "berta": ["uno"]}, {"ana": [], "berta": ["uno"]}),
    ],
)
def test_of_a_submission_only_the_exercises_that_are_wanted_are_judged(run, only, judged):
    got = run(MATCHES + DOS, {"ana": RIGHT, "berta": RIGHT}, only=only)

    assert {
        student: [id for id in by_id if by_id[id].checks] for student, by_id in got.items()
    } == judged


def test_checks_of_one_exercise_stand_in_the_files_order(run):
    got = run(
        """
        @check("b", exercise="uno", points=1)
        def test_zz(student): pass

        @check("a", exercise="uno", points=1)
        def test_aa(student): pass
        """
        + textwrap.indent(DOS, "        ")
    )
    assert [one.title for one in got["ana"]["uno"].checks] == ["b", "a"]


def test_a_check_has_to_hold_in_every_trial(run):
    literal = side(values(), values(shift=0))
    finding = run(MATCHES + DOS, {"ana": literal})["ana"]["uno"].checks[0].finding
    assert finding.kind == "unmoved"


def test_the_number_of_trials_is_the_policys(run):
    literal = side(values(), values(shift=0))
    assert run(MATCHES + DOS, {"ana": literal}, trials=1)["ana"]["uno"].score == 2


def test_a_submission_with_one_trial_is_judged_by_it(run):
    dead = side(trial({}, ending="timed_out"))
    got = run(MATCHES + DOS, {"ana": dead})["ana"]
    assert (got["uno"].outcome, got["dos"].outcome) == ("timed_out", "blocked")


PROBED = """
@check("`f`", exercise="uno", points=2, devices=["cpu", "cuda"])
def test_f(student, reference, device):
    assert device in ("cpu", "cuda")
    assert_matches(student.probe("p"), reference.probe("p"))
"""


def with_probes(cpu, cuda, is_reference=False):
    probes = {"uno": {"p": {"cpu": call(number(cpu)), "cuda": call(number(cuda))}}}
    return side(values(probes=probes), values(shift=10, probes=probes), is_reference=is_reference)


@pytest.mark.parametrize(
    ("available", "score", "outcome"),
    [(("cpu",), 2, "passed"), (("cpu", "cuda"), 0, "failed"), (("cuda",), 0, "failed")],
)
def test_a_check_has_to_hold_on_every_device_on_which_it_ran(run, available, score, outcome):
    got = run(
        PROBED + DOS,
        {"ana": with_probes(1, 2)},
        with_probes(1, 1, is_reference=True),
        available,
    )["ana"]["uno"]
    assert (got.score, got.outcome) == (score, outcome)
    assert got.checks[0].devices == available
    assert got.checks[0].missing_devices == tuple({"cpu", "cuda"} - set(available))


def test_a_check_is_not_run_where_no_device_of_its_is(run):
    only = PROBED.replace('["cpu", "cuda"]', '["cuda"]')
    got = run(only + DOS, {"ana": with_probes(1, 2)}, with_probes(1, 1, True))["ana"]["uno"]
    result = got.checks[0]
    assert (got.outcome, result.score, result.points) == ("not_run", 0, 2)
    assert (result.finding.kind, result.finding.details) == ("not_run", {"devices": "cuda"})


def test_a_device_that_the_policy_leaves_out_is_named_where_a_check_is_not_run(run):
    only = PROBED.replace('["cpu", "cuda"]', '["cuda"]')
    got = run(only + DOS, {"ana": RIGHT}, devices=("cpu",))["ana"]["uno"].checks[0]
    assert (got.outcome, got.finding.details) == ("not_run", {"devices": "cuda"})


EACH = """
@check("`{name}` va", en="`{name}` goes", exercise="uno", each={"x": 0.5, "dos.y": 1.5})
def test_each(student, reference, name):
    assert_matches(student[name], reference[name])
"""


def test_each_name_is_a_check_with_its_own_title_and_points(run):
    wrong = side(values(x=5.0), values(x=5.0, shift=10))
    got = run(EACH + DOS, {"ana": wrong})["ana"]["uno"]
    assert [(one.title, one.english, one.points, one.score) for one in got.checks] == [
        ("`x` va", "`x` goes", 0.5, 0.0),
        ("`dos.y` va", "`dos.y` goes", 1.5, 1.5),
    ]


PENALTY = """
@check("a mano", exercise="uno", penalty=1)
def test_by_hand(student):
    assert_avoids(student.probe("p"), "sigmoid")
"""


@pytest.mark.parametrize(
    ("operators", "x", "score", "outcome"),
    [
        (("exp",), 1.0, 2, "passed"),
        (("sigmoid",), 1.0, 1, "failed"),
        (("sigmoid",), 5.0, 0, "failed"),
    ],
)
def test_a_penalty_takes_points_away_and_never_goes_below_0(run, operators, x, score, outcome):
    probes = {"uno": {"p": {"cpu": call(number(1), operators=operators)}}}
    student = side(values(x=x, probes=probes), values(x=x, shift=10, probes=probes))
    got = run(MATCHES + PENALTY + DOS, {"ana": student})["ana"]["uno"]
    assert (got.score, got.outcome) == (score, outcome)
    assert [one.points for one in got.checks] == [2, 0]
    assert got.checks[1].score == (0 if outcome == "passed" else -1)


def test_a_penalty_is_not_taken_where_nothing_could_be_seen(run):
    got = run(MATCHES + PENALTY + DOS, {"ana": side(trial({}, ending="died"))})["ana"]["uno"]
    assert [one.score for one in got.checks] == [0, 0]
    assert got.outcome == "errored"


def test_a_plain_assert_of_the_authors_is_a_failure_with_its_message(run):
    got = run(
        """
        @check("a", exercise="uno", points=1)
        def test_a(student):
            assert student["x"].tensor.sum() > 100, "`x` es pequeño"

        @check("b", exercise="uno", points=1)
        def test_b(student):
            assert 1 == 2
        """
        + textwrap.indent(DOS, "        ")
    )["ana"]["uno"]
    said, silent = got.checks
    assert (said.outcome, said.finding.kind) == ("failed", "said")
    assert said.finding.details == {"text": "`x` es pequeño"}
    assert (silent.outcome, silent.finding.kind) == ("failed", "assertion")


def test_an_exception_in_a_check_is_broken_for_that_student_alone(run):
    fragile = """
@check("`x`", exercise="uno", points=2)
def test_x(student, reference):
    return 1 / (student["x"].tensor.item() - 5.0)
"""
    wrong = side(values(x=5.0), values(x=5.0, shift=10))
    got = run(fragile + DOS, {"ana": RIGHT, "berta": wrong, "carla": RIGHT})
    assert [got[one]["uno"].outcome for one in got] == ["passed", "broken", "passed"]
    broken = got["berta"]["uno"].checks[0]
    assert (broken.score, broken.finding.kind) == (0, "broken")
    assert got["berta"]["dos"].outcome == "passed"


STUMBLES = """
@check("p", exercise="uno", points=2)
def test_p(student, reference):
    seen = student.probe("p")["calls"]
    assert not [one for one in seen.value.items if one.value.value > 5]
"""


def probed(seen, shift=0.0):
    return values(shift=shift, probes={"uno": {"p": {"cpu": seen}}})


TRUTH = PlainValue("bool", True)
MADE = MappingValue({"calls": listed(call(number(1))), "same": TRUTH})
MISSHAPEN = {
    "no dictionary": number(1),
    "other keys": MappingValue({"calls": number(1), "other": TRUTH}),
    "no list": MappingValue({"calls": number(1), "same": TRUTH}),
    "no call": MappingValue({"calls": listed(TRUTH), "same": TRUTH}),
    "no truth": MappingValue({"calls": MADE.items["calls"], "same": number(1)}),
}


@pytest.mark.parametrize("name", MISSHAPEN)
def test_a_check_that_stumbles_over_a_result_that_no_probe_gives_is_not_broken(run, name):
    """Who writes frames by hand gets nothing, and makes nobody search for a fault of ours."""
    reference = side(probed(MADE), probed(MADE, 10), is_reference=True)
    forged = side(probed(MISSHAPEN[name]), probed(MADE, 10))
    unlike = MappingValue({"calls": listed(call(listed())), "same": TRUTH})
    honest = side(probed(unlike), probed(MADE, 10))
    stumbles = STUMBLES.replace('["calls"]', "").replace(".value.items if", ".value.items['x'] if")
    got = run(stumbles + DOS, {"ana": forged, "berta": honest}, reference)
    assert got["ana"]["uno"].checks[0].finding.kind == "run_garbled"
    assert (got["ana"]["uno"].outcome, got["ana"]["uno"].score) == ("errored", 0)
    assert got["ana"]["dos"].outcome == "passed"
    assert got["berta"]["uno"].outcome == "broken", "a check has to bear what students return"


LEAKY = """
from autograder import fail

@check("p", exercise="uno", points=2)
def test_p(student, reference):
    if student.trial:
        KIND
"""


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('fail("values", name="x", shape=[1], dtype="float32")', "values"),
        ('fail("unmoved", name="x", shape=[1], dtype="float32")', "unmoved"),
        ('fail("not_shared", names=["x", "y"])', "not_shared"),
        ('fail("built_in", name="y", operator="sigmoid")', "built_in"),
        ('fail("values", name="1234567")', "later"),
        ('fail("not_shared", names=["x", "1234567"])', "later"),
        ('fail("shape", name="x", got=[1234567], expected=[1])', "later"),
        ('fail("kind", name="x", got="1234567", asked="tensor")', "later"),
        ('fail("call_raised", name="x", error="E", message="1234567", line=1)', "later"),
        ('fail("steps", name="x", got=1234567, expected=1)', "later"),
    ],
)
def test_what_students_code_could_have_put_into_a_later_trials_finding_is_not_said(run, body, kind):
    got = run(LEAKY.replace("KIND", body) + DOS)["ana"]["uno"]
    assert (got.outcome, got.checks[0].finding.kind) == ("failed", kind)
    first = run(LEAKY.replace("KIND", body).replace("student.trial", "True") + DOS)["ana"]["uno"]
    assert first.checks[0].finding.kind == body.split('"')[1], "of trial 0 all is said"


def test_a_gap_of_the_references_is_broken(run):
    empty = side(trial({"uno": {}, "dos": {}}), trial({"uno": {}, "dos": {}}), is_reference=True)
    assert run(MATCHES + DOS, None, empty)["ana"]["uno"].outcome == "broken"


@pytest.mark.parametrize(
    "body",
    [
        "pytest.fail('no')",
        "pytest.skip('no')",
        "pytest.xfail('no')",
        "raise SystemExit",
        "with pytest.raises(ValueError): pass",
    ],
)
def test_a_check_that_ends_in_pytests_own_way_still_has_a_result(run, body):
    checks = f"""
@check("`x`", exercise="uno", points=2)
def test_x(student):
    {body}
"""
    got = run(checks + DOS, {"ana": RIGHT, "berta": RIGHT})
    for student in got:
        assert len(got[student]["uno"].checks) == 1
        assert got[student]["uno"].outcome in ("failed", "broken")
        assert got[student]["dos"].outcome == "passed"


def test_an_own_value_that_was_carried_forward_is_noted(run):
    carried = """
@check("`y`", exercise="dos", points=3)
def test_y(student, reference):
    assert_matches(student["y"], carry(lambda x: x + 1, student, reference, "x"))
"""
    student = side(values(x=7.0, y=8.0), values(x=7.0, y=8.0, shift=10))
    got = run(MATCHES + carried, {"ana": student, "berta": RIGHT})
    assert (got["ana"]["dos"].score, got["ana"]["dos"].checks[0].carried) == (3, True)
    assert got["ana"]["uno"].score == 0
    assert (got["berta"]["dos"].score, got["berta"]["dos"].checks[0].carried) == (3, False)


def test_tolerances_of_the_policy_reach_the_check_of_that_name_alone(run):
    near = side(values(x=1.3, y=2.3), values(x=1.3, y=2.3, shift=10))
    wide = Tolerance(rtol=0.0, atol=0.5)
    got = run(MATCHES + DOS, {"ana": near}, checks={"test_x": wide})["ana"]
    assert (got["uno"].score, got["dos"].score) == (2, 0)
    got = run(MATCHES + DOS, {"ana": near}, tolerances={"float32": wide})["ana"]
    assert (got["uno"].score, got["dos"].score) == (2, 3)


def test_a_damaged_exercise_costs_its_own_points(run):
    hurt = observed(trial({"dos": {"y": tensor([2.0])}}), names=NAMES, damage={"uno": "missing"})
    got = run(MATCHES + DOS, {"ana": hurt}, trials=1)["ana"]
    assert (got["uno"].score, got["dos"].score) == (0, 3)
    assert got["uno"].checks[0].finding.kind == "solution_missing"


def test_judging_twice_reads_the_checks_anew(run):
    assert run(MATCHES + DOS)["ana"]["uno"].score == 2
    assert (
        run(MATCHES.replace('reference["x"])', 'reference["dos.y"])') + DOS)["ana"]["uno"].score
        == 0
    )


def test_students_may_have_any_name(run):
    names = ["ana-1", "Ñandú", "a b", "x[1]", "::", "../..", "1"]
    got = run(MATCHES + DOS, dict.fromkeys(names, RIGHT))
    assert [got[one]["uno"].score for one in names] == [2] * len(names)


def test_judging_says_nothing_on_the_terminal(run, capsys):
    run('print("hola")' + MATCHES + DOS)
    out, err = capsys.readouterr()
    assert (out, err) == ("", "")


# --- what an author may get wrong ---------------------------------------------------------------


def mistake(run, checks, **kwargs):
    with pytest.raises(AuthorError) as caught:
        run(checks, **kwargs)
    path = run.assignment.checks_path
    return str(caught.value).replace(str(path), "FILE").replace(str(path.parent), "FOLDER")


def test_a_derived_fixture_is_refused_with_its_name(run):
    message = mistake(
        run,
        """
        @pytest.fixture
        def numbers(student):
            return 3

        @check("x", exercise="uno", points=2)
        def test_x(student, numbers):
            pass
        """,
    )
    assert message == (
        "FILE:9: the fixture 'numbers' is made once, but a check runs for every trial and device; "
        "make it a plain function and call it in the check."
    )


def test_a_check_without_student_is_refused(run):
    message = mistake(
        run, '\n@check("x", exercise="uno", points=2)\ndef test_x(reference):\n    pass\n'
    )
    assert message == "FILE:5: the check takes no `student`; add the argument."


def test_a_fixture_of_the_authors_own_reaches_the_check(run):
    got = run(
        """
        @pytest.fixture
        def three():
            return 3

        @check("x", exercise="uno", points=2)
        def test_x(student, three):
            assert three == 3
        """
        + textwrap.indent(DOS, "        "),
        {"ana": RIGHT, "berta": RIGHT},
    )
    assert got["ana"]["uno"].outcome == got["berta"]["uno"].outcome == "passed"


def test_a_check_that_its_author_skips_is_not_judged(run):
    skipped = MATCHES.replace("@check", "@pytest.mark.skip\n@check", 1)
    got = run(skipped + DOS, {"ana": RIGHT, "berta": RIGHT})
    for student in got:
        assert got[student]["uno"].checks == ()
        assert got[student]["dos"].outcome == "passed"


def test_missing_checks_are_named(run):
    run.assignment.checks_path.unlink(missing_ok=True)
    with pytest.raises(AuthorError) as caught:
        examine_checks(run.assignment, Policy())
    assert str(caught.value) == (
        f"{run.assignment.checks_path}: not found; the checks of an assignment have this name."
    )


@pytest.mark.parametrize(
    ("checks", "part"),
    [
        ("def test_(:\n", "invalid syntax"),
        ("import not_there_at_all\n", "not_there_at_all"),
        ("1 / 0\n", "division by zero"),
        ("@check('x')\ndef test_x(student): pass\n", "exercise"),
    ],
)
def test_checks_that_cannot_be_imported_are_the_authors_mistake(run, checks, part):
    assert part in mistake(run, checks)


def test_a_check_of_an_unknown_exercise_is_named_with_the_nearest(run):
    message = mistake(run, MATCHES.replace('"uno"', '"unoo"') + DOS)
    assert message == (
        "FILE:5: the check '`x`' is of exercise 'unoo', which tarea.ipynb does not have; "
        "did you mean 'uno'?"
    )


def test_points_that_do_not_add_up_are_named(run):
    message = mistake(run, MATCHES + DOS.replace("points=3", "points=2"))
    assert message == (
        "FILE:9: the checks of 'dos' are worth 2 points together, but its grade cell 'dos-check' "
        "in tarea.ipynb has 3; make them agree."
    )


def test_an_exercise_without_checks_is_named(run):
    message = mistake(run, MATCHES)
    assert message == (
        "FILE: exercise 'dos' has no check; add one with @check(…, exercise='dos', points=3)."
    )


def test_a_file_without_checks_is_the_authors_mistake(run):
    assert mistake(run, "x = 1\n").startswith("FILE: ")


def test_two_checks_of_one_name_are_refused(run):
    """Python keeps the second alone: what the first claims would be dropped in silence."""
    assert mistake(run, MATCHES + MATCHES + DOS).startswith("FILE:")


def test_examining_checks_judges_nobody(run):
    run.assignment.checks_path.write_text(HEAD + MATCHES + DOS)
    examine_checks(run.assignment, Policy())


# --- the declaration ----------------------------------------------------------------------------


def test_a_check_is_a_plain_function_with_a_mark():
    @check("Título", exercise="uno", points=2, devices=["cpu", "cuda"])
    def test_it(student):
        return 7

    assert test_it(None) == 7
    mark = test_it.autograder_check
    assert (mark.title, mark.english, mark.points, mark.penalty) == ("Título", "Título", 2, 0)
    assert mark.devices == ("cpu", "cuda")
    assert mark.for_name(None) == ("Título", "Título", 2)


def test_a_check_remembers_its_farthest_comparison_over_trials_and_assertions(run):
    far = side(values(x=1.0, y=2.25), values(x=1.5, y=2.0, shift=10))
    within = {"test_x": Tolerance(rtol=0.0, atol=1.0), "test_y": Tolerance(rtol=0.0, atol=1.0)}

    run(MATCHES + DOS, {"ana": RIGHT, "berta": far}, checks=within)

    distances = {who: [one.distance for one in run.batch.results[who]] for who in ("ana", "berta")}
    assert distances == {"ana": [0.0, 0.0], "berta": [0.5, 0.25]}


def test_a_check_that_compares_no_numbers_has_no_distance(run):
    checks = """
        @check("`x`", exercise="uno", points=2)
        def test_x(student): assert student["x"].kind == "tensor"
        """

    run(checks + textwrap.indent(DOS, "        "))

    assert [one.distance for one in run.batch.results["ana"]] == [None, 0.0]
