"""Import nbgrader without what it imports for Jupyter's server and hub, which is most of it."""

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
AUTH, HUB, PLUGIN = "nbgrader.auth", "nbgrader.auth.jupyterhub", "JupyterHubAuthPlugin"
"""The package that the gradebook imports, its module with an HTTP client, and the class in it."""


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
    _import_auth()


def _import_auth() -> None:
    """Import how nbgrader knows users, its way through JupyterHub only once somebody asks."""
    if AUTH in sys.modules:
        return
    stand_in = ModuleType(HUB)
    setattr(stand_in, PLUGIN, None)
    sys.modules[HUB] = stand_in
    try:
        auth = importlib.import_module(AUTH)
    except (ImportError, AttributeError):
        return  # a version that asks for more; what it is asked by then finds it whole
    finally:
        sys.modules.pop(HUB)

    def plugin(name: str) -> Any:
        if name != PLUGIN:
            raise AttributeError(f"module {AUTH!r} has no attribute {name!r}")
        return getattr(importlib.import_module(HUB), name)

    vars(auth).pop(PLUGIN, None)
    vars(auth)["__getattr__"] = plugin


class _Extension(ModuleType):
    """Stands for a server extension that this process does not load."""

    def load_jupyter_server_extension(self, app: Any) -> None:
        """Called by a server, whose process has imported nbgrader itself."""
        raise NotImplementedError(self.__name__)
