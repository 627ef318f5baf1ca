"""Fréchet inception distance of frames (Section 5.2, Appendix B.2), and KID on the same features.

Matches StyleGAN3's and LongVideoGAN's: pool3 features of the 2015-12-05 Inception, TensorFlow 1's resize, covariances
divided by n. All frames of all clips count, the first one too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from i2vbench.metrics.base import DerivedMetric, NetworkMetric
from i2vbench.metrics.distances import (
    GROUP_CLIPS,
    NO_INTERVALS_EXTRAPOLATED,
    extrapolated_cell,
    frechet_cell,
    kernel_cell,
)
from i2vbench.metrics.resampled import BySample, Counts, frechet_replicates, kernel_replicates
from i2vbench.metrics.sampling import first_alike
from i2vbench.types import Cell, Clip, Measurement, MetricInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

DIMENSIONS = 2048
DDOF = 0
FRAMES_AT_ONCE = 32
LEAST_CLIPS = 128
"""2,048 frames of clips of 16."""


class FID(NetworkMetric):
    info = MetricInfo(
        id="fid",
        title="FID",
        direction="lower",
        reads=frozenset({"video", "reference"}),
        checkpoints=("inception_2015_12_05",),
        least_per_category=LEAST_CLIPS,
        source="Section 5.2, Appendix B.2; StyleGAN3's Inception 2015-12-05, as torch-fidelity 0.4.0 has it",
        hides="Frames by themselves: a video that jumps scores as one that flows. The number falls as n grows.",
    )
    kept_over_runs = True
    network = "inception"
    slow_to_resample = True
    bounds = (0.0, math.inf)

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        from i2vbench.transfer import take

        alike = [first_alike(clip.video.frames) for clip in clips]
        different = dict.fromkeys((c, i) for c, firsts in enumerate(alike) for i in firsts)
        frames = take([(clips[c].video.frames, i) for c, i in different], self._device)
        features = frame_features(self._network, frames[:, None])[:, 0].cpu().numpy()  # as videos of one frame
        place = {which: position for position, which in enumerate(different)}
        return [
            Measurement(clip.sample.id, self.info.id, features=features[[place[c, i] for i in alike[c]]])
            for c, clip in enumerate(clips)
        ]

    def aggregate(self, generated: Iterable[Measurement], reference: Iterable[Measurement] | None = None) -> Cell:
        return frechet_cell(generated, reference, ddof=DDOF)

    def replicates(self, generated: BySample, reference: BySample | None, counts: Counts) -> Iterable[float]:
        return frechet_replicates(generated, reference or (), counts, ddof=DDOF)


def frame_features(network: nn.Module, videos: Tensor) -> Tensor:
    """Features of every frame: uint8 [N, T, H, W, 3] -> [N, T, 2048]."""
    import torch

    from i2vbench.metrics.networks import inception

    parts = videos.flatten(0, 1).split(FRAMES_AT_ONCE)
    seen = [network(inception.preprocess(images)).features for images in parts]
    features: Tensor = torch.cat(seen).unflatten(0, videos.shape[:2])
    return features


class FIDInfinity(DerivedMetric):
    """FID without the bias of few generated frames: extrapolated to infinitely many (Chong and Forsyth, CVPR 2020)."""

    info = MetricInfo(
        id="fid_infinity",
        title="FID extrapolated",
        direction="lower",
        reads=frozenset({"video", "reference"}),
        features_of="fid",
        least_per_category=LEAST_CLIPS,
        source="Chong and Forsyth, CVPR 2020, on FID's features; not in the paper",
        hides="The bias that the number of real frames adds stays; frames of one clip are no independent samples.",
    )
    no_intervals = NO_INTERVALS_EXTRAPOLATED

    def aggregate(self, generated: Iterable[Measurement], reference: Iterable[Measurement] | None = None) -> Cell:
        return extrapolated_cell(generated, reference, ddof=DDOF)


class KID(DerivedMetric):
    """Kernel distance of frames (Binkowski et al., ICLR 2018): unbiased for any number of clips, and no Gaussian.

    The mean over the positions of frames, at each of which a clip has one: pairs of frames of one clip, which are
    alike, would bias it.
    """

    info = MetricInfo(
        id="kid",
        title="KID",
        direction="lower",
        decimals=4,
        reads=frozenset({"video", "reference"}),
        features_of="fid",
        source="Binkowski et al., ICLR 2018, on FID's features, by position in the clip; not in the paper",
        hides="Frames by themselves, as FID. Around 0 it is noise, and can lie below.",
    )

    def aggregate(self, generated: Iterable[Measurement], reference: Iterable[Measurement] | None = None) -> Cell:
        return kernel_cell(generated, reference)

    def replicates(self, generated: BySample, reference: BySample | None, counts: Counts) -> Iterable[float]:
        return kernel_replicates(generated, reference or (), counts, GROUP_CLIPS)
