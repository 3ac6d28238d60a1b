"""The zygote imports what its notebooks use, and no more: each fork pays for it."""

from __future__ import annotations

import pytest
from handmade import in_own_process

CODE = """
import json, sys
from autograder.inside import runner

runner.warm_up({uses})
print(json.dumps("matplotlib.pyplot" in sys.modules))
"""


@pytest.mark.parametrize(
    ("uses", "imported"),
    [([], False), (["figures"], True)],
    ids=["neither", "figures"],
)
def test_a_warm_up_imports_figures_only_where_they_are_used(uses, imported):
    assert in_own_process(CODE.format(uses=uses)) == imported
