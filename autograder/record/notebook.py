"""Put the executed notebook where nbgrader looks for it: ``autograded/<student>/<assignment>``."""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import nbformat

from autograder.observation import Observation
from autograder.submission import Submission

__all__ = ["executed", "write_autograded"]


def executed(
    submission: Submission, seen: Observation | None, language: str
) -> nbformat.NotebookNode:
    """The submission's notebook with the outputs of trial 0."""
    notebook = copy.deepcopy(submission.notebook)
    notebook.metadata["autograder"] = {"language": language}
    if seen is not None:
        for number, cell in enumerate(submission.cells):
            if number in seen.cells:
                outputs = [nbformat.from_dict(one) for one in seen.outputs(number)]
                notebook.cells[cell.index].outputs = outputs
                notebook.cells[cell.index].execution_count = number + 1
    return notebook


def write_autograded(
    folder: Path, submission: Submission, notebooks: Mapping[str, nbformat.NotebookNode]
) -> None:
    """Replace ``folder`` by the executed ``notebooks``, by name, and the files that were handed in
    with them."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".autograded-") as made:
        fresh, old = Path(made) / "new", Path(made) / "old"
        fresh.mkdir()
        for name, content in submission.files.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if submission.timestamp:
            (fresh / "timestamp.txt").write_text(submission.timestamp, encoding="utf-8")
        for name, notebook in notebooks.items():
            # Not nbformat.write, which validates: that takes longer than the rest of recording.
            text = nbformat.v4.writes(notebook)
            (fresh / f"{name}.ipynb").write_text(f"{text}\n", encoding="utf-8")
        if folder.exists():
            folder.rename(old)
        shutil.move(fresh, folder)
