"""The program ends at once, but not before all is done that was to be done at its end."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

LAST = """
import atexit, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from autograder import program

def late():
    time.sleep(0.3)
    print("thread")

class Taken:
    def __del__(self):
        print("taken apart")

program.taken = Taken()
program.taken.itself = program.taken
atexit.register(print, "at exit")
threading.Thread(target=late).start()
idle = ThreadPoolExecutor(1)
idle.submit(int)
sys.argv[:] = ["autograder", *{arguments!r}]
{before}
program.run()
"""


def ended(*arguments, before=""):
    code = LAST.format(arguments=arguments, before=before)
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )


def test_threads_and_handlers_come_to_their_end_and_nothing_is_taken_apart():
    done = ended("--help")
    assert done.stdout.splitlines()[-2:] == ["thread", "at exit"]
    assert (done.returncode, done.stderr) == (0, "")


def test_the_exit_status_is_the_commands():
    assert ended("--nothing").returncode == 2
    before = "program.main = lambda: sys.exit('no words for this')"
    done = ended(before=before)
    assert (done.returncode, done.stderr) == (1, "no words for this\n")


def test_a_full_disk_behind_the_output_is_told_as_python_does():
    with Path("/dev/full").open("w") as full:
        code = "import sys; from autograder import program; program.main = lambda: print('x')\n"
        code += "sys.stdout = open(1, 'w', closefd=False); program.run()"  # buffered
        done = subprocess.run(
            [sys.executable, "-c", code],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 120
    assert "No space left on device" in done.stderr


def test_who_interrupts_the_end_does_not_wait_for_threads():
    waiting = "import time; threading.Thread(target=time.sleep, args=(40,)).start()\n"
    waiting += "program.main = lambda: print('soon', flush=True)"
    code = LAST.format(arguments=(), before=waiting)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout.readline() == "soon\n"
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=20)
    assert running.returncode == 130
    assert "Traceback" not in err
