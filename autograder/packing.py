"""Tensors as safetensors, as both sides of the sandbox write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from safetensors import TensorSpec, serialize

__all__ = ["BASE", "packed"]

BASE: Any = torch._C.TensorBase
"""Where torch keeps what a tensor is and can do. A student's code can replace ``torch.Tensor``'s
functions and properties, but not those of this type."""


def packed(tensors: Mapping[str, torch.Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """``tensors`` by key, each on the CPU, dense and contiguous, of any shape and of a dtype that
    safetensors stores, with ``metadata`` in the head; the bytes that ``safetensors.torch.save``
    gives. ``ValueError`` for a tensor that is not of this kind.

    That one looks at each tensor through NumPy, which takes as long as the cell that made it.
    """
    for key, one in tensors.items():
        # What is behind the address of another's data is not that tensor.
        plain = BASE.is_cpu.__get__(one) and BASE.is_contiguous(one)
        if not plain or BASE.is_conj(one) or BASE.is_neg(one):
            raise ValueError(f"{key}: only plain contiguous tensors on the CPU can be packed")
    specs = {
        key: TensorSpec(
            dtype=str(BASE.dtype.__get__(one)).removeprefix("torch."),
            shape=BASE.shape.__get__(one),
            data_ptr=BASE.data_ptr(one),
            data_len=BASE.nbytes.__get__(one),
        )
        for key, one in tensors.items()
    }
    return bytes(serialize(specs, metadata=metadata))
