# Announces a long message on the channel and sends it a byte at a time, for ever.
import os
import time

os.write(3, (1 << 20).to_bytes(4, "big") + bytes(8) + b'{"')
while True:
    try:
        os.write(3, b"x")
        time.sleep(0.01)
    except BaseException:
        pass
