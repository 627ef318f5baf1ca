"""Motion smoothness: how well the odd frames are foretold by the even ones (Appendix C; Table 9).

Matches VBench 0.1.5, `motion_smoothness` (commit 45e79ec). Every second frame is kept; each pair of neighbours of these
goes once through AMT-S, which interpolates the frame half way, and that is compared with the one left out. The
prediction is cut, not rounded, to uint8; the clip's value is (255 - mean absolute error) / 255. Differences of uint8
are summed as integers. VBench has code that shrinks frames to the memory of the card; as VBench is called it never
runs, and here it is not there.

It depends on the frame rate and the length: at twice the rate the same motion is half as hard to foretell. The last
frame of a clip of even length is never compared (16 frames give 7 comparisons), nor is any frame that is kept.

A high number hides that nothing moves: a still clip scores nearly 100.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from i2vbench.metrics.base import NetworkMetric
from i2vbench.types import Clip, Frames, Measurement, MetricInfo

if TYPE_CHECKING:
    from torch import Tensor

    from i2vbench.metrics.networks.amt import AMT
    from i2vbench.metrics.networks.frames import Padding

LEAST_FRAMES = 3

BYTES_AT_ONCE = {"cpu": 2**28}
"""About what the network takes for the pairs of one call, by type of device. More made a CPU no faster."""

BYTES_AT_ONCE_ELSEWHERE = 2**32


class Pairing(NamedTuple):
    """Which frames are shown to the network, and which are compared with what it makes of them.

    Attributes:
        kept: Every second frame, from the first.
        compared: (dropped frame, (the kept ones before and after)) each.
        never_compared: Dropped frames without a kept one after them.
    """

    kept: list[int]
    compared: list[tuple[int, tuple[int, int]]]
    never_compared: list[int]


class MotionSmoothness(NetworkMetric):
    """Agreement of the frames between with what AMT-S interpolates."""

    info = MetricInfo(
        id="motion_smoothness",
        title="Motion Smoothness",
        direction="higher",
        unit="%",
        scale=100,
        range=(0.0, 1.0),
        checkpoints=("amt_s",),
        source="Appendix C, Table 9; VBench 0.1.5 motion_smoothness, AMT-S (its weights are non-commercial)",
        hides="A clip in which nothing moves scores nearly 100, and a higher frame rate scores higher.",
    )
    kept_over_runs = True
    network = "amt"

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        refusals = [_refusal(clip.video.frames) for clip in clips]
        measurable = {i: clip.video.frames for i, clip in enumerate(clips) if refusals[i] is None}
        errors = frame_errors(self._network, measurable, self._device)
        return [
            Measurement(clip.sample.id, self.info.id, error=refusal) if refusal else _measurement(clip, errors[i])
            for i, (clip, refusal) in enumerate(zip(clips, refusals, strict=True))
        ]


def kept_and_compared(num_frames: int) -> Pairing:
    """What happens to each frame of a clip; of fewer than 3, none is compared."""
    kept = list(range(0, num_frames, 2))
    compared = [(before + 1, (before, before + 2)) for before in kept[:-1]]
    return Pairing(kept, compared, list(range(2 * len(compared) + 1, num_frames, 2)))


def padding(height: int, width: int, scale_factor: float = 1.0) -> Padding:
    """What brings the sides to multiples of int(16 / scale factor), the smaller half on the left and top."""
    from i2vbench.metrics.networks.amt import MULTIPLE_PX
    from i2vbench.metrics.networks.frames import padding_to

    return padding_to(height, width, int(MULTIPLE_PX / scale_factor))


def interpolate(network: AMT, pairs: Tensor) -> Tensor:
    """The frames half way, in 0..1; NaN where the network gives nothing finite.

    Args:
        network: AMT-S.
        pairs: uint8 [N, 2, H, W, 3] on the network's device.

    Returns:
        float32 [N, 3, H, W].
    """
    import torch
    import torch.nn.functional as F

    height, width = pairs.shape[2:4]
    pad = padding(height, width, network.scale_factor)
    planes = pairs.permute(0, 1, 4, 2, 3).flatten(0, 1)  # [2N, 3, H, W]
    frames = planes.to(torch.float32, memory_format=torch.contiguous_format).div_(255)
    padded = F.pad(frames, pad, mode="replicate").unflatten(0, (-1, 2))  # [N, 2, 3, H', W']
    prediction: Tensor = network(padded).prediction  # [N, 3, H', W']
    return prediction[..., pad.top : pad.top + height, pad.left : pad.left + width]


def frame_errors(network: AMT, videos: Mapping[int, Frames], device: str) -> dict[int, list[float]]:
    """Mean |prediction - frame| of each compared frame, in grey levels; NaN where the prediction is not finite.

    Args:
        network: AMT-S, on the device.
        videos: uint8 [T, H, W, 3] each, of any lengths and of sizes that the network takes.

    Returns:
        Under the same names, a number between 0 and 255 for each of `kept_and_compared`'s.
    """
    import torch

    from i2vbench.transfer import take

    compared: list[tuple[int, int]] = []  # (video, values of a frame) of each comparison
    seen_of: list[Tensor] = []  # [2, N] each; read when all is done, since a GPU would be waited for
    for part in _parts(videos, device):
        frames = [(videos[name], i) for name, dropped, (before, after) in part for i in (before, after, dropped)]
        seen = take(frames, device).unflatten(0, (-1, 3))  # [N, 3, H, W, 3]
        prediction = interpolate(network, seen[:, :2]).permute(0, 2, 3, 1)  # [N, H, W, 3]
        finite = prediction.isfinite().flatten(1).all(1)  # [N]
        levels = (prediction.nan_to_num() * 255).clamp(0, 255).to(torch.uint8)  # the cast cuts
        differences = torch.maximum(levels, seen[:, 2]) - torch.minimum(levels, seen[:, 2])
        sums = differences.flatten(1).sum(1, dtype=torch.int64)  # [N]
        seen_of.append(torch.stack((sums, finite)))
        compared += [(name, differences[0].numel()) for name, *_ in part]
    errors: dict[int, list[float]] = {name: [] for name in videos}
    totals, all_finite = torch.cat(seen_of, dim=1).cpu().tolist() if seen_of else ([], [])
    for (name, values), total, is_finite in zip(compared, totals, all_finite, strict=True):
        errors[name].append(total / values if is_finite else float("nan"))
    return errors


def _parts(videos: Mapping[int, Frames], device: str) -> Iterator[list[tuple[int, int, tuple[int, int]]]]:
    """What to compare, (video, dropped, (before, after)), in parts of one size that fit into memory together."""
    for size in dict.fromkeys(frames.shape[1:3] for frames in videos.values()):
        of_size = {name: frames for name, frames in videos.items() if frames.shape[1:3] == size}
        todo = [(name, *one) for name, frames in of_size.items() for one in kept_and_compared(len(frames)).compared]
        at_once = max(1, BYTES_AT_ONCE.get(device.split(":")[0], BYTES_AT_ONCE_ELSEWHERE) // _bytes_of_pair(*size))
        yield from (todo[start : start + at_once] for start in range(0, len(todo), at_once))


def _bytes_of_pair(height: int, width: int) -> int:
    """About what the network takes for a pair: 1000 a pixel, and the correlations of all pairs of points at 1/8."""
    pixels = height * width
    return 1000 * pixels + 11 * (pixels // 64) ** 2


def _refusal(frames: Frames) -> str | None:
    from i2vbench.metrics.networks.amt import LEAST_SIDE_PX

    num_frames, height, width = frames.shape[:3]
    if num_frames < LEAST_FRAMES:
        return (
            f"too short: expected at least {LEAST_FRAMES} frames, two to interpolate between and one to compare, got "
            f"{num_frames}. Give the profile's protocol more num_frames"
        )
    pad = padding(height, width)
    padded = (height + pad.top + pad.bottom, width + pad.left + pad.right)
    if min(padded) < LEAST_SIDE_PX:
        return (
            f"too small: expected sides of at least {LEAST_SIDE_PX} pixels once padded to multiples of 16, got "
            f"{height} x {width}; below, AMT-S gives NaN. Give the profile's protocol a larger height and width"
        )
    return None


def _measurement(clip: Clip, errors: list[float]) -> Measurement:
    metric, id_ = MotionSmoothness.info.id, clip.sample.id
    dropped = [frame for frame, _ in kept_and_compared(clip.video.num_frames).compared]
    if not np.isfinite(errors).all():
        lost = ", ".join(str(frame) for frame, error in zip(dropped, errors, strict=True) if not np.isfinite(error))
        return Measurement(id_, metric, error=f"AMT-S's prediction of frame {lost} is not finite: check its checkpoint")
    details = {"mae_per_dropped_frame": errors, "dropped_frames": dropped}
    return Measurement(id_, metric, value=(255 - sum(errors) / len(errors)) / 255, details=details)
