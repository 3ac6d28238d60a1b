"""Collect what Moodle and Canvas download, by ``nbgrader zip_collect``: whose and which file it is.

The archives hold students' files: what is read from them is bounded, and nothing is written but
plain files in the folder that nbgrader names.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nbgrader.plugins import ExtractorPlugin, FileNameCollectorPlugin

from autograder.course import Course

__all__ = ["Collector", "Extractor", "Handed", "handed_in", "identified", "words_of"]

MAX_MEMBERS = 20_000
MAX_BYTES = 4 * 2**30
MAX_MEMBER_BYTES = 128 * 2**20
MAX_DEPTH = 2
"""A zip of submissions, and the zip that a student handed in."""
OTHER_ARCHIVES = (".gz", ".tgz", ".tar", ".bz2", ".xz", ".rar", ".7z")
UTF8_NAME = 0x800

MOODLE = re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_[a-z]+(?:_(?P<rest>.*))?")
CANVAS = re.compile(
    r"(?P<name>[^_]+)(?P<late>_late)?_(?P<number>\d+)_\d+_(?P<rest>.+)", re.IGNORECASE
)
REPEATED = re.compile(r"(?P<stem>.+?)(?:-(?P<dash>\d+)| ?\((?P<round>\d+)\))")


@dataclass(frozen=True)
class Handed:
    """A file that somebody handed in: what the download tells of whose it is.

    ``number`` is Canvas's id of the student (``lms_user_id`` of a roster) or Moodle's of the
    submission. ``joined``: the name's words are written without spaces.
    """

    path: Path
    name: str
    number: str
    joined: bool
    file: str
    late: bool = False


def handed_in(path: Path, folder: Path) -> Handed | None:
    """Whose the file ``path`` below ``folder`` is; ``None`` if its names do not tell."""
    parts = [unicodedata.normalize("NFC", one) for one in path.relative_to(folder).parts]
    for place, part in enumerate(parts):
        last = place == len(parts) - 1
        if found := MOODLE.fullmatch(part):
            file = (found["rest"] or "") if last else parts[-1]
            return Handed(path, found["name"], found["number"], False, file)
        # A zip that a student handed in is a folder of its name here.
        if found := CANVAS.fullmatch(part):
            file = found["rest"] if last else parts[-1]
            return Handed(path, found["name"], found["number"], True, file, bool(found["late"]))
    return None


def words_of(text: str) -> tuple[str, ...]:
    """The words of a name, without accents and capitals, in alphabetical order."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(one for one in plain if not unicodedata.combining(one))
    return tuple(sorted(re.findall(r"[^\W_]+", plain)))


def _plain(text: str) -> str:
    """``text`` for an id or a comparison: letters and digits, words joined by ``-``."""
    plain = unicodedata.normalize("NFKD", text).casefold().encode("ascii", "ignore").decode()
    return "-".join(re.findall(r"[a-z0-9]+", plain))


def identified(
    handed: Sequence[Handed], roster: Mapping[str, Mapping[str, str]]
) -> tuple[dict[Handed, str], list[str]]:
    """The student ids of files, and a sentence for each one whose student is not known.

    By ``lms_user_id`` or by the name, in whatever order its words stand, where there is a roster
    (``students.csv``); else the name makes the id.
    """
    if not roster:
        return _by_name(handed), []
    ids: dict[Handed, str] = {}
    said = []
    for one in handed:
        found = _in_roster(one, roster)
        if len(found) == 1:
            ids[one] = found[0]
        else:
            why = (
                f"several students there may be meant ({', '.join(sorted(found))})"
                if found
                else "nobody there is called so"
            )
            said.append(
                f"{one.path.name}: not collected: whose it is, {one.name!r} ({one.number}), is "
                f"looked for in students.csv, and {why}; add the name or the lms_user_id there."
            )
    return ids, said


def _in_roster(one: Handed, roster: Mapping[str, Mapping[str, str]]) -> list[str]:
    # Moodle's number is the submission's, not the student's.
    if one.joined:
        exact = [id for id, row in roster.items() if row.get("lms_user_id") == one.number]
        if exact:
            return exact
    return [id for id, row in roster.items() if _is_called(one, id, row)]


def _is_called(one: Handed, id: str, row: Mapping[str, str]) -> bool:
    first, last = row.get("first_name", ""), row.get("last_name", "")
    if not one.joined:
        return words_of(one.name) in (words_of(f"{first} {last}"), words_of(id))
    names = {_plain(name).replace("-", "") for name in (f"{last} {first}", f"{first} {last}", id)}
    return _plain(one.name).replace("-", "") in names - {""}


def _by_name(handed: Sequence[Handed]) -> dict[Handed, str]:
    """Ids from names; of namesakes, each has the number too."""
    numbers: dict[str, set[str]] = {}
    for one in handed:
        numbers.setdefault(_plain(one.name), set()).add(one.number)
    return {
        one: plain if plain and len(numbers[plain]) == 1 else f"{plain or 'id'}-{one.number}"
        for one in handed
        for plain in [_plain(one.name)]
    }


@dataclass(frozen=True)
class _Plan:
    """What is collected as which notebook of whom; ``said`` are sentences about the rest."""

    chosen: dict[Path, tuple[str, str]] = field(default_factory=dict)
    said: dict[Path, str] = field(default_factory=dict)


def _plan(folder: Path, notebooks: Sequence[str], roster: Mapping[str, Mapping[str, str]]) -> _Plan:
    """Choose, for each student, the file that is each of the assignment's ``notebooks``."""
    files = sorted(one for one in folder.rglob("*.ipynb") if one.is_file())
    handed = [one for path in files if (one := handed_in(path, folder)) is not None]
    ids, said = identified(handed, roster)
    plan = _Plan()
    sentences = iter(said)
    whose: dict[str, list[Handed]] = {}
    for one in handed:
        if one in ids:
            whose.setdefault(ids[one], []).append(one)
        else:
            plan.said[one.path] = next(sentences)
    for id, own in whose.items():
        taken: dict[str, Handed] = {}
        for one in sorted(own, key=_newness):
            name = _notebook(one.file, notebooks)
            if name is None and len(own) == 1 == len(notebooks):
                name = notebooks[0]  # under whatever name, it is the only one
            if name is None:
                plan.said[one.path] = (
                    f"{one.path.name}: not collected: what {id} handed in is none of "
                    f"{', '.join(notebooks)}."
                )
                continue
            if name in taken:
                older = taken[name]
                del plan.chosen[older.path]
                plan.said[older.path] = (
                    f"{older.path.name}: not collected: {id} has handed in {one.path.name} too."
                )
            taken[name] = one
            plan.chosen[one.path] = (id, name)
            if one.late:
                plan.said[one.path] = (
                    f"{one.path.name}: handed in late by {id}, says Canvas, but not when: write "
                    "the time into its timestamp.txt if late work loses points."
                )
    return plan


def _newness(one: Handed) -> tuple[int, str]:
    found = REPEATED.fullmatch(Path(one.file).stem)
    return (int(found["dash"] or found["round"]) if found else 0, str(one.path))


def _notebook(file: str, notebooks: Sequence[str]) -> str | None:
    """Which of the assignment's notebooks a file's name means, repeats ``-1`` and ``(1)`` too."""
    stem = Path(file).stem
    again = REPEATED.fullmatch(stem)
    for text in (stem, again["stem"]) if again else (stem,):
        for name in notebooks:
            if _plain(text) == _plain(Path(name).stem):
                return name
    return None


class Collector(FileNameCollectorPlugin):  # type: ignore[misc]
    """Says whose a downloaded file is. Where ``named_regexp`` is set, that decides instead."""

    _made: _Plan | None = None

    def collect(self, submitted_file: str) -> dict[str, str] | None:
        """``student_id`` and ``file_id`` of a file; ``None`` for what is not collected."""
        if self.named_regexp:
            found: dict[str, str] | None = super().collect(submitted_file)
            return found
        if self._made is None:
            self._made = self._planned()
        path = Path(submitted_file)
        if path in self._made.said:
            self.log.warning(self._made.said[path])
        if path not in self._made.chosen:
            return None
        student, notebook = self._made.chosen[path]
        return {"student_id": student, "file_id": notebook}

    def _planned(self) -> _Plan:
        app = self.parent
        folder = Path(app._format_collect_path(app.extracted_directory))
        assignment = app.coursedir.assignment_id
        course = Course.at(Path(app.coursedir.root))
        released = course.released(assignment).parent
        notebooks = sorted(path.name for path in released.glob("*.ipynb"))
        return _plan(folder, notebooks or [f"{assignment}.ipynb"], course.roster())


class Extractor(ExtractorPlugin):  # type: ignore[misc]
    """Unpacks zip files, also those in them; a bad one costs a sentence, not the run."""

    def extract(self, archive_path: str, extracted_path: str) -> None:
        """Copy and unpack all of ``archive_path`` into ``extracted_path``."""
        source, into = Path(archive_path), Path(extracted_path)
        left = _Left()
        files = sorted(path for path in source.rglob("*") if path.is_file())
        if not files:
            self.log.warning(f"{source}: there is no file; put what was downloaded there.")
        for path in files:
            target = into / path.relative_to(source).parent
            if path.suffix.lower() == ".zip":
                self._unpack(path, target, left, MAX_DEPTH)
            elif path.suffix.lower() in OTHER_ARCHIVES:
                self.log.error(f"{path.name}: not unpacked: only zip files are; unpack it here.")
            else:
                _write(target / path.name, path.read_bytes())

    def _unpack(self, path: Path, into: Path, left: _Left, depth: int) -> None:
        try:
            with zipfile.ZipFile(path) as archive:
                for names, content in _members(archive, left):
                    # Names are not trusted: only their last parts are kept, whatever they were.
                    target = into.joinpath(*names)
                    _write(target, content)
                    if target.suffix.lower() == ".zip" and depth > 1:
                        inner = target.with_suffix("")
                        self._unpack(target, inner, left, depth - 1)
                        target.unlink()
        except _Refused as why:
            self.log.error(f"{path.name}: unpacked no further: {why}.")
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError):
            self.log.error(
                f"{path.name}: unpacked no further: it is damaged or not a zip file; download it "
                "again, or ask for it again."
            )
        except RuntimeError:
            self.log.error(f"{path.name}: unpacked no further: it has a password.")


class _Refused(Exception):
    """Why an archive is not unpacked any further."""


@dataclass
class _Left:
    """How much may still be unpacked."""

    members: int = MAX_MEMBERS
    bytes: int = MAX_BYTES


def _members(archive: zipfile.ZipFile, left: _Left) -> Iterator[tuple[list[str], bytes]]:
    """The plain files in an archive: where each belongs, and its content."""
    for info in archive.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        if info.is_dir() or kind not in (0, stat.S_IFREG):
            continue
        names = _names(info)
        if names is None:
            raise _Refused(f"{info.filename!r} in it would lie outside of its folder")
        if "__MACOSX" in names:
            continue
        left.members -= 1
        if left.members < 0:
            raise _Refused(f"there are more than {MAX_MEMBERS} files")
        with archive.open(info) as file:
            content = file.read(min(MAX_MEMBER_BYTES, left.bytes) + 1)
        left.bytes -= len(content)
        if len(content) > MAX_MEMBER_BYTES or left.bytes < 0:
            raise _Refused(f"{info.filename!r} in it is too large")
        yield names, content


def _names(info: zipfile.ZipInfo) -> list[str] | None:
    """The folders and the name of a member; ``None`` if they lead out of the archive's folder."""
    text = info.filename
    if not info.flag_bits & UTF8_NAME:
        # Python takes names without the mark for cp437; many programs write UTF-8 without it.
        try:
            text = text.encode("cp437").decode("utf-8")
        except UnicodeError:
            text = info.filename
    text = text.replace("\\", "/")
    names = text.split("/")
    if text.startswith("/") or re.match(r"[A-Za-z]:", text) or ".." in names:
        return None
    kept = [unicodedata.normalize("NFC", one) for one in names if one not in ("", ".")]
    return kept if kept and all(one.isprintable() for one in kept) else None


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        # Two archives may have a file of one name: both are kept, the later one as a repeat.
        number = next(n for n in range(1, MAX_MEMBERS) if not _again(path, n).exists())
        path = _again(path, number)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def _again(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}-{number}{path.suffix}")
