"""Inception of 2015-12-05, the network of FID: TensorFlow's first Inception-v3, as a plain state dict.

Matches torch-fidelity 0.4.0, `FeatureExtractorInceptionV3`, with weights-inception-2015-12-05-6726825d.pth, or
pytorch-fid's file of the same tensors. StyleGAN3's pickle, which Section 5.2 uses, is the same graph; on its resize the
two agree to 6e-5 relative in the features. torchvision's Inception-v3 is another network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2vbench.checkpoints import fill
from i2vbench.metrics.networks.frames import resize_images
from i2vbench.metrics.networks.layers import FrozenBatchNorm, in_float32

SIZE_PX = 299
EPS = 1e-3
"""Of every batch norm."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of the published network; the tiny profile and tests take smaller ones.

    Attributes:
        width: Of 64: the share of the published channels that every layer has. A multiple of 4.
        classes: Outputs of the last layer.
    """

    width: int = 64
    classes: int = 1008

    def of(self, channels: int) -> int:
        """What so many published channels come to."""
        return channels * self.width // 64

    def unit(self, inputs: int, outputs: int, *shape: Any, **options: Any) -> Unit:
        """A `Unit`, by its published channels."""
        return Unit(self.of(inputs), self.of(outputs), *shape, **options)


PUBLISHED = Sizes()


class Features(NamedTuple):
    """What the network sees in N images, all float32; channels and classes are the published ones.

    Attributes:
        pool_64: Means over space of the inner layers: [N, 64],
        pool_192: [N, 192]
        pool_768: and [N, 768].
        features: [N, 2048], the features of FID.
        logits_unbiased: [N, 1008], the last layer without its bias, as the Inception Score takes them.
    """

    pool_64: Tensor
    pool_192: Tensor
    pool_768: Tensor
    features: Tensor
    logits_unbiased: Tensor


def load(state: Mapping[str, Any], sizes: Sizes = PUBLISHED) -> Inception:
    """The network with the tensors of the published checkpoint, in evaluation mode, without gradients.

    Args:
        state: Tensors by name, with or without `num_batches_tracked`.

    Raises:
        CheckpointError: Naming every key that is missing, left over or of another shape.
    """
    with torch.device("meta"):
        network = Inception(sizes)
    fill(network, state, "Inception 2015-12-05", dtype=torch.float32)
    return network.eval().requires_grad_(False)


def preprocess(images: Tensor) -> Tensor:
    """`resize`d to 299x299, then (x - 128) / 128.

    Args:
        images: uint8 [N, H, W, 3] RGB.

    Returns:
        float32 [N, 3, 299, 299] on the same device.

    Raises:
        ValueError: For another dtype or shape.
    """
    return resize_images(images, SIZE_PX, resize).sub_(128).div_(128)


def resize(images: Tensor) -> Tensor:
    """TensorFlow 1's bilinear resize to 299x299, also when shrinking: top-left aligned, not antialiased, not rounded.

    Args:
        images: float32 [N, 3, H, W].
    """
    return _interpolate(_interpolate(images, 3), 2)


def _interpolate(x: Tensor, dim: int) -> Tensor:
    """Along one dimension of size n: output i lies at i n / 299 of the input, whose last element is repeated."""
    size = x.shape[dim]
    # In float32, as TensorFlow: the last digit of a position decides on steep edges.
    step = torch.tensor(size / SIZE_PX, dtype=torch.float32)
    position = torch.arange(SIZE_PX, dtype=torch.float32, device=x.device) * step
    before = position.long()
    fraction = (position - before).view([-1 if d == dim else 1 for d in range(x.ndim)])
    low = x.index_select(dim, before)
    high = x.index_select(dim, (before + 1).clamp_max(size - 1))
    return low + (high - low) * fraction


class Inception(nn.Module):
    """The modules bear the names of the published checkpoint."""

    def __init__(self, sizes: Sizes = PUBLISHED) -> None:
        super().__init__()
        unit = sizes.unit
        self.Conv2d_1a_3x3 = Unit(3, sizes.of(32), 3, stride=2, padding="valid")
        self.Conv2d_2a_3x3 = unit(32, 32, 3, padding="valid")
        self.Conv2d_2b_3x3 = unit(32, 64, 3)
        self.Conv2d_3b_1x1 = unit(64, 80, 1)
        self.Conv2d_4a_3x3 = unit(80, 192, 3, padding="valid")
        self.Mixed_5b = BlockA(sizes, 192, 32)
        self.Mixed_5c = BlockA(sizes, 256, 64)
        self.Mixed_5d = BlockA(sizes, 288, 64)
        self.Mixed_6a = BlockB(sizes, 288)
        self.Mixed_6b = BlockC(sizes, 768, 128)
        self.Mixed_6c = BlockC(sizes, 768, 160)
        self.Mixed_6d = BlockC(sizes, 768, 160)
        self.Mixed_6e = BlockC(sizes, 768, 192)
        self.Mixed_7a = BlockD(sizes, 768)
        self.Mixed_7b = BlockE(sizes, 1280, _average_pool)
        self.Mixed_7c = BlockE(sizes, 2048, _max_pool)
        self.fc = nn.Linear(sizes.of(2048), sizes.classes)

    @in_float32
    def forward(self, images: Tensor) -> Features:
        """The features of `preprocess`ed images [N, 3, 299, 299]."""
        pool_64, pool_192, pool_768, x = self.maps(images)
        features = x.mean(dim=(2, 3))  # [N, 2048]
        return Features(
            pool_64=pool_64.mean(dim=(2, 3)),
            pool_192=pool_192.mean(dim=(2, 3)),
            pool_768=pool_768.mean(dim=(2, 3)),
            features=features,
            logits_unbiased=features @ self.fc.weight.T,  # [N, 1008]
        )

    def maps(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What the features are means of: [N, 64, 73, 73], [N, 192, 35, 35], [N, 768, 17, 17] and [N, 2048, 8, 8]."""
        x = self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(images))  # [N, 32, 147, 147]
        pool_64 = F.max_pool2d(self.Conv2d_2b_3x3(x), 3, 2)  # [N, 64, 73, 73]
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(pool_64))  # [N, 192, 71, 71]
        pool_192 = F.max_pool2d(x, 3, 2)  # [N, 192, 35, 35]
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(pool_192)))  # [N, 288, 35, 35]
        x = self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))  # [N, 768, 17, 17]
        pool_768 = self.Mixed_6e(self.Mixed_6d(x))  # [N, 768, 17, 17]
        return pool_64, pool_192, pool_768, self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(pool_768)))


class Unit(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int | tuple[int, int], stride: int = 1, padding: str = "same"
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = FrozenBatchNorm(outputs, EPS)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class BlockA(nn.Module):
    """35x35: 1x1, 5x5, two 3x3, and the average pool; [N, C, ...] -> [N, 224 + pooled, ...]."""

    def __init__(self, sizes: Sizes, inputs: int, pooled: int) -> None:
        super().__init__()
        unit = sizes.unit
        self.branch1x1 = unit(inputs, 64, 1)
        self.branch5x5_1 = unit(inputs, 48, 1)
        self.branch5x5_2 = unit(48, 64, 5)
        self.branch3x3dbl_1 = unit(inputs, 64, 1)
        self.branch3x3dbl_2 = unit(64, 96, 3)
        self.branch3x3dbl_3 = unit(96, 96, 3)
        self.branch_pool = unit(inputs, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        five = self.branch5x5_2(self.branch5x5_1(x))
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat((self.branch1x1(x), five, double, self.branch_pool(_average_pool(x))), dim=1)


class BlockB(nn.Module):
    """35x35 to 17x17: 3x3, two 3x3, and the maximum; [N, C, ...] -> [N, 480 + C, ...]."""

    def __init__(self, sizes: Sizes, inputs: int) -> None:
        super().__init__()
        unit = sizes.unit
        self.branch3x3 = unit(inputs, 384, 3, stride=2, padding="valid")
        self.branch3x3dbl_1 = unit(inputs, 64, 1)
        self.branch3x3dbl_2 = unit(64, 96, 3)
        self.branch3x3dbl_3 = unit(96, 96, 3, stride=2, padding="valid")

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat((self.branch3x3(x), double, F.max_pool2d(x, 3, 2)), dim=1)


class BlockC(nn.Module):
    """17x17: 1x1, 7x7 and two 7x7 in rows and columns, and the average pool; to 768 channels."""

    def __init__(self, sizes: Sizes, inputs: int, inner: int) -> None:
        super().__init__()
        unit = sizes.unit
        row, column = (1, 7), (7, 1)
        self.branch1x1 = unit(inputs, 192, 1)
        self.branch7x7_1 = unit(inputs, inner, 1)
        self.branch7x7_2 = unit(inner, inner, row)
        self.branch7x7_3 = unit(inner, 192, column)
        self.branch7x7dbl_1 = unit(inputs, inner, 1)
        self.branch7x7dbl_2 = unit(inner, inner, column)
        self.branch7x7dbl_3 = unit(inner, inner, row)
        self.branch7x7dbl_4 = unit(inner, inner, column)
        self.branch7x7dbl_5 = unit(inner, 192, row)
        self.branch_pool = unit(inputs, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat((self.branch1x1(x), seven, double, self.branch_pool(_average_pool(x))), dim=1)


class BlockD(nn.Module):
    """17x17 to 8x8: 3x3, 7x7 and 3x3, and the maximum; [N, C, ...] -> [N, 512 + C, ...]."""

    def __init__(self, sizes: Sizes, inputs: int) -> None:
        super().__init__()
        unit = sizes.unit
        self.branch3x3_1 = unit(inputs, 192, 1)
        self.branch3x3_2 = unit(192, 320, 3, stride=2, padding="valid")
        self.branch7x7x3_1 = unit(inputs, 192, 1)
        self.branch7x7x3_2 = unit(192, 192, (1, 7))
        self.branch7x7x3_3 = unit(192, 192, (7, 1))
        self.branch7x7x3_4 = unit(192, 192, 3, stride=2, padding="valid")

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        return torch.cat(
            (self.branch3x3_2(self.branch3x3_1(x)), self.branch7x7x3_4(seven), F.max_pool2d(x, 3, 2)), dim=1
        )


class BlockE(nn.Module):
    """8x8: 1x1, 3x3 and two 3x3 that end in a row and a column side by side, and a pool; to 2048 channels.

    Args:
        pool: Average in Mixed_7b, maximum in Mixed_7c: so the graph of 2015 has it.
    """

    def __init__(self, sizes: Sizes, inputs: int, pool: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        unit = sizes.unit
        row, column = (1, 3), (3, 1)
        self.branch1x1 = unit(inputs, 320, 1)
        self.branch3x3_1 = unit(inputs, 384, 1)
        self.branch3x3_2a = unit(384, 384, row)
        self.branch3x3_2b = unit(384, 384, column)
        self.branch3x3dbl_1 = unit(inputs, 448, 1)
        self.branch3x3dbl_2 = unit(448, 384, 3)
        self.branch3x3dbl_3a = unit(384, 384, row)
        self.branch3x3dbl_3b = unit(384, 384, column)
        self.branch_pool = unit(inputs, 192, 1)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        ends = (
            self.branch3x3_2a(three),
            self.branch3x3_2b(three),
            self.branch3x3dbl_3a(double),
            self.branch3x3dbl_3b(double),
        )
        return torch.cat((self.branch1x1(x), *ends, self.branch_pool(self.pool(x))), dim=1)


def _average_pool(x: Tensor) -> Tensor:
    """Of 3x3, without what is padded."""
    return F.avg_pool2d(x, 3, 1, padding=1, count_include_pad=False)


def _max_pool(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 3, 1, padding=1)
