"""``autograder verify``, and ``release``, which asks for what it has proven."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.heavy

T = "tarea"
FILES = ("source", "checks", "probes", "misconceptions")


@pytest.fixture
def course(small_course):
    """The small course as it comes from its author: nothing is proven yet."""
    assert not small_course.path("proof").exists()
    return small_course


@pytest.fixture
def verify(autograder, course):
    return lambda *more: autograder("verify", "--course", course.root, *more)


@pytest.fixture
def release(autograder, course):
    return lambda *more: autograder("release", "--course", course.root, *more)


def files(root):
    """All files of the course but those of our own state, with their bytes."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".autograder" not in path.parts
    }


def spoil(course):
    course.change("misconceptions", "    doble: 1", "    doble: 0.5")


# --- verify --------------------------------------------------------------------------------------


def test_what_holds_is_told_with_status_0(verify):
    ran = verify()

    assert (ran.status, ran.err) == (0, "")
    assert f"{T}: verified" in ran.out
    for what in ("reference", "starter", "release", "misconceptions", "mutants", "checks"):
        assert any(what in line and "yes" in line for line in ran.out.split("\n"))
    assert "NO" not in ran.out
    assert "problem:" not in ran.out


def test_what_does_not_hold_is_told_with_status_1(verify, course):
    spoil(course)

    ran = verify()

    assert ran.status == 1
    assert ran.err == f"autograder: not verified: {T}.\n"
    assert f"{T}: NOT verified" in ran.out
    (line,) = (line for line in ran.out.split("\n") if line.startswith("problem: "))
    assert line.endswith("'cuadrado-en-vez-de-doble' loses 1.00 points of 'doble', not 0.5.")


def test_an_assignment_that_is_not_there_is_told_with_status_2(verify):
    ran = verify("otra")

    assert ran.status == 2
    assert ran.err == f"autograder: there is no assignment 'otra' in grading_config.yaml: {T}.\n"


def test_a_mistake_of_the_authors_is_told_with_status_2_before_anything_is_observed(verify, course):
    course.change("misconceptions", 'old: "2 * z"', 'old: "3 * z"')

    ran = verify()

    assert ran.status == 2
    assert ran.err.count("\n") == 1
    assert "the old text '3 * z' does not occur in the solution cell of 'doble'" in ran.err


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_narrow_terminal_loses_nothing(verify, course, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    long = "cuadrado-en-vez-de-doble-que-era-lo-que-pedia-el-enunciado-de-este-ejercicio"
    course.change("misconceptions", "id: cuadrado-en-vez-de-doble", f"id: {long}")

    ran = verify("--mutants", 3)

    table = [line for line in ran.out.split("\n") if line.startswith(("│", "┃"))]
    assert max(map(len, table)) <= columns
    assert "…" not in ran.out
    cells = "".join(line.split("│")[1].strip() for line in table if line.startswith("│"))
    assert long in cells


def test_json_has_a_list_with_all_that_was_found(verify, tmp_path):
    path = tmp_path / "found" / "proofs.json"

    ran = verify(T, "--json", path)

    (proof,) = json.loads(path.read_text("utf-8"))
    assert ran.status == 0
    assert proof["assignment"] == T
    assert proof["holds"] is True
    assert [one["what"] for one in proof["claims"]] == [
        "reference",
        "starter",
        "release",
        "misconceptions",
        "mutants",
        "checks",
    ]
    assert proof["confusion"]["otra-semilla"] == {"otra-semilla": 1}
    assert [one["check"] for one in proof["margins"]] == ["`x`", "`y`", "`doble`"]
    assert proof["mutants"]["made"] > 8
    assert proof["devices"] == ["cpu"]
    assert proof["seconds"] > 0


def test_json_is_written_of_what_does_not_hold_as_well(verify, course, tmp_path):
    spoil(course)

    ran = verify("--json", tmp_path / "proofs.json")

    (proof,) = json.loads((tmp_path / "proofs.json").read_text("utf-8"))
    assert (ran.status, proof["holds"]) == (1, False)
    assert "not 0.5." in proof["claims"][3]["problems"][0]


def test_quiet_prints_nothing_but_what_failed(verify, course):
    ran = verify("--quiet")
    assert (ran.status, ran.out, ran.err) == (0, "", "")

    spoil(course)

    ran = verify("--quiet")
    assert (ran.status, ran.out, ran.err) == (1, "", f"autograder: not verified: {T}.\n")


def test_all_that_is_left_is_a_proof_beside_the_source_that_says_the_same_every_time(
    verify, course
):
    before = files(course.root)

    verify()

    after = files(course.root)
    proof = f"solutions/{T}/proof_{T}.json"
    assert {name: after[name] for name in after if name != proof} == before
    kept = json.loads(after[proof])
    assert kept.keys() == {"assignment", "holds", "digest", "claims"}
    assert kept["holds"] is True
    verify()
    assert files(course.root) == after


def test_nothing_is_recorded(verify, course, hand_in, notebooks):
    verify()

    for name in ("gradebook.db", "submitted", "autograded", "feedback", "assignments"):
        assert not (course.root / name).exists()
    assert not (course.root / ".autograder" / "reports").exists()


def test_a_proof_that_held_is_replaced_by_one_that_does_not(verify, course):
    verify()
    spoil(course)

    verify()

    assert json.loads(course.path("proof").read_text("utf-8"))["holds"] is False


def test_fewer_mutants_are_a_quick_look_of_which_no_proof_is_noted(verify, course):
    ran = verify("--mutants", 2)

    assert ran.status == 0
    assert "2 of 2 caught" in ran.out
    assert "not noted: fewer mutants than a proof needs" in ran.out
    assert not course.path("proof").exists()


def test_a_quick_look_that_finds_something_is_noted(verify, course):
    verify()
    spoil(course)

    ran = verify("--mutants", 0)

    assert ran.status == 1
    assert "not noted" not in ran.out
    assert json.loads(course.path("proof").read_text("utf-8"))["holds"] is False


def test_as_many_mutants_as_there_are_make_a_proof(verify, course):
    verify("--mutants", 100)

    assert json.loads(course.path("proof").read_text("utf-8"))["holds"] is True


# --- release -------------------------------------------------------------------------------------


@pytest.fixture
def proven(course, vouch):
    vouch(course.root)


REFUSED = (
    f"autograder: not verified as it is now: {T}; run `autograder verify {T}`, or release with "
    "--unverified.\n"
)


def test_release_refuses_what_was_never_verified_and_writes_nothing(release, course):
    before = files(course.root)

    ran = release()

    assert (ran.status, ran.out, ran.err) == (2, "", REFUSED)
    assert files(course.root) == before


def test_release_takes_what_verify_has_proven(verify, release):
    verify()

    ran = release()

    assert (ran.status, ran.err) == (0, "")
    assert ran.out == f"assignments/{T}/{T}.ipynb: released\n"


def test_release_refuses_what_verify_found_wrong(verify, release, course):
    spoil(course)
    verify()

    ran = release()

    assert (ran.status, ran.err) == (2, REFUSED)


@pytest.mark.parametrize("part", FILES)
def test_release_refuses_again_after_a_change_of_any_file(release, course, proven, part):
    assert release().status == 0
    course.add(part, "\n# otra línea\n")

    ran = release()

    assert (ran.status, ran.out, ran.err) == (2, "", REFUSED)


def test_release_refuses_again_after_a_change_of_the_tolerances(release, course, proven):
    path = course.root / "grading_config.yaml"
    text = path.read_text("utf-8").replace(
        f"{T}: null", f"{T}: {{checks: {{test_x: {{rtol: 0.5}}}}}}"
    )
    path.write_text(text, "utf-8")

    ran = release()

    assert (ran.status, ran.err) == (2, REFUSED)


def test_unverified_releases_and_says_so(release, course):
    ran = release("--unverified")

    assert (ran.status, ran.err) == (0, "")
    assert ran.out == f"assignments/{T}/{T}.ipynb: released, NOT VERIFIED\n"
    assert (course.root / f"assignments/{T}/{T}.ipynb").exists()


def test_unverified_says_nothing_of_what_is_verified(release, proven):
    assert release("--unverified").out == f"assignments/{T}/{T}.ipynb: released\n"


def test_the_proof_is_not_released(release, course, proven):
    release()

    assert [path.name for path in (course.root / f"assignments/{T}").iterdir()] == [f"{T}.ipynb"]
