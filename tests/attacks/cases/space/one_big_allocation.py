# Allocates 50 GB at once, in every way that it knows.
import ctypes
import json
import mmap

import numpy as np

success = json.load(open("targets.json"))["success"]
ways = (
    lambda: bytearray(50 << 30),
    lambda: torch.ones(50 << 28),
    lambda: np.ones(50 << 27),
    lambda: mmap.mmap(-1, 50 << 30).write(b"x" * (1 << 30)),
    lambda: "x" * (50 << 30),
    lambda: [None] * (50 << 27),
)
for way in ways:
    try:
        way()
        print(success)
    except (MemoryError, RuntimeError, OSError, ValueError):
        pass
