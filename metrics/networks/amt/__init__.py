"""AMT-S, the network of motion smoothness: the frame half way between two others (Li et al., AMT, CVPR 2023).

Matches MCG-NKU/AMT, `networks/AMT-S.py` with amt-s.pth, which VBench 0.1.5 uses, at time 0.5. As in the paper: features
of both frames at 1/8 make correlation volumes both ways; a decoder guesses the flows from the frame in between to both,
at 1/8, and from there to 1/4 and 1/2; at each, a step looks the flows up in the volumes and corrects flows and
features; at full size there are three pairs of flows, whose warped frames are blended.

Flows are [N, 4, h, w]: (x, y) from the frame in between to the first frame, then to the second, in pixels of h x w.
What both frames have is [2N, ...]: of the first frames of all pairs, then of the second ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from i2vbench.checkpoints import fill
from i2vbench.metrics.networks.amt.blocks import PUBLISHED, Decoder, FeatureEncoder, Pyramid, Sizes, Update, split
from i2vbench.metrics.networks.amt.flows import TIME, Correlations, beside_warped, paired, resize, resize_flows, warp
from i2vbench.metrics.networks.layers import in_float32

__all__ = ["AMT", "LEAST_SIDE_PX", "MULTIPLE_PX", "PUBLISHED", "Interpolation", "Sizes", "load"]

MULTIPLE_PX = 16
"""Sides are multiples of it: the features are halved four times."""

LEAST_SIDE_PX = 128
"""Below, the coarsest correlation is one pixel wide; the published code divides by its width less one: all is NaN."""

FIELDS = 3
"""Pairs of flows at full size."""


class Interpolation(NamedTuple):
    """What the network makes of N pairs, all float32.

    Attributes:
        prediction: [N, 3, H, W], the frame in between, in 0..1; NaN where it is not finite.
        flow0_level4: [N, 2, h/8, w/8], from it to the first frame, as first corrected; h is H times the scale factor.
        flow1_level4: [N, 2, h/8, w/8], to the second.
        flow0_level2: [N, 2, h/2, w/2], to the first, as last corrected.
    """

    prediction: Tensor
    flow0_level4: Tensor
    flow1_level4: Tensor
    flow0_level2: Tensor


def load(state: Mapping[str, Any], sizes: Sizes = PUBLISHED, *, scale_factor: float = 1.0) -> AMT:
    """The network with the tensors of the published checkpoint, in evaluation mode, without gradients.

    Args:
        state: Tensors by name, or what the published file holds, which has them under `state_dict`. All 213 are
            parameters: the instance norms have none, and there are no counters.
        sizes: Of the network.
        scale_factor: Flow is estimated on frames resized by it. The metric takes 1.

    Raises:
        CheckpointError: Naming every key that is missing, left over or of another shape.
    """
    with torch.device("meta"):
        network = AMT(sizes, scale_factor)
    fill(network, state, "AMT-S", dtype=torch.float32)
    return network.eval().requires_grad_(False)


class AMT(nn.Module):
    """The modules bear the names of the published checkpoint; levels 4, 3, 2 and 1 make 1/8, 1/4, 1/2 and 1."""

    def __init__(self, sizes: Sizes = PUBLISHED, scale_factor: float = 1.0) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth = sizes.warped
        self.scale_factor = scale_factor
        self.feat_encoder = FeatureEncoder(sizes)
        self.encoder = Pyramid(sizes.warped)
        self.decoder4 = Decoder(2 * sixteenth + 1, 2 * sixteenth, eighth + 4, sizes.side)
        self.decoder3 = Decoder(3 * eighth + 4, 3 * eighth, quarter + 4, sizes.side)
        self.decoder2 = Decoder(3 * quarter + 4, 3 * quarter, half + 4, sizes.side)
        self.decoder1 = Decoder(3 * half + 4, 3 * half, 8 * FIELDS, sizes.side)
        self.update4 = Update(eighth, 1, sizes)
        self.update3 = Update(quarter, 2, sizes)
        self.update2 = Update(half, 4, sizes)
        self.comb_block = nn.Sequential(
            nn.Conv2d(3 * FIELDS, 6 * FIELDS, 3, padding=1),
            nn.PReLU(6 * FIELDS),
            nn.Conv2d(6 * FIELDS, 3, 3, padding=1),
        )

    @in_float32
    def forward(self, pairs: Tensor) -> Interpolation:
        """The frames half way.

        Args:
            pairs: float32 [N, 2, 3, H, W] in 0..1; H and W times the scale factor are multiples of 16, 128 at least.

        Raises:
            ValueError: For another shape.
        """
        _check(pairs, self.scale_factor)
        # The mean is the pair's: in another pair the same frame is shifted by another number, which PReLUs and the
        # zeros around convolutions pass on. So no frame is encoded once for both of its pairs.
        mean = pairs.mean(dim=(1, 2, 3, 4)).view(-1, 1, 1, 1)  # [N, 1, 1, 1]
        frames = (pairs - mean[:, None]).transpose(0, 1).flatten(0, 1)  # [2N, 3, H, W]
        small = resize(frames, self.scale_factor)  # [2N, 3, h, w]

        correlations = Correlations(self.feat_encoder(small))
        at_2, at_4, at_8, at_16 = self.encoder(small)  # [2N, 20, h/2, w/2] to [2N, 56, h/16, w/16]
        time = torch.full_like(at_16[: len(pairs), :1], TIME)  # [N, 1, h/16, w/16]

        flows, features = split(self.decoder4(torch.cat((paired(at_16), time), 1)))  # [N, 4 and 44, h/8, w/8]
        flows4, features = self.update4(features, flows, correlations)
        flows, features = self.decoder3.refine(features, flows4, at_8)  # [N, 4 and 32, h/4, w/4]
        flows, features = self.update3(features, flows, correlations)
        flows, features = self.decoder2.refine(features, flows, at_4)  # [N, 4 and 20, h/2, w/2]
        flows2, features = self.update2(features, flows, correlations)
        fields = self.decoder1(beside_warped(features, flows2, at_2))  # [N, 24, h, w]

        prediction = self._blend(fields, flows2, frames, mean)
        # Clamped, an infinity would pass for a pixel.
        prediction = torch.where(prediction.isfinite(), prediction.clamp(0, 1), torch.nan)
        return Interpolation(prediction, flows4[:, :2], flows4[:, 2:], flows2[:, :2])

    def _blend(self, fields: Tensor, flows: Tensor, frames: Tensor, mean: Tensor) -> Tensor:
        """Three fields of flows, their masks and residuals make one frame, [N, 3, H, W].

        Args:
            fields: [N, 24, h, w], the last decoder's.
            flows: [N, 4, h/2, w/2], which it corrects.
            frames: [2N, 3, H, W] less the mean, [N, 1, 1, 1].
        """
        factor = 1 / self.scale_factor
        corrections, mask, residual = fields.split((4 * FIELDS, FIELDS, 3 * FIELDS), 1)
        to_each = corrections.unflatten(1, (2, FIELDS, 2)) + resize_flows(flows, 2).unflatten(1, (2, 1, 2))
        fine = resize_flows(to_each.flatten(1, 3), factor)  # [N, 12, H, W]: by frame, field, (x, y)
        mask = resize(mask.sigmoid(), factor).unsqueeze(2)  # [N, 3 fields, 1, H, W]
        residual = resize(residual, factor).unflatten(1, (FIELDS, 3))  # [N, 3 fields, 3, H, W]
        first, second = warp(frames, torch.cat(fine.chunk(2, 1))).chunk(2)  # [N, 3 fields, 3, H, W]
        blended = mask * first + (1 - mask) * second + mean[:, None] + residual
        return blended.mean(1) + self.comb_block(blended.flatten(1, 2))


def _check(pairs: Tensor, scale_factor: float) -> None:
    sides = [int(side * scale_factor) for side in pairs.shape[3:]]
    if pairs.shape[1:3] != (2, 3) or any(side % MULTIPLE_PX or side < LEAST_SIDE_PX for side in sides):
        raise ValueError(
            f"pairs: expected [N, 2, 3, H, W] with sides that, times the scale factor, are multiples of {MULTIPLE_PX} "
            f"and at least {LEAST_SIDE_PX}, got {list(pairs.shape)}, scaled to {sides}"
        )
