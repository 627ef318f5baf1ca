"""I3D, the network of FVD: Inception-v1 inflated to three dimensions, trained on Kinetics-400.

Matches `tats/fvd` of TATS (Ge et al., 2022), which Section 5.2 follows, with its i3d_pretrained_400.pt, which was made
from TF-Hub's deepmind/i3d-kinetics-400/1. The feature is the 400 logits. StyleGAN-V's TorchScript I3D has the same
weights in the layout of hassony2/kinetics_i3d_pytorch, and another eps: a variant here, whose numbers are others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2vbench.checkpoints import fill, unwrap
from i2vbench.metrics.networks.frames import resize_videos
from i2vbench.metrics.networks.layers import FrozenBatchNorm, in_float32

SIZE_PX = 224
MIN_FRAMES = 9
"""The last pool takes two steps of a time that was halved three times, rounded up each time."""

EPS = 1e-5
"""Of every batch norm, in TATS' code. With 1e-3 the logits of a calibrated network change by 8 %."""

PORT_EPS = 1e-3
"""In hassony2/kinetics_i3d_pytorch, as in DeepMind's layers."""

Variant = Literal["tats", "stylegan-v"]

_PORT_BRANCHES = {"0": "b0", "1.0": "b1a", "1.1": "b1b", "2.0": "b2a", "2.1": "b2b", "3.1": "b3b"}
_PORT_BRANCH = re.compile(r"\.branch_(\d(?:\.\d)?)(?=\.(?:conv3d|batch3d)\.)")


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of the published network; the tiny profile and tests take smaller ones.

    Attributes:
        width: Of 64: the share of the published channels that every layer has. A multiple of 8.
        classes: Logits.
    """

    width: int = 64
    classes: int = 400

    def of(self, channels: int) -> int:
        """What so many published channels come to."""
        return channels * self.width // 64


PUBLISHED = Sizes()


def load(state: Mapping[str, Any], variant: Variant = "tats", sizes: Sizes = PUBLISHED) -> I3D:
    """The network with the tensors of a published checkpoint, in evaluation mode, without gradients.

    Args:
        state: Tensors by name: `Mixed_3b.b1a.bn.weight`; for "stylegan-v" `mixed_3b.branch_1.0.batch3d.weight`.
        variant: Whose eps and names. The port's pools pad by the layer alone, not by the input's size as here: on clips
            whose length does not halve evenly (16 does), "stylegan-v" is not the port.
        sizes: Of the network.

    Raises:
        CheckpointError: Naming every key, as "tats" calls it, that is missing, left over or of another shape.
        ValueError: No such variant.
    """
    if variant not in ("tats", "stylegan-v"):
        raise ValueError(f"variant of I3D: expected tats or stylegan-v, got {variant!r}")
    ported = variant == "stylegan-v"
    tensors = unwrap(state)
    with torch.device("meta"):
        network = I3D(PORT_EPS if ported else EPS, sizes)
    fill(
        network,
        {_name_of_port(key): value for key, value in tensors.items()} if ported else tensors,
        "I3D",
        dtype=torch.float32,
    )
    return network.eval().requires_grad_(False)


def preprocess(videos: Tensor) -> Tensor:
    """Every frame stretched to 224x224: bilinear, half-pixel, not antialiased, not rounded; then 2x/255 - 1.

    Args:
        videos: uint8 [N, T, H, W, 3] RGB, T >= 9.

    Returns:
        float32 [N, 3, T, 224, 224] on the same device.

    Raises:
        ValueError: For another dtype or shape, or fewer frames.
    """
    resized = resize_videos(videos, SIZE_PX, lambda frames: F.interpolate(frames, (SIZE_PX, SIZE_PX), mode="bilinear"))
    check_frames(resized.shape[2])
    return resized.mul_(2).div_(255).sub_(1)


@in_float32
def script_features(network: nn.Module, videos: Tensor) -> Tensor:
    """Logits [N, 400] of StyleGAN-V's TorchScript module, which resizes and rescales float32 [N, 3, T, H, W] in 0..255.

    Raises:
        ValueError: Fewer than 9 frames.
    """
    check_frames(videos.shape[2])
    return network(videos, rescale=True, resize=True, return_features=True)


class I3D(nn.Module):
    """Inception-v1 in three dimensions; the modules bear the names of the published checkpoint.

    Args:
        eps: Of every batch norm.
    """

    def __init__(self, eps: float = EPS, sizes: Sizes = PUBLISHED) -> None:
        super().__init__()
        of = sizes.of

        def mixed(inputs: int, *widths: int) -> Mixed:
            return Mixed(of(inputs), [of(width) for width in widths], eps)

        self.Conv3d_1a_7x7 = Unit(3, of(64), 7, eps, stride=2)
        self.MaxPool3d_2a_3x3 = MaxPool((1, 3, 3), (1, 2, 2))
        self.Conv3d_2b_1x1 = Unit(of(64), of(64), 1, eps)
        self.Conv3d_2c_3x3 = Unit(of(64), of(192), 3, eps)
        self.MaxPool3d_3a_3x3 = MaxPool((1, 3, 3), (1, 2, 2))
        self.Mixed_3b = mixed(192, 64, 96, 128, 16, 32, 32)
        self.Mixed_3c = mixed(256, 128, 128, 192, 32, 96, 64)
        self.MaxPool3d_4a_3x3 = MaxPool((3, 3, 3), (2, 2, 2))
        self.Mixed_4b = mixed(480, 192, 96, 208, 16, 48, 64)
        self.Mixed_4c = mixed(512, 160, 112, 224, 24, 64, 64)
        self.Mixed_4d = mixed(512, 128, 128, 256, 24, 64, 64)
        self.Mixed_4e = mixed(512, 112, 144, 288, 32, 64, 64)
        self.Mixed_4f = mixed(528, 256, 160, 320, 32, 128, 128)
        self.MaxPool3d_5a_2x2 = MaxPool((2, 2, 2), (2, 2, 2))
        self.Mixed_5b = mixed(832, 256, 160, 320, 32, 128, 128)
        self.Mixed_5c = mixed(832, 384, 192, 384, 48, 128, 128)
        self.pool = nn.AvgPool3d((2, 7, 7), stride=1)
        self.logits = nn.ModuleDict({"conv3d": nn.Conv3d(of(1024), sizes.classes, 1)})

    @in_float32
    def forward(self, videos: Tensor) -> Tensor:
        """Logits [N, 400] of `preprocess`ed videos [N, 3, T, 224, 224], the mean over time.

        Raises:
            ValueError: Fewer than 9 frames.
        """
        check_frames(videos.shape[2])
        x = self.MaxPool3d_2a_3x3(self.Conv3d_1a_7x7(videos))  # [N, 64, T/2, 56, 56]
        x = self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(x))  # [N, 192, T/2, 56, 56]
        x = self.Mixed_3c(self.Mixed_3b(self.MaxPool3d_3a_3x3(x)))  # [N, 480, T/2, 28, 28]
        x = self.Mixed_4c(self.Mixed_4b(self.MaxPool3d_4a_3x3(x)))  # [N, 512, T/4, 14, 14]
        x = self.Mixed_4f(self.Mixed_4e(self.Mixed_4d(x)))  # [N, 832, T/4, 14, 14]
        x = self.Mixed_5c(self.Mixed_5b(self.MaxPool3d_5a_2x2(x)))  # [N, 1024, T/8, 7, 7]
        x = self.logits["conv3d"](self.pool(x))  # [N, 400, T/8 - 1, 1, 1]
        return x.mean(dim=(2, 3, 4))  # [N, 400]


class Unit(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, eps: float, stride: int = 1) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(inputs, outputs, kernel, stride, bias=False)
        self.bn = FrozenBatchNorm(outputs, eps)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv3d(pad_same(x, self.conv3d.kernel_size, self.conv3d.stride))))


class MaxPool(nn.Module):
    """Maximum over windows; what is padded counts as zero."""

    def __init__(self, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool3d(pad_same(x, self.kernel, self.stride), self.kernel, self.stride)


class Mixed(nn.Module):
    """Four branches side by side.

    Args:
        inputs: Channels in.
        widths: Channels of b0, b1a, b1b, b2a, b2b and b3b; b0, b1b, b2b and b3b go out.
    """

    def __init__(self, inputs: int, widths: Sequence[int], eps: float) -> None:
        super().__init__()
        b0, b1a, b1b, b2a, b2b, b3b = widths
        self.b0 = Unit(inputs, b0, 1, eps)
        self.b1a = Unit(inputs, b1a, 1, eps)
        self.b1b = Unit(b1a, b1b, 3, eps)
        self.b2a = Unit(inputs, b2a, 1, eps)
        self.b2b = Unit(b2a, b2b, 3, eps)
        self.b3a = MaxPool((3, 3, 3), (1, 1, 1))
        self.b3b = Unit(inputs, b3b, 1, eps)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x))), dim=1)


def pad_same(x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    """Zeros around the last three dimensions, as TensorFlow's "SAME": by the size of x, the smaller half in front."""
    sides: list[int] = []
    for size, k, s in zip(x.shape[:1:-1], kernel[::-1], stride[::-1], strict=True):  # F.pad begins with the last
        total = max(k - (size % s or s), 0)
        sides += (total // 2, total - total // 2)
    return F.pad(x, sides) if any(sides) else x


def check_frames(num_frames: int) -> None:
    if num_frames < MIN_FRAMES:
        raise ValueError(f"I3D: expected clips of at least {MIN_FRAMES} frames, got {num_frames}")


def _name_of_port(name: str) -> str:
    """mixed_3b.branch_1.0.batch3d.weight -> Mixed_3b.b1a.bn.weight; conv3d_0c_1x1 -> logits."""
    if not name.startswith(("conv3d_", "mixed_")):
        return name
    name = _PORT_BRANCH.sub(lambda found: f".{_PORT_BRANCHES.get(found[1], found[0][1:])}", name)
    layer, _, rest = name.partition(".")
    layer = "logits" if layer == "conv3d_0c_1x1" else layer.capitalize()
    return f"{layer}.{rest.replace('batch3d.', 'bn.')}"
