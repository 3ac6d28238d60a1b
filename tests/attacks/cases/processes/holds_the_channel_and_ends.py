# Passes the channel on to many processes, in messages between sockets too, and ends.
import os
import socket
import time

mine, other = socket.socketpair()
for _ in range(5):
    if os.fork() == 0:
        for _ in range(50):
            try:
                socket.send_fds(mine, [b"x"], [3])
            except OSError:
                break
        os.dup(3)
        time.sleep(300)
os._exit(0)
