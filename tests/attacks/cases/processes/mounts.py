# Mounts, unmounts, moves the root, and looks for what a mount hides.
import ctypes
import json
import os

targets = json.load(open("targets.json"))
libc = ctypes.CDLL(None, use_errno=True)
calls = (
    lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None),
    lambda: libc.mount(b"/", b"/tmp", None, 4096 | 16384, None),
    lambda: libc.mount(None, b"/usr", None, 32, None),
    lambda: libc.mount(b"proc", b"/tmp", b"proc", 0, None),
    lambda: libc.mount(b"cgroup", b"/tmp", b"cgroup2", 0, None),
    lambda: libc.umount2(b"/tmp", 2),
    lambda: libc.umount2(b"/proc", 2),
    lambda: libc.syscall(155, b"/tmp", b"/tmp"),  # pivot_root
    lambda: libc.chroot(b"/tmp"),
    lambda: libc.syscall(428, -100, b"/", 1),  # open_tree, a copy
    lambda: libc.syscall(430, b"tmpfs", 0),  # fsopen
    lambda: libc.syscall(304, -100, b"x", 0),  # open_by_handle_at
)
for call in calls:
    if call() >= 0:
        print(targets["success"])
for path in ("/proc/1/root", "/proc/self/root/..", "/.."):
    if sorted(os.listdir(path)) != sorted(os.listdir("/")):
        print(targets["success"])
