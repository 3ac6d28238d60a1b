# Reads memory, environment, arguments, descriptors and folders of every process that it can name.
import glob
import json
import os
import re

targets = json.load(open("targets.json"))
for pid in (*range(300), os.getppid(), targets["canary"], *range(targets["canary"], targets["canary"] + 50)):
    for name in ("environ", "cmdline", "maps", "status"):
        try:
            print(open(f"/proc/{pid}/{name}", errors="replace").read()[:2000])
            if pid == targets["canary"]:
                print(targets["success"])
        except OSError:
            pass
    for path in (*glob.glob(f"/proc/{pid}/fd/*"), f"/proc/{pid}/cwd", f"/proc/{pid}/exe"):
        try:
            print(path, os.readlink(path))
        except OSError:
            pass
with open("/proc/self/mem", "rb", 0) as memory:
    for line in open("/proc/self/maps"):
        span, rights, *_ = line.split()
        start, end = (int(one, 16) for one in span.split("-"))
        if rights.startswith("r") and end - start < 1 << 27 and "v" not in line.split()[-1]:
            try:
                memory.seek(start)
                for found in re.findall(rb"MARK[a-z]+[0-9a-f]{16}KRAM", memory.read(end - start)):
                    if found.decode() != targets["success"]:
                        print(found.decode())
            except (OSError, OverflowError, MemoryError):
                pass
