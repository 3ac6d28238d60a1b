"""Collect what a cell prints and shows, as nbformat has it, within bounds."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass, field
from typing import Any

__all__ = ["MAX_OUTPUTS", "OUTPUTS", "Output", "Outputs", "Stream", "bundle_of"]

Output = dict[str, Any]

MAX_OUTPUTS = 1_000
"""Of one cell: a page with more of them is no page."""
MAX_DIGITS = 300
MAX_JSON_BUNDLE = 100_000
"""Characters of a value that is shown as JSON: what is larger is shown as its text alone."""


@dataclass
class Outputs:
    """The outputs of the cell that runs now, in order, bounded in characters and in number."""

    limit: int
    cut_text: str
    shown: bool = True
    items: list[Output] = field(default_factory=list)
    used: int = 0
    is_cut: bool = False

    def start(self, limit: int, cut_text: str, shown: bool) -> None:
        self.limit, self.cut_text, self.shown = limit, cut_text, shown
        self.items, self.used, self.is_cut = [], 0, False

    def stream(self, name: str, text: str) -> None:
        kept = text[: max(0, self.limit - self.used)]
        last = self.items[-1] if self.items else {}
        joins = last.get("output_type") == "stream" and last["name"] == name
        if kept and joins and not self.is_cut:
            last["text"].append(kept)
        elif kept:
            self._append({"output_type": "stream", "name": name, "text": [kept]})
        self._use(len(text))

    def add(self, output: Output, size: int) -> None:
        if self.used + size <= self.limit:
            self._append(output)
        self._use(size)

    def _append(self, output: Output) -> None:
        if len(self.items) >= MAX_OUTPUTS:
            self._cut()
        elif not self.is_cut:
            self.items.append(output)

    def _use(self, size: int) -> None:
        """Count ``size`` more characters."""
        self.used += size
        if self.used > self.limit:
            self._cut()

    def _cut(self) -> None:
        """Keep nothing more, and say so once."""
        if not self.is_cut:
            self.items.append({"output_type": "stream", "name": "stderr", "text": [self.cut_text]})
        self.is_cut = True

    def clear(self) -> None:
        """Take back what was shown; there is room again for what comes."""
        self.items.clear()
        self.used, self.is_cut = 0, False

    @property
    def kept(self) -> int:
        """Characters of the outputs: what was cut away takes no room from other cells."""
        return min(self.used, self.limit)

    def finished(self) -> list[Output]:
        for item in self.items:
            if item["output_type"] == "stream":
                item["text"] = "".join(item["text"])
        return self.items


class Stream(io.TextIOBase):
    """``sys.stdout`` or ``sys.stderr`` of a cell."""

    encoding = "utf-8"

    def __init__(self, outputs: Outputs, name: str) -> None:
        self._outputs = outputs
        self._name = name

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._outputs.stream(self._name, text)
        return len(text)


def bundle_of(data: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """A MIME bundle as JSON holds it, and its size in characters."""
    clean: dict[str, Any] = {}
    for mime, value in data.items():
        if isinstance(value, bytes):
            clean[str(mime)] = base64.b64encode(value).decode()
        elif isinstance(value, dict | list):
            # What JSON cannot hold becomes text; NaN and infinity, which it cannot either, null.
            text = json.dumps(value, default=str)
            if len(text) > MAX_JSON_BUNDLE:
                continue
            clean[str(mime)] = json.loads(text, parse_constant=lambda _: None, parse_int=_integer)
        else:
            clean[str(mime)] = str(value)
    return clean, sum(len(str(value)) for value in clean.values())


def _integer(text: str) -> int | str:
    """A long one stays text: frames hold none."""
    return int(text) if len(text) <= MAX_DIGITS else text


OUTPUTS = Outputs(limit=0, cut_text="")
"""One process runs one notebook, cell after cell: the shell's hooks write here."""
