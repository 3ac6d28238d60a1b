"""Whatever is handed in gets a report with the points of the contract, and spoils no other."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess

import nbformat
import pytest

P, FIT = "perceptron", "bucle_fit"


@pytest.fixture(scope="module")
def grade_beside(make_course, hand_in, notebooks, lending, tmp_path_factory):
    """Grade and record what was handed in between two healthy submissions of the same batch.

    ``put`` maps a student to a notebook, bytes, or a function that fills the student's folder.
    Gives the reports by student and the course's folder. The healthy ones have to get the very
    reports that they get alone.
    """
    from autograder.course import Course
    from autograder.exam import Options
    from autograder.grading import Grader

    prepared = {}

    def prepare(assignment):
        """A course in which the healthy two were graded alone, and their reports."""
        root = make_course(tmp_path_factory.mktemp("alone") / "c", only=[assignment], trials=1)
        half = {notebooks.ids(assignment)[-1]: "raise ValueError('no pude')"}
        hand_in(root, "aaa", assignment, notebooks.of(assignment))
        hand_in(root, "zzz", assignment, notebooks.of(assignment, half))
        with lending(), Grader(Course.at(root), Options(jobs=2)) as grader:
            return root, {one["student"]: one for one in grader.grade(assignment)}

    def grade(assignment, put):
        if assignment not in prepared:
            prepared[assignment] = prepare(assignment)
        template, alone = prepared[assignment]
        root = shutil.copytree(template, tmp_path_factory.mktemp("damage") / "c")
        with lending(), Grader(Course.at(root), Options(jobs=2, force=True)) as grader:
            for student, what in put.items():
                folder = root / "submitted" / student / assignment
                if callable(what):
                    folder.mkdir(parents=True)
                    what(folder)
                else:
                    hand_in(root, student, assignment, what)
            reports = {one["student"]: one for one in grader.grade(assignment)}
        assert set(alone) == {"aaa", "zzz"}
        assert {student: reports[student] for student in alone} == alone
        assert set(reports) == {*alone, *put}
        for student in put:
            autograded = root / "autograded" / student / assignment / f"{assignment}.ipynb"
            assert nbformat.read(autograded, as_version=4).cells
        return reports, root

    return grade


@pytest.fixture(scope="module")
def small(grade_beside, notebooks):
    """Everything small that is wrong with a notebook, in one batch."""
    groups = [restored, solutions, versions, unmarked, unreadable, extra]
    return grade_beside(
        P, {who: what for group in groups for who, what in group(notebooks).items()}
    )


def scores(reports, put):
    return {student: (reports[student]["status"], reports[student]["score"]) for student in put}


def points(report):
    return {one["id"]: one["score"] for one in report["exercises"]}


def said(report):
    sentences = [check["message"] for one in report["exercises"] for check in one["checks"]]
    return "\n".join([report["message"], *sentences])


def raw(notebook, minor=5):
    """The notebook as JSON of a version 4.``minor``, whatever nbformat thinks of it."""
    plain = json.loads(json.dumps(notebook))
    plain["nbformat_minor"] = minor
    if minor < 5:
        for cell in plain["cells"]:
            cell.pop("id", None)
    return plain


def dumped(data, **how):
    return json.dumps(data, **how).encode()


class Cells:
    """What may happen to one cell of a notebook, by its nbgrader id."""

    def __init__(self, notebooks, notebook, id):
        self.notebooks, self.notebook, self.id = notebooks, notebook, id

    def _with(self, change):
        notebook = copy.deepcopy(self.notebook)
        change(notebook.cells, self.notebooks.place(notebook, self.id))
        return notebook

    def missing(self):
        return self._with(lambda cells, at: cells.pop(at))

    def duplicated(self):
        def change(cells, at):
            cells.insert(at, copy.deepcopy(cells[at]))
            cells[at]["id"] = "the-copy"

        return self._with(change)

    def retyped(self, kind):
        def change(cells, at):
            made = getattr(nbformat.v4, f"new_{kind}_cell")(cells[at].source)
            made.metadata = cells[at].metadata
            cells[at] = made

        return self._with(change)

    def edited(self, text):
        return self._with(lambda cells, at: cells[at].update(source=text))

    def moved(self, to):
        return self._with(lambda cells, at: cells.insert(to, cells.pop(at)))

    def unmarked(self):
        return self._with(lambda cells, at: cells[at].update(metadata={}))

    def marked(self, **marks):
        return self._with(lambda cells, at: cells[at].metadata.nbgrader.update(marks))


def restored(notebooks):
    whole = notebooks.of(P)
    put = {}
    for id in ("funcion-check", "numpy-enunciado"):
        cell = Cells(notebooks, whole, id)
        code = id.endswith("-check")
        put |= {
            f"{id} missing": cell.missing(),
            f"{id} duplicated": cell.duplicated(),
            f"{id} retyped": cell.retyped("markdown" if code else "code"),
            f"{id} raw": cell.retyped("raw"),
            f"{id} edited": cell.edited("while True: pass" if code else "otra cosa"),
            f"{id} emptied": cell.edited(""),
            f"{id} first": cell.moved(0),
            f"{id} last": cell.moved(len(whole.cells) - 1),
            f"{id} unmarked": cell.unmarked(),
            f"{id} marked": cell.marked(solution=True, grade=False, locked=False, points=100),
        }
    return put


def test_grade_and_locked_cells_are_restored_at_no_cost(small, notebooks):
    (reports, root), put = small, restored(notebooks)

    assert scores(reports, put) == dict.fromkeys(put, ("graded", 10))
    source = notebooks.source(P)
    for student in put:
        notebook = nbformat.read(root / f"autograded/{student}/{P}/{P}.ipynb", as_version=4)
        for id in ("funcion-check", "numpy-enunciado"):
            found = [
                cell
                for cell in notebook.cells
                if cell.metadata.get("nbgrader", {}).get("grade_id") == id
            ]
            (cell,) = found
            ours = source.cells[notebooks.place(source, id)]
            assert (cell.source, cell.cell_type) == (ours.source, ours.cell_type), student


def test_a_locked_data_cell_is_restored_at_no_cost(grade_beside, notebooks):
    tail = notebooks.solution(FIT, "datos").partition("# `inputs`")[2]
    # Without its own copy of the data, the answer depends on the locked cell before it.
    whole = notebooks.of(FIT, {"datos": "# `inputs`" + tail, "fit": "pass", "prediccion": "pass"})
    cell = Cells(notebooks, whole, "datos-dados")
    nothing = "entradas_np = objetivos_np = np.zeros((5, 3), dtype=np.float32)"
    put = {
        "untouched": whole,
        "missing": cell.missing(),
        "duplicated": cell.duplicated(),
        "retyped": cell.retyped("markdown"),
        "edited": cell.edited(nothing),
        "last": cell.moved(len(whole.cells) - 1),
    }

    reports, _ = grade_beside(FIT, put)

    found = {student: points(reports[student])["datos"] for student in put}
    # A cell that was moved behind its use is where the student put it.
    assert found == {**dict.fromkeys(put, 1), "last": 0}


def solutions(notebooks):
    whole = notebooks.of(P)
    cell = Cells(notebooks, whole, "funcion")
    wrong = "def perceptron(x, w, b):\n    return x"
    right = notebooks.solution(P, "funcion")
    return {
        "solution missing": cell.missing(),
        "markdown": cell.retyped("markdown"),
        "raw": cell.retyped("raw"),
        "unmarked": cell.unmarked(),
        "another id": cell.marked(grade_id="función"),
        "emptied": cell.edited(""),
        "edited": cell.edited(wrong),
        "first": cell.moved(notebooks.place(whole, "tensores")),
        "last": cell.moved(len(whole.cells) - 1),
        "other marks": cell.marked(solution=False, grade=True, locked=True, points=99),
        "twice": cell.duplicated(),
        "wrong, then right": notebooks.doubled(P, "funcion", wrong, right),
        "right, then wrong": notebooks.doubled(P, "funcion", right, wrong),
        "the first raises": notebooks.doubled(P, "funcion", "1 / 0", right),
        "behind its use": Cells(notebooks, whole, "conversion").moved(len(whole.cells) - 1),
    }


def test_a_damaged_solution_cell_costs_what_the_contract_says(small, notebooks):
    (reports, _), put = small, solutions(notebooks)

    full = dict.fromkeys(
        ["first", "last", "other marks", "twice", "wrong, then right", "the first raises"], 10
    )
    none = dict.fromkeys(
        ["solution missing", "markdown", "raw", "unmarked", "another id", "emptied", "edited"], 8
    )
    assert scores(reports, put) == {
        student: ("graded", score)
        for student, score in {**full, **none, "right, then wrong": 8, "behind its use": 7}.items()
    }
    for student in ("solution missing", "unmarked", "another id"):
        assert "Falta la celda de solución de este ejercicio" in said(reports[student])
    for student in ("markdown", "raw"):
        assert "La celda de solución dejó de ser de código" in said(reports[student])
    assert points(reports["behind its use"]) | {"lineal": 0, "activacion": 0} == points(
        reports["behind its use"]
    )


def versions(notebooks):
    whole = notebooks.of(P)
    plain = raw(whole)
    old = nbformat.convert(copy.deepcopy(whole), 3)
    saved = raw(whole)
    for cell in saved["cells"]:
        if cell["cell_type"] == "code":
            cell["execution_count"] = 3
            data = {"application/json": {"a": [float("nan"), float("inf")]}, "image/png": "AAA"}
            cell["outputs"] = [{"output_type": "display_data", "data": data, "metadata": {}}, 7]
    spec = {"kernelspec": {"name": "ir", "language": "R", "display_name": "R 4"}}
    bare = [
        {"cell_type": cell["cell_type"], "metadata": cell["metadata"], "source": cell["source"]}
        for cell in plain["cells"]
    ]
    return {
        **{f"4.{minor}": dumped(raw(whole, minor)) for minor in range(6)},
        "4.99": dumped(raw(whole, 99)),
        "3": nbformat.writes(old, version=3).encode(),
        "no metadata": dumped({key: plain[key] for key in plain if key != "metadata"}),
        "metadata null": dumped({**plain, "metadata": None}),
        "only cells": dumped({"cells": bare}),
        "R": dumped({**plain, "metadata": spec}),
        "no such kernel": dumped({**plain, "metadata": {"kernelspec": {"name": "../x"}}}),
        "kernel of a wrong type": dumped({**plain, "metadata": {"kernelspec": [1]}}),
        "BOM": b"\xef\xbb\xbf" + dumped(plain),
        "CRLF": dumped(plain, indent=1).replace(b"\n", b"\r\n"),
        "CRLF in cells": dumped(
            {**plain, "cells": [{**c, "source": c["source"].replace("\n", "\r\n")} for c in bare]}
        ),
        "NaN in outputs": dumped(saved),
        "odd cells": dumped({**plain, "cells": [None, 3, "x", {}, [], *plain["cells"]]}),
        "odd marks": dumped(
            {
                **plain,
                "cells": [
                    {"cell_type": "code", "source": "1", "metadata": {"nbgrader": odd}}
                    for odd in (None, [], "x", {"grade_id": 5}, {"grade_id": None})
                ]
                + plain["cells"],
            }
        ),
        "ids twice": dumped({**plain, "cells": [{**cell, "id": "x"} for cell in plain["cells"]]}),
    }


def test_other_versions_kernels_and_bytes_of_a_notebook_cost_nothing(small, notebooks):
    (reports, _), put = small, versions(notebooks)

    assert scores(reports, put) == dict.fromkeys(put, ("graded", 10))


def unmarked(notebooks):
    plain = raw(notebooks.of(P))
    return {
        "none": dumped(
            {**plain, "cells": [{k: c[k] for k in c if k != "metadata"} for c in plain["cells"]]}
        ),
        "null": dumped({**plain, "cells": [{**c, "metadata": None} for c in plain["cells"]]}),
    }


def test_cells_without_metadata_are_no_solutions_any_more(small, notebooks):
    (reports, _), put = small, unmarked(notebooks)

    for student in put:
        assert (reports[student]["status"], reports[student]["score"]) == ("graded", 0)
        sentences = {c["message"] for one in reports[student]["exercises"] for c in one["checks"]}
        assert sentences == {
            "Falta la celda de solución de este ejercicio: se borró o perdió su marca de nbgrader."
        }


def unreadable(notebooks):
    content = dumped(raw(notebooks.of(P)))

    def in_a_folder(folder):
        (folder / "entrega").mkdir()
        (folder / "entrega" / f"{P}.ipynb").write_bytes(content)

    def a_folder_of_its_name(folder):
        (folder / f"{P}.ipynb").mkdir()

    return {
        "nothing": lambda folder: None,
        "renamed": lambda folder: (folder / "Perceptron (1).ipynb").write_bytes(content),
        "below": in_a_folder,
        "folder": a_folder_of_its_name,
        "a pipe": lambda folder: os.mkfifo(folder / f"{P}.ipynb"),
        "latin": '{"cells": [], "x": "ñ"}'.encode("latin-1"),
        "utf-16": content.decode().encode("utf-16"),
        "5": dumped({**raw(notebooks.of(P)), "nbformat": 5}),
        "1": dumped({**raw(notebooks.of(P)), "nbformat": 1}),
        "worksheets": dumped({"nbformat": 3, "worksheets": [{"cells": [{}]}]}),
        "a number of many digits": b'{"cells": [' + b"9" * 10_000 + b"]}",
        "150 MB": lambda folder: (folder / f"{P}.ipynb").write_bytes(content + b" " * 150 * 2**20),
    }


def test_what_is_no_notebook_gets_zeros_and_one_sentence(small, notebooks):
    (reports, _), put = small, unreadable(notebooks)

    assert scores(reports, put) == dict.fromkeys(put, ("errored", 0))
    for student in put:
        sentence = reports[student]["message"]
        assert f"`{P}.ipynb`" in sentence
        assert sentence.endswith(".")
        assert "\n" not in sentence
        assert "Error" not in sentence
        assert {one["score"] for one in reports[student]["exercises"]} == {0}
    for student in ("nothing", "renamed", "below", "folder", "a pipe"):
        assert reports[student]["message"] == (
            f"No se entregó el cuaderno: falta el archivo `{P}.ipynb`."
        )


def extra(notebooks):
    def crowd(folder):
        nbformat.write(notebooks.of(P), folder / f"{P}.ipynb")
        nbformat.write(notebooks.of(P, {"funcion": "pass"}), folder / f"{P} copia.ipynb")
        (folder / "borrador").mkdir()
        nbformat.write(notebooks.of(P, {"funcion": "pass"}), folder / "borrador" / f"{P}.ipynb")
        (folder / "imagen.png").write_bytes(bytes(range(256)))
        (folder / "vacío").mkdir()
        (folder / f"test_{P}.py").write_text("def test(): assert False")
        (folder / "timestamp.txt").write_text("2026-02-30 99:99")
        (folder / "conftest.py").write_text("raise SystemExit")

    def many(folder):
        nbformat.write(notebooks.of(P), folder / f"{P}.ipynb")
        for place in range(1_200):
            (folder / f"{place}.txt").write_text(str(place))

    def heavy(folder):
        nbformat.write(notebooks.of(P), folder / f"{P}.ipynb")
        (folder / "datos.bin").write_bytes(bytes(80 * 2**20))

    return {"crowd": crowd, "many": many, "heavy": heavy}


def test_extra_notebooks_and_files_change_nothing_and_stay_with_the_notebook(small, notebooks):
    (reports, root), put = small, extra(notebooks)

    assert scores(reports, put) == dict.fromkeys(put, ("graded", 10))
    beside = root / f"autograded/crowd/{P}"
    assert (beside / "imagen.png").read_bytes() == bytes(range(256))


def test_files_beside_the_notebook_can_be_read_and_imported_by_it(grade_beside, notebooks):
    cell = """
import csv, json, pathlib
import datos
from paquete.cosas import DOS
filas = list(csv.reader(open("medidas/2024/datos año.csv", encoding="utf-8")))
assert filas == [["uno", "2"]], filas
assert json.loads(pathlib.Path("config.json").read_text()) == {"a": 1}
assert np.load("x.npy").tolist() == [1.0, 2.0]
assert datos.VALOR * DOS == 42
"""
    answer = "assert datos.VALOR == 21\n" + notebooks.solution(P, "funcion")

    def fill(folder):
        import numpy as np

        notebook = notebooks.of(P, {"funcion": answer}, own={"funcion": cell})
        nbformat.write(notebook, folder / f"{P}.ipynb")
        (folder / "medidas/2024").mkdir(parents=True)
        (folder / "medidas/2024/datos año.csv").write_text("uno,2\n", "utf-8")
        (folder / "config.json").write_text('{"a": 1}')
        np.save(folder / "x.npy", np.array([1.0, 2.0]))
        (folder / "datos.py").write_text("VALOR = 21\n")
        (folder / "paquete").mkdir()
        (folder / "paquete/__init__.py").touch()
        (folder / "paquete/cosas.py").write_text("DOS = 2\n")

    reports, root = grade_beside(P, {"ana": fill})

    assert scores(reports, ["ana"]) == {"ana": ("graded", 10)}
    notebook = nbformat.read(root / f"autograded/ana/{P}/{P}.ipynb", as_version=4)
    (ran,) = [one for one in notebook.cells if one.source == cell]
    assert ran.outputs == []


def test_text_that_utf8_cannot_hold_spoils_nobody(grade_beside, notebooks):
    lone = raw(notebooks.of(P))
    lone["cells"][0]["source"] += "\ud83d"
    lone["cells"].insert(3, {**lone["cells"][1], "source": "texto = '\udc80'\nprint(texto)"})
    put = {
        "in a cell": dumped(lone),
        "printed": notebooks.of(P, own={"tensores": 'print("\\ud800"); x_ú = 1; "\\udfff"'}),
        "raised": notebooks.of(P, own={"tensores": 'raise ValueError("\\ud800")'}),
        "raised by a solution": notebooks.of(P, {"funcion": 'raise ValueError("\\ud800")'}),
        "given by a function": notebooks.of(
            P, {"funcion": 'def perceptron(x, w, b):\n    return "\\ud800"'}
        ),
    }

    reports, _ = grade_beside(P, put)

    expected = {**dict.fromkeys(put, 10), "raised by a solution": 8, "given by a function": 8}
    assert scores(reports, put) == {who: ("graded", score) for who, score in expected.items()}


def test_a_folder_with_files_where_the_notebook_should_be_spoils_nobody(grade_beside, notebooks):
    def fill(folder):
        (folder / f"{P}.ipynb").mkdir()
        (folder / f"{P}.ipynb" / f"{P}.ipynb").write_bytes(dumped(raw(notebooks.of(P))))

    reports, _ = grade_beside(P, {"folder": fill})

    assert scores(reports, ["folder"]) == {"folder": ("errored", 0)}
    assert reports["folder"]["message"] == (
        f"No se entregó el cuaderno: falta el archivo `{P}.ipynb`."
    )


def test_files_with_odd_names_do_not_keep_a_notebook_from_being_graded(grade_beside, notebooks):
    def fill(folder):
        nbformat.write(notebooks.of(P), folder / f"{P}.ipynb")
        (folder / os.fsdecode(b"caf\xe9.csv")).write_text("latin-1")
        (folder / "a\nb.txt").write_text("una línea nueva")
        (folder / ("x" * 250)).write_text("larga")

    reports, _ = grade_beside(P, {"odd": fill})

    assert scores(reports, ["odd"]) == {"odd": ("graded", 10)}


BIG = "20_000_000"


def test_huge_notebooks_cells_and_outputs_are_graded_like_any_other(grade_beside, notebooks):
    saved = raw(notebooks.of(P))
    saved["cells"][-1:-1] = [
        {
            "cell_type": "code",
            "metadata": {},
            "source": "1",
            "execution_count": 1,
            "outputs": [{"output_type": "stream", "name": "stdout", "text": "x" * 50 * 2**20}],
        }
    ]
    outputs = {
        "printed": f'print("x" * {BIG})',
        "printed in lines": 'for _ in range(200_000): print("x" * 99)',
        "shown as text": f'from IPython.display import display\ndisplay("x" * {BIG})',
        "shown as an image": f"""
from IPython.display import Image, display
display(Image(data=b"\\x89PNG\\r\\n\\x1a\\n" + bytes({BIG}), format="png"))
""",
        "the last value": f'"x" * {BIG}',
        "raised": f'raise ValueError("x" * {BIG})',
        "written past Python": f"import os; os.write(1, b'x' * {BIG}); os.write(2, b'x' * {BIG})",
    }
    put = {
        "50 MB": dumped(saved),
        **{what: notebooks.of(P, own={"funcion": cell}) for what, cell in outputs.items()},
    }

    reports, root = grade_beside(P, put)

    assert scores(reports, put) == dict.fromkeys(put, ("graded", 10))
    for student in put:
        path = root / f"autograded/{student}/{P}/{P}.ipynb"
        assert path.stat().st_size < 2 * 2**20, student
    for student in outputs.keys() - {"raised", "written past Python"}:
        text = (root / f"autograded/{student}/{P}/{P}.ipynb").read_text("utf-8")
        assert "la salida es demasiado larga y se cortó aquí" in text, student


def test_thousands_of_cells_and_cells_of_megabytes_are_graded(grade_beside, notebooks):
    long = notebooks.solution(P, "funcion") + '\ntexto = """' + ("x" * 99 + "\n") * 100_000 + '"""'
    put = {
        "2,000 cells": notebooks.of(P, own={"funcion": [f"a{n} = {n}" for n in range(2_000)]}),
        "10 MB in a cell": notebooks.of(P, {"funcion": long}),
    }

    reports, _ = grade_beside(P, put)

    assert scores(reports, put) == dict.fromkeys(put, ("graded", 10))


@pytest.mark.heavy
def test_nbgraders_own_command_records_the_same_of_all_that_is_small(
    small, notebooks, by_nbgrader, recorded, forget, tmp_path
):
    _, graded = small
    root = tmp_path / "course"
    subprocess.run(["cp", "-r", graded, root], check=True)  # which copies pipes, too
    ours = recorded(root)
    forget(root)

    done = by_nbgrader(root, P)

    assert done["success"], done["error"]
    assert "error processing" not in done["log"]
    theirs = recorded(root)
    assert theirs.grades == ours.grades
    assert theirs.comments == ours.comments
    assert theirs.times == ours.times
    assert theirs.notebooks == ours.notebooks
