"""The attention layers against equations (3) and (4), written out pixel by pixel."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from i2vbench.models.consisti2v.positions import make_positions
from i2vbench.models.consisti2v.spatial import SpatialSelfAttention
from i2vbench.models.consisti2v.temporal import TemporalConvolution, TemporalSelfAttention, extend_by_window
from i2vbench.models.consisti2v.transformer import Attention, Grid


def written_out(layer: Attention, queries: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
    """Softmax attention of projected queries [L, C] to projected keys and values [2, S, C], head by head."""
    keys, values = context
    width = queries.shape[-1] // layer.heads
    heads = []
    for head in range(layer.heads):
        part = slice(head * width, (head + 1) * width)
        weights = torch.softmax(queries[:, part] @ keys[:, part].T / width**0.5, dim=-1)
        heads.append(weights @ values[:, part])
    return layer.to_out[0](torch.cat(heads, dim=-1))


def test_spatial_attention_sees_the_frame_and_the_whole_first_frame() -> None:
    torch.manual_seed(0)
    layer = SpatialSelfAttention(16, heads=2, first_frame=True)
    grid = Grid(num_frames=3, height=2, width=4)
    tokens = torch.randn(2 * 3, 8, 16)
    out = layer(tokens, grid)
    for video in range(2):
        for frame in range(3):
            own, first = tokens[video * 3 + frame], tokens[video * 3]
            seen = torch.cat((own, first))
            context = torch.stack((layer.to_k(seen), layer.to_v(seen)))
            expected = written_out(layer, layer.to_q(own), context)
            torch.testing.assert_close(out[video * 3 + frame], expected)


@pytest.mark.parametrize("positions", ["rotary", "rotary-per-head", "sinusoidal"])
@pytest.mark.parametrize("window", [1, 3, 5])
def test_temporal_attention_sees_its_pixel_and_the_first_frames_window(positions: str, window: int) -> None:
    torch.manual_seed(0)
    layer = TemporalSelfAttention(16, heads=2, positions=positions, window=window)  # type: ignore[arg-type]
    if hasattr(layer, "rotary_emb"):
        torch.nn.init.normal_(layer.rotary_emb.freqs)  # any frequencies must do, not only powers of 10000
    frames, height, width = 3, 2, 4
    tokens = torch.randn(frames, height * width, 16)
    out = layer(tokens, Grid(frames, height, width))
    first = tokens[0].view(height, width, 16)
    radius = window // 2
    for row in range(height):
        for column in range(width):
            own = tokens[:, row * width + column]  # [f, C]
            around = [
                first[min(max(row + y, 0), height - 1), min(max(column + x, 0), width - 1)]
                for y in range(-radius, radius + 1)
                for x in range(-radius, radius + 1)
                if (y, x) != (0, 0)
            ]
            placed = layer.positions.place(own[None, :, None])[0, :, 0]
            keys = layer.positions.turn(layer.to_k(placed)[None, :, None])[0, :, 0]
            values = layer.to_v(placed)
            for token in around:  # each stands at the first frame's position
                placed_token = layer.positions.place(token[None, None, None])
                keys = torch.cat((keys, layer.positions.turn(layer.to_k(placed_token))[0, 0]))
                values = torch.cat((values, layer.to_v(placed_token)[0, 0]))
            queries = layer.positions.turn(layer.to_q(placed)[None, :, None])[0, :, 0]
            expected = written_out(layer, queries, torch.stack((keys, values)))
            torch.testing.assert_close(out[:, row * width + column], expected)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.sampled_from([3, 5]))
@settings(max_examples=30, deadline=None)
def test_windows_replicate_the_border(height: int, width: int, frames: int, window: int) -> None:
    x = torch.arange(frames * height * width, dtype=torch.float32).view(1, frames, height * width, 1)
    extended = extend_by_window(x, Grid(frames, height, width), window)
    assert extended.shape == (1, frames - 1 + window**2, height * width, 1)
    padded = torch.nn.functional.pad(x[:, :1].view(1, 1, height, width), [window // 2] * 4, mode="replicate")
    unfolded = torch.nn.functional.unfold(padded, window).view(window**2, -1)
    assert torch.equal(extended[0, frames - 1 :, :, 0], unfolded)
    assert torch.equal(extended[0, : frames - 1], x[0, 1:])


def test_the_rotary_table_turns_the_first_half_of_the_channels_in_pairs() -> None:
    rotary = make_positions("rotary", channels=16, heads=4)
    x = torch.randn(1, 5, 2, 16)
    turned = rotary.turn(x)
    assert torch.equal(turned[..., 8:], x[..., 8:])
    assert torch.equal(turned[:, 0], x[:, 0])  # position 0 is no rotation at all: windows rely on it
    pairs, turned_pairs = (t[..., :8].unflatten(-1, (-1, 2)) for t in (x, turned))
    torch.testing.assert_close(turned_pairs.norm(dim=-1), pairs.norm(dim=-1))
    angle = torch.atan2(turned_pairs[0, 3, 0, 1, 1], turned_pairs[0, 3, 0, 1, 0]) - torch.atan2(
        pairs[0, 3, 0, 1, 1], pairs[0, 3, 0, 1, 0]
    )
    assert torch.cos(angle - 3 * 10000 ** (-2 / 8)).item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("stored", "used"), [(1.3, 1.0), (0.25, 0.25), (-0.2, 0.0)])
def test_a_gate_is_used_clamped_and_left_as_it_is(stored: float, used: float) -> None:
    layer = TemporalConvolution(32)
    layer.alpha.data.fill_(stored)
    spatial, temporal = torch.randn(2, 32), torch.randn(2, 32)
    mixed = layer.mix(spatial, temporal)
    torch.testing.assert_close(mixed, used * spatial + (1 - used) * temporal)
    assert layer.alpha.item() == pytest.approx(stored)
    mixed.sum().backward()  # type: ignore[no-untyped-call]
    assert layer.alpha.grad is not None
    torch.testing.assert_close(layer.alpha.grad, (spatial - temporal).sum().view(1))
    layer.clamp()
    assert layer.alpha.item() == pytest.approx(used)
