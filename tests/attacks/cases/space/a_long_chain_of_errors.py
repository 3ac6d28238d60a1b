# Raises an error that was caused by an error that was caused by … a hundred thousand times.
# how: after
error = None
for number in range(100_000):
    try:
        raise ValueError("x" * 1000) from error
    except ValueError as raised:
        error = raised
raise error
