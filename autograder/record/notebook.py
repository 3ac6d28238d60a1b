"""Put the executed notebook where nbgrader looks for it: ``autograded/<student>/<assignment>``."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.observation import Observation
from autograder.sandbox.temporary import TemporaryFolder
from autograder.submission import SECRET, Submission

__all__ = ["executed", "write_autograded"]


def executed(
    submission: Submission, seen: Observation | None, language: str, isolation: str = "full"
) -> NotebookNode:
    """The submission's notebook with the outputs of trial 0, and what its page has to say. What is
    as it was is shared with it."""
    notebook, cells = NotebookNode(submission.notebook), list(submission.notebook.cells)
    ours = NotebookNode(language=language, isolation=isolation)
    notebook.metadata = NotebookNode(notebook.metadata, autograder=ours)
    if seen is not None:
        for number, cell in enumerate(submission.cells):
            if number in seen.cells:
                outputs = [nbformat.from_dict(one) for one in seen.outputs(number)]
                ran = {"outputs": outputs, "execution_count": number + 1}
                cells[cell.index] = NotebookNode(cells[cell.index], **ran)
    notebook.cells = cells
    return notebook


def write_autograded(
    folder: Path, submission: Submission, notebooks: Mapping[str, NotebookNode]
) -> None:
    """Replace ``folder`` by the executed ``notebooks``, by name, and the files that were handed in
    with them; unless that is what it has."""
    wanted = dict(submission.files)
    if submission.timestamp:
        wanted["timestamp.txt"] = submission.timestamp.encode()
    if submission.secret is not None:
        wanted[SECRET] = submission.secret
    # Not nbformat.write, which validates, copies and indents: that takes longer than the rest of
    # recording.
    made = {f"{name}.ipynb": one for name, one in notebooks.items()}
    texts = {
        name: f"{json.dumps(one, ensure_ascii=False)}\n".encode() for name, one in made.items()
    }
    wanted |= texts
    if _holds(folder, wanted):
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryFolder(folder.parent) as temporary:
        fresh, old = temporary.path / "new", temporary.path / "old"
        fresh.mkdir()
        for name, content in wanted.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.write(content)
                if name in texts:
                    file.flush()
                    # The report, which says that all is recorded, must not survive a power cut
                    # alone.
                    os.fsync(file.fileno())
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)


def _holds(folder: Path, files: Mapping[str, bytes]) -> bool:
    """Whether ``folder`` has ``files`` and nothing else: judging again changes none of them."""
    try:
        present = {
            str(path.relative_to(folder)): path
            for path in folder.rglob("*")
            if path.is_symlink() or not path.is_dir()
        }
        return present.keys() == files.keys() and all(
            path.is_file() and not path.is_symlink() and path.read_bytes() == files[name]
            for name, path in present.items()
        )
    except OSError:
        return False
