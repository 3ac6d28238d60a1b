# Sends tensors whose headers claim a petabyte, overlap, or reach beyond their bytes.
import json
import os

index = int(get_ipython().execution_count) - 1
cell = {"frame": "cell", "index": index, "status": "ok", "error": None, "seconds": 0.1, "outputs": []}
lies = (
    {"t0": {"dtype": "F32", "shape": [2**24, 2**24], "data_offsets": [0, 2**50]}},
    {"t0": {"dtype": "F32", "shape": [2**32, 2**32], "data_offsets": [0, 4]}},
    {f"t{n}": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]} for n in range(10_000)},
)
for header in lies:
    text = json.dumps(header).encode()
    payload = len(text).to_bytes(8, "little") + text + bytes(8)
    body = json.dumps({"frame": cell}).encode()
    message = len(body).to_bytes(4, "big") + len(payload).to_bytes(8, "big") + body + payload
    while message:
        try:
            message = message[os.write(3, message) :]
        except OSError:
            break
os._exit(0)
