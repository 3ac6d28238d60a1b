# Fills /dev/shm by shared tensors and shared memory blocks of many processes.
import json
import os
from multiprocessing import shared_memory

targets = json.load(open("targets.json"))
written = 0
try:
    for number in range(100):
        block = shared_memory.SharedMemory(create=True, size=1 << 20)
        block.buf[:] = b"x" * (1 << 20)
        written += 1
        os.close(os.open(f"/dev/shm/own-{number}", os.O_CREAT))
except OSError:
    pass
try:
    shared = torch.ones(2 * targets["limits"]["memory_mb"] << 18).share_memory_()
    print(targets["success"])
except (RuntimeError, MemoryError):
    pass
if written > targets["limits"]["scratch_mb"]:
    print(targets["success"])
