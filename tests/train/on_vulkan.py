"""What `test_on_vulkan.py` compares, as JSON: PyTorch's autograd must not have run before torchvulkan is loaded.

python on_vulkan.py FOLDER
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from penname.core import vulkan
from penname.core.device import Device, pick_device
from penname.core.errors import Interrupted
from penname.model.gpt import GPT, GPTConfig
from penname.train.batches import Mixture, Stream
from penname.train.loop import Run, train
from penname.train.settings import TrainSettings

SHAPE = GPTConfig(64, 32, 64, 1, 2, 1, 16, 32)
CPU = Device("cpu", None, "a CPU", "", "fp32", "", fused=True, compiles=False, memory=0, threads=1)
WAYS: list[dict[str, Any]] = [{"masked": 0.25}, {"matrices": "adamw", "goldfish": 4, "ema": 0.9, "clip": 0.5}]


def main(folder: Path) -> None:
    """Train on both, move a run between them, ask for what Vulkan cannot do."""
    if problem := vulkan.absent():
        print(json.dumps({"absent": problem}))
        return
    # A card that has bfloat16 would train in it: the losses compared are float32's.
    card = replace(pick_device("vulkan"), precision="fp32")
    found: dict[str, Any] = {"fifty": [[fit(CPU, **way), fit(card, **way)] for way in WAYS]}
    for device, step in ((card, 4), (CPU, 8)):
        try:
            fit(device, folder, step, steps=12)
        except Interrupted as stop:
            found.setdefault("stops", []).append(str(stop))
    found["moved"] = [fit(CPU, steps=12), fit(card, folder, steps=12)]
    kept = torch.nn.functional.dropout(torch.ones(4096, device=card.torch), 0.25)
    found["dropout"] = kept.cpu().tolist()
    if "bf16" not in card.precisions:
        try:
            _ = (
                torch.ones(4, 4, device=card.torch, dtype=torch.bfloat16)
                @ torch.ones(4, 4, device=card.torch).bfloat16()
            )
        except (RuntimeError, UserWarning) as error:
            found["refused"] = str(error)
    print(json.dumps(found))


def fit(device: Device, folder: Path | None = None, stop_after: int | None = None, **changes: Any) -> list[float]:
    """The losses of a tiny run."""
    ids = np.random.default_rng(0).integers(1, 64, 3000) // 3
    stream = Stream(ids, np.arange(100, 3001, 100), 16, 1)
    values = {"steps": 50, "rows": 2, "context": 16, "matrix_lr": 0.01, "seed": 3} | changes
    settings = TrainSettings(**values)
    run = Run(settings, Mixture([(stream, 1.0)], settings.rows), device, folder, micro_rows=2, stop_after=stop_after)
    return [loss for _, loss in train(GPT(SHAPE).initialise(0), run).losses]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
