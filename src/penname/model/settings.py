"""The settings of a training run, one sentence each; `recipes/*.toml` holds them as data.

settings = TrainSettings(steps=600, rows=32, context=512)
"""

from dataclasses import dataclass, field

from penname.core.errors import InputError


@dataclass(frozen=True)
class TrainSettings:
    """Everything that decides the losses of a run; two runs with equal settings and data have equal losses."""

    steps: int = field(metadata={"text": "Optimizer steps in all."})
    rows: int = field(metadata={"text": "Windows of text in a step, over all devices and micro-batches."})
    context: int = field(metadata={"text": "Tokens in a window."})
    matrices: str = field(default="muon", metadata={"text": "Optimizer of the hidden matrices: muon or adamw."})
    matrix_lr: float = field(default=0.02, metadata={"text": "Peak learning rate of the hidden matrices."})
    table_lr: float = field(default=3e-3, metadata={"text": "Peak learning rate of embeddings and norms (AdamW)."})
    weight_decay: float = field(default=0.05, metadata={"text": "Decoupled weight decay of the hidden matrices."})
    momentum: float = field(default=0.95, metadata={"text": "Muon's momentum."})
    warmup: float = field(default=0.02, metadata={"text": "Share of the run over which the learning rate rises."})
    decay: float = field(default=0.4, metadata={"text": "Share of the run, at its end, over which it falls to zero."})
    dropout: float = field(default=0.0, metadata={"text": "Share of activations dropped while training."})
    masked: float = field(default=0.0, metadata={"text": "Share of steps with the masked next-token objective."})
    mask_rate: float = field(default=0.2, metadata={"text": "Share of tokens hidden in such a step."})
    input_mask: float = field(default=0.0, metadata={"text": "Share of input tokens hidden in causal steps."})
    goldfish: int = field(default=0, metadata={"text": "Leave one target in this many out of the loss (0: none)."})
    clip: float = field(default=1.0, metadata={"text": "Largest norm of the gradient."})
    ema: float = field(default=0.0, metadata={"text": "Decay of the running average of the weights (0: none)."})
    quantise_from: float = field(
        default=1.0, metadata={"text": "Train with rounded weights from this share of the run on."}
    )
    freeze_tables: bool = field(default=False, metadata={"text": "Leave the embeddings as they are."})
    teacher_share: float = field(
        default=0.0, metadata={"text": "Weight of a teacher's soft targets in causal steps (0: no teacher)."}
    )
    teacher_temperature: float = field(
        default=1.0, metadata={"text": "What the logits of both are divided by for the soft targets."}
    )
    seed: int = field(default=0, metadata={"text": "Seed of everything random."})

    def check(self) -> None:
        """Raise one `InputError` that lists all that is wrong."""
        wrong = []
        for name in ("steps", "rows", "context"):
            if getattr(self, name) < 1:
                wrong.append(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in (
            "warmup",
            "decay",
            "masked",
            "mask_rate",
            "dropout",
            "input_mask",
            "ema",
            "quantise_from",
            "teacher_share",
        ):
            if not 0.0 <= getattr(self, name) <= 1.0:
                wrong.append(f"{name} is a share between 0 and 1, not {getattr(self, name)}")
        if self.teacher_temperature <= 0:
            wrong.append(f"teacher_temperature must be more than 0, not {self.teacher_temperature}")
        if self.matrices not in ("muon", "adamw"):
            wrong.append(f"matrices is muon or adamw, not {self.matrices}")
        if wrong:
            raise InputError("These settings cannot be used: " + "; ".join(wrong) + ".")


def learning_rate(progress: float, warmup: float, decay: float) -> float:
    """Share of the peak at `progress` (0 to 1): linear rise, plateau, linear fall to zero (Hu et al. 2024, WSD)."""
    rise = progress / warmup if progress < warmup else 1.0
    fall = (1.0 - progress) / decay if decay and progress > 1.0 - decay else 1.0
    return max(0.0, min(rise, fall))
