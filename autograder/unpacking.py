"""Tensors from safetensors, as the trusted side reads them."""

from __future__ import annotations

import numpy as np
import torch
from safetensors import deserialize

__all__ = ["unpacked"]

DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": np.int16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U8": np.uint8,
    "BOOL": np.uint8,
    "C64": np.complex64,
}
"""The dtypes of observations, as safetensors names them, and what NumPy reads them as."""
MAX_RANK = 32
"""Of NumPy's arrays before 2.0."""


def unpacked(content: bytes) -> dict[str, torch.Tensor]:
    """The tensors in ``content`` by key, on the CPU, but those of dtypes that no observation speaks
    of; ``SafetensorError`` if it is no safetensors.

    ``safetensors.torch.load`` asks torch three things of each tensor. Each time torch lets other
    threads go on, so that a few who read at once take twice the processor time of one.
    """
    found = {}
    for key, one in deserialize(content):  # type: ignore[no-untyped-call]
        dtype, data, shape = one["dtype"], one["data"], one["shape"]
        kind = DTYPES.get(dtype)
        if kind is None:
            continue
        # NumPy takes no empty buffer.
        array = np.frombuffer(data, kind) if data else np.empty(0, kind)
        if dtype == "BOOL":
            # What a byte of a bool means that is neither 0 nor 1, C++ leaves open.
            array = array != 0
        few = len(shape) <= MAX_RANK
        tensor = torch.from_numpy(array.reshape(shape) if few else array)
        tensor = tensor if few else tensor.reshape(shape)
        found[key] = tensor.view(torch.bfloat16) if dtype == "BF16" else tensor
    return found
