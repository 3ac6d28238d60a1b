# Sends SIGKILL and SIGTERM to its parent, its group, every process that it may signal, and the canary.
import json
import os
import signal

canary = json.load(open("targets.json"))["canary"]
for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGKILL):
    for pid in (os.getppid(), canary, *range(2, 40), 0, -1):
        try:
            if pid not in (0, -1) or number != signal.SIGKILL:
                os.kill(pid, number)
        except OSError:
            pass
