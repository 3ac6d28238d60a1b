# Prints 1 GB: at once, in large pieces, and from a program.
import sys

try:
    print("x" * (1 << 30))
except MemoryError:
    pass
piece = "x" * (1 << 24)
for _ in range(64):
    sys.stdout.write(piece)
!head -c 300000000 /dev/zero | tr '\0' x
