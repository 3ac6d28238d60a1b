"""The pytest plugin: submissions are parameters, checks are tests.

Loaded by entry point in every pytest run, so it does nothing unless a module declares checks.
``pytest solutions/<assignment> --submissions DIR`` judges the submissions in ``DIR``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from autograder.errors import AuthorError
from autograder.judge.check import Check
from autograder.judge.examine import examine, place_of
from autograder.judge.finding import CheckFailed

if TYPE_CHECKING:
    from autograder.assignment import Assignment
    from autograder.judge.batch import Batch
    from autograder.report import CheckResult

__all__ = ["Judging", "device", "reference", "student"]

OURS = {"student", "reference", "device", "name"}
PLAIN = OURS | {"request"}


@pytest.fixture
def student(request: pytest.FixtureRequest) -> Any:
    """The student's observations; a ``View``, put in place for every device and trial."""
    return getattr(request, "param", None)


@pytest.fixture
def reference() -> None:
    """The reference's observations; a ``View``, put in place for every device and trial."""


@pytest.fixture
def device() -> None:
    """The device of this round, ``"cpu"`` or ``"cuda"``."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("autograder")
    group.addoption(
        "--submissions",
        metavar="DIR",
        help="judge the submissions in DIR: <student>/<assignment>/<assignment>.ipynb or *.ipynb",
    )


def pytest_configure(config: pytest.Config) -> None:
    folder = config.getoption("--submissions", default=None)
    if folder is None or config.pluginmanager.has_plugin("autograder-judging"):
        return
    if not Path(folder).is_dir():
        raise pytest.UsageError(f"--submissions {folder}: there is no such folder.")
    from autograder.judge.direct import DirectJudging

    config.pluginmanager.register(DirectJudging(Path(folder)), "autograder-judging")


def check_of(item: pytest.Item) -> Check | None:
    return getattr(getattr(item, "function", None), "autograder_check", None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.pluginmanager.has_plugin("autograder-judging"):
        return
    if any(check_of(item) for item in items):
        raise pytest.UsageError("these are checks of an assignment: give --submissions DIR.")


@dataclass(frozen=True)
class Together:
    """The parameter of an item that stands for these students."""

    students: Sequence[str]


class Judging:
    """Judges one batch, or several by the folder of their checks."""

    def __init__(self, batch: Batch | None = None) -> None:
        self._batch = batch
        self.author_error: str | None = None

    def batch_of(self, path: Path) -> Batch:
        assert self._batch is not None
        return self._batch

    def assignment_of(self, path: Path) -> Assignment:
        return self.batch_of(path).assignment

    def students(self, path: Path, exercise: str) -> list[str]:
        return self.batch_of(path).students(exercise)

    @pytest.hookimpl
    def pytest_configure(self, config: pytest.Config) -> None:
        if not config.pluginmanager.has_plugin("autograder-judging"):
            config.pluginmanager.register(_Registered(), "autograder-judging")

    @pytest.hookimpl
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        check: Check | None = getattr(metafunc.function, "autograder_check", None)
        if check is None:
            return
        self._refuse_derived_fixtures(metafunc)
        students = self.students(metafunc.definition.path, check.exercise)
        if self._may_be_joined(metafunc.definition):
            metafunc.parametrize("student", [Together(students)], indirect=True, ids=["all"])
        else:
            metafunc.parametrize("student", students, indirect=True, ids=students)
        if check.each is not None:
            metafunc.parametrize("name", list(check.each))

    def _may_be_joined(self, definition: Any) -> bool:
        """Whether all submissions may be judged by one item: in a batch that is graded nobody reads
        pytest's reports, and making an item takes longer than most checks. A check with fixtures of
        its author's, or one that is skipped, goes pytest's whole way."""
        plain = PLAIN.issuperset(definition.fixturenames)
        return self._batch is not None and plain and not any(definition.iter_markers("skip"))

    def _refuse_derived_fixtures(self, metafunc: pytest.Metafunc) -> None:
        definition: Any = metafunc.definition
        where = place_of(metafunc.function)
        if "student" not in metafunc.fixturenames:
            self._refuse(f"{where}: the check takes no `student`; add the argument.")
        fixtures = definition._fixtureinfo.name2fixturedefs
        each = metafunc.function.autograder_check.each is not None
        for name in definition._fixtureinfo.argnames:
            if name not in fixtures and not (name == "name" and each):
                self._refuse(
                    f"{where}: there is no fixture {name!r}; a check takes `student`, `reference`, "
                    "`device`, with `each` also `name`, and fixtures of its file."
                )
        for name, found in fixtures.items():
            if name not in OURS and OURS & set(found[-1].argnames):
                self._refuse(
                    f"{where}: the fixture {name!r} is made once, but a check runs for every "
                    "trial and device; make it a plain function and call it in the check."
                )

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        # Before any option deselects: what is examined is the assignment, not a choice of it.
        declared: dict[Path, dict[Any, Check]] = {}
        for item in items:
            check = check_of(item)
            if check is not None and isinstance(item, pytest.Function):
                declared.setdefault(item.path, {})[item.function] = check
        if self._batch is not None and not self.author_error:
            # A file in which nothing is declared has to be examined all the same.
            declared.setdefault(self._batch.assignment.checks_path, {})
        for path, checks in declared.items():
            try:
                examine(self.assignment_of(path), list(checks.items()))
            except AuthorError as error:
                self._refuse(str(error))

    @pytest.hookimpl
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            said = [one for one in str(report.longrepr).splitlines() if one.strip()]
            wrong = [one[1:].strip() for one in said if one.startswith("E ")] or said[-1:]
            sentence = " ".join(wrong).removeprefix("pytest.UsageError: ")
            self.author_error = self.author_error or f"{report.nodeid}: {sentence}"

    def _refuse(self, sentence: str) -> NoReturn:
        self.author_error = sentence
        raise pytest.UsageError(sentence)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Judge all submissions of an item that stands for all, and leave it at that."""
        check = check_of(item)
        if check is None or not isinstance(item, pytest.Function):
            return None
        together = item.callspec.params["student"]
        if not isinstance(together, Together):
            return None
        from autograder.judge.batch import BREAKS

        for student in together.students:
            # Whatever a check raised is in the batch's results, and in the log.
            with contextlib.suppress(*BREAKS):
                self._judge(item, check, student)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        check = check_of(pyfuncitem)
        if check is None:
            return None
        result = self._judge(pyfuncitem, check, str(pyfuncitem.callspec.params["student"]))
        if result.outcome == "not_run":
            pytest.skip(f"no device of {', '.join(result.missing_devices)} here")
        if result.finding is not None:
            raise CheckFailed(result.finding, result.outcome)
        return True

    def _judge(self, item: pytest.Function, check: Check, student: str) -> CheckResult:
        parameters: dict[str, Any] = dict(item.callspec.params)
        return self.batch_of(item.path).run(
            item.function,
            check,
            item.function.__code__.co_firstlineno,
            student,
            parameters.get("name"),
            {name: value for name, value in item.funcargs.items() if name not in PLAIN},
        )


class _Registered:
    """Marks that a batch is being judged in this run."""


def pytest_exception_interact(
    node: pytest.Item, call: pytest.CallInfo[Any], report: pytest.TestReport
) -> None:
    """A check that fails is a finding, not a traceback."""
    if call.excinfo is not None and isinstance(call.excinfo.value, CheckFailed):
        from autograder.words import Words

        failed = call.excinfo.value
        report.longrepr = f"{failed.outcome}: {Words('es').finding(failed.finding)}"
