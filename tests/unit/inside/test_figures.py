"""What matplotlib is imported without is nothing that a figure shows."""

from __future__ import annotations

import pytest
from handmade import in_own_process

LISTED = """
import json, os, tempfile
os.environ["MPLCONFIGDIR"] = tempfile.mkdtemp()
from matplotlib import _afm
{before}
parsed, own = [], _afm._parse_header
def header(file):
    parsed.append(file.name)
    return own(file)
_afm._parse_header = header
whole = getattr(_afm, "_parse_optional", None)
from autograder.inside.figures import fonts_by_header
with fonts_by_header():
    replaced = getattr(_afm, "_parse_optional", None) is not whole
    from matplotlib import font_manager
listed = font_manager.fontManager
again = font_manager.FontManager()
bold = font_manager.findfont("Times", fontext="afm")
with open(bold, "rb") as file:
    width = _afm.AFM(file).get_str_bbox_and_descent("W")[2]
print(json.dumps({{
    "parsed": len(parsed), "replaced": replaced, "afm": len(listed.afmlist), "width": width,
    "same": listed.afmlist == again.afmlist and listed.ttflist == again.ttflist,
    "restored": getattr(_afm, "_parse_optional", None) is whole,
}}))
"""


@pytest.fixture(scope="module")
def seen():
    return in_own_process(LISTED.format(before=""))


def test_the_list_is_the_one_that_matplotlib_makes(seen):
    assert seen["afm"] > 30
    assert seen["parsed"] > 2 * 30
    assert seen["same"]


def test_who_draws_with_such_a_font_finds_it_whole(seen):
    assert seen["replaced"]
    assert seen["restored"]
    assert seen["width"] > 0


def test_a_version_that_reads_them_in_another_way_is_left_alone():
    before = "_afm._parse_optional_fields = _afm._parse_optional\n"
    before += "def init(self, file):\n"
    before += "    self._header = _afm._parse_header(file)\n"
    before += "    self._metrics, self._metrics_by_name = _afm._parse_char_metrics(file)\n"
    before += "    self._kern, self._composite = _afm._parse_optional_fields(file)\n"
    before += "_afm.AFM.__init__ = init\n"
    before += "del _afm._parse_optional\n"
    seen = in_own_process(LISTED.format(before=before))
    assert not seen["replaced"]
    assert seen["same"]


DRAWN = """
import hashlib, io, json, os, tempfile
os.environ["MPLCONFIGDIR"] = tempfile.mkdtemp()
import matplotlib
matplotlib.use("agg")
from contextlib import nullcontext
from autograder.inside.figures import without_property_lists
with without_property_lists() if {lean} else nullcontext():
    from matplotlib import artist, pyplot as plt
figure, axes = plt.subplots()
(line,) = axes.plot([1, 3, 2], label="á", lw=2)
line.set(linestyle="--", color="red")
axes.legend()
file = io.BytesIO()
figure.savefig(file, format="png", metadata={{"Software": None}})
try:
    line.set(nothing=1)
    refused = ""
except AttributeError as error:
    refused = str(error)
print(json.dumps({{
    "picture": hashlib.sha256(file.getvalue()).hexdigest(), "refused": refused,
    "signature": str(line.set.__signature__),
    "lists": "linestyle" in type(line).set.__doc__,
    "own": "linestyle" in type("Own", (type(line),), {{}}).set.__doc__,
    "restored": artist.kwdoc is not None and "linestyle" in artist.kwdoc(type(line)),
}}))
"""


def test_a_figure_is_the_same_without_the_lists_of_properties():
    lean, whole = (in_own_process(DRAWN.format(lean=lean)) for lean in (True, False))
    assert (lean["lists"], whole["lists"]) == (False, True)
    del lean["lists"], whole["lists"]
    assert lean == whole
    assert lean["refused"]
    assert lean["own"]
    assert lean["restored"]
