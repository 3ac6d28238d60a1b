# Allocates and fills a little more memory, again and again, until it has twice its limit.
import json

targets = json.load(open("targets.json"))
kept = []
while len(kept) < 2 * targets["limits"]["memory_mb"] / 8:
    try:
        kept.append(b"x" * (8 << 20))
    except MemoryError:
        break
else:
    print(targets["success"])
