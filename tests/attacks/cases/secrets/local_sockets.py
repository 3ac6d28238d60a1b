# Connects to sockets of the machine: abstract ones, those in the file system, the message bus.
import glob
import json
import os
import socket

targets = json.load(open("targets.json"))
course = targets["course"]
paths = [targets["socket"], "\0" + targets["abstract"], "\0/tmp/.X11-unix/X0", "/run/docker.sock"]
paths += ["/run/dbus/system_bus_socket", f"/run/user/{os.getuid()}/bus", "/var/run/nscd/socket"]
bus = os.environ.get("DBUS_SESSION_BUS_ADDRESS", "").removeprefix("unix:path=")
paths += [bus, *glob.glob("/tmp/**", recursive=True), *glob.glob("/run/**", recursive=True)]
for path in filter(None, paths):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
        try:
            with socket.socket(socket.AF_UNIX, kind) as link:
                link.settimeout(0.1)
                link.connect(path)
                link.send(b"\0AUTH EXTERNAL 30\r\n")
                print(path, targets["success"], link.recv(1000))
        except OSError:
            pass
try:
    print([line.split()[-1] for line in open("/proc/net/unix")])
except OSError:
    pass
