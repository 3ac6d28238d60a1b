"""Packages that a program of ours goes without: others would import them for what nobody needs."""

from __future__ import annotations

import sys

__all__ = ["UNNEEDED", "leave_out"]

UNNEEDED = (
    "rfc3987_syntax",
    "fqdn",
    "isoduration",
    "rfc3339_validator",
    "rfc3986_validator",
    "uri_template",
    "webcolors",
)
"""jsonschema, which nbformat imports, takes these if they are there, to check addresses, durations
and colours, of which no notebook's schema has any. Building the first one's grammars costs as much
as importing torch, the others half as much as nbformat."""


def leave_out() -> None:
    """Let this process do without them, from now on: for programs, not for libraries."""
    for name in UNNEEDED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
