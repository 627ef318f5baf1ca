"""CLIPSIM from given features: the mean cosine between the frames of a video and its prompt (Section 5.2).

Must match TorchMetrics 1.9 `CLIPScore` over all frames, divided by 100. TorchMetrics cuts its mean off at 0; here
nothing is cut off, since cutting per video or per frame would move the mean of the data set.
"""

from __future__ import annotations

import numpy as np

from i2vbench.metrics.moments import Features, Matrix


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
    images, texts = _normalised(image_features, "image"), _normalised(text_features, "text")
    cosines: Matrix = np.einsum("...td,...d->...t", images, texts)
    return cosines


def clipsim_per_video(cosines: Matrix) -> Matrix:
    """Mean over the frames: [..., T] -> [...]."""
    means: Matrix = cosines.mean(axis=-1)
    return means


def clipsim(per_video: Matrix) -> float:
    """Mean over the videos, [n]: the number of the data set."""
    return float(per_video.mean())


def _normalised(features: Features, name: str) -> Matrix:
    doubles = features.astype(np.float64)
    norms = np.linalg.norm(doubles, axis=-1, keepdims=True)
    if not (np.isfinite(norms) & (norms > 0)).all():
        raise ValueError(f"clipsim: expected {name} features of finite length above 0, got one of another length")
    normalised: Matrix = doubles / norms
    return normalised
