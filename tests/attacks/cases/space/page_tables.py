# Reads a page in every 2 MB of a huge mapping: it holds nothing, but the kernel's tables fill memory.
import ctypes
import json
import signal
import time
import mmap

signal.setitimer(signal.ITIMER_REAL, 0)  # nobody interrupts it
targets = json.load(open("targets.json"))
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
NORESERVE = 0x4000
pages = targets["limits"]["memory_mb"] * 320  # of 4 kB
start = libc.mmap(None, pages << 21, mmap.PROT_READ, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NORESERVE, -1, 0)
libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(pages << 21), 15)  # no huge pages
view = np.lib.stride_tricks.as_strided(
    np.ctypeslib.as_array((ctypes.c_byte * 1).from_address(start)), (pages,), (1 << 21,)
)
view.sum()
for line in open("/proc/self/status"):
    if line.startswith("VmPTE") and int(line.split()[1]) > targets["limits"]["memory_mb"] << 10:
        time.sleep(0.5)  # and holds it
        print(targets["success"])
