"""Tensors as safetensors, as both sides of the sandbox write them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from safetensors import TensorSpec, serialize

__all__ = ["packed"]


def packed(tensors: Mapping[str, torch.Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """``tensors`` by key, each on the CPU, dense and contiguous, of any shape and of a dtype that
    safetensors stores, with ``metadata`` in the head; the bytes that ``safetensors.torch.save``
    gives. ``ValueError`` for a tensor that is not of this kind.

    That one looks at each tensor through NumPy, which takes as long as the cell that made it.
    """
    for key, one in tensors.items():
        # What is behind the address of another's data is not that tensor.
        if one.device.type != "cpu" or not one.is_contiguous() or one.is_conj() or one.is_neg():
            raise ValueError(f"{key}: only plain contiguous tensors on the CPU can be packed")
    specs = {
        key: TensorSpec(
            dtype=str(one.dtype).removeprefix("torch."),
            shape=one.shape,
            data_ptr=one.data_ptr(),
            data_len=one.nbytes,
        )
        for key, one in tensors.items()
    }
    return bytes(serialize(specs, metadata=metadata))
