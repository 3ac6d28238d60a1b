"""Due dates and timestamps mean one moment, also where clocks are changed; or none, and say so."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autograder.moment import due_moment, handed_in, local, zone

BOGOTA, MADRID = ZoneInfo("America/Bogota"), ZoneInfo("Europe/Madrid")
SANTIAGO = ZoneInfo("America/Santiago")


def at(*numbers: int) -> datetime:
    return datetime(*numbers, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "course", "moment"),
    [
        ("2026-03-01 23:59", BOGOTA, at(2026, 3, 2, 4, 59)),
        ("2026-03-01T23:59:30", BOGOTA, at(2026, 3, 2, 4, 59, 30)),
        ("2026-03-01 23:59", MADRID, at(2026, 3, 1, 22, 59)),
        ("2026-07-01 23:59", MADRID, at(2026, 7, 1, 21, 59)),
        ("2026-07-01 23:59-05:00", MADRID, at(2026, 7, 2, 4, 59)),
        ("2026-07-01 23:59 -0500", None, at(2026, 7, 2, 4, 59)),
        ("2026-07-01 23:59 -05", None, at(2026, 7, 2, 4, 59)),
        ("2026-07-01 23:59 +0530", None, at(2026, 7, 1, 18, 29)),
        ("2026-07-01 23:59Z", MADRID, at(2026, 7, 1, 23, 59)),
        ("2026-07-01 23:59 UTC", MADRID, at(2026, 7, 1, 23, 59)),
        ("2026-07-01 23:59 America/Bogota", MADRID, at(2026, 7, 2, 4, 59)),
        ("2026-10-25 02:30+02:00", MADRID, at(2026, 10, 25, 0, 30)),
        ("2026-10-25 02:30+01:00", MADRID, at(2026, 10, 25, 1, 30)),
    ],
)
def test_a_due_date_is_read_in_its_own_zone_or_the_courses(text, course, moment):
    assert due_moment(text, course) == moment


@pytest.mark.parametrize(
    ("text", "course", "sentence"),
    [
        (
            "2026-03-29 02:30",
            MADRID,
            "2026-03-29 02:30 does not exist in Europe/Madrid: the clocks are set forward past "
            "it; write 2026-03-29 03:30.",
        ),
        (
            "2026-09-06 00:00",
            SANTIAGO,
            "2026-09-06 00:00 does not exist in America/Santiago: the clocks are set forward past "
            "it; write 2026-09-06 01:00.",
        ),
        (
            "2026-10-25 02:30",
            MADRID,
            "2026-10-25 02:30 comes twice in Europe/Madrid, where the clocks are set back; write "
            "2026-10-25 02:30+02:00 for the first or 2026-10-25 02:30+01:00 for the second.",
        ),
        (
            # The most usual of all due dates, on the evening of Chile's change.
            "2026-04-04 23:59",
            SANTIAGO,
            "2026-04-04 23:59 comes twice in America/Santiago, where the clocks are set back; "
            "write 2026-04-04 23:59-03:00 for the first or 2026-04-04 23:59-04:00 for the second.",
        ),
    ],
    ids=["skipped", "skipped at midnight", "doubled", "doubled before midnight"],
)
def test_an_hour_that_is_skipped_or_comes_twice_is_refused_with_what_to_write(
    text, course, sentence
):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        due_moment(text, course)


def test_what_the_sentence_proposes_is_accepted_and_an_hour_apart():
    first, second = (
        due_moment(f"2026-04-04 23:59{offset}", SANTIAGO) for offset in ("-03:00", "-04:00")
    )

    assert (second - first).total_seconds() == 3600
    assert due_moment("2026-09-06 01:00", SANTIAGO) == at(2026, 9, 6, 4, 0)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("2026-03-01", "write it like 2026-03-01 23:59, the time included."),
        ("mañana", "write it like 2026-03-01 23:59, the time included."),
        ("2026-02-30 10:00", "is no moment: day"),
        ("2026-02-03 24:00", "is no moment: hour"),
        ("0001-01-01 00:00 +05", "look at the year."),
        ("2026-02-03 10:00 Europe/Madird", "did you mean 'Europe/Madrid'?"),
        ("2026-02-03 10:00 +99", "there is no time zone '+99'"),
        ("2026-02-03 10:00", "is in no time zone; set 'timezone:'"),
    ],
)
def test_what_is_no_due_date_says_what_to_write(text, part):
    with pytest.raises(ValueError, match=re.escape(part)):
        due_moment(text, None)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        # What nbgrader's submit writes with its own settings.
        ("2026-03-01 12:30:00.123456 UTC", datetime(2026, 3, 1, 12, 30, 0, 123456, UTC)),
        # What its zip_collect writes: no zone, UTC is meant.
        ("2026-03-01 12:30:00", at(2026, 3, 1, 12, 30)),
        # What submit writes where the exchange's timezone is the course's: %Z of such a zone.
        ("2026-03-01 20:00:00.000000 -05", at(2026, 3, 2, 1)),
        ("2026-07-01 20:00:00.0 CEST", at(2026, 7, 1, 18)),
        ("2026-01-01 20:00:00.0 CET", at(2026, 1, 1, 19)),
        ("2026-10-25 02:30:00 CEST", at(2026, 10, 25, 0, 30)),
        ("2026-10-25 02:30:00 CET", at(2026, 10, 25, 1, 30)),
        ("2026-03-01 20:00:00 -0500", at(2026, 3, 2, 1)),
        ("2026-03-01T20:00:00+05:30", at(2026, 3, 1, 14, 30)),
        ("2026-03-01 20:00:00 America/Bogota", at(2026, 3, 2, 1)),
    ],
)
def test_a_timestamp_names_the_moment_that_it_says(text, moment):
    assert handed_in(text, MADRID) == moment


def test_nbgrader_reads_offsets_as_seconds_and_unknown_abbreviations_as_utc():
    """Why the timestamps are read here: if nbgrader mends it, this can go."""
    from nbgrader.utils import parse_utc

    assert parse_utc("2026-03-01 20:00:00 -05") == datetime(2026, 3, 1, 20, 0, 5)
    assert parse_utc("2026-07-01 20:00:00 CEST") == datetime(2026, 7, 1, 20)
    assert parse_utc("12").day == 12


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "July",
        "12",
        "ayer",
        "2026-13-01 00:00",
        "2026-07-01 20:00:00 XYZ",
        "2026-07-01 20:00:00 ../../etc/passwd",
        "2026-07-01 20:00:00 /etc/passwd",
        "2026-07-01 20:00:00 America",
        "2026-07-01 20:00:00 a\0b",
        f"2026-07-01 20:00:00 {'A' * 5000}",
        "0001-01-01 00:00:00 +05",
    ],
)
def test_a_timestamp_that_names_no_moment_is_none(text):
    assert handed_in(text, MADRID) is None


@given(st.text(max_size=40) | st.from_regex(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d ?.{0,9}"))
def test_no_timestamp_raises(text):
    found = handed_in(text, MADRID)

    assert found is None or found.tzinfo is UTC


@given(st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1)))
@example(datetime(1999, 4, 4, 2))
@example(datetime(1999, 4, 4, 3))
def test_a_moment_that_is_written_with_its_offset_is_read_back(wall):
    moment = wall.replace(microsecond=0, tzinfo=UTC)
    # Not compared with this: Python calls a time that comes twice equal to none elsewhere.
    there = moment.astimezone(SANTIAGO)

    assert handed_in(f"{there:%Y-%m-%d %H:%M:%S %z}", None) == moment
    assert due_moment(there.isoformat(" "), None) == moment


def test_a_moment_is_shown_in_the_courses_time():
    moment = at(2026, 3, 2, 4, 59)

    assert local(moment, BOGOTA) == "2026-03-01 23:59 (America/Bogota)"
    assert local(moment, None) == "2026-03-02 04:59 (UTC)"


def test_a_zone_is_called_by_its_iana_name():
    assert zone("America/Bogota").key == "America/Bogota"
    with pytest.raises(ValueError, match="did you mean 'America/Bogota'"):
        zone("America/Bogotá")
    with pytest.raises(ValueError, match="a name is, say, 'America/Bogota'"):
        zone("!")
