"""An error ends a command with one sentence; what mends it is said where it is known."""

import errno
import os

import pytest

from autograder.ending import sentences
from autograder.errors import MachineError


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "the log cannot be written; make room, and start again."),
        (errno.EDQUOT, "the log cannot be written; make room, and start again."),
        (errno.EACCES, "the log cannot be written."),
    ],
)
def test_a_full_disk_is_to_be_made_room_on_whatever_met_it(number, said, capsys):
    with pytest.raises(SystemExit) as end, sentences():
        raise MachineError("the log cannot be written.") from OSError(number, os.strerror(number))

    assert end.value.code == 3
    assert " ".join(capsys.readouterr().err.split()).endswith(said)
