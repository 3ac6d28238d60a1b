"""The list of fonts that is made from headers is the list that matplotlib makes."""

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
from autograder.inside.fonts import fonts_by_header
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
