"""Read what a student handed in, whatever it is, and make of it a notebook that can be run.

All of it is untrusted: nothing here raises for a student's mistake. What is wrong becomes data:
``unreadable`` for the whole, ``damage`` for single exercises.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import nbformat

from autograder.assignment import Assignment, SourceCell

__all__ = [
    "SECRET",
    "RunCell",
    "Submission",
    "Unreadable",
    "as_submission",
    "parse_notebook",
    "read_submission",
    "reference",
    "source_text",
]

MAX_NOTEBOOK_BYTES = 100 * 2**20
MAX_VALUES = 5_000_000
"""Commas, braces and brackets in a notebook's text: each may become an object of 200 bytes."""
MAX_CELLS = 20_000
MAX_TIMESTAMP_BYTES = 100
SECRET = "submission_secret.txt"
MAX_FILES = 1_000
MAX_FILES_BYTES = 64 * 2**20
MAX_DEPTH = 12
MAX_ENTRIES = 20_000
"""Of all folders of a submission together, whatever they are."""


@dataclass(frozen=True)
class RunCell:
    """A code cell to run: its place in the notebook and the exercise whose solution it is."""

    index: int
    source: str
    exercise: str | None


@dataclass
class Submission:
    """One student's notebook for one assignment.

    ``notebook`` has the source's grade and locked cells in place and no outputs; it shares what is
    the source's with other submissions, so nobody changes it. ``damage`` tells
    by exercise what happened to its solution cell (``missing``, ``retyped``); ``unreadable`` is
    why the notebook as a whole is not one (``missing``, ``empty``, ``not_json``, …). ``fault`` is
    what kept us from reading it, which is not the student's. ``file_digest`` is the SHA-256 of the
    file that it was read from. ``secret`` is nbgrader's of the exchange, by which the student finds
    the feedback: nothing of a run depends on it. ``handed`` is the hash of what was read.
    """

    student: str
    assignment: str
    notebook: nbformat.NotebookNode
    cells: tuple[RunCell, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    damage: Mapping[str, str] = field(default_factory=dict)
    unreadable: str | None = None
    timestamp: str | None = None
    file_digest: str | None = None
    secret: bytes | None = None
    fault: str | None = None
    handed: str | None = None
    _folder: Path | None = None
    _before: object = None

    def has_changed(self) -> bool:
        """Whether its folder is another than before it was read, as while it is being collected:
        then what was read may be half one submission and half another."""
        return self._folder is not None and _stats(self._folder) != self._before

    @property
    def size(self) -> int:
        """Bytes that it takes in memory, about."""
        sources = sum(len(cell.source) for cell in self.notebook.cells)
        return 2 * sources + sum(map(len, self.files.values()))

    @property
    def digest(self) -> str:
        """Hash of all that a run depends on: the cells and the files beside the notebook."""
        hashed = hashlib.sha256()
        cells = [[cell.source, cell.exercise] for cell in self.cells]
        hashed.update(json.dumps([cells, sorted(self.damage.items()), self.unreadable]).encode())
        for name, content in sorted(self.files.items()):
            hashed.update(json.dumps([name, len(content)]).encode() + content)
        return hashed.hexdigest()


class Unreadable(Exception):
    """Why a file is not a notebook, in one word."""


def read_submission(
    folder: Path, student: str, assignment: Assignment, file_name: str | None = None
) -> Submission:
    """The submission in ``folder`` (nbgrader's ``submitted/<student>/<assignment>``).

    ``file_name`` is the notebook's if it is not the assignment's.
    """
    before = _stats(folder)
    try:
        made = _read(folder, student, assignment, file_name)
    except OSError as error:
        notebook, _, damage = _restore([], assignment)
        made = Submission(student, assignment.name, notebook, (), {}, damage)
        made.fault = f"{error.filename}: {error.strerror}"
    made._folder, made._before = folder, before
    return made


def handed(folder: Path, file_name: str) -> str | None:
    """Hash of all that ``read_submission`` reads of ``folder``, without looking at what it says;
    ``None`` where it cannot be read. As long as it is the same, so is the submission."""
    try:
        return _handed(folder, file_name).digest
    except OSError:
        return None


@dataclass
class _Handed:
    """What lies in a submission's folder, as bytes: the notebook or why there is none, the files
    beside it, and what nbgrader has put there."""

    content: bytes
    why: str | None
    files: dict[str, bytes]
    timestamp: str | None
    secret: bytes | None

    @property
    def file_digest(self) -> str | None:
        """The SHA-256 of the notebook."""
        return None if self.why else hashlib.sha256(self.content).hexdigest()

    @property
    def digest(self) -> str:
        files = [
            [name, hashlib.sha256(content).hexdigest()]
            for name, content in sorted(self.files.items())
        ]
        read = [self.file_digest, self.why, files, self.timestamp]
        return hashlib.sha256(json.dumps(read).encode()).hexdigest()


def _handed(folder: Path, file_name: str) -> _Handed:
    linked = _is_linked(folder)
    files = {} if linked else _files(folder)
    written = files.pop("timestamp.txt", b"")[:MAX_TIMESTAMP_BYTES]
    timestamp = written.decode("utf-8", "replace").strip() or None
    secret = files.pop(SECRET, None)
    files.pop(file_name, None)
    content, why = b"", None
    try:
        if linked:
            raise Unreadable("missing")
        content = _content(folder / file_name)
    except Unreadable as error:
        why = str(error)
    return _Handed(content, why, files, timestamp, secret)


def _read(folder: Path, student: str, assignment: Assignment, file_name: str | None) -> Submission:
    lies = _handed(folder, file_name or f"{assignment.name}.ipynb")
    try:
        if lies.why:
            raise Unreadable(lies.why)
        raw = _parse(lies.content)
    except Unreadable as why:
        notebook, _, damage = _restore([], assignment)
        made = Submission(
            student, assignment.name, notebook, (), lies.files, damage, str(why), lies.timestamp
        )
    else:
        made = _submission(student, assignment, raw, lies.files, lies.timestamp)
    made.file_digest, made.secret, made.handed = lies.file_digest, lies.secret, lies.digest
    return made


def _is_linked(folder: Path) -> bool:
    """Whether a link stands for the folder or its student's: it could lead to the solution."""
    try:
        return folder.is_symlink() or folder.parent.is_symlink()
    except OSError:  # nobody may look: nobody may read, either
        return False


def as_submission(assignment: Assignment, notebook: nbformat.NotebookNode) -> Submission:
    """A notebook of ours as a submission: the release is one that nobody has touched."""
    return _submission("", assignment, {"cells": [dict(cell) for cell in notebook.cells]}, {}, None)


NOTHING: Mapping[str, str] = MappingProxyType({})


def reference(assignment: Assignment, changed: Mapping[str, str] = NOTHING) -> Submission:
    """The source notebook's own solutions as a submission.

    ``changed`` has, by exercise, another source for its solution cell.
    """
    cells = [dict(cell) for cell in assignment.notebook.cells]
    for exercise, source in changed.items():
        cells[assignment.cells[exercise].index]["source"] = source
    return _submission("", assignment, {"cells": cells}, {}, None)


def _submission(
    student: str,
    assignment: Assignment,
    raw: Mapping[str, Any],
    files: Mapping[str, bytes],
    timestamp: str | None,
) -> Submission:
    notebook, run, damage = _restore(raw["cells"], assignment)
    return Submission(student, assignment.name, notebook, run, files, damage, None, timestamp)


def parse_notebook(path: Path) -> dict[str, Any]:
    """The notebook's JSON, as version 4, with a list of cells; ``Unreadable`` says why not."""
    return _parse(_content(path))


def _parse(content: bytes) -> dict[str, Any]:
    if not content.strip():
        raise Unreadable("empty")
    if sum(map(content.count, (b",", b"{", b"["))) > MAX_VALUES:
        raise Unreadable("too_large")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("not_utf8") from None
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable("not_json") from None
    if not isinstance(raw, dict) or not ("cells" in raw or "worksheets" in raw):
        raise Unreadable("not_notebook")
    if raw.get("nbformat", 4) != 4:
        try:
            raw = nbformat.convert(nbformat.from_dict(raw), 4)
        except Exception:
            # nbformat's converters raise whatever a malformed old notebook makes them raise.
            raise Unreadable("not_notebook") from None
    if not isinstance(raw.get("cells"), list):
        raise Unreadable("not_notebook")
    if len(raw["cells"]) > MAX_CELLS:
        raise Unreadable("too_large")
    return dict(raw)


def _content(path: Path) -> bytes:
    """The bytes of a notebook. Only of a regular file: opening a FIFO would wait for ever."""
    try:
        if path.is_symlink() or not path.is_file():
            raise Unreadable("missing")
        if path.stat().st_size > MAX_NOTEBOOK_BYTES:
            raise Unreadable("too_large")
        return path.read_bytes()
    except FileNotFoundError:
        raise Unreadable("missing") from None


def _stats(folder: Path) -> list[tuple[str, int, int, int, int]]:
    """What the file system tells of the files in a folder. It is compared for equality only:
    clocks go backwards, and copies keep the times of their originals. Nothing is read through a
    link, so what it leads to may change."""
    if _is_linked(folder):
        return []
    found = []
    with contextlib.suppress(OSError):  # whoever reads them says so
        for path in _regular_files(folder):
            seen = path.lstat()
            size = seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns
            found.append((str(path), seen.st_ino, *size))
    return sorted(found)


def _files(folder: Path) -> dict[str, bytes]:
    """The regular files of a submission, by relative name, within bounds."""
    found: dict[str, bytes] = {}
    size = 0
    for path in _regular_files(folder):
        if not _is_data(path.relative_to(folder)):
            continue
        size += path.stat().st_size
        if len(found) >= MAX_FILES or size > MAX_FILES_BYTES:
            break
        found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


def _regular_files(folder: Path) -> Iterator[Path]:
    """All below ``folder`` that is a file and no link. No recursion: folders may be very deep."""
    folders, left = [(folder, 1)], MAX_ENTRIES
    while folders:
        inside, depth = folders.pop()
        try:
            with os.scandir(inside) as entries:
                listed = sorted(itertools.islice(entries, left), key=lambda one: one.name)
        except FileNotFoundError:
            continue
        left -= len(listed)
        for entry in listed:
            if entry.is_file(follow_symlinks=False):
                yield inside / entry.name
            elif entry.is_dir(follow_symlinks=False) and entry.name != ".ipynb_checkpoints":
                folders += [(inside / entry.name, depth + 1)] if depth < MAX_DEPTH else []


def _is_data(name: Path) -> bool:
    """Whether a file of a submission can lie beside the notebook when it runs."""
    try:
        name.as_posix().encode("utf-8")
    except UnicodeEncodeError:
        # A name that is not UTF-8 cannot be told to the sandbox.
        return False
    return not name.parts[0].endswith(".ipynb")


def source_text(raw: Mapping[str, Any]) -> str:
    """The source of a cell, which may be a text, a list of texts, or nothing that makes sense."""
    source = raw.get("source")
    parts = source if isinstance(source, list) else [source]
    text = "".join(one for one in parts if isinstance(one, str))
    # JSON lets lone surrogates through; no file can hold them.
    return text.encode("utf-8", "replace").decode("utf-8")


def _grade_id(raw: Mapping[str, Any]) -> str | None:
    metadata = raw.get("metadata")
    marks = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    id = marks.get("grade_id") if isinstance(marks, dict) else None
    return id if isinstance(id, str) else None


def _known(raw: Mapping[str, Any], assignment: Assignment) -> SourceCell | None:
    """The cell of the source that ``raw`` says it is."""
    id = _grade_id(raw)
    return None if id is None else assignment.cells.get(id)


@dataclass
class _Placed:
    """A cell on its way into the notebook to run."""

    cell: nbformat.NotebookNode
    id: str | None = None
    exercise: str | None = None


def _restore(
    raw_cells: list[Any], assignment: Assignment
) -> tuple[nbformat.NotebookNode, tuple[RunCell, ...], dict[str, str]]:
    """The notebook to run: the student's cells in their order, ours restored from the source."""
    raw_cells = [cell for cell in raw_cells if isinstance(cell, dict)]
    last = {
        known.id: place
        for place, raw in enumerate(raw_cells)
        if (known := _known(raw, assignment)) and _is_answer(raw, known, assignment)
    }
    placed: list[_Placed] = []
    present: set[str] = set()
    retyped: set[str] = set()
    for place, raw in enumerate(raw_cells):
        known = _known(raw, assignment)
        if known is None:
            placed.append(_Placed(_own_cell(raw)))
        elif not known.solution:
            if known.id not in present:
                placed.append(_Placed(_source_cell(assignment, known.id), known.id))
                present.add(known.id)
        elif not _is_answer(raw, known, assignment):
            placed.append(_Placed(_own_cell(raw)))
            retyped.add(known.id)
        else:
            exercise = known.id if known.exercise else None
            if last[known.id] == place:
                cell = _source_cell(assignment, known.id, source_text(raw))
                placed.append(_Placed(cell, known.id, exercise))
            else:
                placed.append(_Placed(_own_cell(raw), None, exercise))
    damage, there = {}, {one.id for one in placed}
    for known in assignment.cells.values():
        if known.id in there:
            continue
        if known.exercise:
            damage[known.id] = "retyped" if known.id in retyped else "missing"
        text = "" if known.solution else None
        cell = _source_cell(assignment, known.id, text)
        placed.insert(_place_of(placed, known.id, assignment), _Placed(cell, known.id))
    return _notebook(placed, assignment), _run_cells(placed), damage


def _is_answer(raw: Mapping[str, Any], known: SourceCell, assignment: Assignment) -> bool:
    """Whether a cell is of the type that it needs to be ``known``."""
    return raw.get("cell_type") == "code" or not known.code or assignment.retypes


def _place_of(placed: list[_Placed], id: str, assignment: Assignment) -> int:
    """Where a missing cell goes: behind the nearest cell that stands before it in the source."""
    order = list(assignment.cells)
    before = set(order[: order.index(id)])
    return max((place + 1 for place, one in enumerate(placed) if one.id in before), default=0)


def _own_cell(raw: Mapping[str, Any]) -> nbformat.NotebookNode:
    """A cell of the student's own, without marks that nbgrader would take for its own."""
    source = source_text(raw)
    kind = raw.get("cell_type")
    return _cell(kind if kind in ("code", "markdown") else "raw", source)


def _cell(kind: str, source: str) -> nbformat.NotebookNode:
    # Not nbformat's new_code_cell and its like: they validate what is right by construction.
    cell = {"cell_type": kind, "id": "", "metadata": {}, "source": source}
    return nbformat.from_dict(
        {**cell, "outputs": [], "execution_count": None} if kind == "code" else cell
    )


def _source_cell(assignment: Assignment, id: str, text: str | None = None) -> nbformat.NotebookNode:
    """A cell of the source with its marks, not to be changed; ``text`` instead of its source where
    it is given."""
    cell = assignment.blanks[id]
    return cell if text is None else nbformat.NotebookNode(cell, source=text)


def _notebook(placed: list[_Placed], assignment: Assignment) -> nbformat.NotebookNode:
    cells = [one.cell for one in placed]
    for place, one in enumerate(placed):
        if one.id is None:
            # The ids of new cells are random; the same submission has to give the same notebook.
            one.cell["id"] = f"own-{place}"
    return nbformat.NotebookNode(
        nbformat=4, nbformat_minor=5, metadata=assignment.notebook.metadata, cells=cells
    )


def _run_cells(placed: list[_Placed]) -> tuple[RunCell, ...]:
    return tuple(
        RunCell(place, one.cell.source, one.exercise)
        for place, one in enumerate(placed)
        if one.cell.cell_type == "code" and (one.exercise or one.cell.source.strip())
    )
