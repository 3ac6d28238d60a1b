# Announces, on the channel, a message of 10 GB and one of 2^63 bytes.
import os

os.write(3, (100).to_bytes(4, "big") + (10 << 30).to_bytes(8, "big") + b" " * 100)
os.write(3, (0xFFFFFFFF).to_bytes(4, "big") + (1 << 63).to_bytes(8, "big"))
