"""What DINO, CLIP and ViCLIP of the tiny profile are taught is true, and what they learned is in the files."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from i2vbench import weights
from i2vbench.datasets.synthetic import draw_clip, plan_clip
from i2vbench.metrics.networks import clip as clip_network
from i2vbench.metrics.networks import viclip as viclip_network
from i2vbench.tiny import alignment, clip, dino, viclip
from i2vbench.tiny.alignment import NAMES, contrast
from i2vbench.tiny.captions import Caption, Facts, distort, facts_of, say
from i2vbench.tiny.recipe import Recipe

SEEDS = range(12)


class Silent:
    """In place of a curve."""

    def row(self, step: int, **values: float) -> None:
        pass


@pytest.fixture(scope="module")
def seen() -> list[Facts]:
    return [facts_of(draw_clip(seed, 2, 4.0, 48, 48)) for seed in SEEDS]


def test_what_is_said_is_true_and_what_is_distorted_is_not(seen: list[Facts]) -> None:
    random = np.random.default_rng(0)
    for facts in seen:
        for motion in (0.0, 1.0):
            caption = say(facts, random, motion)
            assert caption.is_true_of(facts), caption
            assert (caption.text == "") is (not caption.facts)
    captions = [say(facts, random, 1.0) for facts in seen]
    false = [not distort(caption, random).is_true_of(facts) for caption, facts in zip(captions, seen, strict=True)]
    assert np.mean(false) > 0.8, "another of the clip's things may be what is said instead"


def test_a_caption_claims_what_its_words_say() -> None:
    ball, car = frozenset({"ball", "red", "plain", "small", "moves left"}), frozenset({"car", "blue"})
    facts = (ball, car, frozenset({"on a beach"}), frozenset({"is still"}))
    assert Caption("", (frozenset({"ball", "red"}), frozenset({"on a beach"}))).is_true_of(facts)
    assert not Caption("", (frozenset({"ball", "blue"}),)).is_true_of(facts), "another thing is blue"
    texts = {say(facts, np.random.default_rng(seed), 1.0).text for seed in range(60)}
    assert any("a small plain red ball moves left" in text and "the camera is still" in text for text in texts)
    assert any(text.startswith("on a beach, ") for text in texts)


def test_captions_that_are_true_of_two_clips_are_no_rivals() -> None:
    true = torch.tensor([[True, True], [False, True], [False, False]])
    images, texts = torch.eye(2), torch.tensor([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0]])
    good = contrast(images, texts, torch.tensor(9.0), true)
    assert contrast(images.flip(0), texts, torch.tensor(9.0), true) > good + 1
    lone = contrast(images, texts[[1, 2]], torch.tensor(9.0), true[[1, 2]])
    assert lone.isfinite(), "a clip that nothing is said of is no target"


def test_patches_are_told_what_lies_at_them() -> None:
    """A view that is a quarter of the frame, and its words: those of what the frame shows there."""
    layers = torch.zeros(1, 8, 8, dtype=torch.uint8)
    layers[0, :4, 4:] = 2
    words = torch.arange(16).view(1, 4, 4)
    maps = torch.tensor([[[0.5, 0, 0.5], [0, 0.5, -0.5]]])
    assert alignment.words_of_patches(layers, words, maps, 2)[0].tolist() == [[8, 9, 10, 11]] * 4
    whole = torch.tensor([[[1.0, 0, 0], [0, 1, 0]]])
    assert alignment.words_of_patches(layers, words, whole, 2)[0, :, 0].tolist() == [0, 8, 0, 0]
    window = alignment.windows(layers, torch.tensor([2]), torch.Generator().manual_seed(0))
    assert (window[0, :, 2] - torch.tensor([0.5, -0.5])).abs().max() < 0.25


def test_a_changed_clip_is_said_to_move_as_it_does() -> None:
    """Mirrored, reversed or frozen, the optical flow is as the words have it."""
    plan = plan_clip(3)
    thing = replace(plan.things[0], kind="ball", size="large", motion="left")
    made = draw_clip(replace(plan, things=(thing,), camera="up"), 8, 4.0, 48, 48)
    words = torch.full((4, 4), alignment.NO_WORD)
    words[:2, 3] = torch.tensor([NAMES[3].index("pans up"), NAMES[3].index("moves left")])
    shown = viclip.Shown(torch.from_numpy(made.frames), torch.from_numpy(made.layers), words, facts_of(made))
    found = set()
    for seed in range(12):
        one = shown.changed(np.random.default_rng(seed))
        columns = [float(layer.nonzero()[:, 1].float().mean()) for layer in one.layers]
        moved = columns[-1] - columns[0]
        said = "moves left" if moved < -1 else "moves right" if moved > 1 else "stays still"
        (move,) = one.facts[0] & set(NAMES[3])
        (camera,) = one.facts[-1]
        assert said == move == NAMES[3][int(one.words[1, 3])]
        assert camera == NAMES[3][int(one.words[0, 3])]
        found.add((move, camera))
    assert found == {("moves right", "pans up"), ("moves right", "pans down"), ("stays still", "is still")}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little of everything, and no bundled file needed."""
    for module, names in ((clip, ("CLIPS", "BATCH", "WINDOWS")), (dino, ("GROUPS", "GROUPS_AT_ONCE"))):
        for name in names:
            monkeypatch.setattr(module, name, 4)
    monkeypatch.setattr(viclip, "CLIPS", 4)
    monkeypatch.setattr(viclip, "CLIPS_AT_ONCE", 2)
    sizes = clip_network.Sizes(**weights.entry("tiny_clip").sizes)

    def begun(name: str) -> dict[str, Tensor]:
        torch.manual_seed(1)
        return clip_network.build(sizes).state_dict()

    monkeypatch.setattr(viclip.weights, "read", begun)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("kind", [dino.DINO, clip.CLIP, viclip.ViCLIP])
def test_a_recipe_makes_the_same_tensors_twice_which_its_network_takes(kind: Callable[[], Recipe]) -> None:
    recipe: Any = kind()
    recipe.steps = 2
    first, second = (dict(recipe.train(Silent())) for _ in range(2))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert all(tensor.isfinite().all() for tensor in first.values())
    module = importlib.import_module(f"i2vbench.metrics.networks.{recipe.name}")
    module.load(first, module.Sizes(**weights.entry(recipe.checkpoint).sizes))


def test_viclip_begins_with_all_that_clip_has() -> None:
    torch.manual_seed(0)
    given = clip_network.build(clip_network.Sizes(**weights.entry("tiny_clip").sizes)).state_dict()
    network = viclip_network.ViCLIP(viclip_network.Sizes(**weights.entry("tiny_viclip").sizes))
    viclip.begin(network, given)
    still = torch.rand(1, 1, 3, 224, 224).expand(1, 8, 3, 224, 224)
    patches = network.vision_encoder._patches(still)[0, :, 0]
    convolved = torch.nn.functional.conv2d(still[0, :1], given["visual.conv1.weight"], stride=28)[0].flatten(1).T
    torch.testing.assert_close(patches, convolved, rtol=0, atol=1e-5)
    texts = ["a red ball on a beach"]
    whole: Any = clip_network.load(given, clip_network.Sizes(**weights.entry("tiny_clip").sizes))
    expected = clip_network.text_features(whole, clip_network.tokenize(texts, vocabulary=2048))
    torch.testing.assert_close(viclip.text_features(network.eval(), texts), expected, rtol=0, atol=1e-5)
