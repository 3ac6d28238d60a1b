# Uses every descriptor that it has inherited: reads it, asks who is behind it, looks for more.
import array
import os
import socket
import stat

for number in range(256):
    try:
        mode = os.fstat(number).st_mode
    except OSError:
        continue
    if stat.S_ISSOCK(mode) and number == 3:
        link = socket.socket(fileno=os.dup(number))
        link.settimeout(0.2)
        for ask in (link.getpeername, link.getsockname, lambda: link.getsockopt(1, 17, 12)):
            try:
                print(number, ask())
            except OSError:
                pass
        try:
            print(link.recvmsg(4096, socket.CMSG_LEN(16 * array.array("i").itemsize)))
        except OSError:
            pass
        link.detach()
        continue
    try:
        os.set_blocking(number, False)
        os.lseek(number, 0, 0)
    except OSError:
        pass
    try:
        print(number, os.readlink(f"/proc/self/fd/{number}"), os.read(number, 10_000))
    except OSError:
        pass
    if stat.S_ISDIR(mode):
        print(os.listdir(number), os.open("..", os.O_RDONLY, dir_fd=number))
