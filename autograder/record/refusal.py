"""What nbgrader's converters use where the course's config has a mistake: it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbconvert.exporters import NotebookExporter
from nbgrader.converters.base import NbGraderException

from autograder.config import load_config
from autograder.errors import AuthorError

__all__ = ["Refusal"]


class Refusal(NotebookExporter):
    """Ends nbgrader's command before it converts anything, with the sentence about the config."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        try:
            load_config(Path(self.parent.coursedir.root))
            sentence = "grading_config.yaml was mended meanwhile; start nbgrader again."
        except AuthorError as error:
            sentence = str(error)
        self.parent.log.error("%s", sentence)
        raise NbGraderException(sentence)
