"""Moments as people and programs write them: due dates in a time zone, nbgrader's timestamps.

Text in, a moment in UTC out; knows nothing of files, gradebooks or points. nbgrader itself reads
numeric offsets as seconds (``-05`` as five seconds, ``-0500`` as five hundred) and abbreviations
that it does not know, such as ``CEST``, as UTC. Here they mean what they say.
"""

from __future__ import annotations

import difflib
import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, available_timezones

__all__ = ["due_moment", "handed_in", "local", "zone"]

WRITTEN = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)[ T](\d\d?):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?\s*(\S+)?"
)
OFFSET = re.compile(r"([+-])([01]\d|2[0-3])(?::?([0-5]\d))?")
UTC_NAMES = ("Z", "UTC", "GMT")
EXAMPLE = "2026-03-01 23:59"
EARLIEST, LATEST = 1970, 3000


def zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name; ``ValueError`` with a sentence that names the nearest."""
    found = _known_zone(name)
    if found is None:
        near = difflib.get_close_matches(name, sorted(available_timezones()), n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else "a name is, say, 'America/Bogota'."
        raise ValueError(f"there is no time zone {name!r}; {hint}")
    return found


def due_moment(text: str, course: tzinfo | None) -> datetime:
    """The moment, in UTC, that ``text`` names in its own time zone or else in the course's.

    ``ValueError`` with a sentence: for a text that is no moment, for one without any time zone,
    and for a local time that the clocks leave out or show twice.
    """
    match = WRITTEN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no moment; write it like {EXAMPLE}, the time included.")
    try:
        wall = _wall(match)
    except ValueError as error:
        raise ValueError(f"{text!r} is no moment: {error}.") from None
    if not EARLIEST <= wall.year < LATEST:
        raise ValueError(f"{text!r} is no moment of a course: look at the year.")
    named = match[8]
    where: tzinfo | None = course
    if named is not None:
        where = _offset(named) or zone(named)
    if where is None:
        raise ValueError(
            f"{text!r} is in no time zone; set 'timezone:' at the top, say to 'America/Bogota', or "
            f"write an offset behind the time, such as {EXAMPLE}-05:00."
        )
    earlier, later = (wall.replace(tzinfo=where, fold=fold) for fold in (0, 1))
    if earlier.utcoffset() == later.utcoffset():
        return earlier.astimezone(UTC)
    shown = f"{wall:%Y-%m-%d %H:%M}"
    if _offset_of(earlier) < _offset_of(later):
        moved = earlier.astimezone(UTC).astimezone(where)
        raise ValueError(
            f"{shown} does not exist in {where}: the clocks are set forward past it; "
            f"write {moved:%Y-%m-%d %H:%M}."
        )
    first, second = (f"{shown}{_iso_offset(one)}" for one in (earlier, later))
    raise ValueError(
        f"{shown} comes twice in {where}, where the clocks are set back; write {first} for the "
        f"first or {second} for the second."
    )


def handed_in(text: str | None, course: tzinfo | None) -> datetime | None:
    """The moment, in UTC, that a ``timestamp.txt`` names; ``None`` for a text that is no moment.

    The student's side writes that text, so it may hold anything. nbgrader's own form is
    ``2026-03-01 23:59:00.000000 UTC``; without a time zone UTC is meant, as nbgrader has it. An
    abbreviation is the course's own time where that has one of this name at that moment.
    """
    match = WRITTEN.fullmatch((text or "").strip())
    if match is None:
        return None
    try:
        wall, named = _wall(match), match[8]
        where = UTC if named is None else _abbreviated(named, wall, course)
        return None if where is None else _in_utc(wall, where)
    except (ValueError, OverflowError):
        return None


def _in_utc(wall: datetime, where: tzinfo) -> datetime:
    """A wall time of a student's in UTC; of two, the earlier one, which is the kinder."""
    return wall.replace(tzinfo=where).astimezone(UTC)


def local(moment: datetime, course: tzinfo | None) -> str:
    """A moment as people of the course read it: to the minute, with the zone's name."""
    where = course or UTC
    return f"{moment.astimezone(where):%Y-%m-%d %H:%M} ({where})"


def _wall(match: re.Match[str]) -> datetime:
    year, month, day, hour, minute = (int(match[place]) for place in range(1, 6))
    fraction = int((match[7] or "").ljust(6, "0"))
    return datetime(year, month, day, hour, minute, int(match[6] or 0), fraction)


def _offset(text: str) -> tzinfo | None:
    """The zone of ``Z``, ``UTC`` or a numeric offset such as ``-05``, ``-0500`` or ``-05:00``."""
    if text in UTC_NAMES:
        return UTC
    match = OFFSET.fullmatch(text)
    if match is None:
        return None
    distance = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    return timezone(-distance if match[1] == "-" else distance)


def _abbreviated(text: str, wall: datetime, course: tzinfo | None) -> tzinfo | None:
    found = _offset(text)
    if found is not None:
        return found
    if course is not None:
        for fold in (0, 1):
            here = wall.replace(tzinfo=course, fold=fold)
            if here.tzname() == text:
                return timezone(_offset_of(here))
    return _known_zone(text)


def _known_zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        # Of no such name, of a name that is none, or of a folder of names.
        return None


def _offset_of(moment: datetime) -> timedelta:
    found = moment.utcoffset()
    assert found is not None
    return found


def _iso_offset(moment: datetime) -> str:
    return moment.isoformat()[-6:]
