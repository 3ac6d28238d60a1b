"""A course whose gradebook is in a real PostgreSQL server: graded, graded at once, cut off."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import psycopg2
import pytest
import yaml

pytestmark = pytest.mark.e2e

NAME = "tarea"
USER, PASSWORD = "notas", "cl@ve:secreta/1"
WRITTEN = "cl%40ve%3Asecreta%2F1"
STUDENTS = ("ana", "bea", "carla", "diego")
POINTS = {"ana": 3, "bea": 1, "carla": 2, "diego": 3}


@dataclass
class Server:
    """A PostgreSQL server with its own folder and port, run by a user who is not root."""

    folder: Path
    bin: Path
    port: int
    user: str | None
    count: int = field(default=0)

    def run(self, program: str, *arguments: object) -> None:
        done = subprocess.run(
            [self.bin / program, *map(str, arguments)],
            user=self.user,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        log = self.folder / "log"
        told = log.read_text("utf-8", "replace")[-1000:] if log.exists() else ""
        assert done.returncode == 0, done.stdout + done.stderr + told

    def start(self) -> None:
        options = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off "
            f"-c unix_socket_directories={self.folder}"
        )
        # Its messages go to a file: a pipe would stay open as long as the server runs.
        log = self.folder / "log"
        self.run("pg_ctl", "-D", self.folder / "data", "-l", log, "-o", options, "-w", "start")

    def stop(self, mode: str = "fast") -> None:
        self.run("pg_ctl", "-D", self.folder / "data", "-m", mode, "-w", "stop")

    def connect(self, database: str = "postgres") -> Any:
        return psycopg2.connect(
            host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, dbname=database
        )

    def ask(self, database: str, text: str, *values: object) -> list[tuple[Any, ...]]:
        with self.connect(database) as connection, connection.cursor() as cursor:
            cursor.execute(text, values)
            rows = cursor.fetchall()
        connection.close()
        return rows

    def database(self) -> str:
        """The name of a fresh database."""
        self.count += 1
        name = f"curso_{self.count}"
        connection = self.connect()
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
        connection.close()
        return name

    def url(self, database: str) -> str:
        return f"postgresql://{USER}:{WRITTEN}@127.0.0.1:{self.port}/{database}"


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    assert found, "no PostgreSQL here: `make e2e` installs it"
    # Not among pytest's folders, which root alone may enter.
    folder = Path(tempfile.mkdtemp(prefix="autograder-postgresql-"))
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    made = Server(folder, found[-1].parent, _free_port(), user)
    try:
        secret = folder / "password"
        secret.write_text(PASSWORD, "utf-8")
        login = ("-A", "scram-sha-256", "-U", USER, f"--pwfile={secret}", "--no-sync")
        made.run("initdb", "-D", folder / "data", *login, "-E", "UTF8", "--locale=C.UTF-8")
        made.start()
        yield made
        if (folder / "data/postmaster.pid").exists():
            made.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class OnServer:
    """A course, and the database that its gradebook is in."""

    root: Path
    database: str
    url: str

    def hand_in(self, student: str, name: str, notebook: nbformat.NotebookNode) -> None:
        path = self.root / "submitted" / student / name / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)

    def answers(self, name: str, **answers: str) -> nbformat.NotebookNode:
        """The source's solutions as a student would hand them in, with other ``answers``."""
        source = self.root / "solutions" / name / f"{name}.ipynb"
        notebook = nbformat.read(source, as_version=4)
        for cell in notebook.cells:
            id = cell.metadata.get("nbgrader", {}).get("grade_id")
            lines = [one for one in cell.source.split("\n") if not one.lstrip().startswith("###")]
            cell.source = answers.get(id, "\n".join(lines))
        return notebook


@pytest.fixture(scope="module")
def observed(make_small, lending, tmp_path_factory, repository) -> Path:
    """The small course with four submissions that have been observed already."""
    from autograder.course import Course
    from autograder.grading import Grader

    made = make_small(tmp_path_factory.mktemp("observed") / "course")
    shutil.copy(repository / "nbgrader_config.py", made.root)
    course = OnServer(made.root, "", "")
    notebooks = {
        "ana": course.answers(NAME),
        "bea": course.answers(NAME, suma="x = y = 0"),
        "carla": course.answers(NAME, doble="def doble(z):\n    return z * z"),
        "diego": course.answers(NAME, doble="def doble(z):\n    return z + z"),
    }
    for student, notebook in notebooks.items():
        course.hand_in(student, NAME, notebook)
    with lending(), Grader(Course.at(made.root)) as grader:
        grader.grade(NAME)
    for kept in ("gradebook.db", "autograded", ".autograder/reports", ".autograder/history"):
        path = made.root / kept
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return made.root


@pytest.fixture(scope="module")
def make_course_on(server, observed, tmp_path_factory) -> Callable[[], OnServer]:
    """Makes such courses, each with a fresh database."""

    def make() -> OnServer:
        root = shutil.copytree(observed, tmp_path_factory.mktemp("postgresql") / "course")
        database = server.database()
        made = OnServer(root, database, server.url(database))
        config = yaml.safe_load((root / "grading_config.yaml").read_text("utf-8"))
        config["db_url"] = made.url
        (root / "grading_config.yaml").write_text(yaml.safe_dump(config), "utf-8")
        return made

    return make


@pytest.fixture
def course(make_course_on) -> OnServer:
    return make_course_on()


@pytest.fixture(scope="module")
def graded(make_course_on, lending) -> OnServer:
    """A course that was graded. For reading only."""
    from autograder.course import Course
    from autograder.grading import Grader

    made = make_course_on()
    with lending(), Grader(Course.at(made.root)) as grader:
        grader.grade(NAME)
    return made


@pytest.fixture
def nbgraders_gradebook():
    """Open a gradebook by nbgrader's own API; all are closed at the end."""
    from nbgrader.api import Gradebook

    from autograder.course import Course

    opened = []

    def open_gradebook(course):
        opened.append(Gradebook(Course.at(course.root).db_url))
        return opened[-1]

    yield open_gradebook
    for one in opened:
        one.close()


def one_sentence(ran) -> str:
    """What a command that could not go on said: one sentence, without the password."""
    assert ran.status == 3, ran.out + ran.err
    assert ran.err.count("\n") == 1, ran.err
    assert "a fault of ours" not in ran.err
    no_password(ran.out + ran.err)
    return ran.err


def no_password(text: str) -> None:
    for secret in (PASSWORD, WRITTEN, "cl@ve", "secreta"):
        assert secret not in text


def test_release_grade_regrade_and_feedback_work_as_with_a_file(
    autograder, course, server, nbgraders_gradebook, program
):
    released = autograder("release", "--unverified", "--course", course.root)
    assert released.status == 0, released.err

    graded = autograder("grade", "--course", course.root, "--json", course.root / "1.json")

    assert graded.status == 0, graded.err
    batch = json.loads((course.root / "1.json").read_text("utf-8"))
    assert {one["student"]: one["score"] for one in batch["reports"]} == POINTS
    book = nbgraders_gradebook(course)
    found = {one.student_id: one.score for one in book.assignment_submissions(NAME)}
    assert found == POINTS

    grade = book.find_grade("suma-check", NAME, NAME, "bea")
    grade.manual_score = 1.5
    book.find_comment("suma", NAME, NAME, "bea").manual_comment = "Lo vimos en clase."
    book.db.commit()
    course.hand_in("carla", NAME, course.answers(NAME))
    again = autograder("grade", "--course", course.root, "--force")

    assert again.status == 0, again.err
    book.db.expire_all()
    scores = {one.student_id: one.score for one in book.assignment_submissions(NAME)}
    assert scores == {**POINTS, "carla": 3, "bea": 2.5}
    assert book.find_comment("suma", NAME, NAME, "bea").comment == "Lo vimos en clase."
    assert len(book.find_submission_notebook(NAME, NAME, "ana").grades) == 2

    ours = autograder("feedback", "--course", course.root)
    theirs = program("nbgrader", "generate_feedback", NAME, "--force", cwd=course.root)

    assert (ours.status, theirs.status) == (0, 0), ours.err + theirs.err
    page = (course.root / f"feedback/bea/{NAME}/{NAME}.html").read_text("utf-8")
    assert "Lo vimos en clase." in page
    no_password(released.out + graded.out + again.out + ours.out + ours.err)
    for written in (course.root / ".autograder").rglob("*"):
        if written.is_file():
            no_password(written.read_bytes().decode("latin-1"))


def test_what_is_unchanged_is_not_graded_again(autograder, graded):
    again = autograder("grade", "--course", graded.root)

    assert (again.status, autograder.asked) == (0, []), again.err


def test_no_connection_stays_when_a_grader_is_done(graded, server):
    deadline, left = time.monotonic() + 5, -1
    while left != 0 and time.monotonic() < deadline:
        ((left,),) = server.ask(
            "postgres", "SELECT count(*) FROM pg_stat_activity WHERE datname = %s", graded.database
        )

    assert left == 0


def test_the_formgraders_api_reads_the_course(graded, monkeypatch):
    from nbgrader.apps.api import NbGraderAPI

    from autograder.record.settings import nbgrader_settings

    monkeypatch.chdir(graded.root)

    api = NbGraderAPI(config=nbgrader_settings(graded.root))

    rows = {one["student"]: one["score"] for one in api.get_submissions(NAME)}
    assert rows == POINTS
    (assignment,) = [one for one in api.get_assignments() if one["name"] == NAME]
    assert (assignment["num_submissions"], assignment["max_score"]) == (4, 3)
    assert {one["id"] for one in api.get_students()} == set(STUDENTS)


class Watching:
    """Counts the connections to a database while others work, in a thread of its own."""

    def __init__(self, server: Server, database: str) -> None:
        self.most, self._done = 0, threading.Event()
        self._own = server.connect()
        self._own.autocommit = True
        self._thread = threading.Thread(target=self._look, args=(database,))

    def __enter__(self) -> Watching:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._own.close()

    def _look(self, database: str) -> None:
        with self._own.cursor() as cursor:
            while not self._done.wait(0.005):
                cursor.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = %s", (database,)
                )
                self.most = max(self.most, cursor.fetchone()[0])


def test_three_graders_at_once_hold_one_connection_each_and_lose_nothing(
    course, server, program, nbgraders_gradebook
):
    made = program("autograder", "new", "otra", "--course", course.root)
    assert made.status == 0, made.err
    (course.root / "solutions/otra/misconceptions_otra.yaml").unlink()
    for student in STUDENTS:
        course.hand_in(student, "otra", course.answers("otra"))
    ran: dict[str, Any] = {}

    def grade(key: str, name: str) -> None:
        ran[key] = program("autograder", "grade", name, "--course", course.root, "--jobs", 1)

    # The database has no tables yet: each of them may be the one that makes them.
    both = [("first", NAME), ("second", NAME), ("other", "otra")]
    with Watching(server, course.database) as watching:
        threads = [threading.Thread(target=grade, args=one) for one in both]
        for one in threads:
            one.start()
        for one in threads:
            one.join()

    assert {key: one.status for key, one in ran.items()} == dict.fromkeys(ran, 0), ran
    said = [line for one in ran.values() for line in one.err.splitlines()]
    assert all(line.startswith("autograder: waiting for `autograder grade") for line in said), ran
    assert 1 <= watching.most <= 3
    book = nbgraders_gradebook(course)
    assert len(book.assignments) == 2
    found = {one.student_id: one.score for one in book.assignment_submissions(NAME)}
    assert found == POINTS
    others = [one.score for one in book.assignment_submissions("otra")]
    assert len(others) == 4
    assert min(others) == max(others) > 0
    for student in STUDENTS:
        folder = course.root / f"autograded/{student}/{NAME}"
        assert [path.name for path in folder.iterdir()] == [f"{NAME}.ipynb"]


def test_gradebooks_that_are_made_at_once_are_one(server, course, tmp_path):
    """Without the lock of one course's folder: two machines, one server."""
    from autograder.course import Course
    from autograder.record.gradebook import Gradebook
    from autograder.record.released import released_notebook

    here = Course.at(course.root)
    released = released_notebook(here, here.assignment(NAME))
    failed: list[BaseException] = []
    begin = threading.Barrier(3)

    def register() -> None:
        try:
            begin.wait()
            with Gradebook(here.db_url) as book:
                book.register(NAME, released)
                book.enrol({"ana": {}, "bea": {"first_name": "Bea"}})
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=register) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert failed == []
    assert server.ask(course.database, "SELECT name FROM assignment") == [(NAME,)]
    assert server.ask(course.database, "SELECT count(*) FROM student") == [(2,)]
    assert server.ask(course.database, "SELECT count(*) FROM grade_cells") == [(2,)]


def test_a_server_that_stops_in_the_middle_ends_the_run_and_the_next_one_goes_on(
    autograder, course, server, monkeypatch
):
    from autograder.record.gradebook import Gradebook

    really, recorded = Gradebook.record, []

    def record(self, report, *rest):
        if recorded:
            server.stop("immediate")
        recorded.append(report.student)
        really(self, report, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Gradebook, "record", record)
        try:
            cut = autograder("grade", "--course", course.root)
            gone = autograder("grade", "--course", course.root)
        finally:
            server.start()

    assert f"cannot take bea's {NAME}" in one_sentence(cut)
    assert "when the server answers" in cut.err
    assert "cannot be opened" in one_sentence(gone)
    observations = course.root / ".autograder/observations"
    before = {path: path.stat().st_mtime_ns for path in observations.rglob("*")}

    ran = autograder("grade", "--course", course.root)

    assert ran.status == 0, ran.err
    assert {path: path.stat().st_mtime_ns for path in observations.rglob("*")} == before
    rows = server.ask(
        course.database,
        "SELECT s.student_id, sum(g.auto_score) FROM grade g "
        "JOIN submitted_notebook n ON n.id = g.notebook_id "
        "JOIN submitted_assignment s ON s.id = n.assignment_id GROUP BY s.student_id",
    )
    assert dict(rows) == POINTS
    log = course.root / f".autograder/history/{NAME}.jsonl"
    logged = [json.loads(line)["student"] for line in log.read_text("utf-8").splitlines()]
    assert sorted(logged) == sorted(POINTS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda url: url.replace(WRITTEN, "otra-secreta"), "password authentication failed"),
        (lambda url: url.replace(WRITTEN, PASSWORD), "such as %40 for @"),
        (lambda url: url.replace(WRITTEN, "cl@vesecreta"), "such as %40 for @"),
        (lambda url: url.replace(f":{WRITTEN}@", "@") + f"?password={WRITTEN}x", "password"),
        (lambda url: url.replace("/curso_", "/otro_"), "does not exist"),
    ],
    ids=["wrong", "unescaped", "with an @", "in the query", "no database"],
)
def test_a_server_that_does_not_let_in_is_named_before_anything_is_observed(
    autograder, course, change, said, monkeypatch
):
    monkeypatch.setattr("autograder.doctor._sandbox", lambda course: iter(()))
    config = course.root / "grading_config.yaml"
    data = yaml.safe_load(config.read_text("utf-8"))
    config.write_text(yaml.safe_dump({**data, "db_url": change(course.url)}), "utf-8")
    observations = course.root / ".autograder" / "observations"
    shutil.rmtree(observations, ignore_errors=True)

    for command in ("grade", "feedback"):
        sentence = one_sentence(autograder(command, "--course", course.root))
        assert said in sentence
    told = autograder("doctor", "--course", course.root)

    # A sandbox may have been started meanwhile, but nothing has run in it.
    assert not [one for one in observations.rglob("*") if one.is_file()]
    assert said in told.out
    no_password(told.out + told.err)
