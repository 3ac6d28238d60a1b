"""What is different between two results, and between what they rest on. Pure; words come later."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autograder.basis import CONVERTED, Basis
from autograder.history import Entry

__all__ = ["Cause", "Difference", "causes", "differences", "files_of", "parts_of", "rested"]

Json = dict[str, Any]
PARTS = (
    ("test_", ".py", "the checks"),
    ("probes_", ".py", "the probes"),
    ("misconceptions_", ".yaml", "the misconceptions"),
    ("", ".ipynb", "the source notebook"),
)
IGNORED = {"made_from", "exercises", "checks", "id", "title", "note"}


@dataclass(frozen=True)
class Difference:
    """One value of a report (JSON) that is another one now.

    ``exercise`` and ``check`` (its title) are empty where it is the whole's or the exercise's.
    ``key`` is the report's own, or empty for an exercise or a check that only one of the two has:
    then its values are what it gave, or ``None``.
    """

    exercise: str
    check: str
    key: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Cause:
    """Something that two results rest on and that is another one now: ``what`` in words.

    ``before`` and ``after`` are empty where they are only hashes.
    """

    what: str
    before: str = ""
    after: str = ""


def differences(before: Json, after: Json) -> list[Difference]:
    """All that two reports of one student say differently: the whole first, then by exercise."""
    found = list(_values("", "", before, after))
    for id, old, new in _paired(before["exercises"], after["exercises"], "id"):
        if old is None or new is None:
            found.append(Difference(id, "", "", old and old["score"], new and new["score"]))
            continue
        found += _values(id, "", old, new)
        for title, one, other in _paired(old["checks"], new["checks"], "title"):
            if one is None or other is None:
                gave, gives = one and one["score"], other and other["score"]
                found.append(Difference(id, title, "", gave, gives))
            else:
                found += _values(id, title, one, other)
    return found


def _values(exercise: str, check: str, before: Json, after: Json) -> Iterator[Difference]:
    for key in [*before, *(key for key in after if key not in before)]:
        if key not in IGNORED and before.get(key) != after.get(key):
            yield Difference(exercise, check, key, before.get(key), after.get(key))


def _paired(
    before: Sequence[Json], after: Sequence[Json], key: str
) -> Iterator[tuple[str, Json | None, Json | None]]:
    """What has the same name on both sides; of several of one name the first with the first."""
    old, new = _named(before, key), _named(after, key)
    for name in [*old, *(name for name in new if name not in old)]:
        yield name[0], old.get(name), new.get(name)


def _named(parts: Sequence[Json], key: str) -> dict[tuple[str, int], Json]:
    seen: Counter[str] = Counter()
    named = {}
    for one in parts:
        named[one[key], seen[one[key]]] = one
        seen[one[key]] += 1
    return named


def causes(before: Entry, after: Entry, old: Basis | None, new: Basis | None) -> list[Cause]:
    """What a result may be another one for than the one before it.

    ``old`` and ``new`` are what they rest on, ``None`` where that is gone.
    """
    found = list(_submitted(before.submission, after.submission))
    if old is None or new is None:
        if before.basis != after.basis:
            found.append(Cause("something that cannot be told any more"))
        return found
    found += rested(old, new)
    if not found and before.trials != after.trials:
        found.append(Cause("what was observed, under the same circumstances,"))
    return found


def rested(old: Basis, new: Basis) -> Iterator[Cause]:
    """What results rest on besides the submission, where it is not the same."""
    names = [*old.files, *(name for name in new.files if name not in old.files)]
    changed = [name for name in names if old.files.get(name) != new.files.get(name)]
    if changed != [CONVERTED]:
        # That it is converted into something else then needs no saying.
        changed = [name for name in changed if name != CONVERTED]
    called = parts_of(names)
    for name in changed:
        yield Cause(called[name])
    for key in [*old.settings, *(key for key in new.settings if key not in old.settings)]:
        if old.settings.get(key) != new.settings.get(key):
            before, after = (json.dumps(one.settings.get(key)) for one in (old, new))
            yield Cause(f"the setting `{key}`", before, after)
    plain = {
        "the language": (old.language, new.language),
        "the devices": (", ".join(old.devices), ", ".join(new.devices)),
        "the isolation": (old.isolation, new.isolation),
        "the course's key": (old.key, new.key),
    }
    for what, (one, other) in plain.items():
        if one != other:
            yield Cause(what, one, other)
    for name in new.versions:
        one, other = old.versions.get(name, ""), new.versions[name]
        if one != other:
            yield Cause(name, one, other)
    if old.code != new.code:
        yield Cause("the autograder's own code")


def parts_of(files: Collection[str]) -> dict[str, str]:
    """What the files of an assignment are called; of several that would be the same, by name."""
    nouns = {file: _part_of(file) for file in files}
    counts = Counter(nouns.values())
    return {file: noun if counts[noun] == 1 else f"`{file}`" for file, noun in nouns.items()}


def _part_of(file: str) -> str:
    if file == CONVERTED:
        return "what nbgrader makes of it"
    for start, end, noun in PARTS:
        if file.startswith(start) and file.endswith(end):
            return noun
    return f"`{file}`"


def _submitted(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Cause]:
    if before["digest"] != after["digest"]:
        yield Cause("the submission")
    elif files_of(before) != files_of(after):
        yield Cause("the notebook's file, but not what is run of it,")
    elif before["timestamp"] != after["timestamp"]:
        yield Cause("the time of handing in", str(before["timestamp"]), str(after["timestamp"]))


def files_of(submission: Mapping[str, Any]) -> dict[str, str | None]:
    """The SHA-256 of each notebook's file of what was handed in; one without a name is all."""
    several: dict[str, str | None] = submission.get("notebooks", {})
    return several or {"": submission["notebook"]}
