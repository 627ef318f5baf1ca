"""The first frame as the VAE is shown it, and synthetic camera motion from it (Section 5.5, Figure 8).

Pictures are scaled bilinearly without antialiasing, as the published code does and the checkpoint is used to.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
import torchvision.transforms.functional as tv
from torch import Tensor

from i2vbench.errors import UserError
from i2vbench.models.consisti2v.sampling import CameraMotion
from i2vbench.types import Image

ZOOM = 1.5
KEY_POINTS = ((0.2, 0.15), (1.0, 0.0), (1.0, 1.0), (0.2, 0.85))
"""Where `rotate` ends: the points of the first frame that have moved to its four corners, as shares of (width,
height), from the top left clockwise. The near side comes closer and the far one recedes."""


def preprocess(image: Image, height: int, width: int) -> Tensor:
    """The first frame, float32 [3, height, width] in -1..1: its shorter side scaled to `height`, its centre cropped.

    A picture that is then narrower than `width` gets black borders.

    Args:
        image: uint8 [H, W, 3].
        height: Pixels.
        width: Pixels.
    """
    scaled = _scale(image, height)
    return 2 * tv.center_crop(scaled, [height, width]) - 1


def camera_frames(
    image: Image,
    motion: CameraMotion,
    num_frames: int,
    height: int,
    width: int,
    key_points: tuple[tuple[float, float], ...] = KEY_POINTS,
) -> Tensor:
    """A layout video, float32 [T, 3, height, width] in -1..1, made of the first frame alone.

    Pans and zooms stop one step before their end, as published.

    Args:
        image: uint8 [H, W, 3].
        motion: Which way the camera moves.
        num_frames: T.
        height: Pixels.
        width: Pixels.
        key_points: Of "rotate"; see `KEY_POINTS`.

    Raises:
        UserError: A pan over a picture that has no room for it.
    """
    progress = [frame / num_frames for frame in range(num_frames)]
    if motion in ("pan-left", "pan-right"):
        frames = _pan(image, [1 - p if motion == "pan-left" else p for p in progress], height, width)
    elif motion in ("zoom-in", "zoom-out"):
        frames = _zoom(image, progress, height, width, inwards=motion == "zoom-in")
    else:
        frames = _rotate(image, progress, height, width, key_points)
    return 2 * torch.stack(frames) - 1


def _scale(image: Image, shorter_side: int) -> Tensor:
    """float32 [3, h, w] in 0..1."""
    pixels = torch.from_numpy(image.copy()).permute(2, 0, 1).float() / 255
    return tv.resize(pixels, [shorter_side], antialias=False)


def _pan(image: Image, positions: list[float], height: int, width: int) -> list[Tensor]:
    """Crops [3, height, width] at these shares of the way from the left edge to the right one."""
    scaled = _scale(image, height)
    if scaled.shape[1] != height or scaled.shape[2] <= width:
        size = f"{image.shape[1]} x {image.shape[0]} (width x height)"
        raise UserError(f"a pan needs a picture wider than the video's {width} x {height}; this one is {size}")
    room = scaled.shape[2] - width
    return [tv.crop(scaled, 0, int(room * position), height, width) for position in positions]


def _zoom(image: Image, progress: list[float], height: int, width: int, *, inwards: bool) -> list[Tensor]:
    """Crops around the centre that shrink or grow by ZOOM, scaled to [3, height, width]."""
    scaled = _scale(image, 2 * height)
    full = min(scaled.shape[1], scaled.shape[2] * height // width)
    least = int(full // ZOOM)
    frames = []
    for p in progress:
        side = full - int((full - least) * p) if inwards else least + int((full - least) * p)
        across = side * width // height
        top, left = (scaled.shape[1] - side) // 2, (scaled.shape[2] - across) // 2
        frames.append(tv.resized_crop(scaled, top, left, side, across, [height, width], antialias=False))
    return frames


def _rotate(
    image: Image, progress: list[float], height: int, width: int, key_points: tuple[tuple[float, float], ...]
) -> list[Tensor]:
    """Perspective views [3, height, width] that move from the whole first frame towards the key points."""
    frame = tv.center_crop(_scale(image, height), [height, width])
    corners = torch.tensor([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)], dtype=torch.float64)
    ends = torch.tensor(key_points, dtype=torch.float64)
    return [_look(frame, corners, (1 - p) * corners + p * ends) if p else frame for p in progress]


def _look(frame: Tensor, corners: Tensor, seen: Tensor) -> Tensor:
    """The perspective view of [3, h, w] that shows at its corners what lies at `seen`; both [4, 2], in shares."""
    # x' = (a x + b y + c) / (g x + h y + 1), y' = (d x + e y + f) / (g x + h y + 1), one pair of rows per corner.
    rows = []
    for (x, y), (to_x, to_y) in zip(corners.tolist(), seen.tolist(), strict=True):
        rows.append([x, y, 1, 0, 0, 0, -x * to_x, -y * to_x])
        rows.append([0, 0, 0, x, y, 1, -x * to_y, -y * to_y])
    coefficients = torch.linalg.solve(torch.tensor(rows, dtype=torch.float64), seen.flatten())  # [8]
    matrix = torch.cat((coefficients, torch.ones(1, dtype=torch.float64))).view(3, 3)
    y, x = torch.meshgrid(*(torch.linspace(0, 1, size, dtype=torch.float64) for size in frame.shape[1:]), indexing="ij")
    points = torch.stack((x, y, torch.ones_like(x)), dim=-1) @ matrix.T  # [h, w, 3]
    grid = 2 * (points[..., :2] / points[..., 2:]) - 1  # [h, w, 2] in -1..1, as grid_sample wants it
    # Borders are held: a border that sampling misses by rounding would else turn dark.
    sampled = F.grid_sample(frame[None], grid[None].float(), padding_mode="border", align_corners=True)
    return sampled[0]
