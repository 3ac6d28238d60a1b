# Reads the system's secrets: users, passwords, machine id, kernel, mounts, logs, devices.
import glob
import json

PATHS = ["/etc/passwd", "/etc/shadow", "/etc/machine-id", "/etc/hosts", "/etc/ssl/private"]
PATHS += ["/proc/kcore", "/proc/kmsg", "/proc/cmdline", "/proc/mounts", "/proc/1/mountinfo"]
PATHS += ["/proc/sys/kernel/hostname", "/proc/keys", "/sys/class/net", "/dev/mem", "/dev/kmsg"]
PATHS += [
    "/var/log/syslog",
    "/run/secrets",
    "/root/.bashrc",
    "/root/.ssh/id_ed25519",
    "/.dockerenv",
]
secret = [path for path in PATHS if "shadow" in path or "/root" in path or "/dev/" in path]
read = []
for path in [*PATHS, *glob.glob("/home/*/.*"), *glob.glob("/var/run/**/*", recursive=True)]:
    try:
        with open(path, "rb") as file:
            text = file.read(2000)
    except OSError:
        continue
    read.append(path)
    print(path, text)
if set(secret) & set(read):
    raise RuntimeError(json.load(open("targets.json"))["success"])
