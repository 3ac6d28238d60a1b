# Closes its one link to the grader and computes on.
import os

os.close(3)
while True:
    try:
        pass
    except BaseException:
        pass
