"""CLIPSIM from given features: the mean cosine between the frames of a video and its prompt (Section 5.2).

Must match TorchMetrics 1.9 `CLIPScore` over all frames, divided by 100. TorchMetrics cuts its mean off at 0; here
nothing is cut off, since cutting per video or per frame would move the mean of the data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from i2vbench.metrics.base import NetworkMetric
from i2vbench.metrics.cosines import unit
from i2vbench.metrics.distances import on_device
from i2vbench.metrics.moments import Features, Matrix
from i2vbench.types import Clip, Measurement, MetricInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

FRAMES_AT_ONCE = 64


class CLIPSIM(NetworkMetric):
    """Mean cosine between a clip's frames and its prompt, by CLIP ViT-B/32."""

    info = MetricInfo(
        id="clipsim",
        title="CLIPSIM",
        direction="higher",
        decimals=4,
        range=(-1.0, 1.0),
        reads=frozenset({"video", "prompt"}),
        checkpoints=("clip_vit_b32",),
        source="Section 5.2; TorchMetrics 1.9 CLIPScore / 100, CLIP ViT-B/32, all frames",
        hides="The first frame brings most of it: a still clip scores what its picture does.",
    )
    kept_over_runs = True
    network = "clip"

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        cosines = prompt_cosines(self._network, on_device(clips, self._device), [c.sample.prompt for c in clips])
        return [
            Measurement(c.sample.id, self.info.id, value=float(mean), details={"cosine_per_frame": frames.tolist()})
            for c, frames, mean in zip(clips, cosines, clipsim_per_video(cosines), strict=True)
        ]


def prompt_cosines(network: nn.Module, videos: Tensor, prompts: Sequence[str]) -> Matrix:
    """Cosine between each frame of uint8 [N, T, H, W, 3] and its video's prompt: [N, T]."""
    import torch

    from i2vbench.metrics.networks import clip
    from i2vbench.transfer import put

    sizes: Any = network
    tokens = clip.tokenize(prompts, vocabulary=sizes.vocab_size, context_length=sizes.context_length)
    texts = clip.text_features(network, put(tokens, videos.device))
    parts = videos.flatten(0, 1).split(FRAMES_AT_ONCE)
    images = torch.cat([clip.image_features(network, clip.preprocess(some)) for some in parts])
    return frame_cosines(images.unflatten(0, videos.shape[:2]).cpu().numpy(), texts.cpu().numpy())


def frame_cosines(image_features: Features, text_features: Features) -> Matrix:
    """Cosine between each frame and the prompt of its video, in float64.

    Args:
        image_features: [..., T, d], of any length.
        text_features: [..., d], of any length.

    Returns:
        [..., T], between -1 and 1.

    Raises:
        ValueError: The shapes do not go together, or a feature is zero or not finite.
    """
    if image_features.ndim < 2 or text_features.shape != image_features.shape[:-2] + image_features.shape[-1:]:
        raise ValueError(
            f"clipsim: expected image features [..., T, d] and text features [..., d], "
            f"got {list(image_features.shape)} and {list(text_features.shape)}"
        )
    images, texts = unit(image_features, "frame"), unit(text_features, "prompt")
    cosines: Matrix = np.einsum("...td,...d->...t", images, texts)
    return cosines


def clipsim_per_video(cosines: Matrix) -> Matrix:
    """Mean over the frames: [..., T] -> [...]."""
    means: Matrix = cosines.mean(axis=-1)
    return means


def clipsim(per_video: Matrix) -> float:
    """Mean over the videos, [n]: the number of the data set."""
    return float(per_video.mean())
