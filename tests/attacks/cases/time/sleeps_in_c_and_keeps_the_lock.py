# Sleeps in C with Python's lock held and every signal blocked.
import ctypes
import signal

signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
ctypes.PyDLL(None).sleep(3600)
