"""The first frame as the VAE sees it, and layouts of a moving camera (Section 5.5)."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as tv

from i2vbench.errors import UserError
from i2vbench.models.consisti2v.camera import camera_frames, preprocess
from i2vbench.models.consisti2v.sampling import CAMERA_FRAMEINIT, CameraMotion
from i2vbench.types import Image

MOTIONS: tuple[CameraMotion, ...] = get_args(CameraMotion)


def ramp(height: int, width: int) -> Image:
    """uint8 [H, W, 3]: red grows to the right, green downwards, so that a pixel tells where it came from."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([255 * x / (width - 1), 255 * y / (height - 1), np.zeros((height, width))], -1).astype(np.uint8)


def centres(frames: torch.Tensor) -> torch.Tensor:
    """Where each frame looks, [T, 2]: its mean red and green in 0..1."""
    return (frames[:, :2].mean(dim=(2, 3)) + 1) / 2


def spans(frames: torch.Tensor) -> torch.Tensor:
    """How much each frame sees of the width, [T]."""
    return (frames[:, 0].amax(dim=(1, 2)) - frames[:, 0].amin(dim=(1, 2))) / 2


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("size", [(32, 32), (32, 48), (48, 32)])
def test_a_layout_has_the_videos_size(motion: CameraMotion, size: tuple[int, int]) -> None:
    frames = camera_frames(ramp(60, 160), motion, 5, *size)
    assert frames.shape == (5, 3, *size)
    assert frames.dtype == torch.float32
    assert -1 <= frames.min() < 0 < frames.max() <= 1


def test_pans_go_where_they_say() -> None:
    right, left = (centres(camera_frames(ramp(64, 160), motion, 8, 32, 32)) for motion in ("pan-right", "pan-left"))
    assert (right[:, 0].diff() > 0.01).all()
    assert (left[:, 0].diff() < -0.01).all()
    assert right[:, 1].std() < 1e-3
    assert right[0, 0] < 0.25
    assert left[0, 0] > 0.75


@pytest.mark.parametrize(("motion", "sides"), [("zoom-in", [16, 15, 13, 12]), ("zoom-out", [10, 11, 13, 14])])
def test_zooms_crop_whole_pixels_and_cut_fractions_off(motion: CameraMotion, sides: list[int]) -> None:
    """From 16 to int(16 / 1.5) = 10 pixels in steps of 6 / 4; a rounded step would be another crop."""
    frames = camera_frames(ramp(16, 16), motion, 4, 8, 8)
    picture = torch.from_numpy(ramp(16, 16)).permute(2, 0, 1) / 127.5 - 1
    for frame, side in zip(frames, sides, strict=True):
        corner = (16 - side) // 2
        expected = tv.resized_crop(picture, corner, corner, side, side, [8, 8], antialias=False)
        torch.testing.assert_close(frame, expected)


def test_zooms_stay_in_the_middle_and_mirror_each_other() -> None:
    inwards, outwards = (camera_frames(ramp(96, 96), motion, 8, 32, 32) for motion in ("zoom-in", "zoom-out"))
    assert (spans(inwards).diff() < 0).all()
    assert (spans(outwards).diff() > 0).all()
    torch.testing.assert_close(centres(inwards), torch.full((8, 2), 0.5), atol=0.02, rtol=0)
    torch.testing.assert_close(centres(outwards), torch.full((8, 2), 0.5), atol=0.02, rtol=0)
    assert spans(inwards)[0] > 0.97
    assert spans(outwards)[0] == pytest.approx(1 / 1.5, abs=0.03)


def test_a_rotation_begins_with_the_first_frame_and_brings_one_side_closer() -> None:
    frames = camera_frames(ramp(64, 64), "rotate", 8, 64, 64)
    torch.testing.assert_close(frames[0], preprocess(ramp(64, 64), 64, 64))
    green = (frames[:, 1] + 1) / 2  # how far down the picture each pixel lies
    left, right = (green[:, -1, side] - green[:, 0, side] for side in (0, -1))  # what each side sees of the height
    assert (left.diff() < 0).all()
    assert left[-1] == pytest.approx(1 - 0.3 * 7 / 8, abs=0.03)
    torch.testing.assert_close(right, torch.ones(8), atol=0.03, rtol=0)
    assert frames.min() >= -1.001
    assert not (frames[:, :2] <= -0.999).all(dim=1)[:, 1:-1, 1:-1].any()  # no black corners


def test_rotation_ends_where_its_key_points_say() -> None:
    still = camera_frames(ramp(64, 64), "rotate", 4, 32, 32, ((0, 0), (1, 0), (1, 1), (0, 1)))
    torch.testing.assert_close(still[-1], still[0], atol=0.02, rtol=0)


@pytest.mark.parametrize("size", [(100, 60), (60, 60)])
def test_a_pan_needs_room(size: tuple[int, int]) -> None:
    with pytest.raises(UserError, match=f"wider than the video's 32 x 32; this one is {size[1]} x {size[0]}"):
        camera_frames(ramp(*size), "pan-right", 4, 32, 32)


def test_a_picture_of_the_videos_size_is_taken_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    pixels = ((preprocess(image, 32, 48) + 1) * 127.5).round().byte().permute(1, 2, 0)
    assert np.array_equal(pixels.numpy(), image)


def test_a_narrow_picture_gets_black_borders() -> None:
    pixels = preprocess(np.full((64, 32, 3), 255, np.uint8)[:32], 32, 64)
    assert (pixels[:, :, :16] == -1).all()
    assert (pixels[:, :, 16:48] == 1).all()
    assert (pixels[:, :, 48:] == -1).all()


def test_every_motion_has_the_papers_frameinit() -> None:
    assert dict(CAMERA_FRAMEINIT) == {
        "pan-left": (750, 0.5), "pan-right": (750, 0.5), "zoom-in": (750, 0.5), "zoom-out": (750, 0.5),
        "rotate": (700, 0.5),
    }  # fmt: skip
