"""A process of the grader's user: says every signal that it gets; carries a mark in its memory.

Reads the mark from standard input; writes the number of each signal on a line of its own.
"""

from __future__ import annotations

import ctypes
import os
import signal

PR_SET_PTRACER, ANYBODY = 0x59616D61, ctypes.c_ulong(-1)


def main() -> None:
    kept = [os.read(0, 1000).decode()]
    ctypes.CDLL(None).prctl(PR_SET_PTRACER, ANYBODY, 0, 0, 0)  # where Yama would forbid it
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, lambda got, _: os.write(1, f"{got}\n".encode()))
    os.write(1, b"ready\n")
    while kept:
        signal.pause()


main()
