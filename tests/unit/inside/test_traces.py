"""What a student reads of an error: its line and those around it, in the words of notebooks."""

from __future__ import annotations

import linecache

import pytest

from autograder.inside import traces
from autograder.inside.traces import MAX_CHAIN, MAX_FRAMES, MAX_LINE, told


def raised(source, number=3):
    """The texts of what running ``source`` as a cell raises."""
    name = f"<ipython-input-{number}-abc>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    try:
        exec(compile(source, name, "exec"), {"__name__": "__main__"})
    except BaseException as error:
        # The frame of this file is not a cell's.
        trace = error.__traceback__.tb_next if error.__traceback__ else None
        return "\n".join(told(type(error), error, trace)).split("\n")
    raise AssertionError("nothing was raised")


def test_a_line_is_shown_with_those_around_it_and_an_arrow():
    assert raised("a = 1\nb = 2\nc = 3\n1 / 0\nd = 4\ne = 5\nf = 6\n") == [
        "-" * 75,
        "ZeroDivisionError                         Traceback (most recent call last)",
        "Cell In[3], line 4",
        "      2 b = 2",
        "      3 c = 3",
        "----> 4 1 / 0",
        "      5 d = 4",
        "      6 e = 5",
        "",
        "ZeroDivisionError: division by zero",
    ]


def test_a_function_is_named_with_what_it_takes_and_nothing_is_shown_from_before_it():
    said = raised(
        "x = 9\ndef media(datos, *, peso=1):\n    return datos / peso\n\nmedia(1, peso=0)"
    )
    assert said[2:] == [
        "Cell In[3], line 5",
        "      3     return datos / peso",
        "      4",
        "----> 5 media(1, peso=0)",
        "",
        "Cell In[3], line 3, in media(datos, peso)",
        "      2 def media(datos, *, peso=1):",
        "----> 3     return datos / peso",
        "      5 media(1, peso=0)",
        "",
        "ZeroDivisionError: division by zero",
    ]


def test_a_statement_of_several_lines_is_shown_to_its_end():
    said = raised("print(\n    1,\n    int(\n        'a',\n        10,\n        2,\n    ),\n)\n")
    assert said[2:9] == [
        "Cell In[3], line 3",
        "      1 print(",
        "      2     1,",
        "----> 3     int(",
        "      4         'a',",
        "      5         10,",
        "      6         2,",
    ]
    assert said[9:11] == ["      7     ),", "      8 )"]


def test_what_led_to_an_error_comes_first_and_is_joined_as_python_does():
    because = raised("try:\n    1 / 0\nexcept Exception as e:\n    raise KeyError('a') from e")
    during = raised("try:\n    1 / 0\nexcept Exception as e:\n    raise KeyError('a')")
    alone = raised("try:\n    1 / 0\nexcept Exception as e:\n    raise KeyError('a') from None")

    for said, joint in ((because, traces.BECAUSE), (during, traces.DURING)):
        place = said.index(joint)
        assert "ZeroDivisionError: division by zero" in said[:place]
        assert said[-1] == "KeyError: 'a'"
    assert not any("ZeroDivisionError" in line for line in alone)


def test_errors_that_lead_to_one_another_for_ever_come_to_an_end():
    said = raised("a, b = KeyError('a'), KeyError('b')\na.__cause__, b.__cause__ = b, a\nraise a")
    assert said.count("KeyError: 'a'") == said.count("KeyError: 'b'") == 1

    code = "def f(n):\n    try:\n        1 / 0\n    except Exception:\n        if n: f(n - 1)\n"
    long = raised(f"{code}        raise ValueError(n)\nf(50)")
    assert sum("ValueError: " in line or "Error: division" in line for line in long) == MAX_CHAIN


def test_what_comes_again_and_again_is_told_once():
    said = raised("def f(n):\n    return f(n + 1)\nf(0)")

    assert sum("return f(n + 1)" in line for line in said) <= 3
    assert any(line.startswith("    [… × ") for line in said)
    assert said[-1].startswith("RecursionError: ")


def test_of_a_long_traceback_both_ends_are_shown():
    functions = "".join(f"def f{n}(): f{n + 1}()\n" for n in range(100))
    said = raised(f"{functions}def f100(): 1 / 0\nf0()")

    assert sum(line.startswith("Cell In[3]") for line in said) == 2 * MAX_FRAMES
    assert f"    [… {102 - 2 * MAX_FRAMES} …]" in said
    assert "Cell In[3], line 102" in said
    assert "Cell In[3], line 101, in f100()" in said


def test_a_librarys_file_is_named_and_ipythons_and_our_own_are_left_out():
    said = raised("import json\njson.loads('{')")
    assert any(line.startswith("File ") and "json/decoder.py:" in line for line in said)
    assert said[-1].startswith("JSONDecodeError: Expecting property name")

    hidden = compile("def run(f): f()", f"{traces.OURS[1]}shell.py", "exec")
    exec(hidden, space := {})
    try:
        space["run"](lambda: 1 / 0)
    except ZeroDivisionError as error:
        text = "\n".join(told(type(error), error, error.__traceback__))
    assert "test_traces.py" in text
    assert "shell.py" not in text


@pytest.mark.parametrize(
    "source",
    [
        "class E(Exception):\n    def __str__(self): raise ValueError\nraise E",
        "raise type('', (Exception,), {'__module__': None})",
        f"raise ValueError({'x' * 10!r} * 100_000)",
        "e = ValueError('a')\ne.add_note('nota')\nraise e",
        "raise ExceptionGroup('varios', [ValueError('a')])",
        "raise SystemExit(3)",
    ],
)
def test_odd_exceptions_are_told_too(source):
    said = raised(source)
    assert said[1].endswith("Traceback (most recent call last)")
    assert said[-1]


def test_a_long_line_is_cut():
    said = raised(f"1 / 0  # {'x' * 10_000}")
    assert max(map(len, said)) <= MAX_LINE + 8


def test_an_error_without_a_place_is_told_by_its_name():
    assert told(ValueError, ValueError("a"), None)[-1] == "ValueError: a"
    assert told(ValueError, None, None)[-1].startswith("ValueError")
