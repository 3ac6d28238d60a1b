# Forks until it may not, and lets every process fill 60 MB: each within its limit, all over it.
import os
import time

children = []
for _ in range(20):
    try:
        pid = os.fork()
    except OSError:
        break
    if pid == 0:
        kept = bytearray(b"x") * (60 << 20)
        time.sleep(30)
        os._exit(0)
    children.append(pid)
time.sleep(0.9)
