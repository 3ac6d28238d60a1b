# Ends by a segmentation fault in a thread while a child still writes on the channel.
import ctypes
import os
import threading

if os.fork() == 0:
    while True:
        try:
            os.write(3, bytes(100))
        except OSError:
            os._exit(0)
threading.Thread(target=ctypes.string_at, args=(0,)).start()
ctypes.string_at(0)
