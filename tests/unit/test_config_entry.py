"""An assignment is added to the config's text as one line; nothing else of it changes."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.config_entry import with_assignment
from autograder.errors import AuthorError

PLACES = {
    "at the end": "assignments:\n  a:\n+",
    "in the middle": "assignments:\n  a:\n+\n# how\nlanguage: en\n",
    "behind the settings of the last one and their comment": (
        "assignments:\n\n  a:\n\n  b:\n    trials: 3 # more\n    # devices: [cpu]\n+\n\n"
    ),
    "behind braces over two lines": (
        "assignments:\n  a:\n    checks:\n      test_b: {rtol: 0.1,\n        atol: 1.0}\n"
        "+language: es\n"
    ),
    "behind a list": "assignments:\n  a:\n    devices:\n    - cpu\n    - cuda\n+language: es\n",
    "behind an alias": "assignments:\n  a: &one\n    trials: 3\n  b: *one\n+language: es\n",
    "as the first one": "assignments: # soon\n  # a:\n+course: C\n",
}


@pytest.mark.parametrize("text", PLACES.values(), ids=PLACES)
def test_the_line_is_put_behind_the_other_assignments(text):
    before, after = text.replace("+", ""), text.replace("+", "  nueva:\n")

    assert with_assignment(before, "nueva") == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("assignments:\n  a:", "assignments:\n  a:\n  nueva:"),
        ("assignments:\r\n  a:\r\n", "assignments:\r\n  a:\r\n  nueva:\r\n"),
        ("assignments:\n      a:\n", "assignments:\n      a:\n      nueva:\n"),
        ("assignments: {} # soon\n", "assignments: # soon\n  nueva:\n"),
        ("assignments: null\n", "assignments:\n  nueva:\n"),
        ("course: C", "course: C\nassignments:\n  nueva:"),
    ],
    ids=["no last line end", "Windows", "indented by six", "empty braces", "null", "no heading"],
)
def test_the_line_is_written_as_its_neighbours_are(before, after):
    assert with_assignment(before, "nueva") == after


@pytest.mark.parametrize("word", ["no", "on", "null", "true"])
def test_a_word_that_means_something_else_in_yaml_is_quoted(word):
    edited = with_assignment("assignments:\n  a:\n", word)

    assert yaml.safe_load(edited)["assignments"] == {"a": None, word: None}
    assert f'  "{word}":\n' in edited


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("course: C\nassignments: {a: , b: }\n", 2),
        ("{assignments: {a: }}\n", 1),
        ("assignments:\n  {a: {}}\n", 1),
        ("course: C\n...\n", 1),
    ],
    ids=["braces", "all in braces", "braces below", "an ended document"],
)
def test_what_one_line_cannot_be_added_to_is_refused_with_the_form_to_write(text, line):
    with pytest.raises(AuthorError) as refused:
        with_assignment(text, "nueva")

    sentence = str(refused.value)
    assert sentence.startswith(f"grading_config.yaml:{line}: 'nueva' cannot be added")
    assert "write them below 'assignments:' by hand" in sentence
    assert "'  perceptron:'" in sentence


blank = st.sampled_from(["", "", "\n", "\n\n", "  \n"])
note = st.sampled_from(["", "# a note\n", "  # a note: indented\n", "      # assignments:\n"])
# `>` is the indentation.
own = st.sampled_from(
    [
        "",
        " {}",
        " {trials: 3}",
        "  # why",
        " ~",
        "\n>  trials: 3",
        "\n>  trials: 3\n\n>  # why\n>  devices: [cpu,\n>    cuda]",
        "\n>  checks:\n>    test_a:\n>      rtol: 1.0e-3 # wide",
    ]
)


@st.composite
def blocks(draw):
    """The text of the assignments, or of none."""
    indent = " " * draw(st.integers(1, 6))
    names = draw(st.lists(st.sampled_from("abcde"), unique=True, max_size=3))
    text = "assignments:" + draw(st.sampled_from(["", " # which"] if names else ["", " {}", " ~"]))
    text += "\n"
    for name in names:
        text += draw(blank) + draw(note) + f"{indent}{name}:{draw(own).replace('>', indent)}\n"
    return text


@st.composite
def configs(draw):
    """Configs that people write: settings, blanks and comments around the assignments."""
    others = ["course: C # ours\n", "language: es\n", "defaults:\n  trials: 2\n", draw(blocks())]
    parts = draw(st.permutations(others))
    text = "".join(draw(blank) + draw(note) + part for part in parts) + draw(blank) + draw(note)
    if draw(st.booleans()):
        text = text.rstrip("\n")
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


@settings(max_examples=300, deadline=None)
@given(configs())
def test_whatever_stands_around_it_only_the_line_is_new(text):
    edited = with_assignment(text, "nueva")

    before, after = yaml.safe_load(text), yaml.safe_load(edited)
    known = before.pop("assignments") or {}
    assert after.pop("assignments") == {**known, "nueva": None}
    assert after == before
    lines = edited.splitlines()
    (added,) = [line for line in lines if line.strip() == "nueva:"]
    lines.remove(added)
    old = text.splitlines()
    # A written-out nothing makes room for the first one; all other lines are as they were.
    old = [line.split(":")[0] + ":" if line in EMPTY else line for line in old]
    assert lines == old
    assert edited.endswith("\n") == text.endswith("\n")


EMPTY = ("assignments: {}", "assignments: ~")
