# Connects to the machine's own listeners and to the world: TCP, UDP, both IPs, raw, by name.
import json
import socket

targets = json.load(open("targets.json"))
answers = []


def ask(family, kind, address, protocol=0):
    try:
        with socket.socket(family, kind, protocol) as link:
            link.settimeout(0.05)
            link.connect(address)
            link.send(b"hello")
            answers.append((address, link.recv(1000)))
    except OSError:
        pass


for host in ("127.0.0.1", "0.0.0.0", "10.0.0.1", "169.254.169.254", "192.168.0.1", "1.1.1.1"):
    ask(socket.AF_INET, socket.SOCK_STREAM, (host, targets.get("tcp4", 80)))
    ask(socket.AF_INET, socket.SOCK_DGRAM, (host, targets.get("udp4", 53)))
for host in ("::1", "::ffff:127.0.0.1", "2606:4700:4700::1111"):
    ask(socket.AF_INET6, socket.SOCK_STREAM, (host, targets.get("tcp6", 80)))
    ask(socket.AF_INET6, socket.SOCK_DGRAM, (host, targets.get("udp6", 53)))
ask(socket.AF_INET, socket.SOCK_RAW, ("127.0.0.1", 0), socket.IPPROTO_ICMP)
for family in (16, 17, 40):  # netlink, packet, vsock
    try:
        socket.socket(family, socket.SOCK_DGRAM).send(b"hello")
        answers.append(family)
    except OSError:
        pass
try:
    answers.append(socket.getaddrinfo("example.com", 80))
except OSError:
    pass
print(answers)
if answers:
    raise RuntimeError(targets["success"])
