# Replaces itself by a shell that has the channel, says that it is done, and stays.
import os

os.set_inheritable(3, True)
said = r"printf '\000\000\000\015\000\000\000\000\000\000\000\000{\"done\":true}' >&3"
os.execv("/bin/sh", ["sh", "-c", f"{said}; while :; do sleep 1; done"])
