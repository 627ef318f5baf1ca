"""CLIP ViT-B/32 of OpenAI, as open_clip builds it: the network of CLIPSIM.

Matches OpenAI's model, which has quick-GELU: open_clip's plain `ViT-B-32` has not, and says nothing where it is given
OpenAI's weights from a file.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2vbench.checkpoints import fill
from i2vbench.metrics.networks.frames import resize_images
from i2vbench.metrics.networks.layers import in_float32

MODEL = "ViT-B-32-quickgelu"
SIZE_PX = 224
CONTEXT_LENGTH = 77
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)

_NUMBERS = frozenset({"input_resolution", "context_length", "vocab_size"})
"""Integers that OpenAI's own archive stores among the weights."""


def load(state: Mapping[str, Any]) -> nn.Module:
    """open_clip's model with the tensors of the published checkpoint, float32, in evaluation mode, without gradients.

    Raises:
        CheckpointError: Naming every key that is missing, left over or of another shape.
    """
    import open_clip

    # Not create_model, which asks for pretrained weights. Not on the meta device: its causal mask is computed.
    network: nn.Module = open_clip.CLIP(**open_clip.get_model_config(MODEL))
    given = {name: torch.as_tensor(value).float() for name, value in state.items() if name not in _NUMBERS}
    fill(network, given, "CLIP ViT-B/32", dtype=torch.float32)
    return network.eval().requires_grad_(False)


@in_float32
def image_features(network: nn.Module, images: Tensor) -> Tensor:
    """[N, 512], not normalised, of `preprocess`ed images [N, 3, 224, 224]."""
    features: Tensor = network.encode_image(images)  # type: ignore[operator]
    return features


@in_float32
def text_features(network: nn.Module, tokens: Tensor) -> Tensor:
    """[N, 512], not normalised, of tokens [N, 77]."""
    features: Tensor = network.encode_text(tokens)  # type: ignore[operator]
    return features


def preprocess(images: Tensor) -> Tensor:
    """The shorter side to 224 (bicubic, antialiased, rounded to 8 bit), the centre cropped, CLIP's mean and deviation.

    Args:
        images: uint8 [N, H, W, 3] RGB.

    Returns:
        float32 [N, 3, 224, 224] on the same device.

    Raises:
        ValueError: For another dtype or shape.
    """
    pixels = resize_images(images, SIZE_PX, _fit).div_(255)
    mean, std = (torch.tensor(x, device=pixels.device).view(1, 3, 1, 1) for x in (MEAN, STD))
    return pixels.sub_(mean).div_(std)


def preprocess_vbench(frames: Tensor, rounded: bool, antialias: bool = False) -> Tensor:
    """As `preprocess`, but as VBench's transform, which does not antialias, and may not round.

    Args:
        frames: uint8 [T, H, W, 3] RGB.
        rounded: Whether resized values are rounded and held to 0..255.
        antialias: As torchvision 0.17 and newer does where it is not told.

    Returns:
        float32 [T, 3, 224, 224] on the same device.

    Raises:
        ValueError: For another dtype or shape.
    """

    def fit(planes: Tensor) -> Tensor:
        short, long = sorted(planes.shape[-2:])
        size = [SIZE_PX if side == short else int(SIZE_PX * long / short) for side in planes.shape[-2:]]
        resized = F.interpolate(planes, size, mode="bicubic", align_corners=False, antialias=antialias)
        top, left = (round((side - SIZE_PX) / 2) for side in size)
        cropped = resized[..., top : top + SIZE_PX, left : left + SIZE_PX]
        return cropped.round().clamp(0, 255) if rounded else cropped

    pixels = resize_images(frames, SIZE_PX, fit).div_(255)
    mean, std = (torch.tensor(x, device=pixels.device).view(1, 3, 1, 1) for x in (MEAN, STD))
    return pixels.sub_(mean).div_(std)


def tokenize(texts: Sequence[str], say: Callable[[str], object] = warnings.warn) -> Tensor:
    """Token ids, int64 [N, 77]. Of a text that is too long the end is cut off, its end token kept, and it is said."""
    import open_clip

    tokenizer = open_clip.get_tokenizer(MODEL)
    for text in texts:
        if len(tokenizer.encode(text)) > CONTEXT_LENGTH - 2:
            say(f"the prompt {text[:40]!r}... has more than {CONTEXT_LENGTH - 2} tokens; CLIP does not see its end")
    tokens: Tensor = tokenizer(list(texts))
    return tokens


def _fit(frames: Tensor) -> Tensor:
    """[F, 3, H, W] -> [F, 3, 224, 224]."""
    height, width = frames.shape[-2:]
    short = min(height, width)
    size = (SIZE_PX * height // short, SIZE_PX * width // short)
    resized = F.interpolate(frames, size, mode="bicubic", align_corners=False, antialias=True)
    top, left = (round((side - SIZE_PX) / 2) for side in size)
    return resized[..., top : top + SIZE_PX, left : left + SIZE_PX].round().clamp(0, 255)
