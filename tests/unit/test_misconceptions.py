"""Misconceptions as an author writes them: good ones are read, mistakes told with file and line."""

from __future__ import annotations

import textwrap

import pytest
from handmade import TENSOR, assignment, grade, solution

from autograder.errors import AuthorError
from autograder.misconceptions import load_misconceptions

CELL = """### BEGIN SOLUTION
x = torch.randn(3)
y = x + x
z = y * 2
### END SOLUTION"""
ENTRY = """
- id: sin-doblar
  exercise: uno
  replace:
    - old: "y * 2"
      new: "y"
  loses:
    uno: 1
    dos: 0.5
  es: >-
    `z` es `y`: ¿cuánto
    es el doble?
  en: "`z` is `y`."
"""


@pytest.fixture
def load(tmp_path):
    """The misconceptions of a text, or of no file at all."""
    loaded = assignment(
        tmp_path,
        [
            solution("uno", CELL, {"x": TENSOR}),
            grade("uno", points=2),
            solution("dos", "y = 2", {"y": TENSOR}),
            grade("dos", points=3),
        ],
    )

    def go(text):
        if isinstance(text, str):
            text = text.encode()
        if text is not None:
            loaded.misconceptions_path.write_bytes(text)
        return load_misconceptions(loaded)

    return go


@pytest.fixture
def mistake(load, tmp_path):
    """What an author is told, without the folder."""
    folder = tmp_path / "solutions" / "tarea"

    def go(text):
        with pytest.raises(AuthorError) as caught:
            load(text)
        sentence = str(caught.value)
        assert "\n" not in sentence
        assert "misconceptions_tarea.yaml" in sentence
        return sentence.removeprefix(f"{folder}/")

    return go


def changed(old, new):
    assert ENTRY.count(old) == 1
    return ENTRY.replace(old, new)


def test_an_assignment_may_have_none(load):
    assert load(None) == []


def test_a_good_file_gives_the_patched_cell_and_its_sentences_on_one_line(load):
    (one,) = load(ENTRY)

    assert one.cell == CELL.replace("y * 2", "y")
    assert (one.id, one.exercise, one.line) == ("sin-doblar", "uno", 2)
    assert dict(one.loses) == {"uno": 1, "dos": 0.5}
    assert one.es == "`z` es `y`: ¿cuánto es el doble?"
    assert one.en == "`z` is `y`."
    assert one.alias == "(sin-doblar)"


def test_replacements_are_made_in_the_cell_as_it_was(load):
    """Neither sees what another put in, whatever their order."""
    text = changed(
        """    - old: "y * 2"
      new: "y"
""",
        """    - old: "y * 2"
      new: "x + x"
    - old: "x + x"
      new: "y * 2"
    - old: "torch.randn(3)"
      new: "torch.randn(30)"
""",
    )

    (one,) = load(text)

    assert one.cell == (
        "### BEGIN SOLUTION\nx = torch.randn(30)\ny = y * 2\nz = x + x\n### END SOLUTION"
    )


def test_an_old_text_may_go_over_lines_and_be_replaced_by_nothing(load):
    text = changed('"y * 2"', "|-\n        y = x + x\n        z = y * 2").replace('"y"\n', '""\n')

    (one,) = load(text)

    assert one.cell == "### BEGIN SOLUTION\nx = torch.randn(3)\n\n### END SOLUTION"


def test_replacements_may_touch_each_other(load):
    text = changed('new: "y"\n', 'new: "y"\n    - old: "z = "\n      new: "w = "\n')

    (one,) = load(text)

    assert "\nw = y\n" in one.cell


@pytest.mark.parametrize(
    ("old", "times"),
    [("y * 3", "does not occur"), ("x + ", None), ("x", "occurs 3 times")],
)
def test_an_old_text_has_to_occur_exactly_once(load, mistake, old, times):
    text = changed("y * 2", old)

    if times is None:
        assert len(load(text)) == 1
    else:
        assert mistake(text) == (
            f"misconceptions_tarea.yaml:5: the old text {old!r} {times} in the solution cell of "
            "'uno' in tarea.ipynb; it has to occur exactly once."
        )


def test_the_old_text_is_looked_for_in_its_own_exercise_only(mistake):
    assert "does not occur in the solution cell of 'dos'" in mistake(
        changed("exercise: uno", "exercise: dos")
    )


def test_old_texts_that_overlap_are_refused(mistake):
    text = changed('new: "y"\n', 'new: "y"\n    - old: "z = y"\n      new: ""\n')

    assert mistake(text) == "misconceptions_tarea.yaml:7: this old text overlaps another one's."


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "exercise: uno",
            "exercise: unos",
            "3: there is no exercise 'unos'; did you mean 'uno'?",
        ),
        ("    dos: 0.5", "    doss: 0.5", "9: there is no exercise 'doss'; did you mean 'dos'?"),
        ("  loses:", "  lose:", "7: there is no 'lose'; did you mean 'loses'?"),
        ("      new:", "      news:", "6: there is no 'news'; did you mean 'new'?"),
        ("- id: sin-doblar\n  ", "- ", "2: 'id' is missing."),
        ('      new: "y"\n', "", "5: 'new' is missing."),
        ('  en: "`z` is `y`."\n', "", "2: 'en' is missing."),
        ("sin-doblar", "Sin_doblar", "2: 'Sin_doblar' is not an id: use lower case and hyphens."),
        ("sin-doblar", "sin-", "2: 'sin-' is not an id: use lower case and hyphens."),
        ("uno: 1", "uno: 2.5", "8: 'uno' has 2 points; 2.5 cannot be lost."),
        ("uno: 1", "uno: 0", "8: 'uno' has 2 points; 0 cannot be lost."),
        ("uno: 1", "uno: -1", "8: 'uno' has 2 points; -1 cannot be lost."),
        ("uno: 1", "uno: .nan", "8: 'uno' has 2 points; nan cannot be lost."),
    ],
)
def test_a_mistake_is_told_in_one_sentence_with_its_line(mistake, old, new, sentence):
    told = mistake(changed(old, new))

    assert told.removeprefix("misconceptions_tarea.yaml:") == sentence


@pytest.mark.parametrize(
    ("old", "new", "line", "part"),
    [
        ("sin-doblar", "7", 2, "id: "),
        ("uno: 1", "uno: mucho", 8, "uno: "),
        ("uno: 1", "uno: true", 8, "uno: "),
        ('old: "y * 2"', "old: 2", 5, "old: "),
        ('old: "y * 2"', 'old: ""', 5, "old: "),
        ('"`z` is `y`."', '""', 13, "en: "),
        ('"`z` is `y`."', '"  "', 13, "en: "),
        ('"`z` is `y`."', "[a]", 13, "en: "),
    ],
)
def test_a_value_of_the_wrong_type_is_told_by_its_key(mistake, old, new, line, part):
    assert mistake(changed(old, new)).startswith(f"misconceptions_tarea.yaml:{line}: {part}")


@pytest.mark.parametrize(
    ("block", "new", "key"),
    [
        ("  loses:\n    uno: 1\n    dos: 0.5\n", "  loses: {}\n", "loses"),
        ("  loses:\n    uno: 1\n    dos: 0.5\n", "  loses: 1\n", "loses"),
        ('  replace:\n    - old: "y * 2"\n      new: "y"\n', "  replace: []\n", "replace"),
        ('  replace:\n    - old: "y * 2"\n      new: "y"\n', "  replace: y\n", "replace"),
    ],
)
def test_something_has_to_be_replaced_and_lost(mistake, block, new, key):
    told = mistake(changed(block, new))

    assert f": {key}: " in told


def test_a_doubled_id_is_told_where_it_stands_again(mistake):
    assert mistake(ENTRY + ENTRY.lstrip()) == (
        "misconceptions_tarea.yaml:14: there is a misconception 'sin-doblar' already."
    )


def test_a_mistake_in_a_later_entry_is_told_with_its_own_line(mistake):
    second = textwrap.dedent(ENTRY).replace("sin-doblar", "otro").replace("uno: 1", "uno: 9")

    assert mistake(ENTRY + second).startswith("misconceptions_tarea.yaml:21: 'uno' has 2 points")


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "id: sin-doblar\n", "uno"])
def test_the_file_is_a_list(mistake, text):
    assert mistake(text) == (
        "misconceptions_tarea.yaml:1: the file is a list of misconceptions, each with '- id: …'."
    )


@pytest.mark.parametrize("entry", ["uno", "3", "[a, b]", "null"])
def test_an_entry_that_is_no_mapping_is_told_without_our_inner_names(mistake, entry):
    told = mistake(f"{ENTRY}- {entry}\n")

    assert told.startswith("misconceptions_tarea.yaml:14: ")
    assert "_Entry" not in told


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("- id: 'sin\n", 2),
        ("- id: a\n  b: [\n", 3),
        ("- id: !!python/name:os.system\n", 1),
        ("- id: 2020-13-45\n", 1),
        ("- a: \x00\n", 1),
    ],
)
def test_what_is_not_yaml_is_told_with_a_line(mistake, text, line):
    assert mistake(text).startswith(f"misconceptions_tarea.yaml:{line}: ")


def test_what_is_not_text_is_told(mistake):
    assert "cannot be read as UTF-8 text" in mistake(b"\xff\xfe\xfa")


def test_an_assignment_of_the_course_has_sentences_in_both_languages(
    each_assignment, notebooks, repository
):
    from autograder.assignment import load_assignment

    found = load_misconceptions(load_assignment(repository / "solutions" / each_assignment))

    assert found
    for one in found:
        assert one.es != one.en, one.id
        assert one.es[-1] in ".?", one.id
        assert one.en[-1] in ".?", one.id
        assert one.cell not in (notebooks.source(each_assignment).cells, ""), one.id
    sentences = [one.es for one in found] + [one.en for one in found]
    assert len(set(sentences)) == len(sentences)
