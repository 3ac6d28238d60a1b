"""Import nbgrader without what it imports for Jupyter's server, which is most of it."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

__all__ = ["import_nbgrader"]

EXTENSIONS = tuple(
    f"nbgrader.server_extensions.{one}"
    for one in ("assignment_list", "course_list", "validate_assignment", "formgrader")
)
"""What ``nbgrader/__init__.py`` takes a function of each from, to hand it to a server."""


def import_nbgrader() -> None:
    """Import the package ``nbgrader`` with nothing in the place of its server extensions.

    They import exchange, converters, kernels and HTTP clients, twice as many modules as a
    gradebook needs. Whoever needs one of those imports it. A version that asks for more than those
    functions is imported as it is.
    """
    if "nbgrader" in sys.modules:
        return
    sys.modules.update({name: _Extension(name) for name in EXTENSIONS})
    try:
        importlib.import_module("nbgrader")
    except (ImportError, AttributeError):
        sys.modules.pop("nbgrader", None)
    finally:
        for name in EXTENSIONS:
            if isinstance(sys.modules.get(name), _Extension):
                del sys.modules[name]
    importlib.import_module("nbgrader")


class _Extension(ModuleType):
    """Stands for a server extension that this process does not load."""

    def load_jupyter_server_extension(self, app: Any) -> None:
        """Called by a server, whose process has imported nbgrader itself."""
        raise NotImplementedError(self.__name__)
