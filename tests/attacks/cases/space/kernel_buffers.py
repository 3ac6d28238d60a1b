# Fills pipes and sockets in many processes: memory of the kernel's, in nobody's own pages.
import fcntl
import json
import os
import signal
import socket
import time

signal.setitimer(signal.ITIMER_REAL, 0)  # nobody interrupts it
targets = json.load(open("targets.json"))
SET_SIZE = 1031
PIECE = bytes(1 << 16)


def filled(way):
    held = 0
    try:
        while True:
            held += way(PIECE)
    except BlockingIOError:
        return held


def full_socket():
    mine, other = socket.socketpair()
    for one in (mine, other):
        one.setblocking(False)
        try:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 30)
        except OSError:
            pass
    held = filled(mine.send) + filled(other.send)
    mine.detach(), other.detach()
    return held


def full_pipe():
    end = os.pipe2(os.O_NONBLOCK)[1]
    try:
        fcntl.fcntl(end, SET_SIZE, 1 << 20)
    except OSError:
        pass
    return filled(lambda piece: os.write(end, piece))


told, tell = os.pipe2(os.O_NONBLOCK)
for number in range(16):
    try:
        if os.fork():
            continue
    except OSError:
        break
    for way in (full_pipe, full_socket) if number < 2 else (full_socket,):
        try:
            for _ in range(60):
                os.write(tell, way().to_bytes(8, "big"))
        except OSError:
            pass
    while True:
        time.sleep(60)
total, end = 0, time.monotonic() + 2.5
while time.monotonic() < end:
    time.sleep(0.05)
    try:
        while piece := os.read(told, 8):
            total += int.from_bytes(piece, "big")
    except BlockingIOError:
        pass
    if total > targets["limits"]["memory_mb"] << 20:
        time.sleep(0.5)  # and holds it
        print(targets["success"])
        break
