# Sends a frame of a million lists within lists.
import os

body = b'{"frame": ' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}"
message = len(body).to_bytes(4, "big") + bytes(8) + body
while message:
    message = message[os.write(3, message) :]
os._exit(0)
