"""Streams that are small for what they ask for: each is refused, or taken, in little time and room.

``python tests/fuzz/bombs.py [full]`` prints a line of JSON for each: how it ended, seconds,
megabytes. Without ``full`` they are a third of what would be let through.
"""

from __future__ import annotations

import json
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import boundary
import torch
from mutations import HEADER
from safetensors.torch import save

MEGABYTE = 2**20
FRAME = (15 if __name__ == "__main__" and sys.argv[1:] == ["full"] else 5) * MEGABYTE
ALL = 4 * FRAME
"""Most of what a frame may have, and all of them; a third where it has to be quick."""
CELL = '{"frame":"cell","index":%d,"status":"ok","error":null,"outputs":%s,"seconds":0,"x":%s}'
SNAPSHOT = (
    '{"frame":"snapshot","exercise":"%d","names":%s,"also":{},"elsewhere":[],"memory":[],'
    '"generator":%s}'
)
PROBE = '{"frame":"probe","exercise":"uno","probe":"%d","device":"cpu","seen":%s}'


def frame(body: str, payload: bytes = b"") -> bytes:
    text = f'{{"frame":{body}}}'.encode()
    return HEADER.pack(len(text), len(payload)) + text + payload


def cells(extra: str, count: int = 1, outputs: str = "[]") -> bytes:
    return b"".join(frame(CELL % (index, outputs, extra)) for index in range(count))


def head(text: str, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(text)) + text.encode() + data


def repeated(part: str, size: int) -> str:
    """A list of so many bytes of JSON."""
    return "[" + ",".join([part] * (size // (len(part) + 1))) + "]"


def entries(count: int) -> str:
    entry = '{"dtype":"U8","shape":[0],"data_offsets":[0,0]}'
    return "{" + ",".join(f'"{number}":{entry}' for number in range(count)) + "}"


def large(key: str = "t", count: int = ALL) -> bytes:
    return save({key: torch.zeros(count, dtype=torch.uint8)})


TREE = (
    '{"kind":"tensor","type":"t","shape":[%s],"dtype":"uint8","device":"cpu",'
    '"requires_grad":false,"leaf":true,"value":%s}'
)
LIST = '{"kind":"list","items":%s}'
STREAM = '{"output_type":"stream","name":"stdout","text":"a"}'
BOMBS: dict[str, Callable[[], bytes]] = {
    "lists": lambda: cells(repeated("[]", FRAME)),
    "lists, a few at a time": lambda: cells(repeated("[]", 2 * MEGABYTE), 20),
    "objects": lambda: cells(repeated("{}", FRAME)),
    "small strings": lambda: cells(repeated('""', FRAME)),
    "strings that end in a backslash": lambda: cells(repeated(r'"\\"', FRAME)),
    "numbers": lambda: cells(repeated("0.1", FRAME)),
    "long numbers": lambda: cells(repeated("9" * 4000, FRAME)),
    "an endless number": lambda: cells("9" * FRAME),
    "keys": lambda: cells("{" + ",".join(f'"{number:x}":0' for number in range(1_500_000)) + "}"),
    "one key again and again": lambda: cells("{" + ",".join(['"a":0'] * 2_500_000) + "}"),
    "an open string": lambda: frame('"' + '\\"' * (FRAME // 2)),
    "deep lists": lambda: frame("[" * FRAME),
    "values": lambda: b"".join(
        frame(PROBE % (number, LIST % repeated('{"kind":"none"}', MEGABYTE)))
        for number in range(ALL // MEGABYTE)
    ),
    "a long text": lambda: cells('"' + "x" * FRAME + '"', 3),
    "characters that grow": lambda: cells('"' + "\u0800" * (FRAME // 3) + '"', 4),
    "outputs": lambda: cells("0", 20, repeated(STREAM, 2 * MEGABYTE)),
    "tensors of no size": lambda: frame(SNAPSHOT % (0, "{}", "null"), head(entries(1_000_000))),
    "tensors of no size, a few at a time": lambda: b"".join(
        frame(SNAPSHOT % (number, "{}", "null"), head(entries(30_000))) for number in range(20)
    ),
    "a shape of a million numbers": lambda: frame(
        SNAPSHOT % (0, "{}", "null"),
        head('{"t":{"dtype":"U8","shape":[' + "1," * 1_900_000 + '1],"data_offsets":[0,1]}}', b"x"),
    ),
    "a head of spaces": lambda: frame(SNAPSHOT % (0, "{}", "null"), head(" " * ALL)),
    "a large generator": lambda: frame(SNAPSHOT % (0, "{}", '"t"'), large()),
    "a large tensor": lambda: frame(
        SNAPSHOT % (0, '{"x":' + TREE % (ALL, '"t"') + "}", "null"), large()
    ),
    "one tensor under many names": lambda: frame(
        SNAPSHOT
        % (
            0,
            "{" + ",".join(f'"{i}":' + TREE % (MEGABYTE, '"t"') for i in range(20_000)) + "}",
            "null",
        ),
        large(count=MEGABYTE),
    ),
    "a shape of terabytes": lambda: frame(
        SNAPSHOT % (0, '{"x":' + TREE % ("1000000,1000000,9", "null") + "}", "null")
    ),
}


def peak() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("VmHWM:"))


def main() -> None:
    boundary.hear(frame(SNAPSHOT % (0, "{}", "null"), large(count=10)))
    for name, make in BOMBS.items():
        stream = make()
        Path("/proc/self/clear_refs").write_text("5")
        before, started = peak(), time.monotonic()
        ended = boundary.hear(stream).ending
        seconds, megabytes = time.monotonic() - started, peak() - before
        told = {"how": ended.how, "detail": ended.detail, "seconds": seconds, "mb": megabytes}
        print(json.dumps({"name": name, "size": len(stream), **told}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
