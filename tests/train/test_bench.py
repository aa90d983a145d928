import json
import math
from pathlib import Path

import pytest
from patching import everywhere
from tiny_models import random_model, tiny_tokenizer

from penname.core import device as devices
from penname.core.device import Device, find_devices
from penname.core.errors import InputError
from penname.model import base as shipped
from penname.model.base import write_base
from penname.model.gpt import GPTConfig
from penname.model.quantise import Rounding
from penname.train import bench as benching
from penname.train import measure
from penname.train import plan as estimates

CPU = Device(
    "cpu",
    None,
    "a processor",
    "",
    "fp32",
    "",
    fused=True,
    compiles=False,
    memory=2**33,
    threads=1,
    precisions=("fp32",),
)
BASE = GPTConfig(16_384, 512, 1408, 12, 8, 4, 64)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny base on one known device."""
    texts = [f"In year {number}, an owl went to sea." for number in range(30)]
    write_base(tmp_path / "base", random_model(), tiny_tokenizer(), Rounding(8, 32), texts, "card")
    everywhere(monkeypatch.setattr, shipped, "base_folder", lambda: tmp_path / "base")
    monkeypatch.setattr(benching, "find_devices", lambda wanted: ([CPU], ["cuda: no CUDA or ROCm device"]))
    for name in ("matrix_rate", "memory_rate"):
        plain = getattr(measure, name)
        everywhere(monkeypatch.setattr, measure, name, lambda *a, plain=plain: plain(*a, seconds=0.01))


@pytest.mark.usefixtures("tiny")
def test_every_figure_is_measured_and_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = benching.bench()
    (speed,) = found.devices
    figures = [
        speed.matrix_flops["fp32"],
        speed.memory_bytes_per_second,
        speed.train_tokens_per_second,
        speed.write_tokens_per_second,
        speed.write_together_tokens_per_second,
        speed.score_tokens_per_second,
    ]
    assert all(math.isfinite(figure) and figure > 0 for figure in figures)
    assert speed.utilisation == pytest.approx(speed.train_flops / speed.matrix_flops["fp32"])
    text = benching.as_text(found)
    for words in ("matrix products, fp32", "tokens/s", "not used: cuda", "a processor", "measured", "estimate", "8 x"):
        assert words in text
    again = json.loads(json.dumps(found.to_json()))
    assert again["devices"][0]["utilisation"] > 0
    assert again["versions"]["torch"]


@pytest.mark.usefixtures("tiny")
def test_a_device_that_breaks_meanwhile_is_left_out_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> float:
        raise RuntimeError("device lost\nat line 3")

    everywhere(monkeypatch.setattr, measure, "memory_rate", fail)
    found = benching.bench()
    assert found.devices == []
    assert "cpu: it failed while it was measured (device lost)" in found.absent
    assert "estimate" in benching.as_text(found)


def test_the_story_goes_on_with_measured_and_estimated_rows() -> None:
    rows = [*estimates.story(), estimates.measured_row("here", 1_000.0), *estimates.estimates(BASE, 1024)]
    assert [row.how for row in rows] == ["story"] * 4 + ["measured"] + ["estimate"] * 7
    assert rows[4].seconds == pytest.approx(estimates.adaptation_tokens() / 1_000)
    assert 4.5e6 < estimates.adaptation_tokens() < 6e6
    by_name = {row.name: row for row in rows}
    for name in ("AMD Radeon 780M", "NVIDIA RTX 4060", "NVIDIA L40S", "NVIDIA H200", "NVIDIA B200", "8 x NVIDIA B200"):
        assert by_name[name].source
        assert by_name[name].watt_hours
    assert by_name["NVIDIA H200"].seconds > by_name["NVIDIA B200"].seconds > by_name["8 x NVIDIA B200"].seconds
    one, eight = by_name["NVIDIA B200"], by_name["8 x NVIDIA B200"]
    assert one.seconds / eight.seconds < 8, "eight are not eight times as fast"
    assert one.dollars and eight.dollars and eight.dollars > one.dollars
    assert by_name["AMD Radeon 780M"].dollars is None


def test_an_estimate_is_work_over_rate() -> None:
    half, whole = (estimates.estimates(BASE, 1024, share)[4] for share in (0.2, 0.4))
    assert half.name == "NVIDIA H200"
    assert half.seconds == pytest.approx(2 * whole.seconds)
    work = estimates.adaptation_tokens() * BASE.flops_per_token(1024)
    assert whole.seconds == pytest.approx(work / (989e12 * 0.4))
    assert whole.watt_hours == pytest.approx(whole.seconds / 3600 * 700)
    assert estimates.share_of_peak("NVIDIA H200", 989e12 * 0.3) == pytest.approx(0.3)
    assert estimates.share_of_peak("some processor", 1e12) is None
    assert "40%" in estimates.basis(0.4, "this machine's H200")


def test_every_device_here_is_found_and_the_others_have_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("broken driver")

    monkeypatch.setattr(devices, "_absent", lambda kind: None if kind == "cuda" else f"no {kind}")
    monkeypatch.setattr(devices, "_accelerator", fail)
    monkeypatch.setattr(devices, "_cpu", lambda reason: CPU)
    found, absent = find_devices()
    assert found == [CPU]
    assert "cuda: failed its self-test: broken driver" in absent
    assert "xpu: no xpu" in absent
    with pytest.raises(InputError, match="no device called"):
        find_devices("abacus")
