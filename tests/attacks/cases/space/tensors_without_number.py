# Sends a hundred thousand tensors without elements: a few bytes each, an object each when read.
import json
import os

index = int(get_ipython().execution_count) - 1
cell = {"frame": "cell", "index": index, "status": "ok", "error": None, "seconds": 0.1, "outputs": []}
none = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
text = json.dumps({f"t{number}": none for number in range(150_000)}).encode()
payload = len(text).to_bytes(8, "little") + text
body = json.dumps({"frame": cell}).encode()
message = len(body).to_bytes(4, "big") + len(payload).to_bytes(8, "big") + body + payload
while message:
    message = message[os.write(3, message) :]
os._exit(0)
