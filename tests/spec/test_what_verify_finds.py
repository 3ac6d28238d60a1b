"""What is wrong with an assignment is found by `verify`, and told in one sentence."""

from __future__ import annotations

import re

import nbformat
import pytest
import yaml

from autograder.errors import AuthorError

pytestmark = pytest.mark.heavy


def claim(proof, what):
    return next(one for one in proof.claims if one.what == what)


def failing(proof):
    """The claims that do not hold."""
    return [one.what for one in proof.claims if not one.holds]


def only_problem(proof, what):
    """The one problem that there is, which has to be of claim ``what``."""
    assert failing(proof) == [what]
    assert not proof.holds
    (problem,) = claim(proof, what).problems
    return problem


ALWAYS = """

@check("`{name}` es algo", en="always", exercise="{exercise}")
def test_always(student, reference):
    {body}
"""


def test_a_sound_assignment_is_verified(prove):
    proof = prove()

    assert [one.what for one in proof.claims] == [
        "reference",
        "starter",
        "release",
        "misconceptions",
        "mutants",
        "checks",
    ]
    assert [(*one.problems, *one.warnings) for one in proof.claims] == [()] * 6
    assert proof.holds
    assert not proof.partial
    assert proof.survivors == []
    assert proof.mutants > 8
    assert proof.seconds > 0
    assert proof.devices == ("cpu",)
    assert proof.confusion == {
        "otra-semilla": {"otra-semilla": 1},
        "media-en-vez-de-suma": {"media-en-vez-de-suma": 1},
        "cuadrado-en-vez-de-doble": {"cuadrado-en-vez-de-doble": 1},
    }
    assert [(one.exercise, one.check) for one in proof.margins] == [
        ("suma", "`x`"),
        ("suma", "`y`"),
        ("doble", "`doble`"),
    ]
    assert all(one.wrong > 10 for one in proof.margins)


# --- the reference -------------------------------------------------------------------------------


def test_a_reference_that_depends_on_the_time_is_told_with_how_often_it_failed(prove, small_course):
    small_course.change("source", "torch.randn(3)", "torch.randn(3) + time.time_ns() % 9973")
    small_course.change("source", "import torch", "import time\nimport torch")

    problems = claim(prove(), "reference").problems

    assert re.fullmatch(
        r"suma: '`x`' does not pass in (9|10) of 10 equal runs: it is not deterministic\.",
        problems[0],
    )


def test_a_reference_that_draws_without_a_seed_is_told(prove, small_course):
    small_course.change("source", "import torch", "import torch\nruido = torch.rand(1)")
    small_course.change("source", "torch.randn(3)", "torch.randn(3) + ruido")

    proof = prove()

    problem = only_problem(proof, "reference")
    assert problem == (
        "suma: '`x`' does not pass when the generators start elsewhere: "
        "something draws without a seed."
    )
    assert claim(proof, "reference").said.startswith("every point in 11 of 12 runs")


def test_a_reference_that_needs_one_thread_is_told(prove, small_course):
    small_course.change("source", "torch.randn(3)", "torch.randn(3) * torch.get_num_threads()")

    assert only_problem(prove(), "reference") == "suma: '`x`' does not pass with 2 threads."


def test_a_tolerance_near_the_references_noise_is_a_warning_only(prove, small_course):
    small_course.change("source", "import torch", "import time\nimport torch")
    noisy = "x = torch.randn(3) + 3e-6 * (time.time_ns() // 1000 % 2)"
    small_course.change("source", "x = torch.randn(3)", noisy)
    wide = {"test_x": {"rtol": 0.0, "atol": 1e-5}, "test_y": {"rtol": 0.0, "atol": 1e-4}}
    configure(small_course, checks=wide)

    proof = prove()

    assert claim(proof, "reference").holds
    assert claim(proof, "checks").holds
    (warning,) = (one for one in claim(proof, "checks").warnings if "noise" in one)
    assert re.fullmatch(
        r"suma: '`x`': the tolerance is only 3\.\d times the reference's own noise\.", warning
    )


def configure(small_course, **policy):
    path = small_course.root / "grading_config.yaml"
    config = yaml.safe_load(path.read_text("utf-8"))
    config["assignments"]["tarea"] = policy
    path.write_text(yaml.safe_dump(config), "utf-8")


# --- the release ---------------------------------------------------------------------------------


def test_a_check_that_passes_for_the_stub_is_told(prove, small_course):
    small_course.add("checks", ALWAYS.format(name="x", exercise="suma", body="pass"))

    proof = prove()

    assert failing(proof) == ["starter", "checks"]
    (problem,) = claim(proof, "starter").problems
    assert problem == "suma: 'always' passes for the untouched stub."
    assert claim(proof, "starter").said == "1 check passed"


def test_a_solution_that_stands_behind_its_region_is_told_though_the_stub_raises(
    prove, small_course
):
    small_course.change("source", "    return 2 * z\n    ### END SOLUTION", "    ### END SOLUTION")
    small_course.change("source", "    ### END SOLUTION", "    ### END SOLUTION\n    return 2 * z")

    problem = only_problem(prove(), "starter")

    assert problem == (
        "doble: '`doble`' passes for the stub once it no longer raises: it accepts anything, or a "
        "part of the solution stands outside its region."
    )


def test_an_assignment_of_the_solution_outside_its_region_is_told(prove, small_course):
    small_course.change("source", "y = x.sum()\n### END SOLUTION", "### END SOLUTION\ny = x.sum()")

    problem = only_problem(prove(), "release")

    assert problem == (
        "suma: the line 'y = x.sum()' of its released cell makes what is asked for; does it "
        "belong in the solution region?"
    )


def test_a_solution_that_a_statement_shows_is_told(prove, small_course):
    small_course.change("source", "Escribe `doble(z)`,", "Con `return 2 * z` escribe `doble(z)`,")

    problem = only_problem(prove(), "release")

    assert problem == "doble: the whole solution stands in the release."


def test_a_line_of_a_check_in_the_statement_is_told(prove, small_course):
    line = 'assert_matches(student["x"], reference["x"])'
    small_course.change("source", "Escribe `doble(z)`,", f"`{line}`. Escribe `doble(z)`,")

    assert only_problem(prove(), "release") == (
        f"test_tarea.py: its line {line!r} is in the release."
    )


# --- the checks ----------------------------------------------------------------------------------


def test_a_check_that_accepts_everything_is_told_and_its_survivors_are_shown_as_diffs(
    prove, small_course
):
    small_course.change(
        "checks",
        'assert_matches(student.probe("dobla"), reference.probe("dobla"))',
        'assert_ran(student.probe("dobla"))',
    )
    small_course.change("checks", "import assert_matches", "import assert_matches, assert_ran")

    proof = prove()

    assert failing(proof) == ["starter", "misconceptions", "mutants", "checks"]
    (problem,) = claim(proof, "starter").problems
    assert "passes for the stub once it no longer raises: it accepts anything, or" in problem
    (problem,) = claim(proof, "mutants").problems
    assert problem == "fewer than 95% of the mutants are caught; the survivors are listed."
    assert {one.exercise for one in proof.survivors} == {"doble"}
    swapped = next(one for one in proof.survivors if one.change == "`2 * z` → `2 / z`")
    assert (swapped.operator, swapped.line) == ("replace-arithmetic", 3)
    assert "\n-    return 2 * z\n+    return 2 / z\n" in swapped.diff


def test_a_check_that_only_what_raises_fails_counts_as_never_failing(prove, small_course):
    small_course.change("checks", "import assert_matches", "import assert_matches, assert_ran")
    body = 'assert_ran(student.probe("dobla"))'
    small_course.add(
        "misconceptions",
        """- id: metodo-que-no-hay
  exercise: doble
  replace:
    - old: "2 * z"
      new: "z.doble()"
  loses:
    doble: 1
  es: Los tensores no tienen ese método.
  en: Tensors have no such method.
""",
    )
    small_course.add("checks", ALWAYS.format(name="doble", exercise="doble", body=body))

    proof = prove()

    lines = small_course.path("checks").read_text("utf-8").split("\n")
    line = lines.index('@check("`doble` es algo", en="always", exercise="doble")') + 1
    assert only_problem(proof, "checks") == (
        f"{small_course.path('checks')}:{line}: no wrong answer that ran failed 'always'; add a "
        "misconception of 'doble' that it notices."
    )


def test_points_that_do_not_agree_are_refused(prove, small_course):
    old = 'exercise="doble", points=1'
    small_course.change("checks", old, old.replace("1", "2"))

    with pytest.raises(AuthorError, match=r"worth 2 points together, but .* has 1; make them agr"):
        prove()


def test_an_exercise_without_a_check_is_refused(prove, small_course):
    old, new = 'exercise="doble", points=1', 'exercise="suma", points=0'
    small_course.change("checks", old, new)

    with pytest.raises(AuthorError, match="exercise 'doble' has no check; add one with @check"):
        prove()


def test_a_wrong_answer_near_the_tolerance_is_a_warning_only(prove, small_course):
    configure(small_course, checks={"test_double": {"rtol": 0.0, "atol": 0.5}})
    near = small_course.path("misconceptions").read_text("utf-8")
    near = near.replace('"z * z"', '"2 * z + 0.6"')
    small_course.path("misconceptions").write_text(near, "utf-8")

    warnings = claim(prove(), "checks").warnings

    assert warnings == ["doble: '`doble`': a wrong answer is only 1.2 times the tolerance off."]


# --- wrong answers -------------------------------------------------------------------------------


def line_of(small_course, id):
    lines = small_course.path("misconceptions").read_text("utf-8").split("\n")
    return lines.index(f"- id: {id}") + 1


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("doble: 0.5", ["loses 1.00 points of 'doble', not 0.5."]),
        (
            "suma: 1",
            ["loses 0.00 points of 'suma', not 1.", "loses 1.00 points of 'doble', not 0."],
        ),
        ("doble: 1\n    suma: 2", ["loses 0.00 points of 'suma', not 2."]),
    ],
    ids=["more", "elsewhere", "less"],
)
def test_a_misconception_that_loses_something_else_than_it_says_is_told_with_its_line(
    prove, small_course, says, told
):
    small_course.change("misconceptions", "    doble: 1", f"    {says}")

    proof = prove()

    assert failing(proof) == ["misconceptions"]
    id = "cuadrado-en-vez-de-doble"
    where = f"{small_course.path('misconceptions')}:{line_of(small_course, id)}: {id!r} "
    assert claim(proof, "misconceptions").problems == [where + one for one in told]
    assert claim(proof, "misconceptions").said.startswith("2 of 3 lose what they say; 3 are told")


def test_a_misconception_whose_old_text_does_not_occur_is_refused(prove, small_course):
    small_course.change("misconceptions", 'old: "2 * z"', 'old: "3 * z"')

    with pytest.raises(AuthorError, match=r"yaml:\d+: the old text '3 \* z' does not occur in "):
        prove()


def test_misconceptions_that_are_told_anothers_sentence_are_named(prove, small_course):
    small_course.add(
        "misconceptions",
        """- id: producto-consigo-mismo
  exercise: doble
  replace:
    - old: "2 * z"
      new: "z.square()"
  loses:
    doble: 1
  es: Es el cuadrado, otra vez.
  en: This is the square again.
""",
    )

    proof = prove()

    assert only_problem(proof, "misconceptions") == (
        f"{small_course.path('misconceptions')}: fewer than 95% of the misconceptions are told "
        "their own sentence: not producto-consigo-mismo."
    )
    told = {"cuadrado-en-vez-de-doble": 1}
    assert proof.confusion["producto-consigo-mismo"] == told
    said = "4 of 4 lose what they say; 3 are told their own sentence"
    assert claim(proof, "misconceptions").said == said


def test_an_assignment_without_misconceptions_is_warned_about_only(prove, small_course):
    small_course.path("misconceptions").unlink()

    proof = prove()

    assert proof.holds
    assert claim(proof, "misconceptions").warnings == [
        f"{small_course.path('misconceptions')}: there is none."
    ]


def test_a_mutant_that_shows_what_is_right_is_listed_apart(prove, small_course):
    small_course.change("source", "y = x.sum()", "y = x.sum()\ndel_todo = 3")

    proof = prove()

    assert proof.holds
    assert {one.change for one in proof.equivalent} == {"`3` → `0`", "`3` → `4`"}
    assert proof.survivors == []
    assert claim(proof, "mutants").said.endswith("; 2 more are equivalent")


def test_memory_that_only_a_mutant_shares_makes_it_a_survivor(prove, small_course):
    small_course.change("source", "y = x.sum()", "y = x.sum()\nz = x.clone()")
    notebook = nbformat.read(small_course.path("source"), as_version=4)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "suma":
            cell.metadata.autograder.names["z"] = {"kind": "tensor"}
    nbformat.write(notebook, small_course.path("source"))

    proof = prove()

    assert "`x.clone()` → `x`" in {one.change for one in proof.survivors}


def test_fewer_mutants_than_asked_for_make_a_partial_proof(prove):
    proof = prove(limit=2)

    assert (proof.mutants, proof.partial, proof.holds) == (2, True, True)


# --- the course's own assignments ----------------------------------------------------------------


def test_every_assignment_of_the_course_is_verified_as_it_is_now(repository, each_assignment):
    from autograder.course import Course
    from autograder.verify.proof import proven

    course = Course.at(repository)
    assignment = course.assignment(each_assignment)

    assert proven(assignment, course.policy(each_assignment)), (
        f"run `autograder verify {each_assignment}` and commit {assignment.proof_path.name}"
    )
