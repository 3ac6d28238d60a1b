# Starts threads that compute for ever and are waited for at the end of a process.
import threading


def never():
    while True:
        pass


for _ in range(8):
    threading.Thread(target=never).start()
