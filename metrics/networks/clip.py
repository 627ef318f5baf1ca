"""CLIP of OpenAI, as open_clip builds it: ViT-B/32 of CLIPSIM and of background consistency, ViT-L/14 of curation.

Matches OpenAI's models, which have quick-GELU: open_clip's plain `ViT-B-32` has not, and says nothing where it is given
OpenAI's weights from a file. ViT-B/32 is what there is by default; the catalogue states the sizes of others.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2vbench.checkpoints import fill, unwrap
from i2vbench.metrics.networks.bpe import VOCABULARY, tokenizer
from i2vbench.metrics.networks.frames import fitted_size, normalise, resize_images
from i2vbench.metrics.networks.layers import in_float32

SIZE_PX = 224
CONTEXT_LENGTH = 77
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)

_NUMBERS = frozenset({"input_resolution", "context_length", "vocab_size"})
"""Integers that OpenAI's own archive stores among the weights."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of the published ViT-B/32; ViT-L/14 is larger, the tiny profile's is smaller.

    Attributes:
        head_width: Of an attention head of the vision transformer.
    """

    features: int = 512
    patch_px: int = 32
    vision_width: int = 768
    vision_layers: int = 12
    head_width: int = 64
    text_width: int = 512
    text_layers: int = 12
    text_heads: int = 8
    vocabulary: int = VOCABULARY
    context_length: int = CONTEXT_LENGTH


PUBLISHED = Sizes()


def build(sizes: Sizes = PUBLISHED) -> nn.Module:
    """open_clip's model with random tensors."""
    import open_clip

    # Not create_model, which asks for pretrained weights. Not on the meta device: its causal mask is computed.
    network: nn.Module = open_clip.CLIP(
        embed_dim=sizes.features,
        quick_gelu=True,
        vision_cfg={
            "image_size": SIZE_PX,
            "patch_size": sizes.patch_px,
            "width": sizes.vision_width,
            "layers": sizes.vision_layers,
            "head_width": sizes.head_width,
        },
        text_cfg={
            "context_length": sizes.context_length,
            "vocab_size": sizes.vocabulary,
            "width": sizes.text_width,
            "layers": sizes.text_layers,
            "heads": sizes.text_heads,
        },
    )
    return network


def load(state: Mapping[str, Any], sizes: Sizes = PUBLISHED) -> nn.Module:
    """open_clip's model with the tensors of the published checkpoint, float32, in evaluation mode, without gradients.

    Raises:
        CheckpointError: Naming every key that is missing, left over or of another shape.
    """
    network = build(sizes)
    given = {name: torch.as_tensor(value).float() for name, value in unwrap(state).items() if name not in _NUMBERS}
    fill(network, given, _title(sizes), dtype=torch.float32)
    return network.eval().requires_grad_(False)


def look(network: nn.Module, frames: Tensor, antialias: bool = False) -> Tensor:
    """Features of frames, as background consistency takes them: uint8 [N, H, W, 3] -> [N, C]."""
    features: Tensor = image_features(network, preprocess_vbench(frames, rounded=False, antialias=antialias))
    return features


@in_float32
def image_features(network: nn.Module, images: Tensor) -> Tensor:
    """[N, C], not normalised, of `preprocess`ed images [N, 3, 224, 224]."""
    features: Tensor = network.encode_image(images)  # type: ignore[operator]
    return features


@in_float32
def text_features(network: nn.Module, tokens: Tensor) -> Tensor:
    """[N, C], not normalised, of tokens [N, 77]."""
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
    return preprocess_vbench(images, rounded=True, antialias=True)


def preprocess_vbench(frames: Tensor, rounded: bool, antialias: bool = False) -> Tensor:
    """As `preprocess`, but as VBench's transform, which does not antialias, and may not round.

    Args:
        frames: uint8 [T, H, W, 3] RGB.
        rounded: Whether resized values are rounded and held to 0..255, as torchvision does with uint8 (ViCLIP), or left
            as they overshoot, as with float frames (background consistency).
        antialias: As torchvision 0.17 and newer does where it is not told.

    Returns:
        float32 [T, 3, 224, 224] on the same device.

    Raises:
        ValueError: For another dtype or shape.
    """

    def fit(planes: Tensor) -> Tensor:
        cropped = _fit(planes, antialias)
        return cropped.round().clamp(0, 255) if rounded else cropped

    return normalise(resize_images(frames, SIZE_PX, fit), MEAN, STD)


def tokenize(
    texts: Sequence[str],
    say: Callable[[str], object] = warnings.warn,
    *,
    vocabulary: int = VOCABULARY,
    context_length: int = CONTEXT_LENGTH,
) -> Tensor:
    """Token ids, int64 [N, 77]. Of a text that is too long the end is cut off, its end token kept, and it is said."""
    encoding = tokenizer(vocabulary, context_length)
    for text in texts:
        if len(encoding.encode(text)) > context_length - 2:
            say(f"the prompt {text[:40]!r}... has more than {context_length - 2} tokens; CLIP does not see its end")
    return encoding(list(texts))


def _title(sizes: Sizes) -> str:
    """The network as messages call it."""
    if sizes == PUBLISHED:
        return "CLIP ViT-B/32"
    return (
        f"CLIP with {sizes.vision_layers} layers of width {sizes.vision_width} and patches of {sizes.patch_px} pixels"
    )


def _fit(frames: Tensor, antialias: bool) -> Tensor:
    """[F, 3, H, W] -> [F, 3, 224, 224]."""
    size = fitted_size(frames.shape[-2], frames.shape[-1], SIZE_PX)
    resized = F.interpolate(frames, size, mode="bicubic", align_corners=False, antialias=antialias)
    top, left = (round((side - SIZE_PX) / 2) for side in size)
    return resized[..., top : top + SIZE_PX, left : left + SIZE_PX]
