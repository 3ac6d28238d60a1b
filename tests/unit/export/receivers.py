"""The importers of Moodle and Canvas, and Gradescope's reader, in a few lines each.

Written from what their sources and pages say (named in ``autograder/export``), for the tests: what
they cannot take raises ``Rejected``.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping


class Rejected(Exception):
    """The receiver would not import this."""


class Moodle:
    """A Moodle course: ``users`` by the value of the field that students are mapped by."""

    def __init__(self, users: Mapping[str, str], decimal: str = ".") -> None:
        self.users, self.decimal = users, decimal
        self.grades: dict[tuple[str, str], float | None] = {}

    def load(self, content: bytes, map_from: str, new: tuple[str, ...] = ()) -> None:
        """Import all columns but those of names; ``new`` are made as new grade items."""
        text = content.decode("utf-8").removeprefix("\ufeff").replace("\r\n", "\n")
        header, *lines = csv.reader(io.StringIO(text))
        header = [one.strip() for one in header]
        if any(len(line) != len(header) for line in lines):
            raise Rejected("csvweirdcolumns")
        about = {"First name", "Last name", "Username", "ID number", "Email address"}
        # It keeps the student of the line above where the field is empty.
        student = None
        for line in lines:
            for name, raw in zip(header, line, strict=True):
                value = raw.strip()
                if name == map_from and value not in ("", "0"):
                    if value not in self.users:
                        raise Rejected(f"usermappingerror: {value}")
                    student = self.users[value]
            if student is None:
                raise Rejected("usermappingerrorusernotfound")
            for name, raw in zip(header, line, strict=True):
                if name not in about:
                    self.grades[student, name] = self._grade(raw.strip(), name in new)

    def _grade(self, value: str, new: bool) -> float | None:
        if value == "-" or (value == "" and not new):
            return None
        if new:
            # What becomes of a new item's value is up to the database: no local decimals.
            return float(value)
        plain = value.replace(" ", "").replace(self.decimal, ".")
        if not re.fullmatch(r"-?\d+(\.\d+)?", plain):
            raise Rejected(f"badgrade: {value}")
        if float(plain) > 100:
            raise Rejected("gradevaluetoobig")
        return float(plain)


class Canvas:
    """A Canvas course: ``ids`` are Canvas's own numbers, ``logins`` and ``sis`` others' of them."""

    def __init__(
        self,
        names: Mapping[int, str],
        logins: Mapping[str, int],
        sis: Mapping[str, int] | None = None,
    ) -> None:
        self.names, self.logins, self.sis = names, logins, sis or {}
        self.points: dict[str, float] = {}
        self.grades: dict[tuple[int, str], str] = {}
        self.unknown: list[str] = []

    def load(self, content: bytes) -> None:
        text = content.decode("utf-8")
        rows = list(csv.reader(io.StringIO(text), delimiter=self._delimiter(text)))
        rows = [[self._decimal(one) for one in row] for row in rows if any(row)]
        header = rows.pop(0)
        if not (len(header) > 3 and "Student" in header[0] and "ID" in header[1]):
            raise Rejected("Invalid header row")
        if header[2:4] != ["SIS User ID", "SIS Login ID"] or "Section" not in header[4]:
            raise Rejected("Invalid header row")
        titles = header[5:]
        for row in rows:
            cells = dict(zip(titles, row[5:], strict=True))
            if "Points Possible" in row[0]:
                self.points |= {title: float(cell) for title, cell in cells.items()}
                continue
            student = self._student(row)
            if student is None:
                self.unknown.append(row[0])
                continue
            for title, cell in cells.items():
                if cell:
                    self.grades[student, title] = cell

    def _student(self, row: list[str]) -> int | None:
        number = int(re.match(r"\d*", row[1])[0] or 0)
        if number in self.names:
            return number
        found = self.sis.get(row[2]) or self.logins.get(row[3])
        if found is not None:
            return found
        return next((id for id, name in self.names.items() if name == row[0]), None)

    @staticmethod
    def _delimiter(text: str) -> str:
        first = text.splitlines(keepends=True)[:3]
        counts = {}
        for separator in ";,":
            try:
                fields = {
                    len(next(csv.reader([line], delimiter=separator, strict=True)))
                    for line in first
                }
            except csv.Error:
                continue
            counts[separator] = fields.pop() if len(fields) == 1 else 0
        return ";" if counts.get(";", 0) > counts.get(",", 0) else ","

    @staticmethod
    def _decimal(field: str) -> str:
        if not re.fullmatch(r"-?[0-9.,]+%?", field):
            return field
        *whole, last = re.split(r"[,.]", field)
        return f"{''.join(whole)}.{last}" if whole else last


FORMATS = {"text", "simple_format", "html", "md", "ansi"}
VISIBILITIES = {"hidden", "after_due_date", "after_published", "visible"}


def gradescope(content: bytes) -> dict[str, object]:
    """The results as Gradescope takes them, with the total that it shows."""
    results = json.loads(content)
    if "score" not in results and not all("score" in one for one in results.get("tests", [])):
        raise Rejected("no score")
    known = {
        "score", "execution_time", "output", "output_format", "test_output_format",
        "test_name_format", "visibility", "stdout_visibility", "extra_data", "tests", "leaderboard",
    }  # fmt: skip
    of_tests = {
        "score", "max_score", "status", "name", "name_format", "number", "output", "output_format",
        "tags", "visibility", "extra_data",
    }  # fmt: skip
    for part, names in [(results, known), *((one, of_tests) for one in results["tests"])]:
        if set(part) - names:
            raise Rejected(f"unknown: {set(part) - names}")
        for key, value in part.items():
            if key in ("score", "max_score") and not isinstance(value, int | float):
                raise Rejected(f"{key}: {value}")
            if key.endswith("_format") and value not in FORMATS:
                raise Rejected(f"{key}: {value}")
            if key.endswith("visibility") and value not in VISIBILITIES:
                raise Rejected(f"{key}: {value}")
            if key in ("output", "name", "number") and not isinstance(value, str):
                raise Rejected(f"{key}: {value}")
    total = results.get("score", sum(one["score"] for one in results["tests"]))
    return {**results, "total": total}
