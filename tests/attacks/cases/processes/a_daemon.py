# Leaves a daemon behind, in a session of its own, that ignores signals and writes for ever.
import os
import signal
import time

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        while True:
            for folder in ("/tmp", "/dev/shm"):
                with open(f"{folder}/of-a-daemon", "a") as file:
                    file.write("x")
            time.sleep(0.01)
    os._exit(0)
!nohup setsid sleep 300 >/dev/null 2>&1 &
