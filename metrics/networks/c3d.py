"""C3D, the network of the video Inception Score: Sports-1M, fine-tuned on UCF-101.

Matches TGANv2's `C3DVersion1UCF101` (Saito et al., 2020) with conv3d_deepnetA_ucf.npz and mean2.npz of release v1.0 of
rezoo/tgan2. StyleGAN-V's c3d_ucf101.pt, which Section 5.2 uses, is that model by its authors' word; it is a program and
is not loaded here. What the score needs of a clip are 101 probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2vbench.checkpoints import CheckpointError, fill, unwrap
from i2vbench.metrics.networks.frames import resize_videos
from i2vbench.metrics.networks.layers import in_float32

SIZE_PX = 112
NUM_FRAMES = 16
MEAN_OFFSET_PX = 8
"""The mean cube is cropped to rows and columns 8 to 119, whatever its size; not to its centre."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of the published network; the tiny profile and tests take smaller ones.

    Attributes:
        width: Channels of the first convolution; the others have up to 8 times as many.
        hidden: Outputs of the first two linear layers.
        classes: Outputs of the last one.
    """

    width: int = 64
    hidden: int = 4096
    classes: int = 101


PUBLISHED = Sizes()


def load(state: Mapping[str, Any], sizes: Sizes = PUBLISHED) -> C3D:
    """The network with the tensors of the published checkpoint, in evaluation mode, without gradients.

    Args:
        state: By their names in the .npz file (`conv1a/W`, `conv1a/b`), or `conv1a.weight`, `conv1a.bias`.

    Raises:
        CheckpointError: Naming every key (`conv1a.weight`) that is missing, left over or of another shape.
    """
    with torch.device("meta"):
        network = C3D(sizes)
    fill(network, {_name(key): value for key, value in unwrap(state).items()}, "C3D", dtype=torch.float32)
    return network.eval().requires_grad_(False)


def load_mean(state: Mapping[str, Any]) -> Tensor:
    """The mean video that `preprocess` subtracts.

    Args:
        state: What mean2.npz holds: `mean` [3, 16, H, W], BGR, H and W at least 120; or [3, 1, 1, 1], one colour.

    Returns:
        float32 [3, 16, 112, 112].

    Raises:
        CheckpointError: It holds something else.
    """
    if set(state) != {"mean"}:
        missing, left_over = sorted({"mean"} - set(state)), sorted(set(state) - {"mean"})
        raise CheckpointError(f"mean of C3D: expected mean alone, got {', '.join(left_over)}", missing, left_over, [])
    mean = torch.as_tensor(state["mean"]).to(torch.float32)
    if mean.shape == (3, 1, 1, 1):
        return mean.expand(3, NUM_FRAMES, SIZE_PX, SIZE_PX)
    end = MEAN_OFFSET_PX + SIZE_PX
    if mean.ndim != 4 or mean.shape[:2] != (3, NUM_FRAMES) or min(mean.shape[2:]) < end:
        expected = f"[3, {NUM_FRAMES}, H, W] with H, W >= {end}"
        raise CheckpointError(f"mean of C3D: expected {expected}, got {list(mean.shape)}", [], [], ["mean"])
    return mean[:, :, MEAN_OFFSET_PX:end, MEAN_OFFSET_PX:end]


def preprocess(videos: Tensor, mean: Tensor) -> Tensor:
    """BGR in 0..255, every frame stretched to 112x112 (bilinear, corners aligned, not antialiased), minus the mean.

    Args:
        videos: uint8 [N, 16, H, W, 3] RGB.
        mean: As `load_mean` gives it.

    Returns:
        float32 [N, 3, 16, 112, 112] on the videos' device.

    Raises:
        ValueError: For another dtype or shape, or other than 16 frames.
    """
    resized = resize_videos(videos, SIZE_PX, _stretch_to_bgr)
    _check_frames(resized.shape[2])
    return resized.sub_(mean.to(resized.device))


class C3D(nn.Module):
    """Eight convolutions and three linear layers; the modules bear the names of the published checkpoint."""

    def __init__(self, sizes: Sizes = PUBLISHED) -> None:
        super().__init__()
        width, hidden = sizes.width, sizes.hidden
        self.conv1a = nn.Conv3d(3, width, 3, padding=1)
        self.pool1 = nn.MaxPool3d((1, 2, 2), ceil_mode=True)
        self.conv2a = nn.Conv3d(width, 2 * width, 3, padding=1)
        self.pool2 = nn.MaxPool3d(2, ceil_mode=True)
        self.conv3a = nn.Conv3d(2 * width, 4 * width, 3, padding=1)
        self.conv3b = nn.Conv3d(4 * width, 4 * width, 3, padding=1)
        self.pool3 = nn.MaxPool3d(2, ceil_mode=True)
        self.conv4a = nn.Conv3d(4 * width, 8 * width, 3, padding=1)
        self.conv4b = nn.Conv3d(8 * width, 8 * width, 3, padding=1)
        self.pool4 = nn.MaxPool3d(2, ceil_mode=True)
        self.conv5a = nn.Conv3d(8 * width, 8 * width, 3, padding=1)
        self.conv5b = nn.Conv3d(8 * width, 8 * width, 3, padding=1)
        # 7x7 becomes 4x4: the last row and column see one element each. Padding instead shifts the windows.
        self.pool5 = nn.MaxPool3d(2, ceil_mode=True)
        self.fc6 = nn.Linear(8 * width * 4 * 4, hidden)
        self.fc7 = nn.Linear(hidden, hidden)
        self.fc8 = nn.Linear(hidden, sizes.classes)

    @in_float32
    def forward(self, videos: Tensor) -> Tensor:
        """Probabilities [N, 101] of the classes of UCF-101 for `preprocess`ed videos [N, 3, 16, 112, 112].

        Raises:
            ValueError: Other than 16 frames.
        """
        return self.logits(videos).softmax(dim=1)

    def logits(self, videos: Tensor) -> Tensor:
        """Of which the probabilities are the softmax, [N, 101]."""
        _check_frames(videos.shape[2])
        x = self.pool1(F.relu(self.conv1a(videos)))  # [N, 64, 16, 56, 56]
        x = self.pool2(F.relu(self.conv2a(x)))  # [N, 128, 8, 28, 28]
        x = self.pool3(F.relu(self.conv3b(F.relu(self.conv3a(x)))))  # [N, 256, 4, 14, 14]
        x = self.pool4(F.relu(self.conv4b(F.relu(self.conv4a(x)))))  # [N, 512, 2, 7, 7]
        x = self.pool5(F.relu(self.conv5b(F.relu(self.conv5a(x)))))  # [N, 512, 1, 4, 4]
        x = F.relu(self.fc7(F.relu(self.fc6(x.flatten(1)))))  # [N, 4096]
        logits: Tensor = self.fc8(x)
        return logits


def _stretch_to_bgr(frames: Tensor) -> Tensor:
    """RGB [F, 3, H, W] -> BGR [F, 3, 112, 112]."""
    return F.interpolate(frames.flip(1), (SIZE_PX, SIZE_PX), mode="bilinear", align_corners=True)


def _check_frames(num_frames: int) -> None:
    if num_frames != NUM_FRAMES:
        raise ValueError(f"C3D: expected clips of {NUM_FRAMES} frames, got {num_frames}")


def _name(name: str) -> str:
    """conv1a/W -> conv1a.weight, conv1a/b -> conv1a.bias."""
    layer, slash, role = name.partition("/")
    return f"{layer}.{'weight' if role == 'W' else 'bias'}" if slash and role in ("W", "b") else name
