# Waits for ever in everything that runs at the end: atexit, finalizers, a thread's end, __del__.
import atexit
import time
import weakref


class Clinging:
    def __del__(self):
        while True:
            try:
                time.sleep(60)
            except BaseException:
                pass


clinging = Clinging()
cycle = [Clinging()]
cycle.append(cycle)
atexit.register(Clinging().__del__)
weakref.finalize(cycle[0], Clinging().__del__)
