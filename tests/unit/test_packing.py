"""What is packed are the bytes that safetensors' own writer for torch gives; what is unpacked are
the tensors that its reader gives."""

from __future__ import annotations

import math

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from autograder.inside.record import STORED
from autograder.packing import packed
from autograder.unpacking import unpacked

SHAPES = [(), (0,), (2, 0, 3), (3, 2), (1,) * 64]


@pytest.mark.parametrize("dtype", sorted(STORED, key=str), ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: str(shape[:3]))
def test_every_dtype_and_shape_is_written_as_by_safetensors(dtype, shape):
    tensors = {"t1": torch.ones(shape).to(dtype), "t0": torch.arange(5), "t2": torch.tensor(True)}
    metadata = {"á": "ñ"}
    assert packed(tensors, metadata) == save(tensors, metadata=metadata)


@pytest.mark.parametrize("dtype", sorted(STORED, key=str), ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: str(shape[:3]))
def test_every_dtype_and_shape_is_read_as_by_safetensors(dtype, shape):
    values = torch.arange(math.prod(shape)).reshape(shape) - 2
    content = save({"t1": values.to(dtype), "t0": torch.arange(5)})

    found, wanted = unpacked(content), load(content)

    assert found.keys() == wanted.keys()
    for key, tensor in found.items():
        assert (tensor.dtype, tensor.shape) == (wanted[key].dtype, wanted[key].shape)
        assert torch.equal(tensor, wanted[key])


def test_bytes_of_a_bool_are_made_0_or_1():
    content = bytearray(save({"t0": torch.tensor([True, False, True])}))
    content[-3:] = bytes([2, 0, 255])

    assert unpacked(bytes(content))["t0"].view(torch.uint8).tolist() == [1, 0, 1]


def test_what_is_unpacked_may_be_written_to():
    """A formula of a check may change its arguments."""
    tensor = unpacked(save({"t0": torch.zeros(3)}))["t0"]
    tensor += 1

    assert tensor.tolist() == [1.0, 1.0, 1.0]


def test_a_dtype_that_no_observation_has_is_left_out():
    content = save({"t0": torch.zeros(2, dtype=torch.float8_e4m3fn), "t1": torch.ones(1)})

    assert list(unpacked(content)) == ["t1"]


@pytest.mark.parametrize("content", [b"", b"x" * 100, save({"t0": torch.ones(3)})[:-1]])
def test_what_is_no_safetensors_is_refused(content):
    with pytest.raises(SafetensorError):
        unpacked(content)


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
