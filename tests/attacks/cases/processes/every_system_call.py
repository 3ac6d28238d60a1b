# Makes every system call there is, with arguments of no sense, each in a child of its own.
import ctypes
import os
import signal
import time

libc = ctypes.CDLL(None, use_errno=True)
for number in range(600):
    try:
        child = os.fork()
    except OSError:
        break
    if child == 0:
        signal.alarm(1)
        for argument in (0, 1, -1):
            libc.syscall(number, argument, argument, argument, argument, argument, argument)
        os._exit(0)
    if number % 12 == 11:
        time.sleep(0.005)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
