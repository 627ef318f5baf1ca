"""What is trained, and what stands frozen around it."""

from __future__ import annotations

from pathlib import Path

import torch

from i2vbench.models.consisti2v.components import ddim_scheduler, load_frozen
from i2vbench.models.consisti2v.pipeline import ConsistI2VPipeline
from i2vbench.models.consisti2v.training.config import TrainConfig
from i2vbench.models.consisti2v.training.inflate import Inflation, inflate


def load_networks(base: Path, config: TrainConfig) -> tuple[ConsistI2VPipeline, Inflation]:
    """A pipeline around a freshly inflated U-Net, on the CPU in float32.

    Everything but the U-Net is frozen. Autocast brings the arithmetic to the precision asked for; weights stay float32.

    Args:
        base: Folder of the image model, from `find_base`.
        config: The training's.

    Raises:
        UserError: If a part cannot be read or is not of its kind.
    """
    inflation = inflate(base, config.seed, **config.unet_overrides())
    unet = inflation.unet.train()
    if config.gradient_checkpointing:
        unet.enable_gradient_checkpointing()
    frozen = load_frozen(base, torch.float32)
    pipeline = ConsistI2VPipeline(unet=unet, scheduler=ddim_scheduler(config.prediction_type), **frozen)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline, inflation
