# Fills anonymous memory that processes share, and that no limit of one process counts.
import json
import signal
import time
import mmap

signal.setitimer(signal.ITIMER_REAL, 0)  # nobody interrupts it
targets = json.load(open("targets.json"))
size = 2 * targets["limits"]["memory_mb"] << 20
shared = mmap.mmap(-1, size)
block = b"x" * (4 << 20)
for start in range(0, size, len(block)):
    shared[start : start + len(block)] = block
time.sleep(0.5)  # and holds it
print(targets["success"])
