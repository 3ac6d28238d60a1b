"""``python -m autograder``: the command line, where its program is not on the PATH."""

from autograder.program import run

run()
