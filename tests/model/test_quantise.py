from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from penname.core.errors import InputError
from penname.model.quantise import (
    Rounding,
    pack_codes,
    pack_planes,
    read_packed,
    restore_groups,
    restore_rows,
    round_groups,
    round_rows,
    unpack_codes,
    unpack_planes,
    write_packed,
)


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
    size = write_packed(tmp_path / "w.safetensors", weights, Rounding(5), metadata={"config": {"x": 1}})
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


@given(st.integers(1, 127), st.integers(1, 3000), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_codes_hold_every_integer_in_a_bit_or_more_each(reach: int, count: int, seed: int) -> None:
    integers = np.random.default_rng(seed).integers(-reach, reach + 1, count).astype(np.int8)
    codes = pack_codes(integers)
    assert 8 * codes.size >= count
    assert (unpack_codes(codes, count) == integers).all()


def test_codes_of_one_value_have_a_bit_each_too() -> None:
    assert 8 * pack_codes(np.zeros(100_000, np.int8)).size >= 100_000


def test_codes_of_normal_weights_take_little_more_than_their_entropy() -> None:
    integers, _ = round_rows(torch.from_numpy(np.random.default_rng(0).normal(size=(256, 768))).float(), 0.3)
    _, counts = np.unique(integers.numpy(), return_counts=True)
    shares = counts / counts.sum()
    entropy = -(shares * np.log2(shares)).sum()
    bits = 8 * pack_codes(integers.numpy()).size / integers.numel()
    assert 3.7 < entropy < 3.9
    assert entropy <= bits < entropy + 0.06


@pytest.mark.parametrize(("step", "most"), [(0.1, 0.03), (0.3, 0.09), (0.6, 0.18)])
def test_a_row_loses_what_its_step_says(step: float, most: float) -> None:
    weight = torch.from_numpy(np.random.default_rng(1).normal(size=(50, 128))).float() * torch.arange(1, 51)[:, None]
    error = (restore_rows(*round_rows(weight, step)) - weight).norm(dim=1) / weight.norm(dim=1)
    assert (error < most * 1.1).all()


def test_rows_of_zeros_and_of_numbers_too_small_are_zeros_and_a_far_weight_is_clipped() -> None:
    weight = torch.zeros(3, 1000)
    weight[1], weight[2, 5] = 1e-12, 1.0
    integers, steps = round_rows(weight, 0.3)
    assert not integers[:2].any()
    assert integers[2, 5] == 105
    assert round_rows(torch.eye(1, 100_000), 0.3)[0].max() == 127
    assert steps.isfinite().all()


def test_a_file_of_rows_comes_back_as_it_was_rounded_and_is_the_same_twice(tmp_path: Path) -> None:
    torch.manual_seed(0)
    weights = {"a": torch.randn(8, 70), "b": torch.randn(7), "c": torch.randn(3, 5)}
    own = {"c": (torch.full((3, 5), -127, dtype=torch.int8), torch.ones(3).half())}
    rounding = Rounding(row_step=0.3)
    write_packed(tmp_path / "w.safetensors", weights, rounding, rounded=own, metadata={"x": 1})
    write_packed(tmp_path / "again.safetensors", weights, rounding, rounded=own, metadata={"x": 1})
    found, about = read_packed(tmp_path / "w.safetensors")
    assert about == {"x": 1}
    assert torch.equal(found["a"], restore_rows(*round_rows(weights["a"], 0.3)))
    assert torch.equal(found["a"], rounding.as_stored(weights["a"]))
    assert torch.equal(found["b"], weights["b"].half().float())
    assert torch.equal(found["c"], torch.full((3, 5), -127.0))
    assert (tmp_path / "w.safetensors").read_bytes() == (tmp_path / "again.safetensors").read_bytes()
