"""Begin an assignment: a small one that verifies as it is, for its instructor to edit.

Writes the assignment's folder in ``solutions/`` and its line in the config, both or neither. The
texts are in ``templates/assignment/``.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import unicodedata
from contextlib import suppress
from pathlib import Path

import jinja2

from autograder.config import CONFIG_NAME, config_text, line_of, parse_config, parse_settings
from autograder.config_entry import with_assignment
from autograder.errors import AuthorError, MachineError

__all__ = ["nearest_name", "scaffold"]

TEMPLATES = Path(__file__).resolve().parent / "templates" / "assignment"
NAME = re.compile(r"[a-z][a-z0-9_]*")
LONGEST = 60
"""Letters in a name: with what stands before and behind it, it is still a file's name."""
EXAMPLE = "assignment_1"


def scaffold(root: Path, name: str) -> list[Path]:
    """Make the assignment ``name`` in the course's folder ``root``; the files that were written,
    relative to it, the notebook first and the config last.

    ``AuthorError`` for a name that is taken or not valid, and for a config that is missing, wrong
    or not to be edited safely; ``MachineError`` where something cannot be written. After an error
    everything is as it was.
    """
    _refuse_invalid(name)
    text = config_text(root)
    data, node = parse_settings(text)
    _refuse_taken(root, name, data.get("assignments"), line_of(node, ["assignments", name]))
    # The text as it is, not as it will be: mistakes are named by the lines that the author sees.
    files = _texts(name, parse_config(text, adding=name).language)
    edited = with_assignment(text, name)
    folder = root / "solutions" / name
    try:
        _write(root, folder, files, edited)
    except OSError as error:
        raise MachineError(f"{error.filename or folder}: cannot be written ({error}).") from error
    return [Path("solutions") / name / file for file in files] + [Path(CONFIG_NAME)]


def nearest_name(given: str) -> str:
    """The valid name that is most like ``given``."""
    plain = unicodedata.normalize("NFKD", given).encode("ascii", "ignore").decode().lower()
    words = re.findall("[a-z0-9]+", plain)
    near = "_".join(words)
    digits = re.match("[0-9_]+", near)
    if digits:
        # Not "1_tensores", which no module could be called, but "tensores_1".
        rest = near[digits.end() :] or "assignment"
        near = f"{rest}_{digits[0].strip('_')}"
    return near[:LONGEST].rstrip("_") or EXAMPLE


def _refuse_invalid(name: str) -> None:
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise AuthorError(
            f"{name!r} is not a name for an assignment: it has lower-case letters, digits and "
            f"underscores, {LONGEST} at most, and begins with a letter; {nearest_name(name)!r} "
            "would do."
        )


def _refuse_taken(root: Path, name: str, known: object, line: int) -> None:
    if isinstance(known, dict) and name in known:
        raise AuthorError(
            f"{CONFIG_NAME}:{line}: there is an assignment {name!r} already; choose another name."
        )
    source, released = root / "solutions" / name, root / "assignments" / name
    if os.path.lexists(source):
        raise AuthorError(
            f"{source}: is there already, though {CONFIG_NAME} does not name it; choose another "
            "name, or move it away."
        )
    if os.path.lexists(released):
        raise AuthorError(
            f"{released}: students have an assignment of this name already; choose another one."
        )


def _texts(name: str, language: str) -> dict[str, str]:
    """The files' texts by their names, the notebook first."""
    templates = {
        f"{name}.ipynb": f"source.{language}.ipynb",
        f"probes_{name}.py": "probes.py.j2",
        f"test_{name}.py": "checks.py.j2",
        f"misconceptions_{name}.yaml": "misconceptions.yaml.j2",
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # a name holds nothing that JSON, YAML or Python would read otherwise
    )
    values = {"assignment": name, "title": name.replace("_", " ").strip().capitalize()}
    return {
        file: environment.get_template(template).render(values)
        for file, template in templates.items()
    }


def _write(root: Path, folder: Path, files: dict[str, str], config: str) -> None:
    """All of it or nothing: the folder is renamed into its place, and the config comes last."""
    solutions = folder.parent
    begun = not solutions.exists()
    solutions.mkdir(exist_ok=True)
    placed = done = False
    made = Path(tempfile.mkdtemp(dir=solutions, prefix=".new-"))
    try:
        fresh = made / folder.name
        fresh.mkdir()
        for name, text in files.items():
            (fresh / name).write_text(text, encoding="utf-8", newline="\n")
        fresh.rename(folder)
        placed = True
        _replace((root / CONFIG_NAME).resolve(), config, made / CONFIG_NAME)
        done = True
    finally:
        shutil.rmtree(made, ignore_errors=True)
        if placed and not done:
            shutil.rmtree(folder, ignore_errors=True)
        if begun and not done:
            with suppress(OSError):
                solutions.rmdir()


def _replace(path: Path, text: str, temporary: Path) -> None:
    """At no moment is there half a config; its permissions stay."""
    temporary.write_text(text, encoding="utf-8", newline="")
    shutil.copymode(path, temporary)
    temporary.replace(path)
