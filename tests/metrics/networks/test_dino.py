"""DINO is shown pictures of any size as its authors show them, and takes every tensor of its checkpoint."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor
from torchvision.transforms import Compose, Normalize, Resize

from i2vbench.checkpoints import CheckpointError
from i2vbench.metrics.networks import dino, frames
from tests.metrics.looking import recipe_state
from tests.metrics.networks.states import noise

SIZES = [(256, 256), (20, 28), (45, 31), (224, 300), (300, 224), (7, 3)]


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """The recipe's, with positions that matter."""
    filled = recipe_state("dino_vitb16")
    return filled | {"pos_embed": filled["pos_embed"] * 150}


@pytest.fixture(scope="module")
def network(state: dict[str, Tensor]) -> dino.DINO:
    return dino.load(state)


def test_tensors_that_do_not_fit_are_named_each(state: dict[str, Tensor]) -> None:
    spoilt = {**state, "norm.bias": torch.zeros(7), "head.weight": torch.zeros(1)}
    del spoilt["blocks.7.attn.qkv.bias"]
    with pytest.raises(CheckpointError) as caught:
        dino.load(spoilt)
    assert caught.value.missing == ["blocks.7.attn.qkv.bias"]
    assert caught.value.left_over == ["head.weight"]
    assert "1 of another shape: norm.bias ([7] instead of [768])" in str(caught.value)


def test_it_is_float32_in_evaluation_without_gradients_however_the_checkpoint_is_wrapped(
    state: dict[str, Tensor],
) -> None:
    loaded = dino.load({"state_dict": {f"module.{key}": value.half() for key, value in state.items()}})
    assert {tensor.dtype for tensor in loaded.state_dict().values()} == {torch.float32}
    assert loaded.state_dict().keys() == state.keys()
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_it_is_as_small_as_it_is_told_to_be() -> None:
    sizes = dino.Sizes(32, 2, 2)
    torch.manual_seed(0)
    state = {name: torch.randn(tensor.shape) for name, tensor in dino.DINO(sizes).state_dict().items()}
    small = dino.load(state, sizes)
    assert small(torch.zeros(2, 3, 224, 240)).shape == (2, 32)
    assert len(small.blocks) == 2
    assert {norm.eps for norm in small.modules() if isinstance(norm, torch.nn.LayerNorm)} == {1e-6}, (
        "DINO's, not torch's"
    )
    small.requires_grad_(True).train()(torch.rand(1, 3, 224, 224)).sum().backward()
    assert all(parameter.grad is not None for parameter in small.parameters())


def bicubic(table: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
    """[14, ...] -> [count, ...], output i at (i + 1/2) * 14 / (count + 0.1) - 1/2, the border repeated."""

    def weight(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        a, x = -0.75, np.abs(x)
        near, far = (a + 2) * x**3 - (a + 3) * x**2 + 1, a * (x**3 - 5 * x**2 + 8 * x - 4)
        return np.where(x <= 1, near, np.where(x < 2, far, 0))

    place = (np.arange(count) + 0.5) * 14 / (count + 0.1) - 0.5
    first = np.floor(place).astype(int)
    taps = first[:, None] + np.arange(-1, 3)  # [count, 4]
    weights = weight(place[:, None] - taps)
    resized: npt.NDArray[np.float64] = np.einsum("ck,ck...->c...", weights, table[taps.clip(0, 13)])
    return resized


@pytest.mark.parametrize(("height", "width"), [(224, 298), (270, 224), (224, 238), (32, 48)])
def test_positions_are_resized_by_a_factor(network: dino.DINO, height: int, width: int) -> None:
    table = network.pos_embed.double().numpy()[0]
    rows, columns = height // 16, width // 16
    grid = bicubic(table[1:].reshape(14, 14, 768), rows)  # [rows, 14, 768]
    expected = bicubic(grid.swapaxes(0, 1), columns).swapaxes(0, 1).reshape(-1, 768)
    ours = network._positions(height, width)[0].double().numpy()
    np.testing.assert_array_equal(ours[0], table[0], err_msg="of the class token")
    np.testing.assert_allclose(ours[1:], expected, atol=1e-4 * table.std())


@torch.no_grad()
def test_a_picture_on_its_side_has_positions_of_its_own(network: dino.DINO) -> None:
    wide, tall = (32, 48), (48, 32)
    first, turned, again = (network._positions(*size) for size in (wide, tall, wide))
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert (first - turned).abs().max() > 1e-3


def test_positions_of_a_square_of_14_patches_are_those_of_the_checkpoint(network: dino.DINO) -> None:
    assert network._positions(224, 224) is network.pos_embed
    assert network._positions(230, 230) is network.pos_embed


@pytest.fixture(scope="module")
def images() -> Tensor:
    return noise(3, 3, 40, 58).float() / 128 - 1


def test_neither_what_lies_beside_a_picture_nor_what_was_shown_before_changes_its_features(
    network: dino.DINO, images: Tensor
) -> None:
    together = network(images)
    assert together.shape == (3, 768)
    network(images.mT)
    alone = torch.cat([network(one) for one in images.split(1)])
    assert (together - alone).abs().max() < 1e-4
    assert (together[0] - together[1]).abs().max() > 100 * (together - alone).abs().max()


def test_pixels_beyond_a_multiple_of_16_are_not_seen(network: dino.DINO, images: Tensor) -> None:
    changed = images.clone()
    changed[..., 48:] = 9
    changed[..., 32:, :] = 9
    assert torch.equal(network(changed), network(images))
    changed[..., 31, 47] = 9
    assert not torch.equal(network(changed), network(images))


def test_autocast_around_it_changes_nothing(network: dino.DINO, images: Tensor) -> None:
    expected = network(images)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(network(images), expected)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("antialias", [False, True])
def test_frames_are_what_torchvision_makes_of_them(size: tuple[int, int], antialias: bool) -> None:
    given = noise(2, *size, 3)
    normalise = Normalize(IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD)
    transform = Compose([Resize(224, antialias=antialias), lambda x: x / 255, normalise])
    expected = transform(given.permute(0, 3, 1, 2).float())
    torch.testing.assert_close(dino.preprocess(given, antialias), expected, rtol=0, atol=1e-5)


def test_frames_are_resized_one_by_one_and_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    given = noise(3, 20, 28, 3)
    before = given.clone()
    expected = dino.preprocess(given)
    assert torch.equal(given, before)
    monkeypatch.setattr(frames, "PIXELS_AT_ONCE", 1)
    assert torch.equal(dino.preprocess(given), expected)


def test_other_layouts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected uint8 \[N, H, W, 3\] .*, got uint8 \[2, 3, 20, 20\]"):
        dino.preprocess(noise(2, 3, 20, 20))
    with pytest.raises(ValueError, match="got float32"):
        dino.preprocess(noise(2, 20, 20, 3).float())
