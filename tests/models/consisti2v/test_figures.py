"""Picture grids show what they are given, and bands add up; no weights are needed for either."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from i2vbench.models.consisti2v.cost import REPORTED
from i2vbench.models.consisti2v.figures import FIGURE6, FIGURE7, Row, draw_grid, pick_columns, split_bands
from tests.conftest import moving_frames


def test_the_bands_add_up_and_the_low_one_is_slow() -> None:
    z0 = torch.randn(1, 4, 16, 8, 8, generator=torch.Generator().manual_seed(0))
    low, high = split_bands(z0)
    torch.testing.assert_close(low + high, z0)
    assert low.diff(dim=2).abs().mean() < high.diff(dim=2).abs().mean() / 4
    still = torch.ones(1, 4, 16, 8, 8)
    torch.testing.assert_close(split_bands(still)[0], still, msg="what never changes is all low frequency")


def test_time_has_a_stop_frequency_of_its_own() -> None:
    t = torch.arange(16)
    flicker = torch.cos(2 * torch.pi * 4 * t / 16)[None, :, None, None].expand(4, 16, 8, 8)  # half the highest in time
    assert split_bands(flicker, d_s=0.1, d_t=1.0)[0].abs().max() > 0.8
    assert split_bands(flicker, d_s=1.0, d_t=0.1)[0].abs().max() < 1e-4


def test_a_wider_filter_keeps_more() -> None:
    z0 = torch.randn(1, 4, 16, 8, 8, generator=torch.Generator().manual_seed(0))
    kept = [split_bands(z0, d0, d0)[0].square().mean() for d0 in (0.1, 0.25, 0.5, 1.0)]
    assert kept == sorted(kept)


@pytest.mark.parametrize(
    ("num_frames", "columns", "shown"),
    [(16, 5, [0, 4, 8, 11, 15]), (16, 2, [0, 15]), (4, 5, [0, 1, 2, 3]), (16, 1, [0])],
)
def test_columns_are_spread_over_the_clip(num_frames: int, columns: int, shown: list[int]) -> None:
    assert pick_columns(num_frames, columns) == shown


def test_every_cell_is_the_frame_itself() -> None:
    rows = [Row("one", moving_frames(6, 128, 160, seed=1)), Row("two\nlines", moving_frames(6, 128, 160, seed=2))]
    picture = draw_grid(rows, "Text Prompt: a dog", columns=3)
    windows = np.lib.stride_tricks.sliding_window_view(picture[..., 0], (1, 160))
    for row in rows:
        for frame in (0, 2, 5):
            wanted = row.frames[frame]
            y, x = np.argwhere((windows[:, :, 0] == wanted[0, :, 0]).all(-1))[0]
            assert np.array_equal(picture[y : y + 128, x : x + 160], wanted)
    assert (picture[[0, -1]] == 255).all()
    assert (picture[:, [0, -1]] == 255).all()


def test_small_frames_are_enlarged_by_a_whole_factor() -> None:
    rows = [Row("one", moving_frames(2, 32, 32))]
    assert draw_grid(rows, least_side=128).shape[0] > 128
    wide = draw_grid([Row("one", moving_frames(2, 32, 64))]).shape[1] - draw_grid(rows).shape[1]
    assert wide == 2 * 128


def test_a_long_caption_makes_the_picture_higher_and_no_wider() -> None:
    rows = [Row("one", moving_frames(3, 64, 64))]
    short, long = draw_grid(rows, "a dog"), draw_grid(rows, "a dog swimming in the sea at sunset, " * 4)
    assert long.shape[1] == short.shape[1]
    assert long.shape[0] > short.shape[0] > draw_grid(rows).shape[0]


def test_letters_that_the_font_lacks_are_replaced() -> None:
    rows = [Row("one", moving_frames(2, 64, 64))]
    assert np.array_equal(draw_grid(rows, "café 猫"), draw_grid(rows, "cafe ?"))


def test_rows_of_two_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        draw_grid([Row("one", moving_frames(3)), Row("two", moving_frames(4))])


def test_the_rows_are_the_papers() -> None:
    assert tuple(variant for variant, _ in FIGURE6) == tuple(REPORTED)
    settings = {row.number: (row.tau, row.d0) for row in FIGURE7}
    tau, d0 = settings[1]
    assert (tau, d0, settings[4]) == (850, 0.25, (None, None))
    assert tau is not None
    assert d0 is not None
    for number, (moved_tau, moved_d0) in settings.items():
        if number == 4:
            continue
        assert moved_tau is not None
        assert moved_d0 is not None
        assert (moved_tau < tau) == (number in (2, 3, 6)), "smaller tau"
        assert (moved_d0 > d0) == (number in (2, 3, 5)), "larger D0"
