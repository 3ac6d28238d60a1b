# Makes namespaces of its own, in which it would be root, by every call that can.
import ctypes
import json
import os
import subprocess

targets = json.load(open("targets.json"))
libc = ctypes.CDLL(None, use_errno=True)
USER, MOUNT, PROCESS, NETWORK = 0x10000000, 0x20000, 0x20000000, 0x40000000
for flags in (USER, MOUNT, PROCESS, NETWORK, USER | MOUNT | PROCESS | NETWORK):
    if libc.unshare(flags) == 0:
        print(targets["success"])
    pid = libc.syscall(56, flags | 17, 0, 0, 0, 0)  # clone
    if pid == 0:
        os._exit(0)
    if pid > 0:
        print(targets["success"])
clone3 = (ctypes.c_uint64 * 11)(USER, 0, 0, 0, 17)
pid = libc.syscall(435, clone3, ctypes.sizeof(clone3))
if pid == 0:
    os._exit(0)
if pid > 0:
    print(targets["success"])
for command in (["unshare", "-Ur", "true"], ["bwrap", "--ro-bind", "/", "/", "true"]):
    try:
        if subprocess.run(command, capture_output=True).returncode == 0:
            print(targets["success"])
    except OSError:
        pass
for name in os.listdir("/proc/1/ns"):
    try:
        space = os.open(f"/proc/1/ns/{name}", os.O_RDONLY)
        if libc.setns(space, 0) == 0:
            print(targets["success"])
    except OSError:
        pass
