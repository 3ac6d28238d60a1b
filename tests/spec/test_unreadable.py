"""What is no notebook gets zeros and one sentence; the batch goes on."""

from __future__ import annotations

import json

import pytest

A1 = "actividad_1"

FILES = {
    "cut": (b'{"cells": [{"cell_type": "code", "sour', "está cortado o no es un cuaderno"),
    "empty": (b"", "está vacío"),
    "blank": (b" \n\n ", "está vacío"),
    "html": (b"<!DOCTYPE html><html></html>", "no es JSON"),
    "list": (b"[1, 2]", "no un cuaderno de Jupyter"),
    "other": (b'{"name": "ana"}', "no un cuaderno de Jupyter"),
    "cells": (b'{"cells": "all", "nbformat": 4}', "no un cuaderno de Jupyter"),
    "latin": ('{"cells": [], "x": "\xf1"}'.encode("latin-1"), "no es texto UTF-8"),
    "zip": (b"PK\x03\x04\x00\xff\xfe", "no es texto UTF-8"),
    "deep": (b"[" * 200_000, "no es JSON"),
    "null": (b"null", "no un cuaderno de Jupyter"),
}


@pytest.fixture(scope="module")
def batch(bench, notebooks, tmp_path_factory):
    missing = tmp_path_factory.mktemp("missing")
    (missing / "notas.txt").write_text("aquí no está")
    return bench.grade_all(
        A1,
        {
            **{name: content for name, (content, _) in FILES.items()},
            "missing": missing,
            "fine": notebooks.of(A1),
            "no cells": json.dumps({"cells": [], "nbformat": 4, "metadata": {}}).encode(),
        },
    )


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_notebook_gets_zeros_and_one_sentence(batch, name):
    report = batch[name].report

    assert (report["status"], report["score"], report["max_score"]) == ("errored", 0, 10)
    assert FILES[name][1] in report["message"]
    assert report["message"].startswith("El archivo `actividad_1.ipynb` ")
    assert report["message"].count("\n") == 0
    assert [one["id"] for one in report["exercises"]] == [
        "activacion",
        "neurona",
        "formas",
        "actividad-1",
    ]
    assert {one["score"] for one in report["exercises"]} == {0}


def test_an_exercise_of_an_unreadable_notebook_is_not_passed(batch):
    for name in FILES:
        assert {one["outcome"] for one in batch[name].report["exercises"]} == {"errored"}


def test_a_missing_notebook_is_called_missing(batch):
    report = batch["missing"].report

    assert (report["status"], report["score"]) == ("errored", 0)
    assert "falta el archivo `actividad_1.ipynb`" in report["message"]


def test_the_others_of_the_batch_are_graded(batch):
    assert batch["fine"].score == pytest.approx(10)
    assert batch["fine"].status == "graded"


def test_a_notebook_without_cells_has_no_solutions(batch):
    graded = batch["no cells"]

    assert (graded.status, graded.score) == ("graded", 0)
    assert all(
        "Falta la celda de solución" in graded.said(one["id"]) for one in graded.report["exercises"]
    )


def test_older_and_odd_notebooks_are_read(bench, notebooks):
    notebook = notebooks.of(A1)
    lines = json.loads(json.dumps(notebook))
    for cell in lines["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)
        cell.pop("id", None)
    lines["nbformat_minor"] = 2

    batch = bench.grade_all(
        A1,
        {
            "lines": json.dumps(lines).encode(),
            "with a mark": b"\xef\xbb\xbf" + json.dumps(notebook).encode(),
            "junk": json.dumps({**notebook, "extra": 1, "metadata": None}).encode(),
        },
    )

    assert {who: one.score for who, one in batch.items()} == dict.fromkeys(batch, pytest.approx(10))
