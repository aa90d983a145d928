import subprocess
import sys
import threading

import pytest

from penname.core import device as devices
from penname.core import machine
from penname.core.device import pick_device
from penname.core.errors import InputError
from penname.core.machine import may_have_gpu
from penname.train import site as ahead
from penname.train.site import begin


def here(monkeypatch: pytest.MonkeyPatch, may: bool, found: bool) -> None:
    monkeypatch.setattr(ahead, "may_have_gpu", lambda wanted: may)
    monkeypatch.setattr(devices, "accelerated", lambda wanted: found)


def test_without_a_gpu_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    here(monkeypatch, may=False, found=False)
    assert begin("auto", lambda: pytest.fail("loaded"))() == (None, None)
    here(monkeypatch, may=True, found=False)
    assert begin("auto", lambda: pytest.fail("loaded"))() == (None, None)


def test_with_one_the_device_and_the_network_come_from_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    here(monkeypatch, may=True, found=True)
    gpu, main = object(), threading.get_ident()
    monkeypatch.setattr(devices, "pick_device", lambda wanted: gpu)
    begun = begin("auto", threading.get_ident)  # type: ignore[arg-type]
    device, thread = begun()
    assert device is gpu
    assert thread not in (None, main)
    assert begun() == (device, thread)
    assert begin("auto")() == (gpu, None)


def test_what_goes_wrong_there_is_raised_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    here(monkeypatch, may=True, found=True)

    def refuse(wanted: str) -> None:
        raise InputError("no such device")

    monkeypatch.setattr(devices, "pick_device", refuse)
    begun = begin("cuda")
    with pytest.raises(InputError, match="no such device"):
        begun()


def test_signs_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_SIGNS", ())
    monkeypatch.setattr("platform.system", lambda: "Linux")
    assert [may_have_gpu(wanted) for wanted in ("auto", "cpu", "cuda:1", "nonsense")] == [False, False, True, False]
    monkeypatch.setattr(machine, "_SIGNS", (__file__,))
    assert may_have_gpu("auto")
    assert not may_have_gpu("cpu")


def test_a_machine_without_one_is_told_apart_without_pytorch() -> None:
    code = "import sys; from penname.train.options import TrainOptions as T; from penname.train.site import _begin; "
    code += "_begin(T(device='cpu'))()"
    code += "; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_processor_is_no_accelerator() -> None:
    assert not devices.accelerated("cpu")
    assert devices.accelerated("auto") == (pick_device("auto").kind in ("cuda", "xpu", "mps"))
