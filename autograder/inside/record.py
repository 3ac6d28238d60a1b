"""Turn live Python values into data: a JSON tree and plain tensors. Records, never judges.

Exact types decide: only a plain tensor, parameter, array, number, string or container of those
carries a value. Everything else is named by its type and nothing more, so an object that lies
about itself lies into the void. Types are compared by identity and read where Python itself keeps
them: ``isinstance``, ``==`` and attributes are questions that a student's class may answer as it
likes, and nothing that it answers may raise here.
"""

from __future__ import annotations

import inspect
from types import FunctionType
from typing import Any

import numpy as np
import torch

from autograder.packing import BASE, packed

__all__ = ["Recorder", "bounds_of"]

Tree = dict[str, Any]

MAX_TEXT = 4_000
MAX_DEPTH = 8
MAX_MODULE_DEPTH = 32
MAX_NODES, MAX_ALL_NODES = 20_000, 100_000
"""Values in one frame, and in all of a process: the reader refuses a run that has a multiple."""
MAX_TENSORS = 10_000
MAX_ATTRIBUTES = 100
MAX_RANK = 64
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

_SCALARS = frozenset(map(id, np.sctypeDict.values()))
"""NumPy's own types of numbers, by identity."""


class Recorder:
    """Collects the tensors of one frame; ``tree`` gives the data of a value.

    ``max_bytes`` bounds one tensor, ``total_bytes`` all tensors of this process; a tensor over
    either, or beyond ``MAX_TENSORS``, is recorded without its value. Keys (``t0``, ``t1``, …) are
    unique in a process.
    """

    def __init__(self, max_bytes: int, total_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._left = total_bytes
        self._count = 0
        self._nodes = self._all_nodes = 0
        self._tensors: dict[str, torch.Tensor] = {}

    def take(self) -> bytes:
        """The tensors since the last call as safetensors; empty if there were none."""
        tensors, self._tensors, self._nodes = self._tensors, {}, 0
        return packed(tensors) if tensors else b""

    def raw(self) -> list[bytes]:
        """The same as mere bytes, for who compares them: the trees tell shapes and dtypes."""
        tensors, self._tensors, self._nodes = self._tensors, {}, 0
        return [bytes(one.view(-1).view(torch.uint8).numpy()) for one in tensors.values()]

    def tree(self, value: Any, depth: int = 0) -> Tree:
        """The data of ``value``: ``kind``, exact ``type`` and what that kind carries."""
        self._count_one()
        if depth > MAX_DEPTH or self._is_full:
            return {"kind": "cut", "type": _type_name(value)}
        try:
            return self._tree(value, depth)
        except Exception:
            # Torch and NumPy have values that cannot even be asked for their shape.
            return _object(value)

    def _count_one(self) -> None:
        self._nodes += 1
        self._all_nodes += 1

    @property
    def _is_full(self) -> bool:
        return self._nodes > MAX_NODES or self._all_nodes > MAX_ALL_NODES

    def _tree(self, value: Any, depth: int) -> Tree:
        kind = type(value)
        if _is_tensor(kind):
            return self._tensor(value)
        if issubclass(kind, torch.nn.Module):
            return self._module(value, 0)
        if kind is np.ndarray or id(kind) in _SCALARS:
            return self._array(value)
        simple = _simple(value)
        if simple is not None:
            return simple
        if kind is list or kind is tuple:
            items = [self.tree(item, depth + 1) for item in value[:MAX_NODES]]
            return {"kind": kind.__name__, "type": kind.__name__, "items": items}
        if kind is dict:
            pairs = [
                [self.tree(key, depth + 1), self.tree(item, depth + 1)]
                for key, item in list(value.items())[:MAX_NODES]
            ]
            return {"kind": "dict", "type": "dict", "items": pairs}
        if kind is FunctionType:
            return _function(value)
        return _object(value)

    def _tensor(self, value: torch.Tensor, *, with_grad: bool = True) -> Tree:
        self._all_nodes += 2  # it has so many fields
        with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():
            # Not `value.detach()`: an instance may carry a function of that name.
            plain = BASE.detach(value)
            if BASE.dim(plain) > MAX_RANK:
                return _object(value)
            is_leaf = BASE.is_leaf.__get__(value)
            tree: Tree = {
                "kind": "tensor",
                "type": _type_name(value),
                "shape": list(BASE.shape.__get__(plain)),
                "dtype": str(BASE.dtype.__get__(plain)).removeprefix("torch."),
                "device": str(BASE.device.__get__(plain).type),
                "requires_grad": BASE.requires_grad.__get__(value),
                "leaf": is_leaf,
                "value": self._store(plain),
            }
            gradient = BASE.grad.__get__(value) if is_leaf else None
            if with_grad and gradient is not None and _is_tensor(type(gradient)):
                tree["grad"] = self._tensor(gradient, with_grad=False)
        return tree

    def _store(self, plain: torch.Tensor) -> str | None:
        # The size is asked before anything is copied: a tensor of stride 0 can claim terabytes.
        size = BASE.numel(plain) * BASE.element_size(plain)
        dense = BASE.layout.__get__(plain) is torch.strided
        stored = dense and BASE.dtype.__get__(plain) in STORED
        if not stored or BASE.is_meta.__get__(plain) or size > min(self._max_bytes, self._left):
            return None
        if self._count >= MAX_TENSORS:
            return None
        self._left -= size
        key = f"t{self._count}"
        self._count += 1
        resolved = BASE.resolve_neg(BASE.resolve_conj(BASE.cpu(plain)))
        self._tensors[key] = BASE.clone(BASE.contiguous(resolved))
        return key

    def _array(self, value: Any) -> Tree:
        dtype = value.dtype.newbyteorder("=")
        tree: Tree = {
            "kind": "array" if type(value) is np.ndarray else "scalar",
            "type": _type_name(value),
            "shape": list(value.shape),
            "dtype": str(dtype)[:80],
            "value": None,
        }
        if dtype.kind in "fiubc" and value.size * dtype.itemsize <= self._max_bytes:
            native = np.array(value, dtype=dtype, copy=True, order="C")
            try:
                tree["value"] = self._store(torch.from_numpy(native))
            except TypeError:
                # A dtype that torch does not have, such as longdouble: no value.
                return tree
        return tree

    def _module(self, module: torch.nn.Module, depth: int) -> Tree:
        self._count_one()
        own = object.__getattribute__(module, "__dict__")
        plain = [(name, item) for name, item in _named(own) if name[:1] != "_"][:MAX_ATTRIBUTES]
        attributes = {name: _simple(item) for name, item in plain}
        self._all_nodes += len(attributes)
        state = [*_named(own.get("_parameters")), *_named(own.get("_buffers"))]
        children = _named(own.get("_modules")) if depth < MAX_MODULE_DEPTH else []
        return {
            "kind": "module",
            "type": _type_name(module),
            "training": own.get("training") is True,
            "attributes": {name: one for name, one in attributes.items() if one is not None},
            "state": {
                name: self.tree(item)
                for name, item in state
                if item is not None and not self._is_full
            },
            "children": {
                name: self._module(child, depth + 1)
                for name, child in children
                if issubclass(type(child), torch.nn.Module)
                and child is not module
                and not self._is_full
            },
        }


def _named(items: Any) -> list[tuple[str, Any]]:
    """The items of a dictionary of a module's that are named by strings."""
    if not issubclass(type(items), dict):
        return []
    pairs = list(dict.items(items))[:MAX_NODES]
    return [(name, item) for name, item in pairs if type(name) is str]


def _is_tensor(kind: type[Any]) -> bool:
    return kind is torch.Tensor or kind is torch.nn.Parameter


def _object(value: Any) -> Tree:
    return {"kind": "object", "type": _type_name(value)}


def _type_name(value: Any) -> str:
    kind = type(value)
    try:
        module = _text(type.__dict__["__module__"].__get__(kind))
    except AttributeError:
        # Made by `type(…)` in a namespace that has no `__name__`.
        module = "?"
    name = _text(type.__dict__["__name__"].__get__(kind))
    return f"{module}.{name}".removeprefix("builtins.")[:MAX_TEXT]


def _text(value: Any) -> str:
    """``value`` as a plain string, which a subclass of ``str`` is not."""
    return str.__str__(value) if issubclass(type(value), str) else "?"


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
    if kind is torch.Size and len(value) <= MAX_RANK:
        return {"kind": "size", "type": "torch.Size", "value": [int(one) for one in value]}
    return None


def _function(value: Any) -> Tree:
    try:
        parameters = list(inspect.signature(value, follow_wrapped=False).parameters)[:64]
    except Exception:
        # A function may carry a signature that is none, or that raises.
        parameters = []
    return {
        "kind": "function",
        "type": "function",
        "name": _text(value.__name__)[:MAX_TEXT],
        "parameters": [_text(one)[:200] for one in parameters],
    }


def bounds_of(value: Any) -> tuple[int, int] | None:
    """First and last address of the memory behind a plain tensor or array, if it has one."""
    try:
        if _is_tensor(type(value)):
            start, end = _storage(value)
        elif type(value) is np.ndarray:
            start, end = _extent(value)
        else:
            return None
    except Exception:
        # A tensor without a plain storage (sparse, nested, …) has no bounds.
        return None
    return (start, end) if start < end else None


def _storage(tensor: torch.Tensor) -> tuple[int, int]:
    storage = torch.Tensor.untyped_storage(tensor)
    start = storage.data_ptr()
    return start, start + storage.nbytes() if start else start


def _extent(array: np.ndarray[Any, Any]) -> tuple[int, int]:
    """The elements of the array that ``array`` is a view of: strides may be 0 or negative."""
    while type(array.base) is np.ndarray:
        array = array.base
    start = array.__array_interface__["data"][0]
    if array.size == 0:
        return start, start
    steps = [(n - 1) * stride for n, stride in zip(array.shape, array.strides, strict=True)]
    low = start + sum(step for step in steps if step < 0)
    return low, start + sum(step for step in steps if step > 0) + array.itemsize
