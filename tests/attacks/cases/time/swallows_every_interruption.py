# Loops in Python for ever and swallows whatever interrupts it.
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
