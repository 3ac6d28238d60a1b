"""The exporter of feedback pages, so that their template is nobody else's."""

from __future__ import annotations

from nbconvert.exporters import HTMLExporter

__all__ = ["FeedbackPage"]


class FeedbackPage(HTMLExporter):
    """nbconvert's, configured under a name of its own: see ``nbgrader_settings``."""
