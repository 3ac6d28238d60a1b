# Loops in C for ever: no signal handler of Python's gets a turn.
import collections
import itertools

collections.deque(itertools.repeat(0), maxlen=0)
