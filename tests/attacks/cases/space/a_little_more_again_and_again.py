# Allocates and fills a little more memory, again and again, until it has twice its limit.
import json
import signal
import time

signal.setitimer(signal.ITIMER_REAL, 0)  # nobody interrupts it
targets = json.load(open("targets.json"))
kept = []
while len(kept) < 2 * targets["limits"]["memory_mb"] / 8:
    try:
        kept.append(b"x" * (8 << 20))
    except MemoryError:
        break
else:
    time.sleep(0.5)  # and holds it
    print(targets["success"])
