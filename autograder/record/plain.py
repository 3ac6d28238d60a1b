"""Assignments without checks of ours, as nbgrader's converter makes them from their sources.

What it makes is kept in ``.autograder/plain``: hashes of tests that it writes by itself have a new
salt each time.
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

from autograder.assignment import hidden_files
from autograder.basis import CONVERTED
from autograder.course import Course
from autograder.errors import AuthorError
from autograder.plain.assignment import PlainAssignment, plain_assignment
from autograder.sandbox.temporary import TemporaryFolder

if TYPE_CHECKING:
    from autograder.record.gradebook import Gradebook

__all__ = ["load_plain", "refuse_changed", "register", "release_plain"]

SETTINGS = "nbgrader_config.py"
TESTS = "autotests.yml"


def load_plain(course: Course, name: str) -> PlainAssignment:
    """The assignment ``name`` as its sources are now. ``AuthorError`` where nbgrader cannot make a
    release of them."""
    folder = course.root / "solutions" / name
    path = course.state / "plain" / f"{name}.json"
    texts = {one.name: one.read_bytes() for one in sorted(folder.glob("*.ipynb"))}
    digest = _digest(course, folder)
    kept = _read(path)
    if kept.get("digest") != digest:
        from autograder.grading import write_json

        kept = {"digest": digest, "notebooks": _make(course, name)}
        write_json(path, kept)
    notebooks = {
        one: [nbformat.from_dict(version) for version in versions]
        for one, versions in kept["notebooks"].items()
    }
    converted = json.dumps(kept, sort_keys=True).encode()
    return plain_assignment(folder, notebooks, _files(folder), {**texts, CONVERTED: converted})


def refuse_changed(course: Course, assignment: PlainAssignment) -> None:
    """``AuthorError`` if the assignment's texts or data are no longer what was loaded: nobody could
    tell then which of them a result rests on."""
    now = load_plain(course, assignment.name)
    then = {**assignment.texts, **assignment.files}
    others = {**now.texts, **now.files}
    for file in [*sorted({*then, *others} - {CONVERTED}), CONVERTED]:
        if then.get(file) != others.get(file):
            raise AuthorError(
                f"{assignment.folder / file}: changed while its submissions were graded; nothing "
                "was recorded: run `autograder grade` again."
            )


def release_plain(course: Course, name: str) -> bool:
    """Bring ``assignments/<name>/`` up to date; whether anything changed there."""
    from autograder.record.release import convert, replaced

    assignment = load_plain(course, name)
    kept = _read(course.state / "plain" / f"{name}.json")["notebooks"]

    def make(into: Path) -> None:
        convert(course, name, into, _settings(course.root))
        for notebook in assignment.notebooks:
            # Not what was converted just now: the tests that grade are those of the first time.
            released = nbformat.from_dict(kept[notebook.name][1])
            path = into / name / f"{notebook.name}.ipynb"
            path.write_text(f"{nbformat.v4.writes(released)}\n", encoding="utf-8")

    return replaced(course, name, make)


def register(book: Gradebook, assignment: PlainAssignment) -> list[str]:
    """Make the gradebook agree with the assignment's notebooks; sentences about what changed."""
    changes = [
        change
        for one in assignment.notebooks
        for change in book.register(assignment.name, one.source.notebook, one.name)
    ]
    return changes + book.forget_notebooks(
        assignment.name, [one.name for one in assignment.notebooks]
    )


def _make(course: Course, name: str) -> dict[str, list[Any]]:
    """By notebook, the one whose cells nbgrader saves, our release, and one with nbgrader's own
    words in its stubs: an assignment may have been released before it moved here."""
    from autograder.record.release import convert

    settings, standard = _settings(course.root), _settings(course.root)
    for words in ("code_stub", "text_stub"):
        standard.ClearSolutions.pop(words, None)
    standard.InstantiateTests.enabled = False
    with TemporaryFolder() as ours, TemporaryFolder() as theirs:
        saved = convert(course, name, ours.path, settings)
        convert(course, name, theirs.path, standard)
        made = {}
        for notebook, source in saved.items():
            for place, cell in enumerate(source.cells):
                # Notebooks of older versions have none, and those that we write need them.
                cell.setdefault("id", f"source-{place}")
            releases = [
                nbformat.read(into.path / name / f"{notebook}.ipynb", as_version=4)
                for into in (ours, theirs)
            ]
            made[notebook] = [source, *releases]
    return made


def _settings(root: Path) -> Any:
    """nbgrader's settings with what the course's own configuration adds to ours: a header, other
    marks around solutions, and so on."""
    from traitlets.config.loader import PyFileConfigLoader

    from autograder.record.settings import nbgrader_settings

    settings = nbgrader_settings(root)
    if (root / SETTINGS).is_file():
        settings.merge(PyFileConfigLoader(SETTINGS, path=str(root)).load_config())
    return settings


def _digest(course: Course, folder: Path) -> str:
    """Hash of all that the notebooks are made from."""
    hashed = hashlib.sha256(f"{version('nbgrader')} {course.config.language}".encode())
    files = [
        *folder.glob("*.ipynb"),
        *folder.parent.glob("*.ipynb"),  # headers and footers
        *(place / TESTS for place in (folder, folder.parent, course.root)),
        course.root / SETTINGS,
    ]
    for path in sorted(files):
        if path.is_file():
            content = path.read_bytes()
            hashed.update(f"{path.relative_to(course.root)} {len(content)} ".encode() + content)
    return hashed.hexdigest()


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _files(folder: Path) -> dict[str, bytes]:
    """What lies beside the sources and is every student's, by relative name."""
    hidden = {*hidden_files(folder.name), "__pycache__"}
    found = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        left_out = hidden.intersection(parts) or any(part.startswith(".") for part in parts)
        if path.is_file() and not left_out and path.suffix not in (".ipynb", ".pyc"):
            found["/".join(parts)] = path.read_bytes()
    return found
