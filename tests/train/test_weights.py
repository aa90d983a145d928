from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from penname.model.weights import write_weights


def test_the_same_weights_and_metadata_give_the_same_bytes(tmp_path: Path) -> None:
    """The library writes metadata in another order each time: twelve keys would hardly come out alike twice."""
    weights = {"b": torch.ones(3, 5), "ä": torch.arange(4).to(torch.bfloat16), "a": torch.zeros(2, dtype=torch.uint8)}
    metadata = {f"key {number} “ü”\n": f"value \\ {number}" for number in range(12)}
    files = [tmp_path / f"{number}.safetensors" for number in range(6)]
    for number, path in enumerate(files):
        order = sorted(metadata, key=lambda key: hash((key, number)))
        write_weights(weights, path, {key: metadata[key] for key in order})
    assert len({path.read_bytes() for path in files}) == 1
    with safe_open(files[0], framework="pt") as file:
        assert file.metadata() == metadata
    found = load_file(files[0])
    assert found.keys() == weights.keys() and all(torch.equal(found[name], weights[name]) for name in weights)


def test_metadata_is_not_needed(tmp_path: Path) -> None:
    write_weights({"a": torch.ones(2)}, tmp_path / "a.safetensors")
    assert torch.equal(load_file(tmp_path / "a.safetensors")["a"], torch.ones(2))
