"""What checks print is nobody's business; what others write meanwhile is not theirs to take."""

import io
import threading

from autograder.judge.batch import _Own


def test_only_what_the_judging_thread_writes_is_taken():
    own, others = io.StringIO(), io.StringIO()
    stream = _Own(own, others)

    print("of a check", file=stream)
    progress = threading.Thread(target=lambda: print("7 of 40", file=stream, flush=True))
    progress.start()
    progress.join()

    assert (own.getvalue(), others.getvalue()) == ("of a check\n", "7 of 40\n")
