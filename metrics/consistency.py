"""What subject and background consistency have in common: how alike a clip's frames look to a network.

Matches VBench 0.1.5 (commit 45e79ec), `subject_consistency` and `background_consistency`: each frame after the first is
compared with the one before it and with the first one; a clip's value is the mean of all these cosines, each cut off
at 0. Cosines are float64, where VBench has float32. The value of a data set is the mean over clips, as in Tables 6 and
7; VBench on one process takes the mean over the frames of all clips, which differs where clips differ in length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from i2vbench.metrics.cosines import unit
from i2vbench.metrics.moments import Features, Matrix
from i2vbench.metrics.variants import ResizingMetric
from i2vbench.types import Clip, Measurement

if TYPE_CHECKING:
    from torch import Tensor

FRAMES_AT_ONCE = 32
"""Square ones; of others, as many as have no more pixels."""


class ConsistencyMetric(ResizingMetric):
    """One of the two, or its variant `:antialias`."""

    other_networks = frozenset({"efficientnet"})

    def look(self, frames: Tensor) -> Tensor:
        """Features of frames, uint8 [N, H, W, 3] -> float32 [N, d], each by itself."""
        features: Tensor = self.network_code.look(self._network, frames, self.antialias)
        return features

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        features = frame_features(clips, self.look, self._device)
        return [measurement(clip, self.info.id, rows) for clip, rows in zip(clips, features, strict=True)]


def similarities(features: Features) -> tuple[Matrix, Matrix]:
    """Cosine of each frame with the one before it and with the first one, cut off at 0.

    Args:
        features: [T, d], of any length; one row a frame.

    Returns:
        Two arrays [T - 1] between 0 and 1; the first numbers of both are of the same pair.

    Raises:
        ValueError: There is one frame, or features are not finite or all zero. VBench divides by zero, and counts the
            pairs of such features as 0.
    """
    if len(features) < 2:
        raise ValueError("one frame has no neighbour; at least two are needed")
    directions = unit(features, "frame")
    to_previous, to_first = (directions[:-1] * directions[1:]).sum(axis=1), directions[1:] @ directions[0]
    # Of float64 unit vectors: what passes 1 is rounding.
    return to_previous.clip(0, 1), to_first.clip(0, 1)


def clip_value(to_previous: Matrix, to_first: Matrix) -> float:
    """The clip's value, 0 to 1, of its `similarities`."""
    return float((to_previous + to_first).mean() / 2)


def measurement(clip: Clip, metric: str, features: Features) -> Measurement:
    """What a metric says of a clip whose frames have these features [T, d]."""
    try:
        to_previous, to_first = similarities(features)
    except ValueError as error:
        return Measurement(clip.sample.id, metric, error=str(error))
    details = {"similarity_to_previous": to_previous.tolist(), "similarity_to_first": to_first.tolist()}
    return Measurement(clip.sample.id, metric, value=clip_value(to_previous, to_first), details=details)


def frame_features(clips: Sequence[Clip], look: Callable[[Tensor], Tensor], device: str) -> list[Features]:
    """Features of every frame of every clip; frames of one size go together, whichever clip they are of.

    Args:
        clips: Of any sizes and lengths.
        look: As `ConsistencyMetric.look`.
        device: As torch names it.

    Returns:
        [T, d] per clip, in the same order.
    """
    import torch

    from i2vbench.transfer import take

    sizes: dict[tuple[int, int], list[int]] = {}
    for i, clip in enumerate(clips):
        sizes.setdefault((clip.video.height, clip.video.width), []).append(i)
    found: dict[int, Features] = {}
    for size, members in sizes.items():
        videos = [clips[i].video for i in members]
        frames = take([(video.frames, t) for video in videos for t in range(video.num_frames)], device)
        at_once = max(1, FRAMES_AT_ONCE * min(size) // max(size))
        seen = torch.cat([look(some) for some in frames.split(at_once)]).cpu()
        parts = seen.split([video.num_frames for video in videos])
        found |= {i: part.numpy() for i, part in zip(members, parts, strict=True)}
    return [found[i] for i in range(len(clips))]
