# Keeps every core busy with many processes of the highest priority that it can have.
import os

for number in range(16):
    try:
        if os.fork() == 0:
            try:
                os.nice(-20)
            except OSError:
                pass
            while True:
                pass
    except OSError:
        break
while True:
    try:
        pass
    except BaseException:
        pass
