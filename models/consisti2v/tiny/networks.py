"""The bundled autoencoder and U-Nets, by the sizes that the catalogue has of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from i2vbench import weights
from i2vbench.models.consisti2v.checkpoint import fill
from i2vbench.models.consisti2v.sampling import PredictionType
from i2vbench.models.consisti2v.tiny import VAE
from i2vbench.models.consisti2v.unet import ConsistI2VUNet

NUM_FRAMES = 16
PREDICTION: PredictionType = "v_prediction"


def vae_config() -> dict[str, Any]:
    """config.json of the autoencoder.

    Its latents have mean 0 and deviation 1 in each channel by the way it was trained, so the scaling factor is 1.
    """
    sizes = weights.entry(VAE).sizes
    levels = len(sizes["block_out_channels"])
    return {
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "mid_block_add_attention": False,
        "sample_size": 128,
        "scaling_factor": 1.0,
        **sizes,
    }


def load_vae(state: Mapping[str, Any]) -> AutoencoderKL:
    """The autoencoder with these tensors, float32, in evaluation mode.

    Raises:
        CheckpointError: Naming every key that is missing, left over or of another shape.
    """
    with torch.device("meta"):
        vae = AutoencoderKL.from_config(vae_config())
    fill(vae, state, "ConsistI2V-tiny's VAE", dtype=torch.float32)
    return vae.eval().requires_grad_(False)


def unet_config(name: str) -> dict[str, Any]:
    """config.json of one of `UNETS`."""
    return {"sample_size": 16, "n_frames": NUM_FRAMES, **weights.entry(name).sizes}


def load_unet(name: str, state: Mapping[str, Tensor]) -> ConsistI2VUNet:
    """One of `UNETS` with these tensors, float32, in evaluation mode; as `filled_unet`."""
    unet = filled_unet(name, state)
    unet.eval().requires_grad_(False)
    return unet


def filled_unet(name: str, state: Mapping[str, Tensor]) -> ConsistI2VUNet:
    """One of `UNETS` with these tensors, to be trained on.

    What the published layout stores and never uses is not in the bundled files, and zero here.

    Raises:
        CheckpointError: Naming every key that is missing, left over or of another shape.
    """
    unet: ConsistI2VUNet = ConsistI2VUNet.from_config(unet_config(name))
    unused = {key: torch.zeros_like(value) for key, value in unet.named_parameters() if not value.requires_grad}
    fill(unet, {**unused, **state}, f"ConsistI2V-tiny's U-Net {name}")
    return unet
