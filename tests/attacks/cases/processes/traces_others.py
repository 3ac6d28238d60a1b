# Attaches to other processes as a debugger would, and reads their memory by system calls.
import ctypes
import json
import os

targets = json.load(open("targets.json"))
libc = ctypes.CDLL(None, use_errno=True)
ATTACH, SEIZE = 16, 0x4206
buffer = ctypes.create_string_buffer(4096)
vector = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 4096)
remote = (ctypes.c_size_t * 2)(0x400000, 4096)
child = os.fork()
if child == 0:
    while True:
        pass
for pid in (1, 2, 3, os.getppid(), child, targets["canary"], *range(4, 300)):
    if libc.ptrace(ATTACH, pid, 0, 0) == 0 or libc.ptrace(SEIZE, pid, 0, 0) == 0:
        print(targets["success"])
    if pid != os.getpid() and libc.syscall(310, pid, vector, 1, remote, 1, 0) > 0:
        print(targets["success"])
    handle = libc.syscall(434, pid, 0)  # pidfd_open
    if handle >= 0:
        if pid not in (1, child):
            print(targets["success"])
        for descriptor in range(10):
            if libc.syscall(438, handle, descriptor, 0) >= 0:  # pidfd_getfd
                print(targets["success"])
