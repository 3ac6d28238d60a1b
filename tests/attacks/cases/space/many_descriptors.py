# Opens as many files, sockets and event queues as it can, in as many processes as it can.
import json
import os
import select
import socket

targets = json.load(open("targets.json"))
kept = []
for way in (lambda: open("/dev/null"), lambda: socket.socket(socket.AF_UNIX), select.epoll):
    try:
        while len(kept) < 10_000:
            kept.append(way())
    except OSError:
        continue
if len(kept) > 1000:
    print(targets["success"])
kept.clear()
