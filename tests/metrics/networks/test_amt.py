"""AMT-S takes every tensor of its checkpoint, looks where the paper's flows point, and refuses what it cannot see."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from i2vbench.checkpoints import CheckpointError
from i2vbench.metrics.networks import amt
from i2vbench.metrics.networks.amt import flows
from tests.metrics.looking import recipe_state
from tests.metrics.networks.test_loading import precisions, tf32

HEADS = ("decoder4.convblock.2", "decoder3.convblock.2", "decoder2.convblock.2", "comb_block.2")
"""With the recipe's numbers here, four pixels of five are clamped, and hide what changes."""


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return {
        key: tensor
        * (0.1 if key.startswith(HEADS) or "flow_head" in key or key.startswith("decoder1.convblock.2") else 1)
        for key, tensor in recipe_state("amt_s").items()
    }


@pytest.fixture(scope="module")
def network(state: dict[str, Tensor]) -> amt.AMT:
    return amt.load({"state_dict": state})


def drawn(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def pairs() -> Tensor:
    """Two, smooth enough for a shifted point to be alike."""
    return torch.nn.functional.avg_pool2d(drawn(12, 132, 148).view(1, 12, 132, 148), 5, 1).view(2, 2, 3, 128, 144)


def test_tensors_that_do_not_fit_are_named_each(state: dict[str, Tensor]) -> None:
    spoilt = {**state, "update3.gru.0.bias": torch.zeros(7), "extra.weight": torch.zeros(1)}
    del spoilt["encoder.pyramid2.1.1.weight"]
    with pytest.raises(CheckpointError) as caught:
        amt.load({"state_dict": spoilt})
    assert caught.value.missing == ["encoder.pyramid2.1.1.weight"]
    assert caught.value.left_over == ["extra.weight"]
    assert "1 of another shape: update3.gru.0.bias ([7] instead of [76])" in str(caught.value)


def test_it_is_float32_in_evaluation_without_gradients_and_has_the_published_keys(state: dict[str, Tensor]) -> None:
    network = amt.load({key: value.half() for key, value in state.items()})
    assert network.state_dict().keys() == state.keys()
    assert {tensor.dtype for tensor in network.state_dict().values()} == {torch.float32}
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_what_is_beside_a_pair_does_not_change_its_prediction(network: amt.AMT, pairs: Tensor) -> None:
    """The mean that is subtracted, the instance norms and the correlations are the pair's own."""
    together = network(pairs)
    for name, seen in together._asdict().items():
        alone = torch.cat([getattr(network(pair), name) for pair in pairs.split(1)])
        torch.testing.assert_close(seen, alone, rtol=0, atol=1e-5)
    assert (together.prediction[0] - together.prediction[1]).abs().max() > 0.1
    assert together.prediction.shape == (2, 3, 128, 144)
    assert together.flow0_level4.shape == together.flow1_level4.shape == (2, 2, 16, 18)
    assert together.flow0_level2.shape == (2, 2, 64, 72)


def test_autocast_and_tf32_around_it_change_nothing(network: amt.AMT, pairs: Tensor) -> None:
    expected = network(pairs[:1]).prediction
    seen: list[str] = []
    hook = network.comb_block.register_forward_hook(lambda *_: seen.extend(precisions()))
    with tf32(newer_settings=True), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(network(pairs[:1]).prediction, expected)
    hook.remove()
    assert set(seen) == {"ieee"}


@pytest.mark.parametrize(
    ("shape", "scale", "got"),
    [
        ((1, 2, 3, 112, 128), 1.0, r"\[112, 128\]"),
        ((1, 2, 3, 128, 136), 1.0, r"\[128, 136\]"),
        ((1, 2, 3, 128, 128), 0.5, r"\[64, 64\]"),
        ((1, 1, 3, 128, 128), 1.0, r"\[1, 1, 3, 128, 128\]"),
    ],
)
def test_other_shapes_are_refused(shape: tuple[int, ...], scale: float, got: str, state: dict[str, Tensor]) -> None:
    with pytest.raises(ValueError, match=f"multiples of 16 and at least 128.*{got}"):
        amt.load(state, scale_factor=scale)(torch.zeros(shape))


def test_what_is_infinite_is_no_pixel(state: dict[str, Tensor], pairs: Tensor) -> None:
    spoilt = {**state, "comb_block.2.bias": torch.tensor([0.0, torch.inf, -torch.inf])}
    seen = amt.load(spoilt)(pairs[:1]).prediction[0]
    assert seen[0].isfinite().all()
    assert seen[1:].isnan().all()


def test_the_scale_is_that_of_the_flow_alone(state: dict[str, Tensor]) -> None:
    smooth = torch.nn.functional.interpolate(drawn(2, 3, 8, 9), (256, 288), mode="bicubic").clamp(0, 1)[None]
    half, whole = amt.load(state, scale_factor=0.5)(smooth), amt.load(state)(smooth)
    assert half.prediction.shape == whole.prediction.shape
    assert half.flow0_level4.shape == (1, 2, 16, 18)
    assert (half.prediction - whole.prediction).abs().max() > 1e-3


def test_correlations_are_looked_up_where_flows_point_in_transposed_windows() -> None:
    """Against a sum over channels at one place and offset: no volume, no sampling."""
    features = drawn(2, 84, 16, 18)  # of one pair
    motion = torch.zeros(1, 4, 16, 18)
    motion[:, 0], motion[:, 3] = 1.0, -1.5  # to the first frame (1, 0), to the second (0, -1.5): times 2, whole pixels
    seen = flows.Correlations(features).around(motion).view(2, 4, 7, 7, 16, 18)  # direction, level, x, y

    def alike(direction: int, row: int, column: int, y: int, x: int) -> float:
        own, other = features[direction], features[1 - direction]
        inside = 0 <= y < 16 and 0 <= x < 18
        return float(own[:, row, column] @ other[:, y, x]) / 84**0.5 if inside else 0.0

    for direction, (dx, dy) in enumerate([(0, -3), (2, 0)]):
        for i, j, row, column in [(0, 5, 8, 9), (5, 0, 8, 9), (3, 3, 4, 4), (6, 6, 15, 17), (1, 2, 0, 1)]:
            expected = alike(direction, row, column, row + dy + j - 3, column + dx + i - 3)
            assert seen[direction, 0, i, j, row, column].item() == pytest.approx(expected, abs=1e-4)


def test_a_coarser_level_is_the_mean_of_four_correlations() -> None:
    features = drawn(2, 84, 16, 18)
    seen = flows.Correlations(features).around(torch.zeros(1, 4, 16, 18)).view(2, 4, 7, 7, 16, 18)
    own, other = features
    expected = torch.einsum("c,cyx->", own[:, 4, 6], other[:, 4:6, 6:8]) / 4 / 84**0.5
    # At 1/2 the point (6, 4) lies at (3, 2), the pixel of these four; the window's middle is 3, 3.
    assert seen[0, 1, 3, 3, 4, 6].item() == pytest.approx(float(expected), abs=1e-4)


def test_warping_takes_each_pixel_from_where_its_flow_points() -> None:
    frame = drawn(1, 3, 8, 9)
    two = torch.zeros(1, 4, 8, 9)
    two[:, 0], two[:, 3] = 2.0, -1.0  # (2, 0) and (0, -1)
    right, up = flows.warp(frame, two)[0]
    torch.testing.assert_close(right[..., :-2], frame[0, ..., 2:], rtol=0, atol=1e-5)
    torch.testing.assert_close(right[..., -2:], frame[0, ..., -1:].expand(3, 8, 2), rtol=0, atol=1e-5)
    torch.testing.assert_close(up[:, 1:], frame[0, :, :-1], rtol=0, atol=1e-5)
    torch.testing.assert_close(up[:, 0], frame[0, :, 0], rtol=0, atol=1e-5)


def test_small_sizes_can_be_trained() -> None:
    """Of channels that are all different; every parameter is reached, and what it sees is what it is used for."""
    sizes = amt.Sizes((6, 7, 8, 9), side=5, encoder=(12, 16, 20), correlated=10, likeness=11, motion=(13, 14), seen=15)
    torch.manual_seed(0)
    network = amt.AMT(sizes).train()
    pair = torch.nn.functional.avg_pool2d(drawn(6, 132, 132), 5, 1).view(1, 2, 3, 128, 128)
    seen = network(pair)
    (seen.prediction.mean() + seen.flow0_level2.mean()).backward()
    unreached = [name for name, one in network.named_parameters() if one.grad is None or not one.grad.isfinite().all()]
    assert unreached == []
    used = amt.load(network.state_dict(), sizes)
    torch.testing.assert_close(used(pair).prediction, seen.prediction.detach(), rtol=0, atol=1e-6)
    with pytest.raises(CheckpointError, match="another model"):
        amt.load(network.state_dict())
