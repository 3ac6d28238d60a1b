"""What the tests of promises, commands and real nbgrader share: courses, notebooks, a warm sandbox.

Notebooks are made in memory from the source notebooks; a worker starts one sandbox for all tests.
"""

from __future__ import annotations

import contextlib
import copy
import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
import yaml

if TYPE_CHECKING:
    from autograder.course import Course
    from autograder.observation import Observation
    from autograder.sandbox import Sandbox
    from autograder.submission import Submission

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
CONFIG = "grading_config.yaml"
ASSIGNMENTS = list(yaml.safe_load((ROOT / CONFIG).read_text("utf-8"))["assignments"])

Notebook = nbformat.NotebookNode
Json = dict[str, Any]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes ``each_assignment`` is a contract: it holds for all of the course's."""
    if "each_assignment" in metafunc.fixturenames:
        metafunc.parametrize("each_assignment", ASSIGNMENTS)


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
        language: str = "es",
    ) -> dict[str, Graded]:
        """All of ``notebooks``, by student, in one batch; a folder is handed in as it is.

        Where ``explained``, failed checks have their reasons, for which misconceptions of the
        assignment are observed and judged, too.
        """
        from autograder.grading import Exam, Options
        from autograder.judge.batch import Batch, judge
        from autograder.render.comment import comments
        from autograder.render.json import report_json
        from autograder.submission import read_submission
        from autograder.words import Words

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
        from autograder.grading import Exam, Options

        exam = Exam(self.course, self.course.assignment(assignment), self.sandbox, Options())
        return list(exam.reference.trials)


def write_notebook(path: Path, notebook: Notebook | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(notebook, bytes):
        path.write_bytes(notebook)
    else:
        nbformat.write(notebook, path)


def _make_course(root: Path, *, only: Sequence[str] = (), **defaults: Any) -> Path:
    """A course of our solutions and config in folder ``root``, with other ``defaults``."""
    root.mkdir(parents=True, exist_ok=True)
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    shutil.copytree(ROOT / "solutions", root / "solutions", ignore=ignored)
    config = yaml.safe_load((ROOT / CONFIG).read_text("utf-8"))
    config["defaults"].update(devices=["cpu"], **defaults)
    if only:
        config["assignments"] = {name: config["assignments"][name] for name in only}
    (root / CONFIG).write_text(yaml.safe_dump(config, allow_unicode=True), "utf-8")
    return root


def _hand_in(root: Path, student: str, assignment: str, notebook: Notebook | bytes) -> Path:
    """Put a notebook where nbgrader keeps submissions."""
    path = root / "submitted" / student / assignment / f"{assignment}.ipynb"
    write_notebook(path, notebook)
    return path


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
    return Bench(Course.at(_make_course(folder / "course", **defaults)), sandbox, folder / "in")


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory, warm_sandbox: Sandbox) -> Bench:
    """Grades under the course's own limits."""
    return _bench(tmp_path_factory, warm_sandbox)


@pytest.fixture(scope="session")
def hasty_bench(tmp_path_factory: pytest.TempPathFactory, warm_sandbox: Sandbox) -> Bench:
    """Grades notebooks that loop: one second a cell, five a trial."""
    return _bench(tmp_path_factory, warm_sandbox, seconds_per_cell=1.0, seconds_per_trial=5.0)


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
        from autograder.cli import main

        self.capture.readouterr()
        status: object = 0
        try:
            main([str(one) for one in arguments])
        except SystemExit as ended:
            status = ended.code or 0
        said = self.capture.readouterr()
        assert isinstance(status, int)
        return Ran(status, said.out, said.err)


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
