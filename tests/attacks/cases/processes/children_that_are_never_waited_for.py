# Makes children that end at once and are never waited for, as many and as fast as it can.
import os
import signal
import time

signal.signal(signal.SIGCHLD, signal.SIG_DFL)
end = time.monotonic() + 0.7
while time.monotonic() < end:
    try:
        if os.fork() == 0:
            os._exit(0)
    except OSError:
        break
os.kill(0, signal.SIGCHLD)
