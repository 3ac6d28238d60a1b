"""An entry module that can not warm up."""

from typing import Any


def warm_up(uses: list[str]) -> dict[str, Any]:
    raise LookupError("no such model")
