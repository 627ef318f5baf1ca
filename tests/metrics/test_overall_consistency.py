"""Overall consistency: what is looked at, the cosine that comes of it, and the reasons for none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor, nn

from i2vbench.errors import UserError
from i2vbench.measure import measure_clips
from i2vbench.metrics import overall_consistency
from i2vbench.metrics.networks import viclip
from i2vbench.metrics.networks.clip import preprocess_vbench
from i2vbench.metrics.overall_consistency import OverallConsistency, cosine
from i2vbench.profiles import load_profile
from i2vbench.registry import METRICS
from i2vbench.types import Clip, FrameSource, Measurement, Sample, Video
from tests.conftest import moving_frames
from tests.metrics.networks.test_viclip import network

Features = npt.NDArray[np.float32]
features = arrays(np.float32, 5, elements=st.floats(-(2.0**60), 2.0**60, width=32, allow_subnormal=False)).filter(
    lambda row: float(np.linalg.norm(row.astype(float))) > 0
)


class Tiny(nn.Module):
    """Stands for the network: a video's mean colours and its frames' count, a text's tokens."""

    vocab_size, context_length = 49408, 32

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[int] = []
        self.videos: list[Tensor] = []

    def vision_encoder(self, videos: Tensor) -> Tensor:
        self.videos.append(videos)
        return videos.mean(dim=(3, 4)).flatten(1)  # [N, 24]

    def text_encoder(self, tokens: Tensor) -> Tensor:
        self.texts.append(len(tokens))
        return tokens[:, 1:25].float()  # [N, 24]


def make(net: object, argument: str = "") -> OverallConsistency:
    metric = OverallConsistency(argument)
    metric._network = net
    return metric


def make_clip(
    num_frames: int = 16, height: int = 24, width: int = 32, seed: int = 0, prompt: str = "a dog", *, grey: bool = False
) -> Clip:
    frames = moving_frames(num_frames, height, width, seed)
    if grey:
        frames = frames[..., :1].repeat(3, axis=-1)
    sample = Sample(f"clip-{seed}", "Pet", prompt, FrameSource(Path("x.png")))
    return Clip(sample, Video(np.ascontiguousarray(frames), 8.0))


def values(measured: list[Measurement]) -> list[float]:
    assert all(one.error is None for one in measured), [one.error for one in measured]
    return [float(one.value or 0) for one in measured]


@given(video=features, text=features)
def test_the_cosine_has_a_sign_and_no_length(video: Features, text: Features) -> None:
    value = cosine(video, text)
    assert -1 <= value <= 1
    assert cosine(video * 2, text / 4) == pytest.approx(value, abs=1e-12)
    assert cosine(-video, text) == pytest.approx(-value, abs=1e-12)
    assert cosine(video, video) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("spoilt", "reason"), [(0.0, "all zero"), (np.nan, "not finite"), (np.inf, "not finite")])
def test_features_without_a_direction_are_a_reason(spoilt: float, reason: str) -> None:
    good, bad = np.ones(4, np.float32), np.full(4, spoilt, np.float32)
    with pytest.raises(
        ValueError, match=f"video features .* got 1 of 1 that are {reason}, .* check the network's checkpoint"
    ):
        cosine(bad, good)
    with pytest.raises(ValueError, match=f"prompt features .* that are {reason}"):
        cosine(good, bad)


def test_a_clip_without_features_costs_no_other_its_number() -> None:
    class Spoilt(Tiny):
        def vision_encoder(self, videos: Tensor) -> Tensor:
            seen = super().vision_encoder(videos)
            seen[1] = torch.nan
            return seen

        def text_encoder(self, tokens: Tensor) -> Tensor:
            seen = super().text_encoder(tokens)
            seen[-1] = 0
            return seen

    clips = [make_clip(seed=seed, prompt="a cat" if seed == 3 else "a dog") for seed in range(4)]
    measured = measure_clips(make(Spoilt()), clips)
    assert [one.error is None for one in measured] == [True, False, True, False]
    assert str(measured[1].error).startswith("expected video features")
    assert "not finite" in str(measured[1].error)
    assert str(measured[3].error).startswith("expected prompt features")
    assert "all zero" in str(measured[3].error)


def test_a_value_is_the_cosine_of_the_networks_features() -> None:
    clip = make_clip(13, 40, 30)
    [measured] = make(network()).measure([clip])
    frames = torch.from_numpy(clip.video.frames[[0, 1, 3, 4, 6, 8, 9, 11]])
    seen = network().vision_encoder(preprocess_vbench(frames, rounded=True)[None])
    read = network().text_encoder(viclip.tokenize(["a dog"])[0])
    expected = nn.functional.cosine_similarity(seen.double(), read.double()).item()
    assert measured.value == pytest.approx(expected, abs=1e-6)
    assert measured.details == {"frame_indices": [0, 1, 3, 4, 6, 8, 9, 11], "prompt_tokens_cut": 0}


def test_neither_the_batch_nor_its_order_changes_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overall_consistency, "CLIPS_AT_ONCE", 2)
    clips = [
        make_clip(16, 32, 32, seed=0),
        make_clip(3, 33, 57, seed=1, prompt="grapes on a table"),
        make_clip(200, 57, 31, seed=2),
        make_clip(9, 300, 240, seed=3, prompt="grapes on a table"),
        make_clip(8, 32, 32, seed=4, grey=True),
    ]
    metric = make(network())
    together = measure_clips(metric, clips)
    assert [one.sample_id for one in together] == [f"clip-{seed}" for seed in range(5)]
    alone = [one for clip in clips for one in measure_clips(metric, [clip])]
    backwards = measure_clips(metric, clips[::-1])[::-1]
    np.testing.assert_allclose(values(together), values(alone), atol=1e-6)
    np.testing.assert_allclose(values(together), values(backwards), atol=1e-6)
    assert np.ptp(values(together)) > 1e-3
    assert [len(one.details["frame_indices"]) for one in together] == [8] * 5


def test_a_short_clip_is_held_at_its_end() -> None:
    short, seen = make_clip(3), Tiny()
    held = Clip(short.sample, Video(short.video.frames[[0, 1, 2, 2, 2, 2, 2, 2]], 8.0))
    first, second = measure_clips(make(seen), [short, held])
    assert first.value == second.value
    assert torch.equal(seen.videos[0][0], seen.videos[0][1])
    assert first.details["frame_indices"] == [0, 1, 2, 2, 2, 2, 2, 2]


def test_a_prompt_is_read_once_a_batch_and_never_kept() -> None:
    metric, clips = make(Tiny()), [make_clip(seed=seed, prompt="ab"[seed % 2]) for seed in range(6)]
    metric.measure(clips)
    assert metric._network.texts == [2]
    first, other = metric._network, Tiny()
    metric._network = other
    metric.measure(clips[:1])
    assert (first.texts, other.texts) == ([2], [1])


def test_what_was_cut_off_a_prompt_is_said() -> None:
    clips = [make_clip(seed=0), make_clip(seed=1, prompt="dog " * 41), make_clip(seed=2, prompt="dog " * 30)]
    measured = measure_clips(make(Tiny()), clips)
    assert [one.details["prompt_tokens_cut"] for one in measured] == [0, 11, 0]
    whole, spoken = (
        replace(clips[0], sample=replace(clips[0].sample, prompt=clip.sample.prompt)) for clip in clips[1:]
    )
    first, second = measure_clips(make(Tiny()), [whole, spoken])
    assert first.value == second.value, "what is cut off does not count"


def test_antialiasing_is_a_metric_of_its_own() -> None:
    plain, other = METRICS.create("overall_consistency"), METRICS.create("overall_consistency:antialias")
    assert (plain.info.id, other.info.id) == ("overall_consistency", "overall_consistency_antialias")
    assert plain.info.title != other.info.title
    assert plain.info.checkpoints == other.info.checkpoints
    with pytest.raises(UserError, match="no variant 'antialiased': did you mean antialias"):
        METRICS.check_name("overall_consistency:antialiased")
    with pytest.raises(UserError, match="no variant 'x'"):
        OverallConsistency("x")
    large = make_clip(8, 700, 600)
    seen = [make(Tiny(), argument) for argument in ("", "antialias")]
    for metric in seen:
        metric.measure([large])
    shown = [metric._network.videos[0] for metric in seen]
    assert (shown[0] - shown[1]).abs().max() > 0.05
    frames = torch.from_numpy(large.video.frames.copy())
    torch.testing.assert_close(shown[1][0], preprocess_vbench(frames, rounded=True, antialias=True))


def test_it_needs_a_prompt_and_the_profile_names_its_checkpoint() -> None:
    metric = OverallConsistency()
    assert Sample("a", "Pet", "", FrameSource(Path("x.png"))).lacks(metric.info.reads) == "the sample has no prompt"
    paper = load_profile("paper")
    metric.prepare(paper)
    assert metric.info.checkpoints == paper.checkpoints["overall_consistency"] == ("viclip_l14",)
    assert metric.info.print(-0.01234) == "-1.23"


def test_duplicating_every_clip_changes_no_cell() -> None:
    metric, clips = make(Tiny()), [make_clip(seed=seed) for seed in range(3)]
    once, twice = (metric.aggregate(measure_clips(metric, some)).value for some in (clips, clips * 2))
    assert once == pytest.approx(twice, abs=1e-12)
