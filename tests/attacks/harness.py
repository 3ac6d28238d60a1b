"""Grade a family of attacks as one batch, by the real command, in a course full of canaries.

`Batch` is what was seen; the functions at the end are the conditions, each a list of what broke
it: empty is well. They are the same for every family and for the control case.
"""

from __future__ import annotations

import compileall
import contextlib
import json
import os
import pwd
import shutil
import sqlite3
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
import yaml

from .canaries import Listeners, Marks, fingerprints
from .case import ROOT, Case, base

__all__ = [
    "LIMITS",
    "OF_A_BATCH",
    "OF_A_CASE",
    "TWIN",
    "USERS",
    "Batch",
    "Stage",
    "changed",
    "contacted",
    "delayed",
    "disturbed",
    "gained",
    "late",
    "leaked",
    "left_behind",
    "signalled",
    "swollen",
    "unfinished",
]

Json = dict[str, Any]
Notebook = nbformat.NotebookNode

HERE = Path(__file__).resolve().parent
STRANGER = 61_234
"""A user id without an account, for when the tests run as root."""

USERS = ("root", "user") if os.getuid() == 0 else ("user",)
LIMITS: Json = {
    "seconds_per_cell": 1.0,
    "seconds_per_trial": 3.0,
    "memory_mb": 320,
    "processes": 24,
    "scratch_mb": 16,
    "output_kb": 512,
    "observation_mb": 16,
}
GRACE = 2.0
"""Seconds beyond its deadline within which a run has ended."""

PATIENCE = 4
"""How many times the usual the grader itself may take for each report: machines are noisy."""

ROOM_MB = 200
"""What the grader itself may need beyond the usual for all the attackers of a batch."""

TWIN = "gemela"
INNOCENTS = ("ana", "bruno", "diego", "elena")
"""Examples; the first also has a mark in her notebook, for others to read."""

TARGETS = "targets.json"
"""Handed in beside every attacker's notebook: where to look. A student may know as much."""


def _uid(user: str) -> int | None:
    """Whose id the grader gets; none where it is ours."""
    if user == "root" or os.getuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        raise RuntimeError(f"{STRANGER} has an account: {pwd.getpwuid(STRANGER)}")
    return STRANGER


@dataclass
class Batch:
    """What was seen of one batch. ``notes`` are those of `graded_run.py`, ``outer`` what the warden
    says, ``before`` and ``after`` fingerprints, ``met`` the listeners that were met."""

    course: Path
    marks: Marks
    usual: Batch | None
    reports: dict[tuple[str, str], Json]
    notes: list[Json]
    outer: Json
    before: dict[str, str]
    after: dict[str, str]
    met: list[str]

    def report(self, student: str, assignment: str) -> Json:
        return self.reports[student, assignment]

    def leavings(self, case: Case) -> Iterator[Path]:
        """Every file that holds something of the case's run, but not what was handed in."""
        student, name = case.student, case.assignment
        for folder in ("autograded", "feedback"):
            files = (one for one in (self.course / folder / student).rglob("*") if one.is_file())
            yield from (one for one in files if one.name != TARGETS)
        yield self.course / ".autograder" / "reports" / name / f"{student}.json"
        for digest in self.report(student, name)["made_from"].get("trials", []):
            stored = self.course / ".autograder" / "observations" / digest[:2]
            yield stored / f"{digest}.safetensors"

    @property
    def runs(self) -> list[Json]:
        """The runs in the sandbox: who, how long, with which limit, and how they ended."""
        return [note for note in self.notes if "student" in note]

    @property
    def trusted_seconds(self) -> float:
        """What the grader took for itself, after the last run: judging, recording, feedback."""
        return float(self.notes[-1]["ended"] - max(run["ended"] for run in self.runs))

    @property
    def peak_mb(self) -> float:
        """The most memory that the grader itself has had."""
        return float(self.notes[-1]["peak_mb"])

    @cached_property
    def recorded(self) -> dict[tuple[str, str], list[Any]]:
        """What the gradebook has of each student and assignment: cell, scores, comments."""
        told: dict[tuple[str, str], list[Any]] = {}
        with contextlib.closing(sqlite3.connect(self.course / "gradebook.db")) as book:
            for query in (GRADES, COMMENTS):
                for student, name, *row in book.execute(query):
                    told.setdefault((student, name), []).append(row)
        return told


OF_STUDENT = """
    JOIN submitted_notebook ON {table}.notebook_id = submitted_notebook.id
    JOIN submitted_assignment ON submitted_notebook.assignment_id = submitted_assignment.id
    JOIN assignment ON submitted_assignment.assignment_id = assignment.id
    JOIN {cell} ON {table}.cell_id = {cell}.id JOIN base_cell ON base_cell.id = {cell}.id
    ORDER BY 1, 2, 3"""
GRADES = f"""
    SELECT student_id, assignment.name, base_cell.name, auto_score, manual_score, needs_manual_grade
    FROM grade {OF_STUDENT.format(table="grade", cell="grade_cells")}"""
COMMENTS = f"""
    SELECT student_id, assignment.name, base_cell.name, auto_comment, manual_comment
    FROM comment {OF_STUDENT.format(table="comment", cell="solution_cells")}"""


@dataclass
class Stage:
    """Makes the courses of one user and grades in them. A context manager: its folder goes.

    ``assignments`` are those of the usual batch, if more will be needed than by the first family.
    """

    user: str
    sandbox: str = "full"
    limits: Json = field(default_factory=lambda: dict(LIMITS))
    marks: Marks = field(default_factory=Marks)
    assignments: tuple[str, ...] = ()
    _usual: Batch | None = None
    _usual_names: tuple[str, ...] = ()
    _count: int = 0

    def __enter__(self) -> Stage:
        self.uid = _uid(self.user)
        self.folder = Path(tempfile.mkdtemp(prefix="attacks-"))
        self.folder.chmod(0o755)
        compileall.compile_dir(ROOT / "autograder", quiet=2)  # another user may not write there
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def usual(self, assignments: Sequence[str]) -> Batch:
        """A batch without attackers that has all of ``assignments``; made once, if it can be."""
        names = {*self.assignments, *assignments}
        if self._usual is None or not names <= set(self._usual_names):
            self._usual_names = tuple(sorted(names))
            self._usual = self._grade(self._usual_names, {}, None)
        return self._usual

    def grade(self, attackers: Sequence[Case]) -> Batch:
        """All of ``attackers``, their twins and some innocents, in one batch."""
        names = tuple(sorted({case.assignment for case in attackers}))
        notebooks = {(case.student, case.assignment): case.notebook() for case in attackers}
        return self._grade(names, notebooks, self.usual(names))

    def _grade(
        self,
        assignments: Sequence[str],
        attackers: Mapping[tuple[str, str], Notebook],
        usual: Batch | None,
    ) -> Batch:
        self._count += 1
        place = self.folder / str(self._count)
        course, home, scratch = place / "course", place / "home", place / "scratch"
        for folder in (home, scratch):
            folder.mkdir(parents=True)
        shutil.copytree(self._template(tuple(assignments)), course)
        (home / ".netrc").write_text(self.marks["home"], "utf-8")
        told = place / "told"
        told.write_text(self.marks["descriptor"], "utf-8")
        left = self._canary_file(tempfile.gettempdir(), "tmp")
        tail = os.urandom(4).hex()
        with contextlib.ExitStack() as stack:
            stack.callback(left.unlink, missing_ok=True)
            listeners = stack.enter_context(Listeners(place, self.marks["socket"]))
            process = stack.enter_context(self._warden(place, course, assignments, tail))
            targets = {
                **listeners.targets,
                "course": str(course),
                "assignments": list(assignments),
                "home": str(home),
                "tmp": str(left),
                "shm": f"/dev/shm/canary-{tail}",
                "package": str(ROOT / "autograder"),
                "packages": sysconfig.get_path("purelib"),
                "canary": self._answer(process)["canary"],
                "limits": self.limits,
                "success": self.marks["success"],
            }
            for (student, name), notebook in attackers.items():
                folder = hand_in(course, student, name, notebook)
                (folder / TARGETS).write_text(json.dumps(targets), "utf-8")
            self._own(place, left)
            kept = [course / "solutions", course / "submitted", course / "grading_config.yaml"]
            kept += [course / ".autograder" / "key", home, left, ROOT / "autograder"]
            kept += map(Path, ("/etc", sysconfig.get_path("purelib")))
            before = fingerprints(kept)
            print("go", file=process.stdin, flush=True)
            outer = self._answer(process)
            after = fingerprints([*kept, scratch])
        notes = place / "notes"
        runs = (
            [json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else []
        )
        return Batch(
            course, self.marks, usual, _reports(course), runs, outer, before, after, listeners.met
        )

    def _template(self, assignments: tuple[str, ...]) -> Path:
        """A course with solutions, config, key, gradebook, twin and innocents; made once."""
        course = self.folder / "-".join(("template", *assignments))
        if not course.exists():
            course.mkdir()
            self._fill(course, assignments)
        return course

    def _fill(self, course: Path, assignments: Sequence[str]) -> None:
        ignored = shutil.ignore_patterns("__pycache__", ".*", "misconceptions_*")
        for name in assignments:
            own = course / "solutions" / name
            shutil.copytree(ROOT / "solutions" / name, own, ignore=ignored)
            source = nbformat.read(own / f"{name}.ipynb", as_version=4)
            for cell in source.cells:
                if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("solution"):
                    begin = "### BEGIN SOLUTION"
                    mark = f"{begin} {self.marks['solution']}"
                    cell.source = cell.source.replace(begin, mark)
            nbformat.write(source, own / f"{name}.ipynb")
            for part, kind in (("test", "checks"), ("probes", "probes")):
                with (own / f"{part}_{name}.py").open("a", encoding="utf-8") as file:
                    file.write(f"# {self.marks[kind]}\n")
            hand_in(course, TWIN, name, base(name))
            for student in INNOCENTS:
                notebook = _example(student, name)
                if student == INNOCENTS[0]:
                    notebook.cells.append(
                        nbformat.v4.new_code_cell(f"# {self.marks['submission']}")
                    )
                hand_in(course, student, name, notebook)
        config = {
            "sandbox": self.sandbox,
            "defaults": {"devices": ["cpu"], **self.limits},
            "assignments": dict.fromkeys(assignments),
        }
        (course / "grading_config.yaml").write_text(yaml.safe_dump(config), "utf-8")
        key = course / ".autograder" / "key"
        key.parent.mkdir(mode=0o700)
        key.touch(mode=0o600)
        key.write_text(self.marks["key"], "ascii")
        from autograder.record.gradebook import Gradebook

        with Gradebook(f"sqlite:///{course}/gradebook.db") as book:
            book.enrol({"otra": {"first_name": self.marks["gradebook"]}})

    def _canary_file(self, folder: str, kind: str) -> Path:
        handle, name = tempfile.mkstemp(prefix="canary-", dir=folder)
        with os.fdopen(handle, "w") as file:
            file.write(self.marks[kind])
        return Path(name)

    def _own(self, place: Path, *more: Path) -> None:
        """Give all that the grader works with to its user."""
        if self.uid is None:
            return
        for path in (place, *place.rglob("*"), *more):
            os.chown(path, self.uid, self.uid, follow_symlinks=False)

    @contextlib.contextmanager
    def _warden(
        self, place: Path, course: Path, assignments: Sequence[str], tail: str
    ) -> Iterator[subprocess.Popen[str]]:
        python = [sys.executable, "-P"]
        program = [*python, str(HERE / "graded_run.py"), str(place / "notes")]
        spec = {
            "uid": self.uid,
            "open": [str(ROOT), sys.prefix, sys.base_prefix],
            "shm": {f"canary-{tail}": self.marks["shm"]},
            "canary": [*python, str(HERE / "canary.py")],
            "kept": self.marks["canary"],
            "inherited": [str(place / "told")],
            "folder": str(place),
            "seconds": 240,
            "command": [*program, self.marks["memory"][::-1], str(course), *assignments],
            "environment": {
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}",
                "PYTHONPATH": str(ROOT),
                "PYTHONDONTWRITEBYTECODE": "1",
                "LANG": "C.UTF-8",
                "HOME": str(place / "home"),
                "TMPDIR": str(place / "scratch"),
                "DBUS_SESSION_BUS_ADDRESS": f"unix:path={place / 'bus'}",
                "ATTACKS_SECRET": self.marks["environment"],
                "ATTACKS_ARGUMENT": self.marks["argument"],
            },
        }
        process = subprocess.Popen(
            [*python, str(HERE / "warden.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            print(json.dumps(spec), file=process.stdin, flush=True)
            yield process

    def _answer(self, process: subprocess.Popen[str]) -> Json:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the warden has died")
        answer: Json = json.loads(line)
        return answer


def hand_in(course: Path, student: str, name: str, notebook: Notebook) -> Path:
    """Put a notebook where nbgrader keeps submissions; the folder."""
    folder = course / "submitted" / student / name
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{name}.ipynb")
    return folder


def _example(student: str, name: str) -> Notebook:
    return nbformat.read(ROOT / "examples" / student / name / f"{name}.ipynb", as_version=4)


def _notes(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _reports(course: Path) -> dict[tuple[str, str], Json]:
    path = course / "reports.json"
    if not path.exists():
        return {}
    told = json.loads(path.read_text("utf-8"))
    batches = told if isinstance(told, list) else [told]
    return {
        (report["student"], batch["assignment"]): report
        for batch in batches
        for report in batch["reports"]
    }


def unfinished(batch: Batch) -> list[str]:
    """Batches that did not end as a batch ends: all graded, status 0."""
    if batch.outer["status"] != 0:
        return [f"status {batch.outer['status']}: {batch.outer['said'][-2000:]}"]
    return [
        f"{who} is {one['status']}"
        for who, one in batch.reports.items()
        if one["status"] == "broken"
    ]


def delayed(batch: Batch) -> list[str]:
    """Judging, recording and feedback that took out of all proportion to the usual batch's."""
    assert batch.usual is not None
    share = len(batch.reports) / len(batch.usual.reports)
    allowed = PATIENCE * batch.usual.trusted_seconds * share + GRACE
    took = batch.trusted_seconds
    return [f"{took:.1f} s after the last run, {allowed:.1f} s allowed"] if took > allowed else []


def swollen(batch: Batch) -> list[str]:
    """Memory of the grader itself, beyond the usual batch's."""
    assert batch.usual is not None
    more = batch.peak_mb - batch.usual.peak_mb
    return [f"the grader had {more:.0f} MB more than usual"] if more > ROOM_MB else []


def gained(batch: Batch, case: Case) -> list[str]:
    """Points, of the whole or of an exercise, beyond those of the twin."""
    own, twin = batch.report(case.student, case.assignment), batch.report(TWIN, case.assignment)
    told = (
        [f"{own['score']} points, the twin {twin['score']}"] if own["score"] > twin["score"] else []
    )
    for mine, hers in zip(own["exercises"], twin["exercises"], strict=True):
        if mine["score"] > hers["score"] + 1e-9:
            told.append(f"{mine['id']}: {mine['score']}, the twin {hers['score']}")
    return told


def leaked(batch: Batch, case: Case) -> list[str]:
    """Marks in anything that the case's run has left, or in what the grader has said."""
    found = [
        f"{kind} in {path.relative_to(batch.course)}"
        for path in batch.leavings(case)
        if path.exists()
        for kind in batch.marks.in_bytes(path.read_bytes())
    ]
    report = json.dumps(batch.report(case.student, case.assignment)).encode()
    return found + [f"{kind} in the report" for kind in batch.marks.in_bytes(report)]


def late(batch: Batch, case: Case) -> list[str]:
    """Runs that took longer than their limit and the grace."""
    return [
        f"{run['seconds']:.1f} s with a limit of {run['limit']:g} s ({run['how']})"
        for run in batch.runs
        if run["student"] == case.student and run["seconds"] > run["limit"] + GRACE
    ]


def disturbed(batch: Batch) -> list[str]:
    """Innocents (and the twin) whose report, notebook or record is not byte by byte the usual."""
    assert batch.usual is not None
    told = []
    names = {name for _, name in batch.reports}
    for (student, name), usual in batch.usual.reports.items():
        if name not in names:
            continue
        if json.dumps(batch.reports.get((student, name))) != json.dumps(usual):
            told.append(f"the report of {student} for {name}")
        here, there = (
            one.course / "autograded" / student / name / f"{name}.ipynb"
            for one in (batch, batch.usual)
        )
        if there.exists() and (not here.exists() or here.read_bytes() != there.read_bytes()):
            told.append(f"the notebook of {student} for {name}{_first_difference(here, there)}")
        if batch.recorded.get((student, name)) != batch.usual.recorded.get((student, name)):
            told.append(f"what the gradebook has of {student} for {name}")
    return told


def _first_difference(here: Path, there: Path) -> str:
    """What the first cell shows that is another one in the two notebooks."""
    cells = [json.loads(one.read_bytes())["cells"] for one in (here, there) if one.exists()]
    for number, (mine, usual) in enumerate(zip(*cells, strict=False)):
        if mine != usual:
            return f", cell {number} shows something else: {str(mine.get('outputs'))[:400]}"
    return ""


def changed(batch: Batch) -> list[str]:
    """Files that were changed, made or removed where nothing must be."""
    return [
        f"{path}: {batch.before.get(path, 'not there')} → {batch.after.get(path, 'gone')}"
        for path in sorted(batch.before.keys() | batch.after.keys())
        if batch.before.get(path) != batch.after.get(path) and not path.endswith("/scratch")
    ]


def contacted(batch: Batch) -> list[str]:
    return [f"the {name} socket was spoken to" for name in batch.met]


def signalled(batch: Batch) -> list[str]:
    return [f"the canary got signal {one}" for one in batch.outer["signals"]]


def left_behind(batch: Batch) -> list[str]:
    return [f"{kind}: {one}" for kind, found in batch.outer["left"].items() for one in found]


OF_A_CASE = (gained, leaked, late)
OF_A_BATCH = (
    unfinished,
    disturbed,
    delayed,
    swollen,
    changed,
    contacted,
    signalled,
    left_behind,
)
