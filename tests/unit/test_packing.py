"""What is packed are the bytes that safetensors' own writer for torch gives."""

from __future__ import annotations

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from autograder.inside.record import STORED
from autograder.packing import packed

SHAPES = [(), (0,), (2, 0, 3), (3, 2), (1,) * 64]


@pytest.mark.parametrize("dtype", sorted(STORED, key=str), ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: str(shape[:3]))
def test_every_dtype_and_shape_is_written_as_by_safetensors(dtype, shape):
    tensors = {"t1": torch.ones(shape).to(dtype), "t0": torch.arange(5), "t2": torch.tensor(True)}
    metadata = {"á": "ñ"}
    assert packed(tensors, metadata) == save(tensors, metadata=metadata)


def test_what_is_packed_is_read_again():
    tensors = {"a": torch.randn(3, 2), "b": torch.tensor([], dtype=torch.int64)}
    found = load(packed(tensors))
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[key], tensors[key]) for key in tensors)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(3, 2).t(),
        torch.ones(2, dtype=torch.complex64).conj(),
        torch.ones(2, dtype=torch.complex64).conj().imag,
        torch.ones(2, device="meta"),
    ],
    ids=["transposed", "conjugate", "negative", "without data"],
)
def test_a_tensor_whose_memory_is_not_its_value_is_refused(tensor):
    with pytest.raises(ValueError, match="t0: only plain"):
        packed({"t0": tensor})


def test_a_dtype_that_is_not_stored_is_refused():
    with pytest.raises(SafetensorError):
        packed({"t0": torch.ones(2, dtype=torch.complex128)})
