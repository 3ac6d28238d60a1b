"""What a check may look at, and why it may not: every gap in what was seen is a finding."""

from __future__ import annotations

import pytest
import torch
from handmade import (
    GENERATOR,
    call,
    listed,
    model,
    number,
    observed,
    seen,
    tensor,
    trial,
    view,
)

from autograder.judge.finding import CheckFailed, Finding
from autograder.judge.seen import Broken
from autograder.observation import CellRun
from autograder.sandbox import Ended
from autograder.values import Error, MappingValue, NoValue
from autograder.words import FINDINGS, Words

NAMES = {"uno": ["x"], "dos": ["y"]}


def refused(look):
    with pytest.raises(CheckFailed) as caught:
        look()
    failed = caught.value
    for language in ("es", "en"):
        assert Words(language).finding(failed.finding)
    return failed.outcome, failed.finding


def side(one, exercise="uno", **kwargs):
    return view(observed(one, names=NAMES, **kwargs), exercise)


# --- names --------------------------------------------------------------------------------------


def test_a_name_is_seen_as_its_exercises_cell_left_it():
    one = trial({"uno": {"x": number(1)}, "dos": {"y": number(2), "x": number(3)}})
    student = side(one, "dos")
    assert student["y"].value == number(2)
    assert student["x"].value == number(1)
    assert student["dos.x"].value == number(3)
    assert student["uno.x"].label == "x"
    assert student["x"].public
    assert not student["x"].is_reference


def test_a_name_of_two_exercises_is_the_nearest_earlier_ones():
    names = {"uno": ["x"], "dos": ["x"], "tres": []}
    one = trial({"uno": {"x": number(1)}, "dos": {"x": number(2)}, "tres": {}})
    for exercise, value in {"uno": 1, "dos": 2, "tres": 2}.items():
        assert view(observed(one, names=names), exercise)["x"].value == number(value)


def test_a_name_that_no_exercise_asks_for_is_the_authors_mistake():
    one = trial({"uno": {"x": number(1)}, "dos": {}})
    with pytest.raises(Broken):
        side(one, "uno")["y"]
    with pytest.raises(Broken):
        side(one, "dos")["z"]


def test_trial_0s_value_stands_beside_a_later_ones():
    trials = [trial({"uno": {"x": number(one)}}) for one in (1, 2)]
    both = observed(*trials, names={"uno": ["x"]})
    assert view(both, trial=0)["x"].earlier is None
    assert view(both, trial=1)["x"].earlier == number(1)
    assert view(both, trial=1)["x"].value == number(2)
    assert view(both).trials_of("x") == [number(1), number(2)]


def test_a_trial_that_lacks_a_name_gives_nothing_for_it():
    trials = [trial({"uno": {"x": number(1)}}), trial({"uno": {}}), trial({})]
    assert view(observed(*trials, names={"uno": ["x"]})).trials_of("x") == [number(1), None, None]


def test_an_undefined_name_is_a_failure():
    one = trial({"uno": {}, "dos": {}})
    assert refused(lambda: side(one)["x"]) == ("failed", Finding("undefined", {"name": "x"}))


def test_a_name_of_another_cell_is_told_so():
    one = trial({"uno": {}, "dos": {}}, elsewhere=["x"])
    assert refused(lambda: side(one)["x"]) == ("failed", Finding("elsewhere", {"name": "x"}))


def test_a_name_that_a_raising_cell_did_not_reach_is_an_error():
    one = trial({"uno": {}, "dos": {}}, errors={0: Error("ValueError", "no", 3)})
    assert refused(lambda: side(one)["x"]) == (
        "errored",
        Finding("cell_raised", {"name": "x", "error": "ValueError", "message": "no", "line": 3}),
    )


def test_of_a_raising_cell_too_a_left_over_is_told():
    one = trial({"uno": {}, "dos": {}}, elsewhere=["x"], errors={0: Error("ValueError", "", 1)})
    assert refused(lambda: side(one)["x"]) == ("failed", Finding("elsewhere", {"name": "x"}))


def test_an_untouched_stub_is_unsolved():
    one = trial({"uno": {}, "dos": {}}, errors={0: Error("NotImplementedError", "", 1)})
    assert refused(lambda: side(one)["x"]) == ("errored", Finding("unsolved", {"name": "x"}))


def test_an_untouched_stub_is_unsolved_though_another_cell_left_its_name():
    error = Error("NotImplementedError", "", 1)
    one = trial({"uno": {}, "dos": {}}, elsewhere=["x"], errors={0: error})
    assert refused(lambda: side(one)["x"]) == ("errored", Finding("unsolved", {"name": "x"}))


def test_a_name_bound_before_the_cell_raised_counts():
    one = trial({"uno": {"x": number(1)}, "dos": {}}, errors={0: Error("E", "", 3)})
    assert side(one)["x"].value == number(1)


def test_an_interrupted_cell_timed_out():
    one = trial({"uno": {}, "dos": {}})
    one.cells[0] = CellRun("interrupted", Error("Interrupted", "", 2), 10.0)
    assert refused(lambda: side(one)["x"]) == (
        "timed_out",
        Finding("cell_interrupted", {"name": "x"}),
    )


def test_a_missing_solution_cell_is_told_before_anything_else():
    one = trial({"dos": {}}, ending="died")
    for how in ("missing", "retyped"):
        outcome, finding = refused(lambda how=how: side(one, damage={"uno": how})["x"])
        assert (outcome, finding.kind) == ("failed", f"solution_{how}")


def test_a_snapshot_without_its_cell_is_no_fault_of_ours():
    """Frames come from the student's process: a snapshot may come without a cell."""
    one = trial({"uno": {}, "dos": {}})
    one.cells.clear()
    assert refused(lambda: side(one)["x"])[0] in ("failed", "errored")


ENDINGS = (
    list(Ended.__dataclass_fields__["how"].type.__args__)
    if not isinstance(Ended.__dataclass_fields__["how"].type, str)
    else ["finished", "timed_out", "out_of_memory", "died", "garbled", "too_large"]
)


@pytest.mark.parametrize("how", ENDINGS)
def test_a_cell_that_ended_the_run_says_how_and_later_ones_are_blocked(how):
    one = trial({}, ending=how)
    outcome, finding = refused(lambda: side(one, "uno")["x"])
    assert (outcome, finding.kind) == (
        "timed_out" if how == "timed_out" else "errored",
        f"run_{how}",
    )
    assert refused(lambda: side(one, "dos")["y"]) == ("blocked", Finding("blocked", {"how": how}))


def test_exercises_before_the_end_of_the_run_keep_their_values():
    one = trial({"uno": {"x": number(1)}}, ending="timed_out")
    assert side(one, "uno")["x"].value == number(1)
    assert refused(lambda: side(one, "dos")["y"])[0] == "timed_out"


def test_a_gap_on_the_references_side_is_our_fault():
    one = trial({"uno": {}}, ending="died")
    for exercise, name in (("uno", "x"), ("dos", "y")):
        with pytest.raises(Broken):
            side(one, exercise, is_reference=True)[name]
    with pytest.raises(Broken):
        side(one, "uno", is_reference=True).probe("p")


def test_the_generator_is_that_after_the_exercise():
    one = trial({"uno": {}, "dos": {}})
    assert side(one).generator("uno") is GENERATOR


# --- probes -------------------------------------------------------------------------------------


def probed(value, ending="finished"):
    one = trial({"uno": {}, "dos": {}}, {"uno": {"p": {"cpu": value}}}, ending=ending)
    return side(one)


def test_a_probe_is_named_by_the_function_that_it_called():
    assert probed(call(number(1), "activation")).probe("p").label == "activation"
    assert probed(listed(number(1), call(number(1), "fit"))).probe("p").label == "fit"
    assert probed(MappingValue({"a": call(number(1), "fit")})).probe("p").label == "fit"
    assert probed(number(1)).probe("p").label == "p"


def test_values_of_probes_are_never_public():
    got = probed(listed(call(tensor([1.0])))).probe("p")
    assert not got.public
    assert not got[0].public
    assert not got[0].returned.public


def test_parts_of_a_probe_are_taken_by_place_and_key():
    got = probed(MappingValue({"a": listed(call(number(7), "g"))})).probe("p")
    part = got["a"][0]
    assert part.label == "g"
    assert part.returned.value == number(7)
    assert part.kind == "function"
    assert part.returned.kind == "int"
    assert part.named("otro").label == "otro"


@pytest.mark.parametrize("key", ["b", 0, 7])
def test_a_part_that_is_missing_is_the_students_or_our_fault(key):
    value = MappingValue({"a": number(1)})
    outcome, finding = refused(lambda: seen(value)[key])
    assert (outcome, finding.kind) == ("failed", "too_large")
    with pytest.raises(Broken):
        model(value)[key]
    assert refused(lambda: seen(number(1))[key])[0] == "failed"


def test_a_function_that_is_missing_is_undefined():
    got = probed(NoValue("missing", "f"))
    assert refused(lambda: got.probe("p")) == ("failed", Finding("undefined", {"name": "f"}))


def test_a_function_of_another_cell_is_told_so():
    value = NoValue("missing", "f")
    one = trial({"uno": {}, "dos": {}}, {"uno": {"p": {"cpu": value}}}, elsewhere=["f"])
    assert refused(lambda: side(one).probe("p"))[1] == Finding("elsewhere", {"name": "f"})


def test_a_probe_that_was_interrupted_timed_out():
    got = probed(NoValue("interrupted"))
    assert refused(lambda: got.probe("p")) == ("timed_out", Finding("call_interrupted"))


def test_a_probe_that_failed_is_an_error_with_its_message():
    got = probed(NoValue("failure", error=Error("TypeError", "no", None)))
    outcome, finding = refused(lambda: got.probe("p"))
    assert (outcome, finding.kind) == ("errored", "probe_failed")


@pytest.mark.parametrize("value", [NoValue("cut"), NoValue("failure")])
def test_a_probe_without_a_value_has_a_sentence(value):
    """The recorder never sends these for a whole probe; a student's process may."""
    assert refused(lambda: probed(value).probe("p"))[0] in ("failed", "errored")


@pytest.mark.parametrize("how", ENDINGS)
def test_a_probe_that_ended_the_run_says_how(how):
    one = trial({"uno": {}}, ending=how)
    assert refused(lambda: side(one).probe("p"))[1] == Finding(f"run_{how}")


def test_a_probe_of_a_cell_that_never_ran_is_blocked():
    one = trial({}, ending="died")
    assert refused(lambda: side(one, "dos").probe("p"))[0] == "blocked"


def test_a_probe_is_asked_for_on_the_device_of_the_round():
    one = trial({"uno": {}}, {"uno": {"p": {"cpu": number(1), "cuda": number(2)}}})
    both = observed(one, names=NAMES)
    assert view(both, device="cpu").probe("p").value == number(1)
    assert view(both, device="cuda").probe("p").value == number(2)


def test_a_failed_probe_on_the_references_side_is_our_fault():
    one = trial({"uno": {}}, {"uno": {"p": {"cpu": NoValue("failure")}}})
    with pytest.raises(Broken):
        side(one, is_reference=True).probe("p")


def test_the_values_of_tensors_and_arrays_are_at_hand():
    assert torch.equal(seen(tensor([1.0])).tensor, torch.tensor([1.0]))
    assert seen(number(1)).tensor is None


def test_every_ending_of_the_sandbox_has_a_sentence():
    assert {f"run_{how}" for how in ENDINGS} <= FINDINGS.keys()
