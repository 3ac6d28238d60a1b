"""`timezone:`, `due:` and `late:` of the config: what they mean and how mistakes are named."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from autograder.config import Late, parse_config
from autograder.errors import AuthorError

MADRID = "timezone: Europe/Madrid\n"


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-01 23:59",
        "2026-03-01 23:59:00",
        "2026-03-01T23:59:00+01:00",
        "2026-03-01T22:59:00Z",
        "'2026-03-01 23:59 Europe/Madrid'",
        "2026-03-01 17:59 -05",
    ],
)
def test_a_due_date_is_one_moment_however_yaml_reads_it(written):
    config = parse_config(f"{MADRID}assignments:\n  a:\n    due: {written}\n  b:\n")

    assert config.due("a") == datetime(2026, 3, 1, 22, 59, tzinfo=UTC)
    assert config.due("b") is None


def test_the_parts_of_late_are_set_again_one_by_one_and_an_empty_one_takes_it_away():
    config = parse_config(
        "defaults:\n  late: {percent_per_day: 10, grace_minutes: 5}\n"
        "assignments:\n  a:\n  b:\n    late: {percent_per_day: 20}\n  c:\n    late:\n"
    )

    assert config.assignments["a"].late == Late(percent_per_day=10.0, grace_minutes=5.0)
    assert config.assignments["b"].late == Late(percent_per_day=20.0, grace_minutes=5.0)
    assert config.assignments["c"].late is None


def test_the_moment_of_zero_has_the_courses_zone_too():
    config = parse_config(
        f"{MADRID}defaults:\n  late:\n    zero_after: 2026-07-01 10:00\nassignments:\n  a:\n"
    )

    assert config.zero_after("a") == datetime(2026, 7, 1, 8, tzinfo=UTC)


def test_no_observation_and_no_judgement_depends_on_when_something_is_due():
    plain, due = (
        parse_config(f"{MADRID}assignments:\n  a:\n    trials: 2\n{more}")
        for more in ("", "    due: 2026-03-01 23:59\n    late: {percent_per_day: 10}\n")
    )

    assert plain.assignments["a"].model_dump() == due.assignments["a"].model_dump()


MISTAKES = {
    "a zone of no name": (
        "course: x\ntimezone: Europe/Madird\nassignments:\n  a:\n",
        "2: timezone: there is no time zone 'Europe/Madird'; did you mean 'Europe/Madrid'?",
    ),
    "a due date in the skipped hour": (
        f"{MADRID}assignments:\n  a:\n  b:\n    due: 2026-03-29 02:30\n",
        "5: assignments.b.due: 2026-03-29 02:30 does not exist in Europe/Madrid: the clocks are "
        "set forward past it; write 2026-03-29 03:30.",
    ),
    "a due date without a zone": (
        "assignments:\n  a:\n    due: 2026-03-29 02:30\n",
        "3: assignments.a.due: '2026-03-29 02:30' is in no time zone; set 'timezone:' at the top, "
        "say to 'America/Bogota', or write an offset behind the time, such as "
        "2026-03-01 23:59-05:00.",
    ),
    "a due date without a time": (
        f"{MADRID}assignments:\n  a:\n    due: 2026-03-29\n",
        "4: assignments.a.due: '2026-03-29' is no moment; write it like 2026-03-01 23:59, the "
        "time included.",
    ),
    "a due date for all": (
        f"{MADRID}defaults:\n  due: 2026-03-29 10:00\nassignments:\n  a:\n",
        "3: defaults.due: each assignment has a due date of its own.",
    ),
    "a due date that is a number": (
        f"{MADRID}assignments:\n  a:\n    due: 17\n",
        "4: assignments.a.due: input should be a valid string, not 17.",
    ),
    "a policy that costs nothing": (
        "assignments:\n  a:\n    late: {grace_minutes: 10}\n",
        "3: assignments.a.late: this costs nobody anything; set percent_per_day, zero_after_days "
        "or zero_after, or leave 'late:' empty.",
    ),
    "a misspelt part": (
        "defaults:\n  late:\n    percent_a_day: 10\nassignments:\n  a:\n",
        "3: defaults.late.percent_a_day: there is no setting 'percent_a_day'; did you mean "
        "'percent_per_day'?",
    ),
    "more than all": (
        "assignments:\n  a:\n    late: {percent_per_day: 110}\n",
        "3: assignments.a.late.percent_per_day: input should be less than or equal to 100, not "
        "110.",
    ),
    "zero before it is due": (
        f"{MADRID}assignments:\n  a:\n    due: 2026-03-01 23:59\n    late:\n"
        "      zero_after: 2026-03-01 23:00\n",
        "6: assignments.a.late.zero_after: a is not yet due then.",
    ),
    "zero in the defaults that is no moment": (
        f"{MADRID}defaults:\n  late:\n    zero_after: soon\nassignments:\n  a:\n",
        "4: defaults.late.zero_after: 'soon' is no moment; write it like 2026-03-01 23:59, the "
        "time included.",
    ),
}


@pytest.mark.parametrize(("text", "sentence"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_named_with_line_and_mend(text, sentence):
    with pytest.raises(AuthorError) as caught:
        parse_config(text)

    assert str(caught.value) == f"grading_config.yaml:{sentence}"
