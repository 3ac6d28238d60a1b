"""List matplotlib's fonts sooner: it has no list kept from before, as nothing is kept here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

__all__ = ["fonts_by_header"]


@contextlib.contextmanager
def fonts_by_header() -> Iterator[None]:
    """Let matplotlib read of PostScript's fonts what it lists: the headers.

    It parses each of them whole, letter by letter, for a list of names, weights and slants, which
    takes as long as importing all the rest of it. Nothing that it parses is kept; whoever draws
    with such a font reads it again.
    """
    from matplotlib import _afm

    own = {name: getattr(_afm, name, None) for name in ("_parse_char_metrics", "_parse_optional")}
    if None in own.values():  # a version that reads them in another way
        yield
        return
    vars(_afm).update(dict.fromkeys(own, _nothing))
    try:
        yield
    finally:
        vars(_afm).update(own)


def _nothing(file: Any) -> tuple[dict[Any, Any], dict[Any, Any]]:
    return {}, {}
