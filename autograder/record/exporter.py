"""nbgrader's exporter of feedback pages; apart from its formgrader's, which is an HTMLExporter too.

A template that is set for ``HTMLExporter`` would replace the formgrader's own page, and nbgrader's
API sets one there itself. What is set for this class reaches feedback alone, and always.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from nbconvert.exporters import HTMLExporter
from nbconvert.exporters.templateexporter import TemplateExporter
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.widgetsdatatypefilter import WidgetsDataTypeFilter

__all__ = ["FeedbackExporter"]


MOST_COLOURED = 20_000
"""Characters of a cell beyond which its page alone has it."""


def _coloured(source: str, language: str = "ipython3") -> str:
    """Code as HTML with its colours, in the template's language. Half of a page's time; and most
    cells of a course's pages are the same ones, those of the statement."""
    known = len(source) <= MOST_COLOURED
    return _remembered(source, language) if known else _colour(source, language)


def _colour(source: str, language: str) -> str:
    made: str = Highlight2HTML(pygments_lexer=language)(source)
    return made


_remembered = lru_cache(maxsize=500)(_colour)


class FeedbackExporter(HTMLExporter):  # type: ignore[misc]
    """Makes the page of one student's executed notebook, with the settings' template."""

    def from_notebook_node(self, nb: Any, resources: Any = None, **more: Any) -> tuple[str, Any]:
        """As ``HTMLExporter`` does it, but for its last step: that parses the finished page to mark
        what only its own templates have, and takes longer than all the rest."""
        resources = self._init_resources(resources)
        kinds = WidgetsDataTypeFilter(
            notebook_metadata=self._nb_metadata, parent=self, resources=resources
        )
        self.register_filter("highlight_code", self.filters.get("highlight_code", _coloured))
        self.register_filter("filter_data_type", kinds)
        page, resources = TemplateExporter.from_notebook_node(self, nb, resources, **more)
        return page, resources
