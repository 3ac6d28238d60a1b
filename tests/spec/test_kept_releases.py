"""A release is made once; another one as soon as anything that it depends on has changed."""

from __future__ import annotations

import nbformat
import pytest

from autograder.course import Course
from autograder.record import release, released

P = "perceptron"


@pytest.fixture
def root(make_course, tmp_path):
    return make_course(tmp_path / "course", only=[P])


@pytest.fixture
def made(monkeypatch):
    """How often nbgrader was asked."""
    asked, generate = [], release.generate

    def count(*arguments):
        asked.append(1)
        generate(*arguments)

    monkeypatch.setattr(release, "generate", count)
    return asked


def released_at(root):
    course = Course.at(root)
    return released.released_notebook(course, course.assignment(P))


def test_the_second_one_is_the_first_one(root, made):
    first, second = released_at(root), released_at(root)
    assert first == second
    assert isinstance(second.cells[0], nbformat.NotebookNode)
    assert len(made) == 1


def test_a_changed_source_makes_another(root, made):
    before, path = released_at(root), root / "solutions" / P / f"{P}.ipynb"
    source = nbformat.read(path, as_version=4)
    source.cells.append(nbformat.v4.new_markdown_cell("Fin", id="fin"))
    nbformat.write(source, path)
    assert released_at(root).cells[:-1] == before.cells
    assert len(made) == 2


def test_another_language_makes_another(root, made):
    before, config = released_at(root), root / "grading_config.yaml"
    config.write_text(config.read_text("utf-8").replace("language: es", "language: en"), "utf-8")
    assert released_at(root) != before
    assert len(made) == 2


@pytest.mark.parametrize("what", ["code_digest", "version"])
def test_other_code_makes_another(root, made, monkeypatch, what):
    released_at(root)
    monkeypatch.setattr(released, what, lambda *_: "another")
    released_at(root)
    assert len(made) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", '{"made_from": 1}', "\ud800"])
def test_a_file_that_is_none_makes_another(root, made, text):
    before = released_at(root)
    (kept,) = (root / ".autograder").glob("released_*")
    kept.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert released_at(root) == before
    assert len(made) == 2


def test_where_it_cannot_be_kept_it_is_made_each_time(root, made):
    (root / ".autograder" / f"released_{P}.json").mkdir(parents=True)
    assert released_at(root) == released_at(root)
    assert len(made) == 2
