# Starts ten thousand threads.
import json
import threading
import time

targets = json.load(open("targets.json"))
started = []
try:
    for _ in range(10_000):
        thread = threading.Thread(target=time.sleep, args=(60,), daemon=True)
        thread.start()
        started.append(thread)
except (RuntimeError, MemoryError):
    pass
if len(started) > targets["limits"]["processes"]:
    print(targets["success"])
