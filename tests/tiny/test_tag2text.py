"""Tag2Text of the tiny profile: what is shipped tells scenes, and how it was made can be done again."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from i2vbench import weights
from i2vbench.datasets.synthetic import COLOURS, KINDS, SCENES, TEXTURES, draw_clip, held_out, plan_clip
from i2vbench.metrics.networks import tag2text, wordpiece
from i2vbench.metrics.networks.tag2text.caption import prompt_ids
from i2vbench.metrics.scene_consistency import SceneConsistency
from i2vbench.progress import Quiet
from i2vbench.tiny import tag2text as recipe
from i2vbench.tiny.recipe import Curve
from i2vbench.tiny.tag2text import Lesson, TinyTag2Text
from i2vbench.tiny.tag2text_pictures import TAGS, disturbed, draw_pictures
from i2vbench.types import Clip, FrameSource, Sample

FILES = ("tiny_tag2text", "tiny_tag2text_tags")
SIZES = TinyTag2Text().sizes


@functools.cache
def measured() -> SceneConsistency:
    metric = SceneConsistency()
    metric.info = replace(metric.info, checkpoints=FILES)
    metric.load("cpu", "float32")
    return metric


def clip_in(scene: str, index: int) -> Clip:
    """A held-out clip, asked for a scene."""
    drawn = draw_clip(held_out(index))
    return Clip(Sample("a", drawn.category, drawn.caption, FrameSource(Path("x.png")), scene=scene), drawn.video)


# What is shipped.


def test_the_metric_tells_the_scenes_of_held_out_clips_from_others() -> None:
    scenes = [plan_clip(held_out(index)).scene for index in range(8)]
    others = [list(SCENES)[list(SCENES).index(scene) - 1] for scene in scenes]
    right, wrong = (
        measured().measure([clip_in(scene, index) for index, scene in enumerate(asked)]) for asked in (scenes, others)
    )
    assert np.mean([one.value for one in right if one.value is not None]) > 0.7
    assert np.mean([one.value for one in wrong if one.value is not None]) < 0.1


def test_captions_and_tags_of_held_out_pictures() -> None:
    network = tag2text.load(weights.read(FILES[0]), weights.read_lines(FILES[1]), SIZES)
    scores = recipe.score(network, pictures=15, clips=2)
    assert scores["scene"] > 0.7
    assert scores["scene_rival"] < 0.3
    assert scores["colours"] > 2 * scores["colours_rival"]
    assert scores["tags_precision"] > 0.8
    assert scores["tags_recall"] > 0.3


def test_the_shipped_tags_are_the_recipes() -> None:
    assert tuple(weights.read_lines(FILES[1])) == TAGS == tuple(TinyTag2Text().extra(FILES[1]))
    assert len(TAGS) == len(set(TAGS)) == SIZES.tags


# How it is made.


def made(tmp_path: Path, seed: int = 0) -> dict[str, Tensor]:
    short = TinyTag2Text()
    short.steps, short.clips, short.seed = 2, 3, seed
    with Curve(tmp_path / "curve.csv", Quiet(), short.name, short.steps) as curve:
        return short.train(curve)


def test_a_seed_makes_the_same_tensors_which_load_takes(tmp_path: Path) -> None:
    first, second, other = made(tmp_path), made(tmp_path), made(tmp_path, seed=1)
    assert all(torch.equal(second[name], tensor) for name, tensor in first.items())
    assert not torch.equal(first["fc.W"], other["fc.W"])
    network = tag2text.load({name: tensor.half() for name, tensor in first.items()}, TAGS, SIZES)
    assert network.caption(np.zeros((1, 64, 64, 3), np.uint8))[0].fault == ""
    assert (tmp_path / "curve.csv").read_text().startswith("step,tags,caption\n1,")


def test_words_that_were_not_learned_change_nothing_of_those_that_were() -> None:
    pictures = draw_pictures(range(3), SIZES.image_px)
    lesson = Lesson(pictures, SIZES)
    torch.manual_seed(0)
    learned = tag2text.tensors(recipe.begin(lesson.sizes))
    small = tag2text.load(learned, TAGS, lesson.sizes)
    whole = tag2text.load(lesson.with_all_words(learned), TAGS, SIZES)
    ids = torch.tensor([prompt_ids(SIZES) + wordpiece.encode(pictures.captions[0], SIZES.pieces)[1:-1]])
    states = torch.randn(1, 40, SIZES.width)
    logits = whole.text_decoder(ids, states)
    theirs = small.text_decoder(lesson.places[ids], states)
    used = lesson.places >= 0
    assert torch.allclose(logits[..., used], theirs[..., lesson.places[used]], atol=1e-6)
    assert (logits[..., ~used] == -100).all()


def test_every_word_is_told_in_the_cut_vocabulary() -> None:
    for word in (*TAGS, *COLOURS, *TEXTURES):
        assert wordpiece.decode(wordpiece.encode(word, SIZES.pieces), SIZES.pieces) == word
    assert all(len(wordpiece.encode(scene, SIZES.pieces)) == 3 for scene in SCENES)


@pytest.mark.parametrize("seed", range(3))
def test_a_caption_tells_what_is_seen(seed: int) -> None:
    pictures = draw_pictures(range(10 * seed, 10 * seed + 10), SIZES.image_px)
    for caption, scene, tags in zip(pictures.captions, pictures.scenes, pictures.tags, strict=True):
        words = {TAGS[i] for i in tags.nonzero().flatten()}
        assert caption.endswith(SCENES[scene])
        assert words - set(TEXTURES) == set(caption.split()) & {*KINDS, *COLOURS, scene}
        assert len(wordpiece.encode(caption, SIZES.pieces)) - 2 >= 6  # the search closes no shorter one


def test_disturbed_pictures_keep_their_size_and_stay_near() -> None:
    frames = draw_pictures(range(4), SIZES.image_px).frames
    plain = tag2text.image.preprocess(frames, SIZES.image_px)
    shown = disturbed(frames, np.random.default_rng(0))
    assert shown.shape == plain.shape
    assert torch.equal(shown, disturbed(frames, np.random.default_rng(0)))
    nearest = torch.minimum((shown - plain).abs().mean((1, 2, 3)), (shown - plain.flip(3)).abs().mean((1, 2, 3)))
    assert nearest.min() > 0
    assert nearest.max() < 1.5
