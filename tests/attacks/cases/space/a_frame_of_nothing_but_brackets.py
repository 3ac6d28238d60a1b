# Sends a frame that is small on the channel and large when it is read: millions of empty lists.
import json
import os

index = int(get_ipython().execution_count) - 1
cell = {"frame": "cell", "index": index, "status": "ok", "error": None, "seconds": 0.1, "outputs": []}
head = json.dumps({"frame": cell})[:-2].encode()
body = head + b', "more": [' + b"[]," * 4_500_000 + b"[]]}}"
message = len(body).to_bytes(4, "big") + bytes(8) + body
while message:
    message = message[os.write(3, message) :]
os._exit(0)
