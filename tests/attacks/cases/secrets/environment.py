# Reads the environment of every process that it can see, and what it was started with.
import ctypes
import glob
import os
import sys

print(dict(os.environ), sys.argv, sys.orig_argv, sys.flags, sys.path)
for name in ("environ", "cmdline", "auxv", "comm", "status", "maps", "stack", "cgroup"):
    for path in glob.glob(f"/proc/[0-9]*/{name}") + glob.glob(f"/proc/[0-9]*/task/*/{name}"):
        try:
            print(path, open(path, "rb").read()[:4000])
        except OSError:
            pass
environ = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")
at = 0
while environ[at]:
    print(environ[at])
    at += 1
