# Prints for ever and swallows interruptions.
import sys

while True:
    try:
        while True:
            print("x" * 1000)
            print("y" * 1000, file=sys.stderr)
    except BaseException:
        pass
