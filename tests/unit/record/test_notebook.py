"""The executed notebook takes the place of another one, and is left alone where it is the same."""

from __future__ import annotations

import nbformat
import pytest

from autograder.observation import CellRun, Observation
from autograder.record.notebook import executed, write_autograded
from autograder.submission import SECRET, RunCell, Submission

T = "tarea"


def submission(**more):
    cells = [
        nbformat.v4.new_markdown_cell("á", id="dos"),
        nbformat.v4.new_code_cell("1\n2", id="uno"),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    files = {"datos/a.csv": b"1,2", "b.py": b""}
    run = (RunCell(1, "1\n2", "uno"),)
    return Submission("ana", T, notebook, run, files, timestamp="hoy", secret=b"s", **more)


def seen(text="2"):
    found = Observation(cells={0: CellRun("ok", None, 0.1)})
    found._outputs["0"] = [{"output_type": "stream", "name": "stdout", "text": text}]
    return found


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "autograded" / "ana" / T


@pytest.fixture
def write(folder):
    """Write one and give the number of the folder: another folder has another one."""

    def write(text="2"):
        handed_in = submission()
        write_autograded(folder, handed_in, {T: executed(handed_in, seen(text), "es")})
        return folder.stat().st_ino

    return write


def test_it_is_the_submission_with_what_was_seen(write, folder):
    write()
    notebook = nbformat.read(folder / f"{T}.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert [one.source for one in notebook.cells] == ["á", "1\n2"]
    assert notebook.cells[1].outputs[0].text == "2"
    assert notebook.cells[1].execution_count == 1
    assert notebook.metadata.autograder == {"language": "es", "isolation": "full"}
    assert (folder / "datos" / "a.csv").read_bytes() == b"1,2"
    assert (folder / "timestamp.txt").read_text("utf-8") == "hoy"


def test_the_submission_itself_stays_as_it_is():
    handed_in = submission()
    made = executed(handed_in, seen(), "es")
    assert handed_in.notebook.cells[1].outputs == []
    assert handed_in.notebook.metadata == {}
    assert made.cells[0] is handed_in.notebook.cells[0]


def test_what_is_there_already_is_left_alone(write):
    assert write() == write()


def other(folder):
    (folder / f"{T}.ipynb").write_text("{}")


def more(folder):
    (folder / "c.txt").touch()


def less(folder):
    (folder / "b.py").unlink()


def linked(folder):
    kept = folder.parent / "kept.csv"
    (folder / "datos" / "a.csv").rename(kept)
    (folder / "datos" / "a.csv").symlink_to(kept)


def no_folder(folder):
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


@pytest.mark.parametrize("change", [other, more, less, linked, no_folder])
def test_what_is_not_as_it_was_is_written_again(write, folder, change):
    write()
    change(folder)
    write()
    there = {str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file()}
    assert there == {f"{T}.ipynb", "b.py", "datos/a.csv", "timestamp.txt", SECRET}
    assert not any(one.is_symlink() for one in folder.rglob("*"))
    assert (folder / f"{T}.ipynb").stat().st_size > 2


def test_another_output_takes_its_place(write, folder):
    write("2")
    write("3")
    assert '"3"' in (folder / f"{T}.ipynb").read_text("utf-8")
    assert [one.name for one in folder.parent.iterdir()] == [T]
