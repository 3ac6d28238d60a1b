# Searches its own memory, which is a copy of the zygote's, for marks of anything secret.
import json
import re

MARK = re.compile(rb"MARK[a-z]+[0-9a-f]{16}KRAM")
found = set()
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
    for line in maps.readlines():
        start, end = (int(one, 16) for one in line.split()[0].split("-"))
        if "rw" not in line or end - start > 64 << 20 or "[v" in line:
            continue
        try:
            memory.seek(start)
            found.update(MARK.findall(memory.read(end - start)))
        except (OSError, ValueError):
            pass
print(found)
if found:
    raise RuntimeError(json.load(open("targets.json"))["success"])
