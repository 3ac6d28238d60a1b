"""What was proven: what it is about, what is kept of it, and when it counts."""

from __future__ import annotations

import json

import pytest
from handmade import assignment

from autograder.config import Assignment as Policy
from autograder.verify.proof import Claim, Margin, Mutated, Proof, digest_of, proven

FILES = ("source_path", "checks_path", "probes_path", "misconceptions_path")
POLICY = Policy()


@pytest.fixture
def source(tmp_path):
    made = assignment(tmp_path)
    for path in FILES[1:]:
        getattr(made, path).write_text(f"# {path}\n", "utf-8")
    return made


def laid(**settings):
    return Policy.model_validate(settings)


SURVIVOR = Mutated("uno", "change-seed", 2, "`7` → `8`", "-7\n+8")


def proof(source, seconds=3.21, **changes):
    return Proof(
        source.name,
        digest_of(source, POLICY),
        **{
            "claims": [Claim("reference", "every point in 12 of 12 runs")],
            "confusion": {"otra": {"otra": 2, "-": 1}},
            "margins": [Margin("uno", "`x`", None, 12.5), Margin("dos", "`y`", 1e6, None)],
            "mutants": 5,
            "equivalent": [SURVIVOR],
            "survivors": [SURVIVOR],
            "devices": ("cpu",),
            "seconds": seconds,
            **changes,
        },
    )


def keep(source, one):
    source.proof_path.write_text(json.dumps(one.summary()), "utf-8")


# --- the digest ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES)
def test_the_digest_changes_with_each_file(source, path):
    before = digest_of(source, POLICY)

    getattr(source, path).write_bytes(getattr(source, path).read_bytes() + b"\n")

    assert digest_of(source, POLICY) != before


@pytest.mark.parametrize("path", FILES[1:])
def test_the_digest_changes_with_a_file_that_goes(source, path):
    before = digest_of(source, POLICY)

    getattr(source, path).unlink()

    assert digest_of(source, POLICY) != before


def test_text_that_moves_from_one_file_to_another_changes_the_digest(source):
    before = digest_of(source, POLICY)
    checks, probes = source.checks_path.read_bytes(), source.probes_path.read_bytes()

    source.checks_path.write_bytes(probes)
    source.probes_path.write_bytes(checks)

    assert digest_of(source, POLICY) != before


@pytest.mark.parametrize(
    "settings",
    [
        {"tolerances": {"float32": {"rtol": 0.1}}},
        {"checks": {"test_x": {"rtol": 0.1}}},
        {"checks": {"test_x": {"rtol": 0.1, "atol": 0.1}}},
    ],
)
def test_the_digest_changes_with_tolerances(source, settings):
    assert digest_of(source, laid(**settings)) != digest_of(source, POLICY)


def test_different_tolerances_have_different_digests(source):
    some = [laid(checks={"test_x": {"rtol": one}}) for one in (0.1, 0.2)]

    assert len({digest_of(source, one) for one in some}) == 2


def test_the_digest_changes_with_nothing_else(source):
    before = digest_of(source, POLICY)

    (source.folder / "datos.csv").write_text("1,2\n", "utf-8")
    keep(source, proof(source))
    other = laid(devices=["cpu"], trials=5, seconds_per_cell=1.0, memory_mb=512, output_kb=2)

    assert digest_of(source, other) == before


# --- the file ------------------------------------------------------------------------------------


def test_a_proof_that_holds_of_the_files_as_they_are_counts(source):
    keep(source, proof(source))

    assert proven(source, POLICY)


def test_without_a_file_nothing_is_proven(source):
    assert not proven(source, POLICY)


def test_a_proof_that_does_not_hold_does_not_count(source):
    keep(source, proof(source, claims=[Claim("starter", "1 check passed", ["it passes"])]))

    assert not proven(source, POLICY)


@pytest.mark.parametrize("path", FILES)
def test_a_proof_of_other_files_does_not_count(source, path):
    keep(source, proof(source))

    getattr(source, path).write_bytes(getattr(source, path).read_bytes() + b"\n")

    assert not proven(source, POLICY)


def test_a_proof_under_other_tolerances_does_not_count(source):
    keep(source, proof(source))

    assert not proven(source, laid(checks={"test_x": {"rtol": 0.1}}))


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"null", b"1", b"{}", b'{"holds": true}', b"\xff\xfe", b'"holds digest"'],
)
def test_a_garbled_file_proves_nothing(source, text):
    source.proof_path.write_bytes(text)

    assert not proven(source, POLICY)


@pytest.mark.parametrize("holds", ["no", 1, None, [True]])
def test_only_true_holds(source, holds):
    kept = {**proof(source).summary(), "holds": holds}
    source.proof_path.write_text(json.dumps(kept), "utf-8")

    assert not proven(source, POLICY)


def test_a_folder_in_its_place_proves_nothing(source):
    source.proof_path.mkdir()

    assert not proven(source, POLICY)


# --- what is kept and what is written ------------------------------------------------------------


def test_the_summary_says_the_same_of_every_run(source):
    slow = proof(source, seconds=99.0, margins=[Margin("uno", "`x`", 3.0, 4.0)], confusion={})

    assert slow.summary() == proof(source).summary()
    assert proof(source).summary() == {
        "assignment": "tarea",
        "holds": True,
        "digest": digest_of(source, POLICY),
        "claims": {"reference": "every point in 12 of 12 runs"},
    }


def test_one_problem_is_enough_and_a_warning_is_none(source):
    fine, warned = Claim("a", "", warnings=["narrow"]), Claim("b", "", ["wrong"])

    assert (fine.holds, warned.holds) == (True, False)
    assert proof(source, claims=[fine]).holds
    assert not proof(source, claims=[fine, warned]).holds


def test_all_of_it_is_json_that_is_read_as_it_was_written(source):
    one = proof(source, claims=[Claim("a", "s", ["wrong"], ["narrow"])], partial=True)

    written = one.json()

    assert json.loads(json.dumps(written, allow_nan=False)) == written
    assert written["claims"] == [
        {"what": "a", "holds": False, "said": "s", "problems": ["wrong"], "warnings": ["narrow"]}
    ]
    assert written["margins"][0] == {
        "exercise": "uno",
        "check": "`x`",
        "noise": None,
        "wrong": 12.5,
    }
    assert written["mutants"]["made"] == 5
    assert written["mutants"]["survivors"] == written["mutants"]["equivalent"] == [vars(SURVIVOR)]
    assert written["confusion"] == {"otra": {"otra": 2, "-": 1}}
    assert (written["devices"], written["seconds"]) == (["cpu"], 3.2)
    assert (written["assignment"], written["holds"], written["partial"]) == ("tarea", False, True)
    assert written["digest"] == digest_of(source, POLICY)
