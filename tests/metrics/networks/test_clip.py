"""CLIP ViT-B/32 takes either layout of its checkpoint, and is shown what VBench's transform makes of a frame."""

from __future__ import annotations

import pytest
import torch
from timm.data.constants import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD
from torch import Tensor
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Normalize, Resize

from i2vbench.checkpoints import CheckpointError
from i2vbench.metrics.networks import clip, frames
from tests.metrics.looking import recipe_state
from tests.metrics.networks.states import noise

SIZES = [(256, 256), (128, 176), (45, 31), (226, 225), (300, 224), (7, 3)]
"""With 225: the margin of 1 is halved to the even 0."""


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return recipe_state("clip_vit_b32")


def test_openais_layout_is_taken_with_its_three_integers(state: dict[str, Tensor]) -> None:
    integers = {name: torch.tensor(7) for name in ("input_resolution", "context_length", "vocab_size")}
    network = clip.load({"state_dict": state | integers})
    assert network.state_dict().keys() == state.keys()
    assert {tensor.dtype for tensor in network.state_dict().values()} == {torch.float32}
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_tensors_that_do_not_fit_are_named_each(state: dict[str, Tensor]) -> None:
    spoilt = {**state, "visual.proj": torch.zeros(7), "extra.weight": torch.zeros(1)}
    del spoilt["ln_final.bias"]
    with pytest.raises(CheckpointError) as caught:
        clip.load(spoilt)
    assert caught.value.missing == ["ln_final.bias"]
    assert caught.value.left_over == ["extra.weight"]
    assert "1 of another shape: visual.proj ([7] instead of [768, 512])" in str(caught.value)


def test_it_is_as_small_as_it_is_told_to_be() -> None:
    sizes = clip.Sizes(24, 56, 64, 1, 32, 32, 2, 2, 600, 16)
    state = clip.build(sizes).state_dict()
    network = clip.load(state, sizes)
    assert state["visual.positional_embedding"].shape == (17, 64)
    assert state["token_embedding.weight"].shape == (600, 32)
    tokens = clip.tokenize(["a dog"], vocabulary=600, context_length=16)
    assert clip.image_features(network, torch.zeros(1, 3, 224, 224)).shape == (1, 24)
    assert clip.text_features(network, tokens).shape == (1, 24)
    with pytest.raises(CheckpointError, match="CLIP ViT-B/32"):
        clip.load(state)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("rounded", [False, True])
def test_frames_are_what_torchvision_makes_of_them(size: tuple[int, int], antialias: bool, rounded: bool) -> None:
    given = noise(2, *size, 3)
    transform = Compose([
        Resize(224, InterpolationMode.BICUBIC, antialias=antialias), CenterCrop(224), lambda x: x / 255,
        Normalize(OPENAI_CLIP_MEAN, OPENAI_CLIP_STD),
    ])  # fmt: skip
    planes = given.permute(0, 3, 1, 2)
    expected = transform(planes if rounded else planes.float())
    ours = clip.preprocess_vbench(given, rounded=rounded, antialias=antialias)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-5)


def test_what_is_not_rounded_overshoots() -> None:
    mean, std = (torch.tensor(x).view(3, 1, 1) for x in (clip.MEAN, clip.STD))
    free, held = (255 * (clip.preprocess_vbench(noise(1, 50, 50, 3), rounded=r) * std + mean) for r in (False, True))
    assert free.min() < -5
    assert free.max() > 260
    assert (held - held.round()).abs().max() < 1e-3
    assert held.min() > -1e-3
    assert held.max() < 255 + 1e-3


def test_frames_are_resized_one_by_one_and_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    given = noise(3, 20, 28, 3)
    before = given.clone()
    expected = clip.preprocess_vbench(given, rounded=False)
    assert torch.equal(given, before)
    monkeypatch.setattr(frames, "PIXELS_AT_ONCE", 1)
    assert torch.equal(clip.preprocess_vbench(given, rounded=False), expected)
