"""RAFT is torchvision's, which is the published one, whatever it is batched with."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torchvision.models.optical_flow import raft_large

from i2vbench.checkpoints import CheckpointError
from i2vbench.metrics.networks import correlations, raft
from tests.metrics.looking import recipe_state
from tests.metrics.networks.states import noise

PREFIX = "module.update_block.flow_head.conv2."


def tamed() -> dict[str, Tensor]:
    """The recipe's checkpoint with flows of a few pixels instead of ninety."""
    return {key: value * (0.02 if key.startswith(PREFIX) else 1) for key, value in recipe_state("raft").items()}


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return tamed()


@pytest.fixture(scope="module")
def network(state: dict[str, Tensor]) -> raft.RAFT:
    return raft.load(state)


def frames(count: int, height: int = 128, width: int = 136) -> Tensor:
    """uint8 [T, H, W, 3], smooth and moving."""
    picture = F.avg_pool2d(noise(1, 3, height + 40, width + 40).float(), 9, 1, padding=4)
    return torch.stack(
        [picture[0, :, 2 * i : 2 * i + height, 3 * i : 3 * i + width].permute(1, 2, 0) for i in range(count)]
    ).to(torch.uint8)


def torchvisions(state: dict[str, Tensor], seen: Tensor, iterations: int) -> Tensor:
    """The upsampled flow of torchvision's own loop."""
    theirs = raft_large()
    given = {
        raft._torchvision_name(key.removeprefix("module.")): value for key, value in state.items() if "norm3" not in key
    }
    lacking = theirs.load_state_dict(given, strict=False)
    assert all(key.endswith("num_batches_tracked") for key in lacking.missing_keys)
    assert not lacking.unexpected_keys
    with torch.no_grad():
        flow: Tensor = theirs.eval()(seen[:-1], seen[1:], num_flow_updates=iterations)[-1]
    return flow


@pytest.mark.parametrize("size", [(128, 136), (131, 160)], ids=["landscape", "odd"])
def test_it_is_torchvisions(network: raft.RAFT, state: dict[str, Tensor], size: tuple[int, int]) -> None:
    seen = raft.preprocess(frames(2, *size))
    ours = network(seen, [(0, 1)], iterations=3)
    torch.testing.assert_close(ours.up, torchvisions(state, seen, 3), rtol=0, atol=1e-4)
    assert ours.up.shape[2:] == seen.shape[2:]
    assert [8 * side for side in ours.low.shape[2:]] == list(seen.shape[2:])


def test_neither_order_nor_company_nor_chunks_change_a_flow(
    network: raft.RAFT, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = raft.preprocess(frames(4))
    pairs = [(2, 3), (0, 1), (0, 3), (3, 0)]
    together = network(seen, pairs, iterations=2)
    alone = [network(seen[list(pair)], [(0, 1)], iterations=2) for pair in pairs]
    monkeypatch.setattr(raft, "pairs_at_once", lambda height, width, device: 3)
    chunked = network(seen, pairs, iterations=2)
    for i, one in enumerate(alone):
        torch.testing.assert_close(together.up[i], one.up[0], rtol=0, atol=1e-4)
        torch.testing.assert_close(chunked.low[i], one.low[0], rtol=0, atol=1e-5)
    assert (together.up[2] - together.up[3]).abs().max() > 0.01


def test_autocast_around_it_changes_nothing(network: raft.RAFT) -> None:
    seen = raft.preprocess(frames(2))
    expected = network(seen, [(0, 1)], iterations=1).up
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(network(seen, [(0, 1)], iterations=1).up, expected)


def test_an_image_that_is_not_finite_gives_no_flow(network: raft.RAFT) -> None:
    seen = raft.preprocess(frames(2))
    seen[1] = torch.nan
    assert network(seen, [(0, 1)], iterations=2).up.isnan().all()


@pytest.mark.parametrize(
    ("size", "pairs", "iterations", "says"),
    [
        ((120, 136), [(0, 1)], 1, "at least 128 pixels, multiples of 8, got 120 x 136"),
        ((136, 120), [(0, 1)], 1, "got 136 x 120"),
        ((128, 132), [(0, 1)], 1, "got 128 x 132"),
        ((128, 128), [], 1, "got 0 and 1"),
        ((128, 128), [(0, 1)], 0, "got 1 and 0"),
    ],
)
def test_what_has_no_flow_is_refused(
    network: raft.RAFT, size: tuple[int, int], pairs: list[tuple[int, int]], iterations: int, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        network(torch.zeros(2, 3, *size), pairs, iterations)


def test_tensors_that_do_not_fit_are_named_each(state: dict[str, Tensor]) -> None:
    spoilt = {**state, "module.fnet.conv1.bias": torch.zeros(7), "module.extra.weight": torch.zeros(1)}
    del spoilt["module.update_block.gru.convq2.weight"]
    with pytest.raises(CheckpointError) as caught:
        raft.load(spoilt)
    assert caught.value.missing == ["update_block.recurrent_block.convgru2.convq.weight"]
    assert caught.value.left_over == ["extra.weight"]
    assert "feature_encoder.convnormrelu.0.bias ([7] instead of [64])" in str(caught.value)


def test_of_two_names_of_one_module_downsample_counts(network: raft.RAFT, state: dict[str, Tensor]) -> None:
    """With counters and without the prefix, and in another precision, it is the same checkpoint."""
    seen = raft.preprocess(frames(2))
    expected = network(seen, [(0, 1)], iterations=1).up
    counters = {
        key.replace("running_var", "num_batches_tracked"): torch.tensor(3)
        for key in state
        if key.endswith("running_var")
    }
    other = {key: value + 1 if ".norm3." in key else value for key, value in (state | counters).items()}
    plain = {key.removeprefix("module."): value.double() for key, value in other.items()}
    loaded = raft.load({"state_dict": plain})
    assert torch.equal(loaded(seen, [(0, 1)], iterations=1).up, expected)
    assert {tensor.dtype for tensor in loaded.state_dict().values()} == {torch.float32}
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    key = "module.cnet.layer3.0.downsample.1.weight"
    changed = raft.load({**state, key: state[key] + 1})
    assert not torch.equal(changed(seen, [(0, 1)], iterations=1).up, expected)


def test_loading_draws_no_numbers(state: dict[str, Tensor]) -> None:
    before = torch.get_rng_state()
    raft.load(state)
    assert torch.equal(torch.get_rng_state(), before)


@given(st.integers(1, 400), st.integers(1, 400))
def test_padding_is_the_least_and_the_greater_half_comes_after(height: int, width: int) -> None:
    left, right, top, bottom = raft.padding(height, width)
    assert 0 <= left <= right <= left + 1 <= 4
    assert 0 <= top <= bottom <= top + 1 <= 4
    assert raft.padded_size(height, width) == (height + top + bottom, width + left + right)
    assert all(side % 8 == 0 for side in raft.padded_size(height, width))


def test_the_border_is_repeated() -> None:
    seen = frames(1, 133, 129)
    out = raft.preprocess(seen)
    assert out.shape == (1, 3, 136, 136)
    inside = out[:, :, 1:-2, 3:-4].permute(0, 2, 3, 1)
    torch.testing.assert_close(inside, 2 * (seen / 255) - 1)
    assert torch.equal(out[:, :, :, :4], out[:, :, :, 3:4].expand(-1, -1, -1, 4))
    assert torch.equal(out[:, :, -3:], out[:, :, -3:-2].expand(-1, -1, 3, -1))


def sampled(first: Tensor, second: Tensor, flow: Tensor) -> Tensor:
    """Correlations as torch's bilinear sampler gives them: [h w, 4, 9 (x), 9 (y)]."""
    channels, height, width = first.shape
    level = (first.flatten(1).T @ second.flatten(1) / channels**0.5).view(-1, 1, height, width)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    points = (torch.stack((x, y), dim=2) + flow.permute(1, 2, 0)).view(-1, 1, 1, 2)
    dx, dy = torch.meshgrid(torch.arange(-4, 5), torch.arange(-4, 5), indexing="ij")
    levels = []
    for i in range(4):
        sides = torch.tensor([level.shape[3] - 1, level.shape[2] - 1])
        where = 2 * (points / 2**i + torch.stack((dx, dy), dim=2)) / sides - 1
        levels.append(F.grid_sample(level, where.float(), align_corners=True)[:, 0])
        level = F.avg_pool2d(level, 2)
    return torch.stack(levels, dim=1)


@settings(max_examples=20, deadline=None)
@given(st.integers(16, 21), st.integers(16, 21), st.sampled_from([0.0, 0.5, 3.0, 30.0, 1e6]), st.integers(0, 9))
def test_windows_are_the_bilinear_ones_wherever_the_flow_leads(
    height: int, width: int, reach: float, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.randn(2, 8, height, width, generator=generator)
    flow = reach * torch.randn(2, height, width, generator=generator)
    windows = correlations.Correlations(first[None], second[None]).around(flow[None])  # [1, 4 * 89, h, w]
    ours = F.pad(windows[0].flatten(1).T.unflatten(1, (4, 89)), (0, 1)).unflatten(2, (9, 10))[..., :9]
    torch.testing.assert_close(ours, sampled(first, second, flow), rtol=0, atol=1e-3)


def test_a_flow_of_nan_or_infinity_reads_no_memory_of_others() -> None:
    one = torch.ones(1, 8, 16, 16)
    flow = torch.zeros(1, 2, 16, 16)
    flow[0, 0, 0, :3] = torch.tensor([torch.nan, torch.inf, -torch.inf])
    windows: Any = correlations.Correlations(one, one).around(flow)
    assert windows[0, :, 0, :3].isnan().any(dim=0).all()
    assert windows[0, :, 0, 3:].isfinite().all()
    assert windows[0, :, 1:].isfinite().all()


def test_small_sizes_are_torchvisions_too() -> None:
    """Of channels that are all different, under torchvision's own names."""
    sizes = raft.Sizes(encoders=(12, 16, 20), features=24, hidden=28, correlations=(32, 36), flows=(40, 44), head=48)
    torch.manual_seed(0)
    theirs = raft.torchvisions(sizes, nn.InstanceNorm2d, nn.BatchNorm2d).eval()
    seen = raft.preprocess(frames(2))
    ours = raft.load(theirs.state_dict(), sizes)(seen, [(0, 1)], iterations=3)
    with torch.no_grad():
        expected = theirs(seen[:1], seen[1:], num_flow_updates=3)[-1]
    assert expected.abs().max() > 0.01
    torch.testing.assert_close(ours.up, expected, rtol=0, atol=1e-4)
    with pytest.raises(CheckpointError, match="another model"):
        raft.load(theirs.state_dict())
