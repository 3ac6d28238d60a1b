"""``language: en`` switches all that a student reads of ours: messages, comments, pages, outputs.

What an assignment's author wrote into the notebook stays as it is: these notebooks are in Spanish.
"""

from __future__ import annotations

import gettext
import re
import runpy

import nbformat
import pytest
from bs4 import BeautifulSoup

P = "perceptron"
WRONG = {
    "tensores": "y = torch.ones(4, 2, dtype=torch.float64)\nr = torch.ones(3, 2)\nz = 3",
    "rebanadas": "elemento = z[1, 1\n",
    "numpy": "np.random.seed(7)\na = np.random.rand(4, 3)\nA = torch.tensor(a)\nb = A.numpy()",
    "conversion": "X = torch.tensor([2.0, 3.0, 4.0])\nW = 1 / 0",
    "lineal": "H = torch.dot(W, X)",
    "activacion": "Y = H\ny_np = Y",
    "funcion": "def perceptron(x, w, b):\n    return torch.dot(w, x) + b",
}
OWN = {
    "tensores": ["input('?')", "print('x' * 5000)"],
    "lineal": ["while True: pass"],
}


@pytest.fixture(scope="module")
def handed_in(notebooks):
    """Wrong, damaged and unreadable submissions, by student."""
    damaged = notebooks.of(P, {"activacion": "Y = 3\ny_np = None"}, own=OWN)
    del damaged.cells[notebooks.place(damaged, "funcion")]
    retyped = damaged.cells[notebooks.place(damaged, "numpy")]
    retyped.cell_type = "markdown"
    del retyped["outputs"], retyped["execution_count"]
    return {
        "ana": notebooks.of(P, WRONG),
        "bruno": damaged,
        "carla": notebooks.of(P, {"conversion": "import os\nos._exit(0)"}),
        "gema": notebooks.of(P, {"lineal": "while True: pass"}),
        "hugo": b"{",
        "irene": notebooks.released(P),
    }


def in_language(language, make_course, hand_in, handed_in, lending, folder):
    """Grade all and make the pages: the reports and the comments, by student, and the course."""
    from autograder.course import Course
    from autograder.grading import Grader
    from autograder.record.feedback import make_feedback
    from autograder.record.gradebook import Gradebook

    limits = {"seconds_per_cell": 1.0, "seconds_per_trial": 5.0, "output_kb": 1}
    root = make_course(folder / language, only=[P], misconceptions=True, **limits)
    config = root / "grading_config.yaml"
    text = config.read_text("utf-8")
    assert "language: es" in text
    config.write_text(text.replace("language: es", f"language: {language}"), "utf-8")
    if language == "es":
        # Observing them takes longer than all the rest, and they were in English already.
        (root / f"solutions/{P}/misconceptions_{P}.yaml").unlink()
    for student, notebook in handed_in.items():
        hand_in(root, student, P, notebook)
    course = Course.at(root)
    with lending(), Grader(course) as grader:
        reports = {one["student"]: one for one in grader.grade(P)}
    make_feedback(course, P)
    with Gradebook(course.db_url) as book:
        comments = {
            student: [row[1] for row in rows if isinstance(row, list) and len(row) == 2 and row[1]]
            for student, rows in book.shown(P).items()
        }
    return reports, comments, root


@pytest.fixture(scope="module")
def english(make_course, hand_in, handed_in, lending, tmp_path_factory):
    folder = tmp_path_factory.mktemp("english")
    return in_language("en", make_course, hand_in, handed_in, lending, folder)


@pytest.fixture(scope="module")
def spanish_words(repository):
    """The words of our Spanish that our English has not."""
    path = repository / "autograder/locale/es/LC_MESSAGES/autograder.mo"
    with path.open("rb") as file:
        said = {key: text for key, text in gettext.GNUTranslations(file)._catalog.items() if key}
    own = set.union(*(words_of(text) for text in said.values()))
    found = own - set.union(*(words_of(text.rpartition("\x04")[2]) for text in said))
    assert {"celda", "el", "se", "pedía", "de", "puntos", "salida"} <= found
    return found


def words_of(text):
    """The words outside code and places to fill."""
    return set(re.findall(r"[^\W\d_]+", re.sub(r"`[^`]*`|\{[^}]*\}", " ", text).lower()))


def told(value):
    """All that a report says: titles, messages and reasons, wherever they stand."""
    if isinstance(value, list):
        return [text for one in value for text in told(one)]
    if isinstance(value, dict):
        own = [value[key] for key in ("title", "message", "difference") if value.get(key)]
        return own + [text for one in value.values() for text in told(one)]
    return []


def around_the_notebook(page):
    """The words of a page itself: without code, outputs and the notebook's own text."""
    soup = BeautifulSoup(page, "html.parser")
    labels = [
        str(one[name])
        for name in ("aria-label", "alt", "title")
        for one in soup.find_all(attrs={name: True})
    ]
    for one in soup.select("style, code, pre, div.code, div.text"):
        one.decompose()
    return f"{soup.get_text(' ')} {' '.join(labels)}"


def test_no_message_of_a_report_is_spanish(english, handed_in, spanish_words):
    reports = english[0]

    assert reports.keys() == handed_in.keys()
    assert not {
        text
        for student in reports
        for text in told(reports[student])
        if words_of(text) & spanish_words
    }
    for student in reports:
        assert told(reports[student])


def test_the_kinds_of_message_are_many(english):
    """Else the tests beside this one would say little."""
    said = "\n".join(text for one in english[0].values() for text in told(one))

    for part in (
        "`z` is a Python integer; a tensor was asked for.",
        "has dtype `float64`; `float32` was asked for.",
        "was never defined: the cell stopped",
        "The solution cell of this exercise is missing",
        "The solution cell is no longer a code cell",
        "You have not solved this cell yet.",
        "was interrupted. Does your loop always end?",
        "This cell ended the Python process",
        "This cell never ran: an earlier cell ended the Python process.",
        "cannot be read: it is cut off",
    ):
        assert part in said, part
    reasons = [
        reason["kind"]
        for one in english[0].values()
        for exercise in one["exercises"]
        for check in exercise["checks"]
        for reason in check["reasons"]
    ]
    assert "misconception" in reasons


def test_no_comment_is_spanish(english, handed_in, spanish_words):
    comments = english[1]

    assert comments.keys() == handed_in.keys()
    assert all(comments.values())
    assert not {
        text
        for student in comments
        for text in comments[student]
        if words_of(text.replace("\\", "")) & spanish_words
    }


def test_no_page_says_anything_of_its_own_in_spanish(english, handed_in, spanish_words):
    for student in handed_in:
        page = (english[2] / f"feedback/{student}/{P}/{P}.html").read_text("utf-8")
        around = around_the_notebook(page)

        assert '<html lang="en">' in page
        assert "Points of each exercise" in around
        assert not words_of(around) & spanish_words, student


def test_the_outputs_of_cells_say_in_english_what_went_wrong(english):
    page = (english[2] / f"feedback/bruno/{P}/{P}.html").read_text("utf-8")
    text = " ".join(BeautifulSoup(page, "html.parser").get_text(" ").split())

    assert "input() is not available while grading: nobody can answer." in text
    assert "The cell passed its limit of 1 s and was interrupted." in text
    assert "… the output is too long: cut here" in text
    for spanish in ("no está disponible al corregir", "superó su límite", "demasiado larga"):
        assert spanish not in text


def test_by_default_the_same_is_told_in_spanish_for_the_same_points(
    english, make_course, hand_in, handed_in, lending, tmp_path, spanish_words
):
    """So the tests above would see Spanish if there were some."""
    some = {student: handed_in[student] for student in ("ana", "hugo")}
    reports, comments, root = in_language("es", make_course, hand_in, some, lending, tmp_path)

    for student in some:
        page = (root / f"feedback/{student}/{P}/{P}.html").read_text("utf-8")
        assert reports[student]["score"] == english[0][student]["score"]
        assert any(words_of(text) & spanish_words for text in told(reports[student]))
        assert any(words_of(text) & spanish_words for text in comments[student])
        assert words_of(around_the_notebook(page)) & spanish_words


def test_every_check_and_misconception_is_said_in_english_too(
    bench, each_assignment, spanish_words
):
    from autograder.misconceptions import load_misconceptions

    assignment = bench.course.assignment(each_assignment)
    written = runpy.run_path(str(assignment.checks_path)).values()
    checks = [one.autograder_check for one in written if hasattr(one, "autograder_check")]
    said = [(one.title, one.english) for one in checks]
    said += [(one.es, one.en) for one in load_misconceptions(assignment)]

    assert checks
    assert not [spanish for spanish, english in said if words_of(english) & spanish_words]
    assert not [one for one, other in said if one == other and words_of(one)]


def test_a_students_own_check_speaks_english(
    program, notebooks, handed_in, tmp_path, spanish_words
):
    notebook = notebooks.of(P, {**WRONG, "tensores": "y = 3"}, own=OWN)
    # The public asserts speak the language of the notebook.
    notebook.cells = [
        cell for cell in notebook.cells if not cell.metadata.get("nbgrader", {}).get("grade")
    ]
    nbformat.write(notebook, tmp_path / "own.ipynb")
    (tmp_path / "cut.ipynb").write_bytes(b"{")

    wrong, unreadable = (
        program("autograder", "check", "--language", "en", "--seconds", 1, tmp_path / name)
        for name in ("own.ipynb", "cut.ipynb")
    )

    assert (wrong.status, unreadable.status) == (1, 2)
    assert "The cell passed its limit of 1 s" in wrong.out
    assert "input() is not available" in wrong.out
    ids = set(notebooks.ids(P))
    said = words_of(wrong.out) | words_of(unreadable.err.replace(str(tmp_path), ""))
    assert not (said - ids) & spanish_words
