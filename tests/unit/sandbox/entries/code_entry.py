"""An entry module without torch: executes the job's code, which speaks with `send` and `say`."""

import os
import signal
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Any

MODULES = {"os": os, "signal": signal, "socket": socket, "struct": struct, "sys": sys, "time": time}


def warm_up(uses: list[str]) -> dict[str, Any]:
    return {"python": list(sys.version_info[:2])}


prepared: list[str] = []
"""What the zygote was asked to prepare for, in this order."""


def prepare(data: bytes) -> None:
    if data == b"broken":
        raise ValueError("cannot be prepared for")
    prepared.append(data.decode())


def serve(job: dict[str, Any], payload: bytes, send: Any) -> None:
    def tried(action: Any) -> str:
        """The name of the error, or LEAK."""
        try:
            return f"LEAK {action()!r}"
        except Exception as error:
            return type(error).__name__

    names = {
        **MODULES,
        "Path": Path,
        "payload": payload,
        "prepared": prepared,
        "send": send,
        "say": lambda value: send({"said": value}),
        "tried": tried,
    }
    exec(job["code"], names)
