"""What a training run is asked for, as train.toml says it: Section 5.1 and Appendix A.2 of the paper."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from i2vbench.errors import UserError
from i2vbench.models.consisti2v.sampling import MOST_STEPS, NOISE_METHODS, PredictionType
from i2vbench.names import READERS, nearest
from i2vbench.toml_fields import check_limits, plain_value, read_toml, setting

EXAMPLE = Path(__file__).with_name("train.toml")
"""A commented train.toml with every setting at its default."""

RECIPES: Mapping[str, Mapping[str, Any]] = {
    "paper": {},
    # Where the published code's configuration differs. It has no batch size but 3 a device (192 would take 64).
    "published-code": {"image_dropout": 0.1, "noise_alpha": 1.0, "steps": 200_000, "batch_size": 0, "ema_decay": 0.0},
}
"""Defaults that a recipe changes; "paper" is the fields' own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationItem:
    """One video that is generated now and then, to be looked at.

    Attributes:
        prompt: What it is to show.
        image: Path of its first frame.
    """

    prompt: str
    image: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """Every setting of train.toml; the defaults are the paper's, and where it is silent the published code's."""

    recipe: str = setting("paper", "whose defaults to begin from", choices=tuple(RECIPES))
    base: str = setting(
        "stabilityai/stable-diffusion-2-1-base",
        "folder with unet/, vae/, text_encoder/ and tokenizer/ of Stable Diffusion 2.1-base, or its name on the hub",
    )
    seed: int = setting(0, "decides which frames are seen when, and all noise", low=0)

    num_frames: int = setting(16, "frames a clip", low=2)
    height: int = setting(256, "pixels, a multiple of 8", low=8)
    width: int = setting(256, "pixels, a multiple of 8", low=8)
    strides: tuple[int, int] = setting((1, 5), "the frame interval v is drawn from these, both included", low=1)
    video_folder: str = setting("", "where WebVid's videos lie; empty: in the folder of its jsonl")
    reader: str = setting("pyav", "what decodes", choices=READERS)
    num_workers: int = setting(8, "processes that read clips, for each training process; 0: none of their own", low=0)
    max_unreadable: float = setting(0.1, "share of unreadable clips above which training stops", low=0, high=1)

    first_frame_condition_mode: str = setting(
        "concat", "how the first frame conditions space; input_only: Table 3's row without S.Cond.",
        choices=("concat", "input_only", "conv2d", "none"),
    )  # fmt: skip
    augment_temporal_attention: bool = setting(True, "the first frame's window in time; false: without T.Cond.")
    temp_pos_embedding: str = setting(
        "rotary", "positions in time", choices=("rotary", "rotary-per-head", "sinusoidal")
    )
    n_temp_heads: int = setting(8, "heads of the attention in time", low=1)
    use_frame_stride_condition: bool = setting(True, "whether the frame interval conditions the U-Net")

    prediction_type: str = setting("epsilon", "what the U-Net predicts", choices=typing.get_args(PredictionType))
    noise_method: str = setting("pyoco_mixed", "correlation of the frames' noise", choices=NOISE_METHODS)
    noise_alpha: float = setting(1.5, "its strength, eq. 9 (published code: 1.0)", low=0)
    text_dropout: float = setting(0.1, "probability that a prompt is emptied", low=0, high=1)
    image_dropout: float = setting(0.0, "probability that a first frame is hidden (published code: 0.1)", low=0, high=1)

    steps: int = setting(170_000, "optimizer steps (published code: 200000)", low=1)
    learning_rate: float = setting(5e-5, "constant", above=0)
    batch_size: int = setting(192, "clips a step over all devices; 0: those of one device batch on each", low=0)
    per_device_batch: int = setting(3, "clips that a device takes at once; the rest is accumulated", low=1)
    adam_beta1: float = setting(0.9, "AdamW", low=0, below=1)
    adam_beta2: float = setting(0.999, "AdamW", low=0, below=1)
    adam_epsilon: float = setting(1e-8, "AdamW", above=0)
    weight_decay: float = setting(0.01, "AdamW", low=0)
    max_grad_norm: float = setting(0.5, "the gradient's norm is clipped to this", above=0)
    mixed_precision: str = setting("bf16", "of the networks; weights stay float32", choices=("no", "bf16", "fp16"))
    gradient_checkpointing: bool = setting(False, "a third more time for far less memory; same gradients")
    ema_decay: float = setting(0.9999, "of the averaged weights; 0: none (as the published code)", low=0, below=1)

    save_every: int = setting(2000, "steps between checkpoints (20 GB each at full size)", low=1)
    keep: int = setting(2, "checkpoints kept", low=1)
    log_every: int = setting(10, "steps between lines", low=1)
    validate_every: int = setting(1000, "steps between validation videos; 0: none", low=0)
    validation_samples: int = setting(
        4, "first clips of the data that are validated if no [[validation]] is given", low=1
    )
    validation_steps: int = setting(50, "DDIM steps", low=1, high=MOST_STEPS)
    validation_guidance: float = setting(7.5, "text guidance", low=0)
    validation_stride: int = setting(3, "frame interval asked for", low=1)
    validation: tuple[ValidationItem, ...] = setting((), "[[validation]] tables: prompt, and image (a path)")

    def accumulation(self, processes: int) -> int:
        """Device batches that make one optimizer step, so that `batch_size` is reached on so many processes.

        Raises:
            UserError: If it does not divide.
        """
        at_once = self.per_device_batch * processes
        if self.batch_size % at_once:
            devices = "device" if processes == 1 else "devices"
            raise UserError(
                f"batch_size {self.batch_size} is not a multiple of {at_once}, the {self.per_device_batch} clips "
                f"(per_device_batch) on each of {processes} {devices}; choose a per_device_batch that divides it"
            )
        return max(1, self.batch_size // at_once)

    def unet_overrides(self) -> dict[str, Any]:
        """The U-Net's settings of its own, beside those of the image U-Net."""
        names = ("first_frame_condition_mode", "augment_temporal_attention", "temp_pos_embedding", "n_temp_heads",
                 "use_frame_stride_condition")  # fmt: skip
        return {"n_frames": self.num_frames, "use_temporal": True, **{name: getattr(self, name) for name in names}}

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        plain = dataclasses.asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}


def load_config(path: Path) -> TrainConfig:
    """The configuration that a TOML file holds.

    Raises:
        UserError: For a missing or malformed file, an unknown setting (with the nearest name), an impossible value.
    """
    hint = "`i2vbench train consisti2v --print-config > train.toml` writes one to begin from"
    data = read_toml(path, "configuration", hint)
    try:
        return parse_config(data)
    except ValueError as error:
        raise UserError(f"configuration {path}: {error}") from error


def parse_config(data: Mapping[str, Any]) -> TrainConfig:
    """The configuration that a TOML file, or a run's record of it, holds.

    Raises:
        ValueError: If a setting is unknown or impossible.
    """
    known = {f.name: f for f in fields(TrainConfig)}
    for name in data:
        if name not in known:
            raise ValueError(f"unknown setting '{name}'; {nearest(name, known)}")
    recipe = data.get("recipe", "paper")
    check_limits(known["recipe"], recipe)
    kinds = typing.get_type_hints(TrainConfig)
    values = {
        name: _convert(known[name], kinds[name], value) for name, value in {**RECIPES[recipe], **data}.items()
    }  # fmt: skip
    config = TrainConfig(**values)
    for name in ("height", "width"):
        if getattr(config, name) % 8:
            raise ValueError(f"{name}: expected a multiple of 8, got {getattr(config, name)}")
    return config


def _convert(known: dataclasses.Field[Any], kind: Any, value: Any) -> Any:
    """A value as its field's type, checked."""
    if known.name == "validation":
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise ValueError("validation: expected [[validation]] tables, each with a prompt and an image")
        return tuple(_validation_item(item) for item in value)
    if known.name == "strides":
        if not isinstance(value, list) or len(value) != 2 or not all(type(v) is int for v in value):
            raise ValueError(f"strides: expected two whole numbers, as [1, 5], got {value!r}")
        for number in value:
            check_limits(known, number)
        if value[0] > value[1]:
            raise ValueError(f"strides: expected the smaller one first, got {value!r}")
        return tuple(value)
    value = plain_value(known, kind, value)
    if known.name == "base" and not value.strip():
        raise ValueError("base: expected a folder, got an empty text")
    return value


def _validation_item(item: Mapping[str, Any]) -> ValidationItem:
    known = [f.name for f in fields(ValidationItem)]
    for name in item:
        if name not in known:
            raise ValueError(f"unknown setting 'validation.{name}'; {nearest(name, known)}")
    for name in known:
        if not isinstance(item.get(name), str) or not item[name].strip():
            raise ValueError(f"validation.{name}: expected a text, got {item.get(name)!r}")
    return ValidationItem(**item)
