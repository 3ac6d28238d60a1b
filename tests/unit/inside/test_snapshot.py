"""Only what an exercise's own cell bound or changed counts."""

from __future__ import annotations

import ast
import itertools

import numpy as np
import pytest
import torch

from autograder.inside.record import Recorder
from autograder.inside.snapshot import Watch, snapshot


def line_of(error):
    trace, line = error.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<cell>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def run(watch, namespace, source):
    """Run one cell as the runner does."""
    watch.start()
    line = None
    try:
        exec(compile(source, "<cell>", "exec"), namespace)
    except Exception as error:
        line = line_of(error)
    watch.stop(ast.parse(source), line)


def bound(before, *cells, names=("x",), largest=2**20):
    """Which of ``names`` count after ``cells``, given the left-overs of ``before``."""
    namespace = {"torch": torch, "np": np}
    exec(before, namespace)
    watch = Watch(namespace, names, largest)
    for cell in cells:
        run(watch, namespace, cell)
    return watch.bound


COUNTS = {
    "a new name": ("", "x = 1"),
    "another object": ("x = [1]", "x = [1]"),
    "the same object by an assignment": ("x = 1", "x = 1"),
    "an alias of a left-over": ("y = x = [1]", "x = y"),
    "a tuple": ("x = 1", "y, x = 2, 1"),
    "a nested tuple": ("x = 1", "(a, [b, x]) = (1, [2, 1])"),
    "a starred target": ("x = []", "a, *x = [1]"),
    "a chain": ("x = 1", "y = x = 1"),
    "an annotated assignment": ("x = 1", "x: int = 1"),
    "an augmented assignment": ("x = 1", "x += 0"),
    "an augmented assignment in place": ("x = torch.ones(2)", "x += 0"),
    "a function": ("", "def x(): pass"),
    "a class": ("", "class x: pass"),
    "in place on a tensor": ("x = torch.ones(2)", "x.mul_(2)"),
    "in place on an array": ("x = np.ones(2)", "x *= 2\n"),
    "by index": ("x = torch.ones(2)", "x[0] = 7"),
    "in place on a list": ("x = [1]", "x.append(2)"),
    "in place on a dictionary": ("x = {}", "x['a'] = 1"),
    "through an alias": ("x = torch.ones(2); y = x", "y.zero_()"),
    "through shared memory": ("a = np.ones(2); x = torch.from_numpy(a)", "a[:] = 5"),
    "a gradient": ("x = torch.ones(2, requires_grad=True)", "x.sum().backward()"),
    "requires_grad": ("x = torch.ones(2)", "x.requires_grad_()"),
    "a loop": ("x = 0", "for x in range(3): pass"),
    "a loop that adds": ("x = 0", "for i in range(3):\n    x += 1"),
    "a with block": ("x = torch.ones(1)", "with torch.no_grad():\n    x = x * 1"),
    "an import": ("", "import math as x"),
    "a function that writes a global": ("x = 0", "def f():\n    global x\n    x = 5\nf()"),
    "exec": ("x = 0", "exec('x = 5')"),
    "before the raise": ("", "x = 1\n1 / 0"),
    "the same object before the raise": ("x = 1", "x = 1\n1 / 0"),
    "a magic beside it": ("x = 1", "%matplotlib inline\nx = 2"),
}
DOES_NOT = {
    "nothing": ("x = 1", "pass"),
    "a missing name": ("", "y = 1"),
    "a left-over that is read": ("x = torch.ones(2)", "y = x + 1; print(end='')"),
    "an annotation alone": ("x = 1", "x: int"),
    "a local of a function": ("x = 1", "def f():\n    x = 5\nf()"),
    "a comprehension": ("x = 1", "[x for x in range(3)]"),
    "a nan that stays": ("x = float('nan')", "pass"),
    "a tensor of nans that stays": ("x = torch.tensor([float('nan')])", "pass"),
    "deleted": ("x = 1", "del x"),
    "bound and deleted": ("", "x = 1\ndel x"),
    "after the raise": ("x = 1", "1 / 0\nx = 1"),
    "in the statement that raises": ("x = 1", "x = 1 / 0"),
    "in a later line of the statement that raises": ("x = 1", "x = (\n    1 /\n    0\n)"),
    "a syntax error": ("x = 1", "x = 1\nx = ("),
    "a comment": ("x = 1", "# x = 1"),
    "a string": ("x = 1", "'x = 1'"),
    "index of another": ("x = 0; y = [1]", "y[x] = 5"),
    "attribute of another": ("x = 1\nclass A: pass\na = A()", "a.x = 1"),
}


@pytest.mark.parametrize(("before", "cell"), COUNTS.values(), ids=COUNTS.keys())
def test_a_name_counts_if_the_cell_bound_or_changed_it(before, cell):
    source = cell if "%" not in cell else cell.replace("%matplotlib inline", "pass")
    assert bound(before, source) == {"x"}


@pytest.mark.parametrize(("before", "cell"), DOES_NOT.values(), ids=DOES_NOT.keys())
def test_a_name_does_not_count_if_the_cell_left_it_alone(before, cell):
    try:
        compile(cell, "<cell>", "exec")
    except SyntaxError:
        namespace = {}
        exec(before, namespace)
        watch = Watch(namespace, ["x"], 2**20)
        watch.start()
        watch.stop(None, 2)
        assert watch.bound == set()
    else:
        assert bound(before, cell) == set()


def test_copies_of_a_solution_cell_count_together():
    assert bound("", "x = 1", "y = 2", names=("x", "y")) == {"x", "y"}
    assert bound("", "x = 1", "del x") == set()
    assert bound("", "x = 1", "pass") == {"x"}


def test_a_name_deleted_and_bound_again_counts():
    assert bound("x = 1", "del x", "x = 1") == {"x"}


def test_only_names_that_are_asked_for_are_watched():
    assert bound("", "x = y = z = 1", names=("x", "z")) == {"x", "z"}


class Raises:
    @property
    def __class__(self):
        raise ValueError("no")


def test_a_value_that_raises_when_looked_at_raises_nothing_here():
    watch = Watch({"x": Raises()}, ["x"], 2**20)
    watch.start()
    watch.stop(ast.parse("pass"), None)


# --- the snapshot -------------------------------------------------------------------------------


def taken(namespace, names=("x",), also=(), bound=None):
    recorder = Recorder(2**20, 2**22)
    counts = set(names) if bound is None else bound
    return snapshot(namespace, names, also, counts, recorder)


def test_names_are_put_where_they_belong():
    got = taken({"x": 1, "y": 2, "w": 3, "k": 4}, ("x", "y", "z"), ("w", "v"), {"x", "z"})
    assert got["names"] == {"x": {"kind": "int", "type": "int", "value": "1"}}
    assert got["elsewhere"] == ["y"]
    assert got["also"] == {"w": {"kind": "int", "type": "int", "value": "3"}}


def test_the_generators_state_is_stored():
    recorder = Recorder(2**20, 2**22)
    got = snapshot({}, (), (), set(), recorder)
    assert got["generator"] in recorder._tensors
    assert torch.equal(recorder._tensors[got["generator"]], torch.get_rng_state())


def memory(**values):
    return taken(values, tuple(values))["memory"]


def test_names_that_share_memory_stand_in_one_group():
    w = torch.arange(6)
    a = np.ones(3)
    got = memory(w=w, view=w.view(1, 6), copy=w.clone(), a=a, A=torch.from_numpy(a), n=3)
    assert got == [["A", "a"], ["view", "w"]]


def test_groups_that_a_third_joins_become_one():
    base = np.arange(10)
    left, right = torch.from_numpy(base[:5]), torch.from_numpy(base[5:])
    assert memory(left=left, right=right) == []
    for order in itertools.permutations({"left": left, "right": right, "base": base}.items()):
        assert memory(**dict(order)) == [["base", "left", "right"]]


def test_a_name_that_does_not_count_shares_nothing():
    w = torch.arange(6)
    got = taken({"w": w, "v": w.view(6)}, ("w", "v"), (), {"w"})
    assert got["memory"] == []
