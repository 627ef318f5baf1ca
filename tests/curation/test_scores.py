"""What is seen of clips through CLIP-tiny: damage, categories; and what a choice of networks must be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Normalize, Resize

from i2vbench import weights
from i2vbench.curation.scores import (
    CATEGORY_PROMPTS,
    NETWORKS,
    Networks,
    Scorer,
    looked_at,
    networks,
    parse_prompts,
)
from i2vbench.datasets.synthetic import CATEGORIES, SCENES, SyntheticClip, draw_clip, held_out
from i2vbench.errors import UserError
from i2vbench.metrics.networks import clip
from i2vbench.tiny.aesthetic import DAMAGES
from i2vbench.types import Frames
from i2vbench.weights import MissingCheckpoint
from tests.metrics.looking import lay_out

SCENE_PROMPTS = {scene: [where, f"a picture taken {where}"] for scene, where in SCENES.items()}


@pytest.fixture(scope="module")
def scorer() -> Iterator[Scorer]:
    torch.set_num_threads(1)
    scorer = Scorer(networks("tiny"))
    scorer.load("cpu")
    yield scorer
    scorer.unload()


@pytest.fixture(scope="module")
def drawn() -> list[SyntheticClip]:
    return [draw_clip(held_out(i), 7) for i in range(24)]


def shown(one: SyntheticClip) -> Frames:
    return one.frames[list(looked_at(len(one.frames)))]


def test_the_first_middle_and_last_frames_are_looked_at() -> None:
    assert [looked_at(n) for n in (1, 2, 3, 16, 17)] == [(0, 0, 0), (0, 1, 1), (0, 1, 2), (0, 8, 15), (0, 8, 16)]


def test_damaged_clips_score_less(scorer: Scorer, drawn: list[SyntheticClip]) -> None:
    clean = [look.score for look in scorer.look([shown(one) for one in drawn])]
    numbers = np.random.default_rng(0)
    for name, damage in DAMAGES.items():
        worst = [np.stack([damage(frame, 1.0, numbers) for frame in shown(one)]) for one in drawn]
        less = [look.score < score for look, score in zip(scorer.look(worst), clean, strict=True)]
        assert np.mean(less) > 0.8, name


def test_a_clips_numbers_depend_on_it_alone_and_are_those_of_the_definition(
    scorer: Scorer, drawn: list[SyntheticClip]
) -> None:
    """By torchvision's transform, open_clip's own pass and the head's tensors, with frames of three sizes."""
    large = np.repeat(np.repeat(shown(drawn[1]), 3, axis=1), 2, axis=2)
    clips = [shown(drawn[0]), large, shown(drawn[2])[:, :100]]
    together = scorer.look(clips)
    head, sizes = weights.read("tiny_aesthetic"), weights.entry("tiny_clip").sizes
    network: open_clip.CLIP = clip.load(weights.read("tiny_clip"), clip.Sizes(**sizes))
    transform = Compose([
        Resize(224, InterpolationMode.BICUBIC, antialias=True), CenterCrop(224), lambda x: x / 255,
        Normalize(clip.MEAN, clip.STD),
    ])  # fmt: skip
    for frames, look in zip(clips, together, strict=True):
        (alone,) = scorer.look([frames])
        assert np.array_equal(alone.features, look.features)
        assert alone.aesthetic == look.aesthetic
        with torch.no_grad():
            features = network.encode_image(transform(torch.from_numpy(frames).permute(0, 3, 1, 2))).numpy()
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        np.testing.assert_allclose(look.features, features, atol=1e-4)
        scores = features @ head["weight"].float().numpy()[0] + float(head["bias"])
        np.testing.assert_allclose(look.aesthetic, scores, atol=2e-3)
        assert look.score == pytest.approx(scores.mean(), abs=2e-3)
        assert look.features.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(look.feature), 1, atol=1e-6)


def test_scenes_are_told_by_their_descriptions(scorer: Scorer, drawn: list[SyntheticClip]) -> None:
    said = [scorer.category_scores(look.features, SCENE_PROMPTS) for look in scorer.look(list(map(shown, drawn)))]
    right = [max(scores, key=lambda name: scores[name]) == one.scene for scores, one in zip(said, drawn, strict=True)]
    assert np.mean(right) > 0.8  # one of 12 by chance
    assert all(list(scores) == list(SCENE_PROMPTS) for scores in said)
    assert all(sum(scores.values()) == pytest.approx(1) for scores in said)


def test_shares_are_a_softmax_over_mean_descriptions(scorer: Scorer, drawn: list[SyntheticClip]) -> None:
    prompts = {"ball": ["a red ball", "a ball on a beach"], "boat": ["a boat"]}
    (look,) = scorer.look([shown(drawn[0])])
    network: open_clip.CLIP = clip.load(weights.read("tiny_clip"), clip.Sizes(**weights.entry("tiny_clip").sizes))

    def unit(x: torch.Tensor) -> torch.Tensor:
        return x / x.norm(dim=-1, keepdim=True)

    with torch.no_grad():
        texts = [unit(network.encode_text(clip.tokenize(said, vocabulary=2048))) for said in prompts.values()]
        means = torch.stack([unit(some.mean(dim=0)) for some in texts])
        image = unit(torch.from_numpy(look.features).mean(dim=0))
        expected = (network.logit_scale.exp() * means @ image).softmax(dim=0)
    scores = scorer.category_scores(look.features, prompts)
    np.testing.assert_allclose(list(scores.values()), expected.numpy(), atol=1e-5)
    turned = scorer.category_scores(look.features, dict(reversed(prompts.items())))
    assert turned == pytest.approx(scores), "by name, whatever the order"


def test_every_category_of_table_4_is_described() -> None:
    assert set(CATEGORY_PROMPTS) == set(CATEGORIES)
    assert all(len(texts) >= 3 for texts in CATEGORY_PROMPTS.values())
    texts = [text for texts in CATEGORY_PROMPTS.values() for text in texts]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, "expected descriptions by category, found none"),
        ({"Pet": []}, "category 'Pet': expected a list of descriptions, found \\[\\]"),
        ({"Pet": "a dog"}, "category 'Pet': expected a list of descriptions, found 'a dog'"),
        ({"Pet": ["a dog", 3]}, "category 'Pet'"),
        ({"Pet": ["  "]}, "category 'Pet'"),
    ],
)
def test_descriptions_that_say_nothing_are_refused(table: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=f"^plan.toml: .*{words}|^plan.toml: {words}"):
        parse_prompts(table, "plan.toml")


def test_networks_go_by_name_and_by_what_the_catalogue_has() -> None:
    for name, names in NETWORKS.items():
        assert networks(name) is names
        assert all(f"curation {name}" in weights.entry(part).used_by for part in names.checkpoints)
    with pytest.raises(UserError, match="no networks of curation are called 'papr': did you mean paper"):
        networks("papr")


def test_what_scores_were_made_with_is_told(scorer: Scorer) -> None:
    assert scorer.hashes() == {name: weights.sha256_of(name) for name in ("tiny_clip", "tiny_aesthetic")}


def test_a_predictor_over_another_clip_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = {"weight": torch.zeros(1, 768), "bias": torch.zeros(1)}
    lay_out(tmp_path, monkeypatch, {"aesthetic_l14_linear": head})
    with pytest.raises(UserError, match="aesthetic_l14_linear takes 768 features and tiny_clip gives 128"):
        Scorer(Networks("tiny_clip", "aesthetic_l14_linear")).load("cpu")


def test_networks_that_are_not_here_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(tmp_path, monkeypatch, {})
    with pytest.raises(MissingCheckpoint, match="weights fetch aesthetic_l14_mlp"):
        Scorer(networks("paper")).load("cpu")
