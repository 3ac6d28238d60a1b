"""nbgrader is imported without what is for servers, which can still be imported afterwards."""

from __future__ import annotations

import pytest
from handmade import in_own_process

LEAN = """
import json, sys
from autograder.record.lean import EXTENSIONS, HUB, import_nbgrader
from autograder.unneeded import leave_out
leave_out()
{before}
import_nbgrader()
apart = ("nbclient", "jupyter_server", "requests", *EXTENSIONS, HUB)
import nbgrader.auth
here = [one for one in apart if one in sys.modules]
{after}
print(json.dumps([here, said]))
"""
IMPORTED = """
import nbgrader.api, nbgrader.converters, nbgrader.exchange.default
from nbgrader.server_extensions import formgrader
said = formgrader.load_jupyter_server_extension.__module__
"""
FAKE = """
import pathlib
root = pathlib.Path({root!r})
(root / "nbgrader" / "server_extensions").mkdir(parents=True)
(root / "nbgrader" / "__init__.py").write_text({text!r})
(root / "nbgrader" / "server_extensions" / "__init__.py").touch()
for one in EXTENSIONS:
    module = root / "nbgrader" / "server_extensions" / (one.split(".")[-1] + ".py")
    module.write_text("load_jupyter_server_extension = 'real'; more = 'more'")
(root / "nbgrader" / "auth").mkdir()
(root / "nbgrader" / "auth" / "__init__.py").write_text({auth!r})
(root / "nbgrader" / "auth" / "jupyterhub.py").write_text("JupyterHubAuthPlugin = more = 'hub'")
sys.path.insert(0, str(root))
"""


def lean(before="", after="said = None"):
    return in_own_process(LEAN.format(before=before, after=after))


def test_what_only_a_server_needs_is_not_imported():
    assert lean() == [[], None]


def test_the_rest_can_be_imported_and_the_extensions_too():
    here, said = lean(after=IMPORTED)
    assert here == []
    assert said == "nbgrader.server_extensions.formgrader.formgrader"


def test_one_that_is_there_already_stays_as_it_is():
    before = "import nbgrader; own = nbgrader.load_formgrader"
    here, said = lean(before, "said = nbgrader.load_formgrader is own")
    assert said is True
    assert len(here) == 8


def test_the_way_through_jupyterhub_is_there_for_whoever_asks():
    after = """
import traitlets.utils.importstring
from nbgrader.auth import Authenticator, BaseAuthPlugin
assert not hasattr(nbgrader.auth, "nothing")
assert "requests" not in sys.modules
plugin = traitlets.utils.importstring.import_item("nbgrader.auth.JupyterHubAuthPlugin")
said = [plugin.__module__, issubclass(plugin, BaseAuthPlugin), "requests" in sys.modules]
"""
    assert lean(after=after) == [[], ["nbgrader.auth.jupyterhub", True, True]]


@pytest.mark.parametrize(
    "text",
    [
        "from .server_extensions.formgrader import more",
        "from .server_extensions import formgrader; more = formgrader.more",
    ],
)
def test_a_version_that_needs_more_of_them_is_imported_as_it_is(tmp_path, text):
    before = FAKE.format(root=str(tmp_path), text=text, auth="")
    here, said = lean(before, "import nbgrader; said = nbgrader.more")
    assert said == "more"
    assert here == ["nbgrader.server_extensions.formgrader"]


@pytest.mark.parametrize(
    "auth", ["from .jupyterhub import more", "from . import jupyterhub; more = jupyterhub.more"]
)
def test_a_version_that_needs_more_of_jupyterhub_is_imported_as_it_is(tmp_path, auth):
    before = FAKE.format(root=str(tmp_path), text="", auth=auth)
    _, said = lean(before, "said = [nbgrader.auth.more, nbgrader.auth.jupyterhub.more]")
    assert said == ["hub", "hub"]
