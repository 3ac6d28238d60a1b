"""The whole round through a real exchange directory, by nbgrader's own commands, as two users."""

from __future__ import annotations

import csv
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
import yaml

pytestmark = pytest.mark.e2e

BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parents[2]
INSTRUCTOR, STUDENT = "daemon", "games"
"""Two accounts that every Debian has: nbgrader asks for the names of users."""
COURSE_ID, NAME = "redes-2026", "tarea"


def opened() -> list[str]:
    """The beginning of a command for which this interpreter, its packages and this project may be
    read by all users, wherever they lie: in root's home they may not be."""
    needed = {Path(sys.base_prefix), Path(sys.prefix), ROOT}
    closed = {
        next((up for up in reversed(path.parents) if not up.stat().st_mode & 0o001), None)
        for path in needed
    } - {None}
    if not closed:
        return []
    hidden = [part for up in closed for part in ("--perms", "0755", "--tmpfs", str(up))]
    shown = []
    for path in sorted(needed):
        for up in closed & {*path.parents}:
            between = [one for one in reversed(path.parents) if up in one.parents]
            shown += [part for one in between for part in ("--perms", "0755", "--dir", str(one))]
            shown += ["--ro-bind", str(path), str(path)]
    return ["bwrap", "--cap-add", "ALL", "--dev-bind", "/", "/", *hidden, *shown, "--"]


@dataclass(frozen=True)
class Person:
    """A system user with a home of one's own; calls programs as that user, in a folder."""

    name: str
    home: Path

    def __call__(self, *command: str, cwd: Path) -> str:
        """What the command said, which has to end well."""
        done = self.run(*command, cwd=cwd)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def run(self, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        name, *arguments = command
        user = pwd.getpwnam(self.name)
        as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        return subprocess.run(
            [*opened(), *as_user, BIN / name, *arguments],
            cwd=cwd,
            env={
                "HOME": str(self.home),
                "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
                "LANG": "C.UTF-8",
                **{key: os.environ[key] for key in ("PYTHONPATH",) if key in os.environ},
            },
            umask=0o022,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def owns(self, folder: Path) -> None:
        for path in [folder, *folder.rglob("*")]:
            shutil.chown(path, self.name, pwd.getpwnam(self.name).pw_gid)


@dataclass(frozen=True)
class Place:
    """An exchange, a course, and the two people who meet there."""

    exchange: Path
    course: Path
    instructor: Person
    student: Person


@pytest.fixture
def place(make_small) -> Iterator[Place]:
    if os.geteuid() != 0:
        pytest.skip("only root may act as two system users")
    # Not among pytest's folders, which root alone may enter.
    top = Path(tempfile.mkdtemp(prefix="autograder-exchange-"))
    try:
        top.chmod(0o755)
        people = []
        for name in (INSTRUCTOR, STUDENT):
            home = top / name
            home.mkdir()
            people.append(Person(name, home))
            people[-1].owns(home)
        exchange = top / "exchange"
        exchange.mkdir()
        exchange.chmod(0o777)
        course = make_small(people[0].home / "course").root
        shutil.copy(ROOT / "nbgrader_config.py", course)
        config = yaml.safe_load((course / "grading_config.yaml").read_text("utf-8"))
        config["exchange"] = {"course_id": COURSE_ID, "root": str(exchange)}
        (course / "grading_config.yaml").write_text(yaml.safe_dump(config), "utf-8")
        people[0].owns(course)
        settings = people[1].home / ".jupyter/nbgrader_config.py"
        settings.parent.mkdir()
        # As README.md tells an administrator to write it.
        settings.write_text(
            "c = get_config()\n"
            f"c.CourseDirectory.course_id = {COURSE_ID!r}\n"
            f"c.Exchange.root = {str(exchange)!r}\n"
        )
        people[1].owns(settings.parent)
        yield Place(exchange, course, *people)
    finally:
        shutil.rmtree(top, ignore_errors=True)


def solve(path: Path, answers: dict[str, str]) -> None:
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if id in answers:
            assert "raise NotImplementedError" in cell.source
            cell.source = answers[id]
    nbformat.write(notebook, path)


def test_a_notebook_goes_to_the_student_and_its_feedback_comes_back(place):
    teach, learn = place.instructor, place.student
    course, home, name = place.course, place.student.home, NAME

    teach("nbgrader", "generate_assignment", name, cwd=course)
    teach("nbgrader", "release_assignment", name, cwd=course)

    assert f"{COURSE_ID} {name}" in learn("nbgrader", "list", cwd=home)
    learn("nbgrader", "fetch_assignment", name, cwd=home)
    fetched = home / name / f"{name}.ipynb"
    assert [one.name for one in fetched.parent.iterdir()] == [fetched.name]
    assert "BEGIN SOLUTION" not in fetched.read_text("utf-8")
    solve(
        fetched,
        {
            "suma": "torch.manual_seed(7)\nx = torch.randn(3)\ny = x.sum()",
            "doble": "def doble(z):\n    return z * z",
        },
    )
    learn("nbgrader", "submit", name, cwd=home)

    assert STUDENT in teach("nbgrader", "list", "--inbound", cwd=course)
    teach("nbgrader", "collect", name, cwd=course)
    graded = teach("autograder", "grade", cwd=course)
    assert "2/3" in graded
    teach("nbgrader", "generate_feedback", name, cwd=course)
    teach("nbgrader", "release_feedback", name, cwd=course)

    assert "feedback ready to be fetched" in learn("nbgrader", "list", "--cached", cwd=home)
    learn("nbgrader", "fetch_feedback", name, cwd=home)
    (page,) = (home / name / "feedback").glob(f"*/{name}.html")
    assert "Es el cuadrado y se pedía el doble." in page.read_text("utf-8")
    (when,) = (course / f"submitted/{STUDENT}/{name}").glob("timestamp.txt")
    assert page.parent.name == when.read_text("utf-8")

    teach("nbgrader", "export", "--to", "grades.csv", cwd=course)
    with (course / "grades.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["student_id"], row["assignment"]) == (STUDENT, name)
    assert (float(row["score"]), float(row["max_score"])) == (2, 3)

    # What the student may read: nothing of ours, and of the exchange only what is theirs.
    hidden = learn.run("python", "-c", f"open({str(course / '.autograder/key')!r})", cwd=home)
    assert "PermissionError" in hidden.stderr
    everything = [path for path in place.exchange.rglob("*") if path.is_file()]
    assert len(everything) >= 4
    for path in everything:
        assert not path.name.startswith(("test_", "probes_", "misconceptions_", "proof_"))
        assert "BEGIN SOLUTION" not in path.read_text("utf-8")
    # nbgrader's secret of the exchange is none of what was run.
    kept = (course / ".autograder/observations").rglob("*")
    secret = (course / f"submitted/{STUDENT}/{name}/submission_secret.txt").read_bytes()
    assert all(secret not in path.read_bytes() for path in kept if path.is_file())
