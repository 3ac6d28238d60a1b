"""The Spanish catalogue says everything that the tables of English sentences do, and no more."""

from __future__ import annotations

import gettext
import runpy
import shutil
import string
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from autograder import words

ROOT = Path(__file__).resolve().parents[2]
MEND = "translate it in autograder/locale/es/LC_MESSAGES/autograder.po and run `make words`"


@pytest.fixture(scope="module")
def script():
    """What ``make words`` runs."""
    return SimpleNamespace(**runpy.run_path(str(ROOT / "scripts/words.py")))


@pytest.fixture(scope="module")
def catalogue(script):
    """Each sentence's translation as the .po has it, by context and English."""
    return by_key(script.read("es", script.catalogues()["es"]))


@pytest.fixture(scope="module")
def english(script):
    """What the code says, by context and English."""
    return by_key(script.extracted())


def by_key(catalog):
    return {(one.context, one.id): one for one in catalog if one.id}


def as_compiled(context, english):
    """The key of a sentence in gettext's compiled catalogues."""
    return f"{context}\x04{english}" if context else english


def compiled(path):
    """The sentences of the .mo beside a .po, as gettext reads them at run time."""
    with path.with_suffix(".mo").open("rb") as file:
        everything = gettext.GNUTranslations(file)._catalog
    return {key: text for key, text in everything.items() if key}


def places(text):
    """The places of a sentence, with how they are filled: ``("score", "g")``."""
    parts = string.Formatter().parse(text)
    return {(place, form, turn) for _, place, form, turn in parts if place is not None}


@pytest.fixture
def copied(tmp_path, script):
    """A catalogue to spoil."""
    path = tmp_path / "es/LC_MESSAGES/autograder.po"
    path.parent.mkdir(parents=True)
    shutil.copy(script.catalogues()["es"], path)
    return path


def test_there_is_a_catalogue_for_every_language_but_the_codes_own(script):
    assert {*script.catalogues(), "en"} == set(words.LANGUAGES)


def test_every_sentence_has_its_spanish(english, catalogue):
    missing = [
        sentence
        for key, sentence in english.items()
        if key not in catalogue or not catalogue[key].string or catalogue[key].fuzzy
    ]

    assert not missing, MEND


def test_no_spanish_is_left_of_a_sentence_that_nobody_says(english, catalogue):
    assert not catalogue.keys() - english.keys(), "run `make words`"


def test_both_languages_fill_the_same_places(catalogue):
    other = {
        one.id: one.string for one in catalogue.values() if places(one.id) != places(one.string)
    }

    assert catalogue
    assert not other


def test_every_sentence_of_the_tables_is_marked_for_extraction(english):
    tables = [
        table for name, table in vars(words).items() if name.isupper() and isinstance(table, dict)
    ]
    said = {text for table in tables for text in table.values()} - {"{text}"}
    marked = {as_compiled(*key) for key in english}

    assert said
    assert said == marked, "write it as N_(…), or with a context as pN_(…, …)"


def test_what_is_compiled_is_what_is_written(script, catalogue):
    written = {as_compiled(*key): one.string for key, one in catalogue.items()}

    assert compiled(script.catalogues()["es"]) == written, "run `make words`"


def test_data_files_are_installed_with_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    globs = project["tool"]["setuptools"]["package-data"]["autograder"]
    package = ROOT / "autograder"
    installed = {path for glob in globs for path in package.glob(glob)}
    data = {
        path
        for path in package.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc") and "." not in path.stem[:1]
    }

    assert package / "locale/es/LC_MESSAGES/autograder.mo" in data
    assert data <= installed


def test_make_words_changes_nothing_where_nothing_changed(script, copied, catalogue):
    assert script.update("es", copied) == []

    again = by_key(script.read("es", copied))
    assert [(key, one.string) for key, one in again.items()] == [
        (key, one.string) for key, one in catalogue.items()
    ]


def test_make_words_names_a_sentence_without_spanish_and_drops_one_without_english(script, copied):
    text = copied.read_text("utf-8")
    old = 'msgid "You have not solved this cell yet."'
    assert text.count(old) == 1
    copied.write_text(text.replace(old, 'msgid "Nobody says this zebra quagga okapi."'), "utf-8")

    missing = script.update("es", copied)

    assert missing == ["You have not solved this cell yet."]
    assert "zebra" not in copied.read_text("utf-8")
    assert "You have not solved this cell yet." not in compiled(copied)


def test_make_words_keeps_the_spanish_of_a_reworded_sentence_as_a_guess(script, copied):
    text = copied.read_text("utf-8")
    old = 'msgid "You have not solved this cell yet."'
    copied.write_text(text.replace(old, 'msgid "You have not solved that cell yet."'), "utf-8")

    assert script.update("es", copied) == ["You have not solved this cell yet."]

    kept = by_key(script.read("es", copied))[None, "You have not solved this cell yet."]
    assert (kept.string, kept.fuzzy) == ("Aún no has resuelto esta celda.", True)
    assert "You have not solved this cell yet." not in compiled(copied)


def test_another_translation_is_reason_to_judge_again(monkeypatch, tmp_path):
    """Stored reports hold sentences."""
    from autograder import basis

    before = basis.code_digest()
    (tmp_path / "autograder.mo").write_bytes(b"another")
    monkeypatch.setattr(basis, "LOCALE", tmp_path)

    assert basis.code_digest() != before


def test_another_word_of_the_page_is_reason_to_make_pages_again(monkeypatch):
    from autograder.record.feedback import _look

    before = _look("es")
    monkeypatch.setitem(words.PAGE, "title", "Another title")

    assert _look("es") != before
