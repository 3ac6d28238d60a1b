# Writes the frame of its own cell on the channel, with as many empty outputs as a frame can hold.
import json
import os

index = int(get_ipython().execution_count) - 1
empty = {"output_type": "stream", "name": "stdout", "text": ""}
cell = {"frame": "cell", "index": index, "status": "ok", "error": None, "seconds": 0.1}
body = json.dumps({"frame": {**cell, "outputs": [empty] * 200_000}}).encode()
message = len(body).to_bytes(4, "big") + bytes(8) + body
while message:
    message = message[os.write(3, message) :]
os._exit(0)
