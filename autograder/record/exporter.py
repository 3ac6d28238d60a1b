"""nbgrader's exporter of feedback pages; apart from its formgrader's, which is an HTMLExporter too.

A template that is set for ``HTMLExporter`` would replace the formgrader's own page, and nbgrader's
API sets one there itself. What is set for this class reaches feedback alone, and always.
"""

from __future__ import annotations

from nbconvert.exporters import HTMLExporter

__all__ = ["FeedbackExporter"]


class FeedbackExporter(HTMLExporter):  # type: ignore[misc]
    """Makes the page of one student's executed notebook, with the settings' template."""
