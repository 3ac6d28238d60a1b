"""Whose turn it is: in order of arrival, one submission a student, nobody pushed back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.watch.queue import Kind, Pace, Queue, Waiting


def waiting(*said: str) -> Queue:
    """A queue of ``student/assignment``, one a second; ``+`` before what is looked at again."""
    queue = Queue()
    for since, one in enumerate(said):
        student, _, name = one.removeprefix("+").partition("/")
        kind = Kind.AGAIN if one.startswith("+") else Kind.ARRIVED
        queue.put(Waiting(student, name or "t", float(since), kind))
    return queue


def names(taken: list[Waiting]) -> list[str]:
    return [f"{one.student}/{one.assignment}" for one in taken]


def test_students_are_served_in_the_order_in_which_they_came():
    queue = waiting("ana", "bea", "carla")

    assert names(queue.take(2)) == ["ana/t", "bea/t"]
    assert names(queue.take(2)) == ["carla/t"]
    assert queue.take(2) == []


def test_a_newer_submission_takes_the_place_of_the_one_that_waits():
    queue = waiting("ana", "bea", "ana", "ana")

    assert len(queue) == 2
    first, second = queue.take(9)
    assert (first.student, first.since, second.student) == ("ana", 3.0, "bea")


def test_who_hands_in_often_pushes_nobody_back():
    queue, served = waiting("bea", "carla", "diana"), []
    while len(queue):
        queue.put(Waiting("ana", "t", 9.0))
        served += [one.student for one in queue.take(1)]
        if len(served) > 3:
            break

    assert served == ["bea", "carla", "diana", "ana"]


def test_a_student_with_several_assignments_has_one_turn_a_round():
    queue = waiting("ana/p", "ana/q", "bea/q", "carla/q")

    assert names(queue.take(9)) == ["ana/p"]
    assert names(queue.take(9)) == ["bea/q", "carla/q", "ana/q"]


def test_a_batch_is_of_one_assignment_that_of_the_first_in_the_line():
    queue = waiting("ana/p", "bea/q", "carla/p", "diana/q")

    assert names(queue.take(9)) == ["ana/p", "carla/p"]
    assert names(queue.take(9)) == ["bea/q", "diana/q"]


def test_a_held_assignment_waits_and_keeps_nobody_else_waiting():
    queue = waiting("ana/p", "bea/q", "ana/q")

    assert names(queue.take(9, held={"p"})) == ["ana/q", "bea/q"]
    assert queue.take(9, held={"p"}) == []
    assert queue.first({"p"}) is None
    assert names(queue.take(9)) == ["ana/p"]


def test_what_was_graded_before_is_looked_at_when_nothing_new_waits():
    queue = waiting("+ana", "+bea", "carla")

    assert (len(queue), queue.again) == (1, 2)
    assert names(queue.take(9)) == ["carla/t"]
    assert names(queue.take(9)) == ["ana/t", "bea/t"]


def test_a_new_submission_goes_before_looking_at_the_old_one_again():
    queue = waiting("+ana", "+bea", "bea")

    assert names(queue.take(1)) == ["bea/t"]
    assert names(queue.take(9)) == ["ana/t"]


def test_who_is_owed_an_answer_stays_so_when_all_is_looked_at_again():
    queue = waiting("ana", "+ana")

    (one,) = queue.take(9)
    assert one.kind is Kind.ARRIVED
    assert queue.again == 0


def test_what_is_taken_back_waits_no_longer():
    queue = waiting("ana", "+bea")
    for student in ("ana", "bea", "nobody"):
        queue.forget(student, "t")

    assert queue.first() is None


def test_the_queue_tells_since_when_the_first_one_waits():
    queue = waiting("ana", "bea", "ana")

    assert queue.since == 1.0
    assert Queue().since is None


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("pqr")), max_size=40),
    st.lists(st.integers(1, 4), max_size=60),
)
def test_nothing_is_ever_lost_and_nobody_stands_twice_in_a_batch(comes, sizes):
    queue, given_, taken = Queue(), set(), set()
    sizes = iter(sizes)
    for since, (student, name) in enumerate(comes):
        queue.put(Waiting(student, name, float(since)))
        given_.add((student, name))
        if (size := next(sizes, None)) is not None:
            batch = queue.take(size)
            assert len({one.student for one in batch}) == len(batch) <= size
            assert len({one.assignment for one in batch}) <= 1
            taken |= {one.pair for one in batch}
    while batch := queue.take(3):
        taken |= {one.pair for one in batch}

    assert taken == given_
    assert len(queue) == 0


@given(st.integers(1, 6), st.integers(2, 12))
def test_everybody_is_served_within_one_round_however_often_others_come(size, others):
    queue = Queue()
    students = [f"s{number}" for number in range(others)]
    for since, one in enumerate(students):
        queue.put(Waiting(one, "t", float(since)))
    queue.put(Waiting("last", "t", 99.0))
    served = []
    while "last" not in served:
        for one in queue.take(size):
            served.append(one.student)
            queue.put(Waiting(one.student, "t", 100.0))  # at once again

    assert len(served) <= others + size


def test_batches_grow_while_they_are_quick_and_shrink_when_they_are_slow():
    pace = Pace(1.0, 2, 4, 32)
    for _ in range(9):
        pace.took("t", pace.size("t"), 0.05)
    assert pace.size("t") == 32
    for _ in range(9):
        pace.took("t", pace.size("t"), 10.0)
    assert pace.size("t") == 2
    assert pace.size("other") == 4


def test_a_small_quick_batch_says_nothing_about_large_ones():
    pace = Pace(1.0, 2, 8, 32)
    pace.took("t", 1, 0.9)

    assert pace.size("t") == 8


@pytest.mark.parametrize("seconds", [0.0, 1e9])
def test_no_time_makes_a_batch_that_is_too_small_or_endless(seconds):
    pace = Pace(1.0, 2, 8, 32)
    for _ in range(20):
        pace.took("t", pace.size("t"), seconds)

    assert 2 <= pace.size("t") <= 32
