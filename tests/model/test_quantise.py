from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from penname.core.errors import InputError
from penname.model.quantise import pack_planes, read_packed, restore_groups, round_groups, unpack_planes, write_packed


@given(st.integers(2, 8), st.integers(1, 200), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_planes_hold_every_integer(bits: int, count: int, seed: int) -> None:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1)
    integers = np.random.default_rng(seed).integers(low, high, count).astype(np.int8)
    planes = pack_planes(integers, bits)
    assert planes.shape == (bits, -(-count // 8))
    assert (unpack_planes(planes, count) == integers).all()


@pytest.mark.parametrize(("bits", "most"), [(8, 0.01), (6, 0.03), (5, 0.06), (4, 0.12)])
def test_rounding_loses_little(bits: int, most: float) -> None:
    torch.manual_seed(0)
    weight = torch.randn(50, 128)
    error = (restore_groups(*round_groups(weight, bits, 64)) - weight).norm() / weight.norm()
    assert error < most


def test_zeros_stay_zeros() -> None:
    integers, scales = round_groups(torch.zeros(2, 64), 5, 64)
    assert not integers.any()
    assert not scales.any()


def test_a_file_comes_back_as_it_was_rounded(tmp_path: Path) -> None:
    torch.manual_seed(0)
    weights = {"a": torch.randn(8, 64), "b": torch.randn(7)}
    size = write_packed(tmp_path / "w.safetensors", weights, bits=5, metadata={"config": {"x": 1}})
    assert size == (tmp_path / "w.safetensors").stat().st_size
    found, about = read_packed(tmp_path / "w.safetensors")
    assert about == {"config": {"x": 1}}
    assert torch.equal(found["a"], restore_groups(*round_groups(weights["a"], 5, 64)))
    assert torch.equal(found["b"], weights["b"].half().float())


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_broken_file_is_an_input_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"is not a packed model that can be read .*make it again"):
        read_packed(path)
