"""Turn live Python values into data: a JSON tree and plain tensors. Records, never judges.

Exact types decide: only a plain tensor, parameter, array, number, string or container of those
carries a value. Everything else is named by its type and nothing more, so an object that lies
about itself lies into the void.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

__all__ = ["Recorder", "bounds_of"]

Tree = dict[str, Any]

MAX_TEXT = 4_000
MAX_DEPTH = 8
MAX_NODES = 20_000
MAX_DIGITS = 200
STORED = {
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
    torch.uint8,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.bool,
    torch.complex64,
}
"""The dtypes that safetensors stores."""

_TENSORS = (torch.Tensor, torch.nn.Parameter)


class Recorder:
    """Collects the tensors of one frame; ``tree`` gives the data of a value.

    ``max_bytes`` bounds one tensor, ``total_bytes`` all tensors of this process; a tensor over
    either is recorded without its value. Keys (``t0``, ``t1``, …) are unique in a process.
    """

    def __init__(self, max_bytes: int, total_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._left = total_bytes
        self._count = 0
        self._nodes = 0
        self._tensors: dict[str, torch.Tensor] = {}

    def take(self) -> bytes:
        """The tensors since the last call as safetensors; empty if there were none."""
        tensors, self._tensors, self._nodes = self._tensors, {}, 0
        return save(tensors) if tensors else b""

    def tree(self, value: Any, depth: int = 0) -> Tree:
        """The data of ``value``: ``kind``, exact ``type`` and what that kind carries."""
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            return {"kind": "cut", "type": _type_name(value)}
        kind = type(value)
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, torch.nn.Module):
            return self._module(value)
        if kind is np.ndarray or isinstance(value, np.generic):
            return self._array(value)
        simple = _simple(value)
        if simple is not None:
            return simple
        if kind in (list, tuple):
            items = [self.tree(item, depth + 1) for item in value[:MAX_NODES]]
            return {"kind": kind.__name__, "type": kind.__name__, "items": items}
        if kind is dict:
            pairs = [
                [self.tree(key, depth + 1), self.tree(item, depth + 1)]
                for key, item in list(value.items())[:MAX_NODES]
            ]
            return {"kind": "dict", "type": "dict", "items": pairs}
        if inspect.isfunction(value):
            return _function(value)
        return {"kind": "object", "type": _type_name(value)}

    def _tensor(self, value: torch.Tensor, *, with_grad: bool = True) -> Tree:
        if type(value) not in _TENSORS:
            return {"kind": "object", "type": _type_name(value)}
        with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():
            plain = value.detach()
            tree: Tree = {
                "kind": "tensor",
                "type": _type_name(value),
                "shape": list(plain.shape),
                "dtype": str(plain.dtype).removeprefix("torch."),
                "device": str(plain.device.type),
                "requires_grad": value.requires_grad,
                "leaf": value.is_leaf,
                "value": self._store(plain),
            }
            gradient = value.grad if value.is_leaf else None
            if with_grad and gradient is not None and type(gradient) in _TENSORS:
                tree["grad"] = self._tensor(gradient, with_grad=False)
        return tree

    def _store(self, plain: torch.Tensor) -> str | None:
        # The size is asked before anything is copied: a tensor of stride 0 can claim terabytes.
        size = plain.numel() * plain.element_size()
        stored = plain.layout is torch.strided and plain.dtype in STORED
        if not stored or plain.device.type == "meta" or size > min(self._max_bytes, self._left):
            return None
        self._left -= size
        key = f"t{self._count}"
        self._count += 1
        self._tensors[key] = plain.cpu().resolve_conj().resolve_neg().contiguous().clone()
        return key

    def _array(self, value: Any) -> Tree:
        dtype = value.dtype
        tree: Tree = {
            "kind": "array" if type(value) is np.ndarray else "scalar",
            "type": _type_name(value),
            "shape": list(value.shape),
            "dtype": str(dtype)[:80],
            "value": None,
        }
        if dtype.kind in "fiubc" and value.size * dtype.itemsize <= self._max_bytes:
            native = np.array(value, dtype=dtype.newbyteorder("="), copy=True, order="C")
            try:
                tree["value"] = self._store(torch.from_numpy(native))
            except TypeError:
                # A dtype that torch does not have, such as longdouble: no value.
                return tree
        return tree

    def _module(self, module: torch.nn.Module) -> Tree:
        get = object.__getattribute__
        own = {**get(module, "__dict__")}
        parameters, buffers = own.get("_parameters", {}), own.get("_buffers", {})
        children = own.get("_modules", {})
        plain = {
            name: _simple(item)
            for name, item in own.items()
            if type(name) is str and not name.startswith("_") and _simple(item) is not None
        }
        self._nodes += 1
        too_many = self._nodes > MAX_NODES
        return {
            "kind": "module",
            "type": _type_name(module),
            "training": bool(own.get("training")),
            "attributes": plain,
            "state": {
                str(name): self.tree(item)
                for name, item in {**dict(parameters), **dict(buffers)}.items()
                if item is not None and not too_many
            },
            "children": {
                str(name): self._module(child)
                for name, child in dict(children).items()
                if isinstance(child, torch.nn.Module) and child is not module and not too_many
            },
        }


def _type_name(value: Any) -> str:
    kind = type(value)
    name = f"{type.__getattribute__(kind, '__module__')}.{type.__getattribute__(kind, '__name__')}"
    return name.removeprefix("builtins.")[:MAX_TEXT]


def _simple(value: Any) -> Tree | None:
    """The data of a number, a string and the like; ``None`` for any other value."""
    kind = type(value)
    if value is None:
        return {"kind": "none", "type": "NoneType"}
    if kind is bool:
        return {"kind": "bool", "type": "bool", "value": value}
    if kind is int:
        if value.bit_length() > 3 * MAX_DIGITS:
            return {"kind": "int", "type": "int", "value": None}
        return {"kind": "int", "type": "int", "value": str(value)}
    if kind is float:
        # Hexadecimal text is exact and has words for infinity and not-a-number; JSON has not.
        return {"kind": "float", "type": "float", "value": value.hex()}
    if kind is str:
        return {"kind": "str", "type": "str", "value": value[:MAX_TEXT]}
    if kind is torch.dtype:
        return {"kind": "dtype", "type": "torch.dtype", "value": str(value).removeprefix("torch.")}
    if kind is torch.device:
        return {"kind": "device", "type": "torch.device", "value": value.type}
    if kind is torch.Size:
        return {"kind": "size", "type": "torch.Size", "value": [int(one) for one in value]}
    return None


def _function(value: Any) -> Tree:
    try:
        parameters = list(inspect.signature(value, follow_wrapped=False).parameters)[:64]
    except (TypeError, ValueError):
        parameters = []
    return {
        "kind": "function",
        "type": "function",
        "name": str(value.__name__)[:MAX_TEXT],
        "parameters": [str(one)[:200] for one in parameters],
    }


def bounds_of(value: Any) -> tuple[int, int] | None:
    """First and last address of the memory behind a plain tensor or array, if it has one."""
    if type(value) in _TENSORS:
        with torch._C.DisableTorchFunctionSubclass():
            if value.layout is not torch.strided or value.device.type == "meta":
                return None
            storage = value.untyped_storage()
            start, size = storage.data_ptr(), storage.nbytes()
    elif type(value) is np.ndarray:
        root = value
        while type(root.base) is np.ndarray:
            root = root.base
        start, size = root.__array_interface__["data"][0], root.nbytes
    else:
        return None
    return (start, start + size) if size else None
