"""The convolutional parts of AMT-S; their modules bear the names of the published checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2vbench.metrics.networks.amt.flows import LEVELS, RADIUS, Correlations, beside_warped, resize, resize_flows


@dataclass(frozen=True, slots=True)
class Sizes:
    """Channels, of AMT-S.

    Attributes:
        warped: Of the features that are warped, at 1/2, 1/4, 1/8 and 1/16.
        side: Of a residual block: those that pass through two convolutions more.
        encoder: Of the features that are correlated, at 1/2, 1/4 and 1/8.
        correlated: Of them at last.
        likeness: Of what an update makes of the correlations.
        motion: Of what it makes of the flows, after each of two convolutions.
        seen: Of both together.
        state: Of what it makes of all.
    """

    warped: tuple[int, int, int, int] = (20, 32, 44, 56)
    side: int = 20
    encoder: tuple[int, int, int] = (32, 64, 96)
    correlated: int = 84
    likeness: int = 64
    motion: tuple[int, int] = (40, 20)
    seen: int = 68
    state: int = 76


PUBLISHED = Sizes()


class FeatureEncoder(nn.Module):
    """What is correlated: [N, 3, h, w] -> [N, 84, h/8, w/8]."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        half, quarter, eighth = sizes.encoder
        self.conv1 = nn.Conv2d(3, half, 7, stride=2, padding=3)
        self.layer1 = nn.Sequential(Bottleneck(half, half), Bottleneck(half, half))
        self.layer2 = nn.Sequential(Bottleneck(half, quarter, stride=2), Bottleneck(quarter, quarter))
        self.layer3 = nn.Sequential(Bottleneck(quarter, eighth, stride=2), Bottleneck(eighth, eighth))
        self.conv2 = nn.Conv2d(eighth, sizes.correlated, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu_(F.instance_norm(self.conv1(x)))  # [N, 32, h/2, w/2]
        x = self.layer3(self.layer2(self.layer1(x)))  # [N, 96, h/8, w/8]
        return self.conv2(x)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 with instance norms, and what it was given."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        inner = outputs // 4
        self.conv1 = nn.Conv2d(inputs, inner, 1)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, padding=1)
        self.conv3 = nn.Conv2d(inner, outputs, 1)
        shortcut = (nn.Conv2d(inputs, outputs, 1, stride), nn.InstanceNorm2d(outputs)) if stride > 1 else ()
        self.downsample = nn.Sequential(*shortcut)

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for conv in (self.conv1, self.conv2, self.conv3):
            y = F.relu_(F.instance_norm(conv(y)))
        return F.relu_(y + self.downsample(x))  # not into y, of which the last ReLU's gradient is made


class Pyramid(nn.Module):
    """What is warped: [N, 3, h, w] -> [N, 20, h/2, w/2], ..., [N, 56, h/16, w/16]."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        for level, (inputs, outputs) in enumerate(zip((3, *channels), channels, strict=False), 1):
            self.add_module(f"pyramid{level}", nn.Sequential(_unit(inputs, outputs, 2), _unit(outputs, outputs)))

    def forward(self, x: Tensor) -> list[Tensor]:
        levels = []
        for halve in self.children():
            x = halve(x)
            levels.append(x)
        return levels


class Decoder(nn.Module):
    """A unit, a residual block, and twice the size: [N, C, h, w] -> [N, C', 2h, 2w]."""

    def __init__(self, inputs: int, inner: int, outputs: int, side: int) -> None:
        super().__init__()
        self.convblock = nn.Sequential(
            _unit(inputs, inner), Residual(inner, side), nn.ConvTranspose2d(inner, outputs, 4, stride=2, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.convblock(x)

    def refine(self, features: Tensor, flows: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Flows and features at twice the size, of those at this one and of both frames' features [2N, C, h, w]."""
        corrections, features = split(self(beside_warped(features, flows, frames)))
        return corrections + resize_flows(flows, 2), features


class Residual(nn.Module):
    """Three convolutions; between them the last channels pass through one more each."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.conv1 = _unit(channels, channels)
        self.conv2 = _unit(side, side)
        self.conv3 = _unit(channels, channels)
        self.conv4 = _unit(side, side)
        self.conv5 = nn.Conv2d(channels, channels, 3, padding=1)
        self.prelu = nn.PReLU(channels)

    def forward(self, x: Tensor) -> Tensor:
        # Copies, for the gradients; a convolution makes one anyway of some channels of several images.
        y = self.conv1(x)
        y[:, -self.side :] = self.conv2(y[:, -self.side :].clone())
        y = self.conv3(y)
        y[:, -self.side :] = self.conv4(y[:, -self.side :].clone())
        return self.prelu(self.conv5(y).add_(x))


class Update(nn.Module):
    """Flows and features corrected by what the correlations are where the flows point; computed at 1/8.

    Args:
        channels: C of the features [N, C, h, w].
        scale: How much larger than 1/8 they are.
    """

    def __init__(self, channels: int, scale: int, sizes: Sizes) -> None:
        super().__init__()
        self.scale = scale
        first, second = sizes.motion
        self.convc1 = nn.Conv2d(2 * LEVELS * (2 * RADIUS + 1) ** 2, sizes.likeness, 1)
        self.convf1 = nn.Conv2d(4, first, 7, padding=3)
        self.convf2 = nn.Conv2d(first, second, 3, padding=1)
        self.conv = nn.Conv2d(sizes.likeness + second, sizes.seen, 3, padding=1)
        # So named, but nothing is gated and it is called once.
        self.gru = _head(sizes.seen + 4 + channels, sizes.state, sizes.state)
        self.feat_head = _head(sizes.state, sizes.state, channels)
        self.flow_head = _head(sizes.state, sizes.state, 4)

    def forward(self, features: Tensor, flows: Tensor, correlations: Correlations) -> tuple[Tensor, Tensor]:
        """The corrected flows and features."""
        coarse = resize_flows(flows, 1 / self.scale)  # [N, 4, h/8, w/8]
        motion = _leaky(self.convf2(_leaky(self.convf1(coarse))))
        likeness = _leaky(self.convc1(correlations.around(coarse)))
        seen = _leaky(self.conv(torch.cat((likeness, motion), 1)))
        state = self.gru(torch.cat((seen, coarse, resize(features, 1 / self.scale)), 1))
        return flows + resize_flows(self.flow_head(state), self.scale), features + resize(
            self.feat_head(state), self.scale
        )


def _unit(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.PReLU(outputs))


def _head(inputs: int, inner: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, inner, 3, padding=1), nn.LeakyReLU(0.1, inplace=True), nn.Conv2d(inner, outputs, 3, padding=1)
    )


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.1, inplace=True)


def split(decoded: Tensor) -> tuple[Tensor, Tensor]:
    """Flows [N, 4, h, w] and features, which a decoder gives as one."""
    return decoded[:, :4], decoded[:, 4:]
