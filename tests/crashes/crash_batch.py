"""A batch of generated submissions, and what of a graded course must not depend on its history."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat

BATCH = 40
ANSWERS: dict[str, Mapping[str, str]] = {
    "right": {},
    "another seed": {"suma": "torch.manual_seed(42)\nx = torch.randn(3)\ny = x.sum()"},
    "the mean": {"suma": "torch.manual_seed(7)\nx = torch.randn(3)\ny = x.mean()"},
    "the square": {"doble": "def doble(z):\n    return z * z"},
    "an error": {"suma": "x = 1 / 0"},
    "half": {"doble": "def doble(z):\n    pass"},
    "typed in": {"suma": "x = torch.tensor([1.0, 2.0, 3.0])\ny = x.sum()"},
    "both wrong": {"suma": "x = y = 3", "doble": "doble = 2"},
    "from a file": {"suma": "x = torch.tensor([float(one) for one in open('x.csv')])\ny = x.sum()"},
}
UNREADABLE = b'{"cells": ['
LEFT_ALONE = {"gradebook.db", ".autograder/lock", ".autograder/log"}
"""Files that are not compared byte by byte: rows have ids of their own, the others tell of runs."""


def fill_small(root: Path, name: str, count: int = BATCH) -> None:
    """Hand in ``count`` submissions of the small assignment, of every kind, some with data files
    and a time; and a roster with students who handed in nothing."""
    for number in range(count):
        answers = list(ANSWERS.values())[number % len(ANSWERS)]
        folder = root / "submitted" / f"s{number:02}" / name
        folder.mkdir(parents=True)
        notebook = nbformat.read(root / f"solutions/{name}/{name}.ipynb", as_version=4)
        for cell in notebook.cells:
            id = cell.metadata.get("nbgrader", {}).get("grade_id", "")
            cell.source = f"# entrega {number}\n{answers.get(id, cell.source)}"
            if cell.cell_type == "markdown":
                cell.source = ""
        if number % 13 == 12:
            (folder / f"{name}.ipynb").write_bytes(UNREADABLE)
        else:
            nbformat.write(notebook, folder / f"{name}.ipynb")
        if number % 3 == 0:
            (folder / "timestamp.txt").write_text(f"2026-03-{number % 28 + 1:02} 10:00:00 UTC")
        (folder / "x.csv").write_text("1\n2\n3\n")
    roster = [f"s{number:02},Nombre" for number in range(count + 2)]
    (root / "students.csv").write_text("\n".join(["id,first_name", *roster, ""]))


def make_from_examples(root: Path, repository: Path, name: str) -> None:
    """The same number of submissions of an assignment of ours, as the benchmarks make them."""
    place = repository / "benchmarks" / "workload.py"
    spec = importlib.util.spec_from_file_location("workload", place)
    assert spec is not None
    assert spec.loader is not None
    workload = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(workload)
    workload.make_course(root, name, BATCH)
    shutil.rmtree(root / "solutions" / name / "__pycache__", ignore_errors=True)


def rows(gradebook: Path) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables, told by names instead of the ids that nbgrader makes at random."""
    connection = sqlite3.connect(gradebook)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.row_factory = sqlite3.Row
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        tables = [row[0] for row in connection.execute(query)]
        found = {
            table: [dict(row) for row in connection.execute(f'SELECT * FROM "{table}"')]
            for table in tables
        }
    finally:
        connection.close()
    # In this order a row's name is made of names that are known already.
    names: dict[str, str] = {}
    for table, keys in (
        ("assignment", ["name"]),
        ("notebook", ["assignment_id", "name"]),
        ("base_cell", ["notebook_id", "name", "type"]),
        ("source_cell", ["notebook_id", "name"]),
        ("submitted_assignment", ["assignment_id", "student_id"]),
        ("submitted_notebook", ["assignment_id", "notebook_id"]),
        ("grade", ["notebook_id", "cell_id"]),
        ("comment", ["notebook_id", "cell_id"]),
    ):
        for row in found[table]:
            parts = [str(names.get(row[key], row[key])) for key in keys]
            names[row["id"]] = f"{table} {'/'.join(parts)}"
    return {
        table: sorted(
            ({key: names.get(value, value) for key, value in row.items()} for row in kept),
            key=str,
        )
        for table, kept in found.items()
    }


def outcome(root: Path) -> dict[str, Any]:
    """All that is in a course: its gradebook's rows, what its log tells last of each student, and
    of the files their bytes.

    Observations hold times, so of them there are the names, which tell from what they were made;
    the hashes by which reports and log refer to them are left out, and so are the files that are
    kept for former results.
    """
    files: dict[str, Any] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_dir() or name in LEFT_ALONE or "__pycache__" in name:
            continue
        if name.startswith(".autograder/history/") or path.name.count(".") > 1:
            continue
        files[name] = path.suffix if path.suffix == ".safetensors" else path.read_bytes()
        if name.startswith(".autograder/reports/"):
            files[name] = {**json.loads(files[name]), "judged": None}
    return {"rows": rows(root / "gradebook.db"), "log": logged(root), "files": files}


def logged(root: Path) -> dict[str, Any]:
    """The last result in the log, by assignment and student."""
    found: dict[str, Any] = {}
    for path in (root / ".autograder/history").glob("*.jsonl"):
        for line in path.read_text("utf-8").splitlines():
            told = json.loads(line)
            submission = {**told["submission"], "modified": None}
            report = {**told["report"], "made_from": None}
            found[f"{path.stem}/{told['student']}"] = [submission, report, told["by_hand"]]
    return found


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """What is different between two outcomes, in a few words each."""
    said = []
    for part in ("rows", "log", "files"):
        for key in sorted(one[part].keys() | other[part].keys()):
            if one[part].get(key) != other[part].get(key):
                said.append(f"{part} {key}: {_short(one[part], key)} / {_short(other[part], key)}")
    return said


def _short(part: Mapping[str, Any], key: str) -> str:
    return "missing" if key not in part else str(part[key])[:150]


def observations(root: Path) -> dict[str, tuple[int, int]]:
    """The stored observations: which file each is, and when it was written."""
    return {
        path.name: (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in (root / ".autograder/observations").rglob("*.safetensors")
    }
