# Writes frames by hand that repeat, contradict and come out of turn, under keys that are taken.
import json
import os
import struct

import torch
from safetensors.torch import save

payload = save({f"t{number}": torch.ones(1, 1) for number in range(200)})
number = {"kind": "float", "type": "float", "value": "0x1.0p+0"}
for frame in (
    {
        "frame": "probe",
        "exercise": "activacion",
        "probe": "decimales",
        "device": "cpu",
        "seen": number,
    },
    {"frame": "cell", "index": 500, "status": "ok", "error": None, "outputs": [], "seconds": 0},
    {"frame": "grade", "exercise": "activacion", "score": 2},
):
    text = json.dumps({"frame": frame}).encode()
    os.write(3, struct.pack("!IQ", len(text), len(payload)) + text + payload)
    payload = b""
