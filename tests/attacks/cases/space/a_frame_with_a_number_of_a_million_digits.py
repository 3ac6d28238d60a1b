# Sends a frame with a whole number of a million digits, and one with an exponent without end.
import json
import os

index = int(get_ipython().execution_count) - 1
cell = {"frame": "cell", "index": index, "status": "ok", "error": None, "outputs": []}
head = json.dumps({"frame": cell})[:-2].encode()
body = head + b', "more": 1e' + b"9" * 3000 + b', "seconds": ' + b"9" * 1_000_000 + b"}}"
message = len(body).to_bytes(4, "big") + bytes(8) + body
while message:
    message = message[os.write(3, message) :]
os._exit(0)
