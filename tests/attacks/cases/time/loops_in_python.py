# Loops in Python for ever, in the middle of its own right lines.
# how: after
while True:
    pass
