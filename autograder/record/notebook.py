"""Put the executed notebook where nbgrader looks for it: ``autograded/<student>/<assignment>``."""

from __future__ import annotations

import copy
import os
from pathlib import Path

import nbformat

from autograder.observation import Observation
from autograder.sandbox.temporary import TemporaryFolder
from autograder.submission import SECRET, Submission

__all__ = ["executed", "write_autograded"]


def executed(
    submission: Submission, seen: Observation | None, language: str, isolation: str = "full"
) -> nbformat.NotebookNode:
    """The submission's notebook with the outputs of trial 0, and what its page has to say."""
    notebook = copy.deepcopy(submission.notebook)
    notebook.metadata["autograder"] = {"language": language, "isolation": isolation}
    if seen is not None:
        for number, cell in enumerate(submission.cells):
            if number in seen.cells:
                outputs = [nbformat.from_dict(one) for one in seen.outputs(number)]
                notebook.cells[cell.index].outputs = outputs
                notebook.cells[cell.index].execution_count = number + 1
    return notebook


def write_autograded(folder: Path, submission: Submission, notebook: nbformat.NotebookNode) -> None:
    """Replace ``folder`` by the executed notebook and the files that were handed in with it."""
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
        # Not nbformat.write, which validates: that takes longer than all the rest of recording.
        text = nbformat.v4.writes(notebook)
        with (fresh / f"{submission.assignment}.ipynb").open("w", encoding="utf-8") as file:
            file.write(f"{text}\n")
            file.flush()
            # The report, which says that all is recorded, must not survive a power cut alone.
            os.fsync(file.fileno())
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
