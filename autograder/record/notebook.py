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
    with them."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryFolder(folder.parent) as made:
        fresh, old = made.path / "new", made.path / "old"
        fresh.mkdir()
        for name, content in submission.files.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if submission.timestamp:
            (fresh / "timestamp.txt").write_text(submission.timestamp, encoding="utf-8")
        if submission.secret is not None:
            (fresh / SECRET).write_bytes(submission.secret)
        for name, notebook in notebooks.items():
            # Not nbformat.write, which validates, copies and indents: that takes longer than the
            # rest of recording.
            text = json.dumps(notebook, ensure_ascii=False)
            with (fresh / f"{name}.ipynb").open("w", encoding="utf-8") as file:
                file.write(f"{text}\n")
                file.flush()
                # The report, which says that all is recorded, must not survive a power cut alone.
                os.fsync(file.fileno())
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
