"""`make words`: bring the catalogues up to date with the English sentences in autograder/words.py.

Extracts the sentences that are marked there with N_ and pN_, updates each .po, and compiles it.
Ends with status 1 while a sentence has no translation, or only one that was guessed ("fuzzy").
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

PACKAGE = Path(__file__).resolve().parent.parent / "autograder"
SOURCE = PACKAGE / "words.py"
LOCALE = PACKAGE / "locale"
KEYWORDS = {"N_": None, "pN_": ((1, "c"), 2)}


def extracted() -> Catalog:
    """The English sentences of the source, in its order."""
    template = Catalog()
    for _, message, comments, context in extract_from_file("python", SOURCE, keywords=KEYWORDS):
        template.add(message, auto_comments=comments, context=context)
    return template


def catalogues() -> dict[str, Path]:
    """The .po of each language."""
    return {path.parts[-3]: path for path in sorted(LOCALE.glob("*/LC_MESSAGES/autograder.po"))}


def read(language: str, path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=language, domain="autograder", abort_invalid=True)


def sentences(catalog: Catalog) -> list[Message]:
    """The messages without the header."""
    return [message for message in catalog if message.id]


def untranslated(catalog: Catalog) -> list[str]:
    return [str(one.id) for one in sentences(catalog) if not one.string or one.fuzzy]


def compiled(catalog: Catalog) -> bytes:
    """The .mo. What is guessed is left out."""
    file = io.BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def update(language: str, path: Path) -> list[str]:
    """Write the .po and its .mo anew; gives the sentences that are not translated."""
    catalog, template = read(language, path), extracted()
    # No dates and no lines of the source: a catalogue changes when a sentence does.
    template.creation_date = catalog.creation_date
    catalog.update(template)
    text = io.BytesIO()
    write_po(text, catalog, width=100, no_location=True, ignore_obsolete=True)
    path.write_bytes(text.getvalue())
    path.with_suffix(".mo").write_bytes(compiled(catalog))
    return untranslated(catalog)


def main() -> int:
    status = 0
    for language, path in catalogues().items():
        for sentence in update(language, path):
            print(f"{path}: to translate: {sentence}", file=sys.stderr)  # noqa: T201
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
