"""Scene consistency around its captioner: which frame's caption counts, and for what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from torch import nn

from i2vbench.measure import measure_clips
from i2vbench.metrics.networks.tag2text import Caption
from i2vbench.metrics.scene_consistency import SceneConsistency
from i2vbench.profiles import load_profile
from i2vbench.types import Clip
from tests.metrics.test_object_consistency import clip_of


class Captioner(nn.Module):
    """Says of a frame what its brightness stands for."""

    def __init__(self, texts: Sequence[str]) -> None:
        super().__init__()
        self.texts = texts
        self.shown: list[list[int]] = []

    def caption(self, frames: Any) -> list[Caption]:
        which = [round(float(np.asarray(frame).mean())) for frame in frames]
        self.shown.append(which)
        return [self._caption(self.texts[i]) for i in which]

    def _caption(self, text: str) -> Caption:
        return Caption(text=text, tags=("tag",))


def scene(num_frames: int, words: str) -> Clip:
    clip = clip_of(num_frames)
    return replace(clip, sample=replace(clip.sample, scene=words))


def metric_with(texts: Sequence[str], variant: str = "") -> SceneConsistency:
    metric = SceneConsistency(variant)
    metric._network = Captioner(texts)
    return metric


TURNING = ["a beach at noon"] * 6 + ["a street at night"] * 10


@pytest.mark.parametrize(("words", "published", "own"), [("beach", 1.0, 6 / 16), ("street", 0.0, 10 / 16)])
def test_frames_after_the_sixth_never_count_in_the_published_rule(words: str, published: float, own: float) -> None:
    [measured] = metric_with(TURNING).measure([scene(16, words)])
    assert measured.value == published
    assert (measured.details["value_published"], measured.details["value_own-frames"]) == (published, own)
    [other] = metric_with(TURNING, "own-frames").measure([scene(16, words)])
    assert other.value == own
    assert other.metric == "scene_consistency_own_frames"


@pytest.mark.parametrize(("words", "value"), [("beach", 1.0), ("street", None), ("car interior", None)])
def test_a_small_network_does_not_judge_words_that_it_was_never_taught(words: str, value: float | None) -> None:
    metric = metric_with(TURNING)
    metric.prepare(load_profile("tiny"))
    [measured] = measure_clips(metric, [scene(16, words)])
    assert measured.value == value
    if value is None:
        assert str(measured.not_applicable).startswith("the sample has scene words that are not among the 45 which")


def test_the_first_five_captions_count_three_times_and_the_sixth_once() -> None:
    texts = ["none"] * 16
    for place, weight in enumerate([3, 3, 3, 3, 3, 1] + [0] * 10):
        [measured] = metric_with([*texts[:place], "a park", *texts[place + 1 :]]).measure([scene(16, "park")])
        assert measured.value == weight / 16, f"frame {place}"
        assert measured.details["captions"][place] == "a park"
        assert measured.details["counted_from"] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5]


def test_every_word_is_a_part_of_the_caption() -> None:
    texts = ["skis on a hill with slopes"] * 4 + ["a slope"] * 4 + ["Ski Slope"] * 4 + [""] * 4
    [measured] = metric_with(texts, "own-frames").measure([scene(16, "ski slope")])
    assert measured.value == 4 / 16
    assert measured.details["words"] == ["ski", "slope"]
    assert measured.details["captions"][-1] == ""


@pytest.mark.parametrize("num_frames", [1, 3, 16, 40])
def test_each_frame_is_captioned_once(num_frames: int) -> None:
    metric = metric_with(["a park"] * num_frames)
    [measured] = metric.measure([scene(num_frames, "park")])
    assert metric._network.shown == [sorted(set(measured.details["frame_indices"]))]
    assert len(measured.details["captions"]) == 16


def test_a_fault_is_a_reason() -> None:
    metric = metric_with(["a park"] * 16)
    metric._network._caption = lambda text: Caption(text="", tags=(), fault="the logits are not finite")
    [measured] = metric.measure([scene(16, "park")])
    assert measured.value is None
    assert measured.error == "16 of 16 frames cannot be judged (first: frame 0: the logits are not finite)"


def test_words_that_no_caption_holds_are_in_the_details() -> None:
    [measured] = metric_with(["a cafe"] * 16).measure([scene(16, "Café")])
    assert measured.value == 0
    assert "'Café' (written 'cafe')" in measured.details["doubts"][0]
