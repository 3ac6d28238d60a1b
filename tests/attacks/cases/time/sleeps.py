# Sleeps for an hour, again and again.
import time

while True:
    try:
        time.sleep(3600)
    except BaseException:
        pass
