"""What the tests of promises, commands and real nbgrader share: courses, notebooks, a warm sandbox.

Notebooks are made in memory from the source notebooks; a worker starts one sandbox for all tests.
"""

from __future__ import annotations

import contextlib
import copy
import gc
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from autograder.unneeded import leave_out

leave_out()

import nbformat  # noqa: E402 - it would import what is left out

if TYPE_CHECKING:
    from autograder.course import Course
    from autograder.observation import Observation
    from autograder.sandbox import Sandbox
    from autograder.submission import Submission
    from autograder.verify.proof import Proof

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
CONFIG = "grading_config.yaml"
ASSIGNMENTS = list(yaml.safe_load((ROOT / CONFIG).read_text("utf-8"))["assignments"])

Notebook = nbformat.NotebookNode
Json = dict[str, Any]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes ``each_assignment`` is a contract: it holds for all of the course's.

    A module may call some of them ``HEAVY``: those tests are for `make heavy`.
    """
    if "each_assignment" in metafunc.fixturenames:
        heavy = getattr(metafunc.module, "HEAVY", ())
        metafunc.parametrize(
            "each_assignment",
            [
                pytest.param(name, marks=pytest.mark.heavy if name in heavy else ())
                for name in ASSIGNMENTS
            ],
        )


class Notebooks:
    """Makes students' notebooks from the source notebooks of the course."""

    assignments = ASSIGNMENTS

    def source(self, assignment: str) -> Notebook:
        path = ROOT / "solutions" / assignment / f"{assignment}.ipynb"
        return nbformat.read(path, as_version=4)

    def released(self, assignment: str) -> Notebook:
        path = ROOT / "assignments" / assignment / f"{assignment}.ipynb"
        return nbformat.read(path, as_version=4)

    def ids(self, assignment: str) -> list[str]:
        """The exercises, in the order of the notebook."""
        return [
            cell.metadata.nbgrader.grade_id
            for cell in self.source(assignment).cells
            if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("solution")
        ]

    def solution(self, assignment: str, exercise: str) -> str:
        """The reference's solution cell, without the marks of the region."""
        source = self.source(assignment).cells[self.place(self.source(assignment), exercise)].source
        return "\n".join(
            line for line in source.split("\n") if not line.lstrip().startswith("### ")
        )

    def changed(self, assignment: str, exercise: str, old: str, new: str) -> str:
        """The reference's solution cell with ``new`` for ``old``, which has to be there."""
        text = self.solution(assignment, exercise)
        assert old in text, f"{assignment}/{exercise} has no {old!r}"
        return text.replace(old, new)

    def of(
        self,
        assignment: str,
        answers: Mapping[str, str] | None = None,
        *,
        own: Mapping[str, str | Sequence[str]] | None = None,
    ) -> Notebook:
        """The reference's solutions as a student would hand them in, with other ``answers``.

        ``own`` are cells of the student's own, right before the solution cells of the exercises
        named; under ``""`` at the notebook's end.
        """
        notebook = self.source(assignment)
        for exercise in self.ids(assignment):
            cell = notebook.cells[self.place(notebook, exercise)]
            cell.source = self.solution(assignment, exercise)
        for exercise, text in (answers or {}).items():
            notebook.cells[self.place(notebook, exercise)].source = text
        for exercise, texts in (own or {}).items():
            made = [
                nbformat.v4.new_code_cell(text)
                for text in ([texts] if isinstance(texts, str) else texts)
            ]
            at = self.place(notebook, exercise) if exercise else len(notebook.cells)
            notebook.cells[at:at] = made
        return notebook

    def doubled(self, assignment: str, exercise: str, first: str, second: str) -> Notebook:
        """The solution cell of ``exercise`` twice, nbgrader's mark included."""
        notebook = self.of(assignment, {exercise: second})
        at = self.place(notebook, exercise)
        before = copy.deepcopy(notebook.cells[at])
        before.source, before["id"] = first, "the-copy"
        notebook.cells.insert(at, before)
        return notebook

    def place(self, notebook: Notebook, grade_id: str) -> int:
        """Where the (last) cell with nbgrader's id ``grade_id`` stands."""
        (*_, place) = (
            at
            for at, cell in enumerate(notebook.cells)
            if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id
        )
        return place


@dataclass(frozen=True)
class Graded:
    """One judged submission: its report as JSON, what was observed, and comments by exercise."""

    report: Json
    submission: Submission = field(repr=False)
    trials: list[Observation] = field(repr=False)
    comments: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def score(self) -> float:
        return self.report["score"]

    @property
    def status(self) -> str:
        return self.report["status"]

    def exercise(self, id: str) -> Json:
        return next(one for one in self.report["exercises"] if one["id"] == id)

    def points(self, *ids: str) -> Any:
        """Points of the exercises: one number, or a list for several."""
        found = [pytest.approx(self.exercise(id)["score"], abs=1e-4) for id in ids]
        return found[0] if len(found) == 1 else found

    def outcome(self, id: str) -> str:
        return self.exercise(id)["outcome"]

    def check(self, id: str, name: str) -> Json:
        """The first check of the exercise whose title names ``name``."""
        checks = self.exercise(id)["checks"]
        return next(one for one in checks if f"`{name}`" in one["title"])

    def message(self, id: str, name: str) -> str:
        return self.check(id, name)["message"]

    def said(self, id: str) -> str:
        return "\n".join(one["message"] for one in self.exercise(id)["checks"])

    def told(self, *ids: str) -> set[str]:
        """The sentences that are given as reasons in the exercises; without ``ids``, in all."""
        return {
            reason["message"]
            for exercise in self.report["exercises"]
            if not ids or exercise["id"] in ids
            for check in exercise["checks"]
            for reason in check["reasons"]
        }

    @property
    def executed(self) -> Notebook:
        """The notebook with its outputs, as it goes to ``autograded/``."""
        from autograder.record.notebook import executed

        return executed(self.submission, self.trials[0], "es")

    def outputs(self, source: str) -> list[Notebook]:
        """The outputs of the cell whose text is ``source``."""
        return next(cell.outputs for cell in self.executed.cells if cell.source == source)


@dataclass
class Bench:
    """Observes and judges submissions through the real pipeline; records nothing."""

    course: Course
    sandbox: Sandbox
    scratch: Path
    _count: int = field(default=0)

    def grade(self, assignment: str, notebook: Notebook | bytes) -> Graded:
        return self.grade_all(assignment, {"alumna": notebook})["alumna"]

    def grade_all(
        self,
        assignment: str,
        notebooks: Mapping[str, Notebook | bytes | Path],
        *,
        explained: bool = False,
        language: str = "",
    ) -> dict[str, Graded]:
        """All of ``notebooks``, by student, in one batch; a folder is handed in as it is.

        Where ``explained``, failed checks have their reasons, for which misconceptions of the
        assignment are observed and judged, too. ``language``: the course's own by default.
        """
        from autograder.exam import Exam, Options
        from autograder.judge.batch import Batch, judge
        from autograder.render.comment import comments
        from autograder.render.json import report_json
        from autograder.submission import read_submission
        from autograder.words import Words

        language = language or self.course.config.language
        self._count += 1
        folder = self.scratch / str(self._count)
        loaded = self.course.assignment(assignment)
        submissions = {}
        for student, notebook in notebooks.items():
            place = notebook if isinstance(notebook, Path) else folder / student
            if not isinstance(notebook, Path):
                write_notebook(place / f"{assignment}.ipynb", notebook)
            submissions[student] = read_submission(place, student, loaded)
        exam = Exam(self.course, loaded, self.sandbox, Options(jobs=2))
        exam.observe(list(submissions.values()), lambda done, total: None)
        batch = Batch(loaded, exam.policy, exam.reference, exam.seen, exam.devices)
        judge(batch)
        if explained:
            exam.diagnose(batch)
        reports = {student: exam.report(one, batch) for student, one in submissions.items()}
        return {
            student: Graded(
                report_json(report, Words(language)),
                submissions[student],
                [trial.load() for trial in exam.trials[student]],
                comments(report, language),
            )
            for student, report in reports.items()
        }

    def reference(self, assignment: str) -> list[Observation]:
        """What was seen of the reference, by trial."""
        from autograder.exam import Exam, Options

        exam = Exam(self.course, self.course.assignment(assignment), self.sandbox, Options())
        return list(exam.reference.trials)


def write_notebook(path: Path, notebook: Notebook | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(notebook, bytes):
        path.write_bytes(notebook)
    else:
        nbformat.write(notebook, path)


KEY = "AUTOGRADER_TEST_KEY"


def _make_course(
    root: Path, *, only: Sequence[str] = (), misconceptions: bool = False, **defaults: Any
) -> Path:
    """A course of our solutions and config in folder ``root``, with other ``defaults``.

    Without ``misconceptions`` failed checks tell their plain difference, and none is observed.
    Its secret key is the same in every run, so that a test passes or fails for good; another text
    in the environment's ``AUTOGRADER_TEST_KEY`` gives another key.
    """
    root.mkdir(parents=True, exist_ok=True)
    unwanted = [] if misconceptions else ["misconceptions_*"]
    ignored = shutil.ignore_patterns("__pycache__", ".*", *unwanted)
    shutil.copytree(ROOT / "solutions", root / "solutions", ignore=ignored)
    config = yaml.safe_load((ROOT / CONFIG).read_text("utf-8"))
    config["defaults"].update(devices=["cpu"], **defaults)
    if only:
        config["assignments"] = {name: config["assignments"][name] for name in only}
    (root / CONFIG).write_text(yaml.safe_dump(config, allow_unicode=True), "utf-8")
    _write_key(root)
    return root


def _write_key(root: Path) -> None:
    key = root / ".autograder" / "key"
    key.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    key.touch(mode=0o600)
    key.write_text(hashlib.sha256(os.environ.get(KEY, "").encode()).hexdigest(), "ascii")


def _hand_in(root: Path, student: str, assignment: str, notebook: Notebook | bytes) -> Path:
    """Put a notebook where nbgrader keeps submissions."""
    path = root / "submitted" / student / assignment / f"{assignment}.ipynb"
    write_notebook(path, notebook)
    return path


SMALL = "tarea"
SMALL_CELLS = {
    "": "import torch",
    "suma": """### BEGIN SOLUTION
torch.manual_seed(7)
x = torch.randn(3)
y = x.sum()
### END SOLUTION""",
    "suma-check": "assert x.shape == (3,)",
    "enunciado": "Escribe `doble(z)`, que da el doble de cada elemento.",
    "doble": """def doble(z):
    ### BEGIN SOLUTION
    return 2 * z
    ### END SOLUTION""",
    "doble-check": "assert doble(torch.ones(1)) == 2",
}
SMALL_POINTS = {"suma": 2.0, "doble": 1.0}
SMALL_NAMES: dict[str, Json] = {
    "suma": {"x": {"kind": "tensor"}, "y": {"kind": "tensor"}},
    "doble": {"doble": {"kind": "function"}},
}
SMALL_FILES = {
    "checks": """from autograder import assert_matches, carry, check


@check("`x`", exercise="suma", points=1)
def test_x(student, reference):
    assert_matches(student["x"], reference["x"])


@check("`y`", exercise="suma", points=1)
def test_y(student, reference):
    assert_matches(student["y"], carry(lambda x: x.sum(), student, reference, "x"))


@check("`doble`", exercise="doble", points=1)
def test_double(student, reference):
    assert_matches(student.probe("dobla"), reference.probe("dobla"))
""",
    "probes": """from autograder import probe


@probe("doble")
def dobla(student, draws, device):
    return student.call("doble", draws.randn(4))
""",
    "misconceptions": """- id: otra-semilla
  exercise: suma
  replace:
    - old: "manual_seed(7)"
      new: "manual_seed(42)"
  loses:
    suma: 1
  es: La semilla es otra.
  en: The seed is another one.
- id: media-en-vez-de-suma
  exercise: suma
  replace:
    - old: "x.sum()"
      new: "x.mean()"
  loses:
    suma: 1
  es: Es la media y se pedía la suma.
  en: This is the mean and the sum was asked for.
- id: cuadrado-en-vez-de-doble
  exercise: doble
  replace:
    - old: "2 * z"
      new: "z * z"
  loses:
    doble: 1
  es: Es el cuadrado y se pedía el doble.
  en: This is the square and twice the value was asked for.
""",
}
SMALL_PATHS = {
    "source": f"{SMALL}.ipynb",
    "checks": f"test_{SMALL}.py",
    "probes": f"probes_{SMALL}.py",
    "misconceptions": f"misconceptions_{SMALL}.yaml",
    "proof": f"proof_{SMALL}.json",
}


@dataclass(frozen=True)
class Small:
    """A course with one small assignment that verifies: ``suma`` (2 points) and ``doble`` (1)."""

    root: Path
    name = SMALL

    def path(self, part: str) -> Path:
        """``source``, ``checks``, ``probes``, ``misconceptions`` or ``proof``."""
        return self.root / "solutions" / SMALL / SMALL_PATHS[part]

    def change(self, part: str, old: str, new: str) -> None:
        """Write ``new`` for ``old``, which has to be in one place."""
        if part == "source":
            notebook = nbformat.read(self.path(part), as_version=4)
            (cell,) = (cell for cell in notebook.cells if old in cell.source)
            cell.source = cell.source.replace(old, new)
            nbformat.write(notebook, self.path(part))
            return
        text = self.path(part).read_text("utf-8")
        assert text.count(old) == 1, text
        self.path(part).write_text(text.replace(old, new), "utf-8")

    def add(self, part: str, text: str) -> None:
        """Write ``text`` at the end; of the notebook, as a cell."""
        if part == "source":
            notebook = nbformat.read(self.path(part), as_version=4)
            notebook.cells.append(nbformat.v4.new_code_cell(text, id="another"))
            nbformat.write(notebook, self.path(part))
            return
        self.path(part).write_text(self.path(part).read_text("utf-8") + text, "utf-8")

    @classmethod
    def at(cls, root: Path) -> Small:
        made = cls(root)
        notebook = nbformat.v4.new_notebook(cells=[*map(_small_cell, SMALL_CELLS)])
        write_notebook(made.path("source"), notebook)
        for part, text in SMALL_FILES.items():
            made.path(part).write_text(text, "utf-8")
        config = {"defaults": {"devices": ["cpu"]}, "assignments": {SMALL: None}}
        (root / CONFIG).write_text(yaml.safe_dump(config), "utf-8")
        return made


def _small_cell(id: str) -> Notebook:
    source = SMALL_CELLS[id]
    if not id:
        return nbformat.v4.new_code_cell(source, id="imports")
    solution, grade = id in SMALL_POINTS, id.endswith("-check")
    marks: Json = {"grade_id": id, "solution": solution, "grade": grade, "locked": not solution}
    marks |= {"schema_version": 3, "task": False}
    metadata: Json = {"nbgrader": marks}
    if solution:
        metadata["autograder"] = {"names": SMALL_NAMES[id]}
    if grade:
        marks["points"] = SMALL_POINTS[id.removesuffix("-check")]
    if not (solution or grade):
        return nbformat.v4.new_markdown_cell(source, id=id, metadata=metadata)
    return nbformat.v4.new_code_cell(source, id=id, metadata=metadata)


def _vouch(root: Path) -> None:
    """Leave the proofs of the course's assignments as ``verify`` would, had it proven them."""
    from autograder.course import Course
    from autograder.verify.proof import digest_of

    course = Course.at(root)
    for name in course.config.assignments:
        assignment = course.assignment(name)
        proof = {"holds": True, "digest": digest_of(assignment, course.policy(name))}
        assignment.proof_path.write_text(json.dumps(proof), "utf-8")


@pytest.fixture(scope="session")
def make_small() -> Callable[[Path], Small]:
    """Makes the small course in a folder, without any observations; its key is always the same."""

    def make(root: Path) -> Small:
        _write_key(root)
        return Small.at(root)

    return make


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, warm_sandbox: Sandbox) -> Small:
    """The small course with the observations of its verification. For reading only."""
    made = Small.at(tmp_path_factory.mktemp("small") / "course")
    _prove_small(made.root, warm_sandbox)
    return made


@pytest.fixture
def small_course(small: Small, tmp_path: Path) -> Small:
    """One's own copy of the small course; what is not changed need not be observed again."""
    return Small(shutil.copytree(small.root, tmp_path / "small"))


def _prove_small(root: Path, sandbox: Sandbox, **options: Any) -> Proof:
    """What `verify` finds of the small course in ``root``."""
    from autograder.course import Course
    from autograder.exam import Exam, Options
    from autograder.record.released import released_notebook
    from autograder.verify.prove import prove

    course = Course.at(root)
    assignment = course.assignment(SMALL)
    exam = Exam(course, assignment, sandbox, Options(jobs=2))
    released = released_notebook(course, assignment)
    return prove(exam, released, progress=lambda part: None, **options)


@pytest.fixture
def prove(small_course: Small, warm_sandbox: Sandbox) -> Callable[..., Proof]:
    """Prove the small course as it is now."""
    return lambda **options: _prove_small(small_course.root, warm_sandbox, **options)


@pytest.fixture(scope="session")
def vouch() -> Callable[[Path], None]:
    return _vouch


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder of this project."""
    return ROOT


@pytest.fixture(scope="session")
def notebooks() -> Notebooks:
    return Notebooks()


@pytest.fixture(scope="session")
def make_course() -> Callable[..., Path]:
    return _make_course


@pytest.fixture(scope="session")
def hand_in() -> Callable[..., Path]:
    return _hand_in


@pytest.fixture(scope="session")
def warm_sandbox() -> Iterator[Sandbox]:
    """The one sandbox of this worker: starting one takes seconds."""
    from autograder.isolation import open_sandbox

    with open_sandbox("full") as sandbox:
        # Each judging is a pytest run, which collects garbage twice at its end: 0.15 s each with
        # all of torch's objects, next to nothing without.
        gc.freeze()
        yield sandbox
        gc.unfreeze()


def _bench(factory: pytest.TempPathFactory, sandbox: Sandbox, **defaults: Any) -> Bench:
    from autograder.course import Course

    folder = factory.mktemp("bench")
    return Bench(
        Course.at(_make_course(folder / "course", misconceptions=True, **defaults)),
        sandbox,
        folder / "in",
    )


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory, warm_sandbox: Sandbox) -> Bench:
    """Grades under the course's own limits."""
    return _bench(tmp_path_factory, warm_sandbox)


@pytest.fixture(scope="session")
def hasty_bench(tmp_path_factory: pytest.TempPathFactory, warm_sandbox: Sandbox) -> Bench:
    """Grades notebooks that loop: one second a cell, five a trial."""
    return _bench(tmp_path_factory, warm_sandbox, seconds_per_cell=1.0, seconds_per_trial=5.0)


@pytest.fixture(scope="session")
def patient_bench(tmp_path_factory: pytest.TempPathFactory, warm_sandbox: Sandbox) -> Bench:
    """Grades notebooks that have much to do, on a busy machine, too: minutes a cell."""
    return _bench(tmp_path_factory, warm_sandbox, seconds_per_cell=300.0, seconds_per_trial=400.0)


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it wrote."""

    status: int
    out: str
    err: str


@dataclass
class Command:
    """The command line, called in this process with the warm sandbox; ``asked`` tells how often a
    sandbox was opened."""

    capture: pytest.CaptureFixture[str]
    asked: list[str]

    def __call__(self, *arguments: object) -> Ran:
        from autograder.program import main

        self.capture.readouterr()
        status: object = 0
        try:
            main([str(one) for one in arguments])
        except SystemExit as ended:
            status = ended.code or 0
        said = self.capture.readouterr()
        assert isinstance(status, int)
        return Ran(status, said.out, said.err)


class Opened:
    """Stands for opening a sandbox, and for the sandbox: knows of each time what it was to warm up
    for, how often it ``began`` (before that need be known), and how often it was closed."""

    def __init__(self) -> None:
        self.began, self.uses, self.closed = 0, list[set[str]](), 0

    def __call__(self, isolation: str, uses: Collection[str] = ()) -> Opened:
        time.sleep(0.05)  # who does not wait until it is on its way is past that by then
        self.began += 1
        self.uses.append(set(uses))
        return self

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    """What stands for the sandbox of whoever opens one in this process."""
    from autograder import isolation

    fake = Opened()
    monkeypatch.setattr(isolation, "open_sandbox", fake)
    return fake


class _Lent:
    """The warm sandbox for one who would close it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sandbox, name)

    def close(self) -> None:
        pass


@pytest.fixture(scope="session")
def lending(warm_sandbox: Sandbox) -> Callable[[], contextlib.AbstractContextManager[list[str]]]:
    """Makes a ``with`` block in which whoever opens a sandbox in this process has the warm one.

    It gives the list of who asked, in order.
    """

    @contextlib.contextmanager
    def lend() -> Iterator[list[str]]:
        from autograder import isolation as home

        asked: list[str] = []

        def open_sandbox(isolation: str, uses: Any = ()) -> Any:
            asked.append(isolation)
            return _Lent(warm_sandbox)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(home, "open_sandbox", open_sandbox)
            yield asked

    return lend


@pytest.fixture(scope="session")
def by_nbgrader(lending: Callable[..., Any]) -> Callable[..., Json]:
    """``nbgrader autograde`` as the formgrader calls it, in this process: by nbgrader's API.

    ``by_nbgrader(root, assignment, student="*", force=False)`` gives what the API gives: whether it
    was a ``success``, the ``log`` and, if not, the ``error``. ``places`` are settings of nbgrader's
    ``CourseDirectory`` besides those that our configuration makes.
    """

    def autograde(
        root: Path,
        assignment: str,
        student: str = "*",
        places: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Json:
        from nbgrader.apps import NbGraderAPI

        from autograder.record import warm
        from autograder.record.settings import nbgrader_settings

        with lending():
            try:
                settings = nbgrader_settings(root)
                settings.CourseDirectory.update(places or {})
                api = NbGraderAPI(config=settings)
                return api.autograde(assignment, student, **{"force": False, **options})
            finally:
                warm.close()

    return autograde


CELLS = """
JOIN base_cell c ON c.id = x.cell_id
JOIN notebook b ON b.id = c.notebook_id
JOIN submitted_notebook n ON n.id = x.notebook_id
JOIN submitted_assignment s ON s.id = n.assignment_id
JOIN assignment a ON a.id = s.assignment_id
"""
CELL = "s.student_id, a.name || '/' || b.name || '/' || c.name"
GRADES = f"SELECT {CELL}, x.auto_score, x.manual_score, x.needs_manual_grade FROM grade x {CELLS}"
COMMENTS = f"SELECT {CELL}, x.auto_comment, x.manual_comment FROM comment x {CELLS}"
TIMES = "SELECT student_id, timestamp FROM submitted_assignment"


@dataclass(frozen=True)
class Recorded:
    """What a course has recorded: rows of the gradebook, and the executed notebooks by path.

    ``grades``: student, cell (``assignment/notebook/cell``), automatic score, manual score, and
    whether it waits to be graded by hand; ``comments``: the same with the two comments; ``times``:
    when students handed in.
    """

    grades: list[tuple[Any, ...]]
    comments: list[tuple[Any, ...]]
    times: list[tuple[Any, ...]]
    notebooks: dict[str, Json]

    @classmethod
    def in_(cls, root: Path) -> Recorded:
        rows = []
        with contextlib.closing(sqlite3.connect(root / "gradebook.db")) as database:
            for query in (GRADES, COMMENTS, TIMES):
                rows.append(sorted(database.execute(query).fetchall(), key=repr))
        return cls(
            *rows,
            {
                # nbgrader splits texts into lines, which reading joins again.
                path.relative_to(root / "autograded").as_posix(): nbformat.read(path, as_version=4)
                for path in (root / "autograded").glob("*/*/*.ipynb")
            },
        )

    def of(self, students: Collection[str]) -> Recorded:
        """The part that is about ``students``."""
        rows = (self.grades, self.comments, self.times)
        notebooks = self.notebooks.items()
        return Recorded(
            *([row for row in part if row[0] in students] for part in rows),
            {path: one for path, one in notebooks if path.split("/")[0] in students},
        )

    @property
    def scores(self) -> dict[str, float]:
        """The sum of the automatic scores, by student."""
        found: dict[str, float] = {}
        for student, _, score, *_ in self.grades:
            found[student] = round(found.get(student, 0) + score, 4)
        return found


@pytest.fixture(scope="session")
def recorded() -> Callable[[Path], Recorded]:
    return Recorded.in_


def _forget(root: Path) -> None:
    """Take away all that was recorded; what was observed stays."""
    (root / "gradebook.db").unlink()
    shutil.rmtree(root / "autograded")
    shutil.rmtree(root / ".autograder" / "reports")


@pytest.fixture(scope="session")
def forget() -> Callable[[Path], None]:
    return _forget


@pytest.fixture
def lend_sandbox(lending: Callable[..., Any]) -> Iterator[list[str]]:
    """The same for one test."""
    with lending() as asked:
        yield asked


@pytest.fixture
def autograder(capsys: pytest.CaptureFixture[str], lend_sandbox: list[str]) -> Command:
    """The command line in this process."""
    return Command(capsys, lend_sandbox)


def _program(*command: object, cwd: Path | None = None, path: str | None = None, **env: str) -> Ran:
    name, *arguments = map(str, command)
    paths = f"{BIN}{os.pathsep}{os.environ['PATH']}" if path is None else path
    done = subprocess.run(
        [BIN / name, *arguments],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "120", **env, "PATH": paths},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def program() -> Callable[..., Ran]:
    """Run a program of this environment as a user does: ``program("autograder", "grade")``."""
    return _program


@pytest.fixture
def swift(warm_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the warm sandbox run the notebook: a fresh process needs seconds to import torch."""
    from autograder import selfcheck
    from autograder.sandbox import Limits

    def run(command: Sequence[str], *, cwd: str, timeout: float, **_: Any) -> None:
        job, frames = map(Path, command[-2:])
        beside = {
            str(path.relative_to(cwd)): path.read_bytes()
            for path in Path(cwd).rglob("*")
            if path.is_file() and path.suffix != ".ipynb"
        }
        with frames.open("w", encoding="utf-8") as file:
            warm_sandbox.run(
                json.loads(job.read_text("utf-8")),
                limits=Limits(seconds=timeout),
                files=beside,
                on_frame=lambda frame, payload: file.write(json.dumps(frame) + "\n"),
            )

    monkeypatch.setattr(selfcheck.subprocess, "run", run)
