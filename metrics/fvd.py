"""Fréchet video distance: I3D features of generated clips against those of the real ones (Section 5.2, Appendix B.2).

Matches TATS' evaluation code, which the paper uses: the 400 logits of its I3D, every frame stretched to 224 x 224
bilinearly without antialiasing, covariances divided by n - 1. TATS computes the distance in float32; here it is
float64. `fvd:stylegan-v` is the field's other variant: StyleGAN-V's TorchScript I3D, covariances divided by n.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from i2vbench.metrics.base import DerivedMetric, NetworkMetric
from i2vbench.metrics.distances import NO_INTERVALS_EXTRAPOLATED, extrapolated_cell, frechet_cell, on_device
from i2vbench.metrics.resampled import BySample, Counts, frechet_replicates
from i2vbench.metrics.variants import check_variant
from i2vbench.types import Cell, Clip, Measurement, MetricInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

DIMENSIONS = 400
STYLEGAN_V = "stylegan-v"

_HIDES = (
    "Much of an image-to-video model's FVD comes with the first frame: a still clip is no bad one. Frames count more "
    "than motion, and the number falls as n grows."
)


class FVD(NetworkMetric):
    """`fvd`, or `fvd:stylegan-v`.

    Args:
        argument: The variant.
    """

    kept_over_runs = True
    bounds = (0.0, math.inf)

    def __init__(self, argument: str = "") -> None:
        check_variant("fvd", argument, [STYLEGAN_V])
        super().__init__()
        self.variant, self.ddof = argument, 0 if argument else 1
        self.info = MetricInfo(
            id="fvd_stylegan_v" if argument else "fvd",
            title="FVD (StyleGAN-V's I3D)" if argument else "FVD",
            direction="lower",
            reads=frozenset({"video", "reference"}),
            checkpoints=("i3d_torchscript",) if argument else ("i3d_tats",),
            least_per_category=DIMENSIONS,
            source="Section 5.2, Appendix B.2; " + ("StyleGAN-V's I3D, TorchScript" if argument else "TATS, tats/fvd"),
            hides=_HIDES,
        )

    def read_network(self, *checkpoints: str) -> nn.Module:
        return load_network(checkpoints[0], self.variant)

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        features = video_features(self._network, on_device(clips, self._device), self.variant).cpu().numpy()
        return [Measurement(c.sample.id, self.info.id, features=f) for c, f in zip(clips, features, strict=True)]

    def aggregate(self, generated: Iterable[Measurement], reference: Iterable[Measurement] | None = None) -> Cell:
        return frechet_cell(generated, reference, ddof=self.ddof)

    def replicates(self, generated: BySample, reference: BySample | None, counts: Counts) -> Iterable[float]:
        return frechet_replicates(generated, reference or (), counts, ddof=self.ddof)


def load_network(checkpoint: str, variant: str) -> nn.Module:
    """The I3D of a variant, in evaluation mode on the CPU.

    Args:
        checkpoint: Its name in the catalogue.
        variant: As `FVD` takes it.
    """
    from i2vbench import weights
    from i2vbench.metrics.networks import i3d

    if variant == STYLEGAN_V:
        return weights.load_script(checkpoint).eval()
    return i3d.load(weights.read(checkpoint), sizes=i3d.Sizes(**weights.entry(checkpoint).sizes))


def video_features(network: nn.Module, videos: Tensor, variant: str) -> Tensor:
    """Features of whole videos: uint8 [N, T, H, W, 3] -> [N, 400]."""
    from i2vbench.metrics.networks import i3d

    if variant == STYLEGAN_V:
        pixels = videos.permute(0, 4, 1, 2, 3).float()  # [N, 3, T, H, W] in 0..255
        features: Tensor = i3d.script_features(network, pixels)
    else:
        features = network(i3d.preprocess(videos))
    return features


class FVDInfinity(DerivedMetric):
    """FVD without the bias of few generated clips: extrapolated to infinitely many (Chong and Forsyth, CVPR 2020)."""

    info = MetricInfo(
        id="fvd_infinity",
        title="FVD extrapolated",
        direction="lower",
        reads=frozenset({"video", "reference"}),
        features_of="fvd",
        least_per_category=DIMENSIONS,
        source="Chong and Forsyth, CVPR 2020, on FVD's features; not in the paper",
        hides="The bias that the number of real clips adds stays.",
    )
    no_intervals = NO_INTERVALS_EXTRAPOLATED

    def aggregate(self, generated: Iterable[Measurement], reference: Iterable[Measurement] | None = None) -> Cell:
        return extrapolated_cell(generated, reference, ddof=1)
