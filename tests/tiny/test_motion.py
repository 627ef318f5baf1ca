"""What RAFT-tiny and AMT-tiny learn from: flows lead to the same points, however the window drifts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from i2vbench.tiny import motion


@pytest.fixture(scope="module")
def look() -> motion.Look:
    """Of several clips, some windows of which drift."""
    return motion.Pool(6).look(np.random.default_rng(0), 24, (-1, 1), (1, 2))


def test_flows_lead_to_the_same_points(look: motion.Look) -> None:
    side = motion.SIDE_PX
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    for k in range(2):
        points = look.flows[:, k] + torch.stack((x, y))  # [N, 2, S, S]
        grid = ((2 * points + 1) / side - 1).permute(0, 2, 3, 1)
        there = F.grid_sample(look.frames[:, k + 1], grid, align_corners=False)
        known = look.known[:, 0] & (grid.abs() < 1).all(-1)
        led, still = ((one - look.frames[:, 0]).abs().mean(1)[known].mean() for one in (there, look.frames[:, k + 1]))
        assert led < still / 3  # not 0: what is covered in the other frame has flow too


def test_most_of_a_look_is_known_and_some_of_it_moves_far(look: motion.Look) -> None:
    assert look.known.float().mean() > 0.8
    lengths = look.flows.norm(dim=2)[look.known.expand(-1, 2, -1, -1)]
    assert lengths.max() > 15
    assert lengths.median() < 5


@pytest.mark.parametrize("between", [False, True])
def test_features_that_find_their_positions_again_lose_nothing(between: bool) -> None:
    """Features that differ at every position, and a flow of two positions to the right."""
    first = 40 * torch.eye(256).view(1, 256, 16, 16)
    flow = torch.zeros(1, 2, 128, 128)
    flow[:, 0] = 16
    known = torch.ones(1, 1, 128, 128, dtype=torch.bool)
    right = motion.matching_loss(first, first.roll(2, dims=3), flow, known, between=between)
    wrong = motion.matching_loss(first, first, flow, known, between=between)
    assert right < 0.01
    assert wrong > 10


def test_a_point_between_two_positions_is_best_half_like_either() -> None:
    first = torch.zeros(1, 1, 16, 16)
    first[..., 8, 8] = 1
    flow, known = torch.zeros(1, 2, 128, 128), torch.zeros(1, 1, 128, 128, dtype=torch.bool)
    flow[:, 0], known[..., 68, 68] = 4, True  # half a position to the right, of this position alone
    second = torch.full((1, 1, 16, 16), -40.0)
    second[..., 8, 8:10] = 0
    halves = motion.matching_loss(first, second, flow, known, between=True)
    assert halves.item() == pytest.approx(np.log(2), abs=1e-4)
    second[..., 8, 9] = -1
    assert motion.matching_loss(first, second, flow, known, between=True) > halves + 0.05


def test_light_is_the_same_in_all_frames_of_a_clip_and_noise_is_not(look: motion.Look) -> None:
    still = look.frames[:, :1].expand(-1, 3, -1, -1, -1)
    lit = motion.recoloured(still, np.random.default_rng(0))
    assert torch.equal(lit[:, 0], lit[:, 2])
    assert (lit - still).abs().mean() > 0.05
    noisy = motion.disturbed(still, np.random.default_rng(0))
    assert (noisy[:, 0] - noisy[:, 2]).abs().mean() > 0.005
