"""Import matplotlib sooner, without what no figure shows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

__all__ = ["fonts_by_header", "without_property_lists"]


@contextlib.contextmanager
def fonts_by_header() -> Iterator[None]:
    """Let matplotlib read of PostScript's fonts what it lists: the headers.

    It parses each of them whole, letter by letter, for a list of names, weights and slants, which
    takes as long as importing all the rest of it. (It has no list from before, as nothing is kept
    here.) Nothing that it parses is kept; whoever draws with such a font reads it again.
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


@contextlib.contextmanager
def without_property_lists() -> Iterator[None]:
    """Let matplotlib import its classes without the lists of their properties.

    It looks at every setter of each for the text of their documentation, a quarter of the time that
    importing it takes. Classes that are made afterwards have their lists.
    """
    from matplotlib import artist

    own = getattr(artist, "kwdoc", None)
    if own is None:  # a version that makes them in another way
        yield
        return
    vars(artist)["kwdoc"] = _no_list
    try:
        yield
    finally:
        vars(artist)["kwdoc"] = own


def _no_list(kind: Any) -> str:
    return ""


def _nothing(file: Any) -> tuple[dict[Any, Any], dict[Any, Any]]:
    return {}, {}
