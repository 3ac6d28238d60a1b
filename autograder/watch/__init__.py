"""Grade what arrives, as it arrives, and give feedback at once: ``autograder watch``."""

from __future__ import annotations
