# Looks for what students before it have left: files, shared memory, keys, messages; leaves its own.
import ctypes
import glob
import json
import os

libc = ctypes.CDLL(None, use_errno=True)
found = []
own = {"targets.json"}
for folder in ("/tmp", "/dev/shm", "/dev/mqueue", "/var/tmp", os.getcwd(), os.path.expanduser("~")):
    found += [one for one in glob.glob(f"{folder}/*") if os.path.basename(one) not in own]
for number in range(1, 200):
    for call in (29, 68, 64):  # shmget, msgget, semget
        arguments = (number, 4096, 0o666) if call == 29 else (number, 1, 0o666)
        if libc.syscall(call, *arguments) >= 0:
            found.append((call, number))
for ring in (-1, -2, -3, -4, -5):
    kept = ctypes.create_string_buffer(1000)
    if libc.syscall(250, 10, ring, b"user", b"left", 0) > 0:
        found.append(("key", ring))
    libc.syscall(248, b"user", b"left", b"mine", 4, ring)
print(found)
for folder in ("/tmp", "/dev/shm", "/dev/mqueue"):
    try:
        open(f"{folder}/left", "w").write("mine")
    except OSError:
        pass
if found:
    raise RuntimeError(json.load(open("targets.json"))["success"])
