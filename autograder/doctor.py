"""Look at this machine: is everything here that grading needs, and how to mend what is not."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from autograder.course import Course
from autograder.database import said_by, without_password
from autograder.errors import AuthorError

__all__ = ["Row", "examine_machine"]

MIN_FREE_GB = 2


@dataclass(frozen=True)
class Row:
    """One thing that was looked at. ``state`` is ``ok``, ``weak`` (grading works) or ``bad``."""

    thing: str
    state: str
    said: str
    mend: str = ""


def examine_machine(root: Path) -> Iterator[Row]:
    """Rows as they are found; a ``bad`` one means that ``grade`` would refuse."""
    yield _python()
    yield from _packages()
    try:
        course: Course | None = Course.at(root)
        yield Row("config", "ok", str(root.resolve() / "grading_config.yaml"))
    except AuthorError as error:
        course = None
        yield Row("config", "bad", str(error), "mend the file, or name the course with --course")
    yield from _sandbox(course)
    if course is not None:
        yield _nbgrader(course)
        yield from _plain(course)
        yield _database(course)
    yield _disk(root)


def _python() -> Row:
    found = ".".join(map(str, sys.version_info[:3]))
    return Row("python", "ok", found)


def _packages() -> Iterator[Row]:
    for name, wanted in (("torch", (2, 4)), ("nbgrader", (0, 9, 6)), ("pytest", (8, 4))):
        try:
            found = version(name)
        except PackageNotFoundError:
            yield Row(name, "bad", "not installed", f"pip install {name}")
            continue
        numbers = tuple(int(part) for part in found.split("+")[0].split(".")[:3] if part.isdigit())
        needed = ".".join(map(str, wanted))
        state = "ok" if numbers >= wanted else "bad"
        mend = "" if state == "ok" else f"pip install '{name}>={needed}'"
        yield Row(name, state, found, mend)


def _sandbox(course: Course | None) -> Iterator[Row]:
    from autograder.gpu import Gpu, look_for_gpu
    from autograder.isolation import open_sandbox
    from autograder.sandbox import SandboxBroken, SandboxUnavailable

    weak = course is not None and course.config.sandbox == "none"
    try:
        with open_sandbox("none" if weak else "full") as sandbox:
            facts, gpu = sandbox.facts, look_for_gpu(sandbox)
    except (SandboxUnavailable, SandboxBroken) as error:
        yield Row(
            "sandbox", "bad", str(error), "or choose `sandbox: none` in the config, knowingly"
        )
        return
    if weak:
        yield Row(
            "sandbox",
            "weak",
            "switched off by the config: students' code runs unprotected",
            "set `sandbox: full` in grading_config.yaml",
        )
    else:
        yield Row("sandbox", "ok", "bubblewrap, namespaces, landlock, seccomp")
    limit = facts["memory_limit"]
    if limit == "watcher":
        yield Row(
            "memory limit",
            "weak",
            "a watcher that looks every 30 ms",
            "a delegated memory cgroup is stricter (systemd-run --user --scope -p Delegate=yes …)",
        )
    else:
        yield Row("memory limit", "ok", limit)
    if isinstance(gpu, Gpu):
        said = f"{gpu.name}, driver {gpu.driver}, {gpu.memory_mb} MB: CUDA starts in the sandbox"
        yield Row("cuda", "ok", said)
    elif gpu.why:
        mend = "look at the driver (nvidia-smi) and at SECURITY.md, *The GPU*"
        yield Row("cuda", "weak", f"{gpu.why}: checks for CUDA are reported as not run", mend)
    else:
        yield Row("cuda", "weak", "none: checks for CUDA are reported as not run")


def _nbgrader(course: Course) -> Row:
    path = course.root / "nbgrader_config.py"
    if path.is_file() and "nbgrader_settings" in path.read_text("utf-8", "replace"):
        return Row("nbgrader's commands", "ok", f"{path} hands over to the autograder")
    return Row(
        "nbgrader's commands",
        "weak",
        f"{path} does not hand over to the autograder: `nbgrader autograde` would run students' "
        "code unprotected, and score it by itself",
        "copy nbgrader_config.py from the autograder's repository into the course's folder",
    )


def _plain(course: Course) -> Iterator[Row]:
    for name in course.config.assignments:
        if course.is_plain(name):
            count = len(list((course.root / "solutions" / name).glob("*.ipynb")))
            many = "notebook" if count == 1 else f"{count} notebooks"
            said = f"no checks of ours (test_{name}.py): graded by the test cells of its {many}"
            yield Row(name, "ok", said)


def _database(course: Course) -> Row:
    import sqlalchemy

    url = course.db_url
    prefix = "sqlite:///"
    if url.startswith(prefix):
        path = Path(url.removeprefix(prefix))
        if not path.exists():
            return _writable("database", path.parent, f"{path} (will be made)")
    try:
        engine = sqlalchemy.create_engine(url)
        with engine.connect() as connection:
            # Not SELECT 1, which SQLite answers without looking at the file.
            sqlalchemy.inspect(connection).get_table_names()
        engine.dispose()
    except (sqlalchemy.exc.SQLAlchemyError, ValueError, ImportError) as error:
        shown = f"{without_password(url)}: {said_by(error, url)}"
        return Row("database", "bad", shown, "check db_url, its driver, the server and the rights")
    if url.startswith(prefix):
        return _writable("database", Path(url.removeprefix(prefix)), url.removeprefix(prefix))
    return Row("database", "ok", without_password(url))


def _writable(thing: str, path: Path, said: str) -> Row:
    if os.access(path, os.W_OK):
        return Row(thing, "ok", said)
    return Row(thing, "bad", f"{path} cannot be written to", f"give this user the right: {path}")


def _disk(root: Path) -> Row:
    place = next(one for one in (root.resolve(), *root.resolve().parents) if one.exists())
    free = shutil.disk_usage(place).free / 2**30
    if free < MIN_FREE_GB:
        return Row("disk", "weak", f"{free:.1f} GB free", "make room: observations are kept")
    return Row("disk", "ok", f"{free:.0f} GB free")
