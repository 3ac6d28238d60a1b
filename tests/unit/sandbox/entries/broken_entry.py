"""An entry module that can not warm up."""

from typing import Any


def warm_up() -> dict[str, Any]:
    raise LookupError("no such model")
