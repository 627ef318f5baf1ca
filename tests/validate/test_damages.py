"""Damage is what it says, grows with its grade, and leaves alone what it does not say."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from i2vbench.create import create_metrics
from i2vbench.datasets.demo import bundled_samples
from i2vbench.datasets.synthetic import CAMERAS, KINDS, SCENES, held_out
from i2vbench.profiles import Protocol, load_profile
from i2vbench.registry import METRICS
from i2vbench.settings import RunConfig
from i2vbench.statistics import spearman
from i2vbench.types import Frames
from i2vbench.validate.damages import DAMAGES, Damage
from i2vbench.validate.subjects import DrawnSubject, RealSubject, Subject

TINY = load_profile("tiny")
PROTOCOL = Protocol(
    num_frames=16, fps=8, height=48, width=64, interpolation="lanczos", sampling="nearest", other_videos="bring"
)
SUBJECTS = [DrawnSubject(held_out(i), PROTOCOL) for i in range(4)]
REAL = [RealSubject(sample, bundled_samples(), PROTOCOL) for sample in bundled_samples()[:2]]


def frames_under(damage: Damage, grade: float, subject: Subject) -> Frames:
    shown = damage.apply(subject, grade)
    assert shown
    assert (shown.video.fps, shown.video.frames.shape) == (8, (16, 48, 64, 3))
    assert shown.sample.id == subject.sample.id
    return shown.video.frames


@pytest.mark.parametrize("name", [name for name in DAMAGES if name != "wrong caption"])
def test_it_is_the_same_each_time_and_grows_with_its_grade(name: str) -> None:
    damage = DAMAGES[name]
    differences = []
    for grade in damage.grades:
        total = 0.0
        for subject in SUBJECTS:
            frames = frames_under(damage, grade, subject)
            assert (frames == frames_under(damage, grade, subject)).all()
            total += float(np.abs(frames.astype(int) - subject.video().frames).mean())
        differences.append(total)
    assert differences[0] > 0
    assert spearman(damage.grades, differences) > 0.79, differences


def test_every_stated_answer_is_of_a_metric_there_is() -> None:
    for damage in DAMAGES.values():
        assert set(damage.answers) <= set(METRICS.builtin), damage.name
        assert list(damage.grades) == sorted(damage.grades)
        assert all(
            expected.answer in ("worse", "better", "blind") and expected.why for expected in damage.answers.values()
        )
        for checkpoint, some in damage.exceptions.items():
            assert all(checkpoint in TINY.checkpoints[metric] for metric in some), (damage.name, checkpoint)
            assert all(e.answer in ("worse", "better", "blind", "open") and e.why for e in some.values())
            assert all(e.answer != e.in_general for e in some.values())


def checkpoints_under(profile: str, *metrics: str) -> dict[str, tuple[str, ...]]:
    """What metrics look through."""
    loaded = load_profile(profile)
    made = create_metrics(RunConfig(models=(), metrics=metrics, profile=loaded), loaded)
    return {id_: metric.info.checkpoints for id_, (metric, _) in made.items()}


def test_exceptions_are_of_the_network_whatever_the_profile_is_called(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('base = "tiny"\nname = "mine"\n')
    for profile in ("tiny", "tiny-imagenet", str(mine)):
        looked = checkpoints_under(profile, "fvd", "clipsim")
        swaps, jitter = (
            DAMAGES["frame swaps"].expected("fvd", looked["fvd"]),
            DAMAGES["jitter"].expected("clipsim", looked["clipsim"]),
        )
        assert (swaps and swaps.answer, jitter and jitter.answer) == ("blind", "open"), profile
        assert swaps
        assert swaps.in_general == "worse"


def test_a_metric_that_looks_through_another_network_has_no_exceptions(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('base = "tiny"\nname = "tiny"\n[checkpoints]\nfvd = ["i3d_tats"]\n')
    for profile in ("paper", str(mine)):
        looked = checkpoints_under(profile, "fvd")["fvd"]
        assert DAMAGES["frame swaps"].expected("fvd", looked) == DAMAGES["frame swaps"].answers["fvd"]


def test_every_metric_is_held_to_three_statements_or_more() -> None:
    stated = Counter(metric for damage in DAMAGES.values() for metric in damage.answers)
    benchmark = [name for name in METRICS.builtin if name not in ("fvd_infinity", "fid_infinity", "kid")]
    assert len(benchmark) == 12
    assert min(stated[metric] for metric in benchmark) >= 3, stated


def test_freezing_and_holding_repeat_frames() -> None:
    frozen = frames_under(DAMAGES["freeze"], 1.0, SUBJECTS[0])
    assert (frozen == frozen[0]).all()
    assert (frozen[0] == SUBJECTS[0].video().frames[0]).all()
    held = frames_under(DAMAGES["fps change"], 4, SUBJECTS[0])
    assert (held == SUBJECTS[0].video().frames[np.arange(16) // 4 * 4]).all()


def test_swapped_frames_are_the_same_frames() -> None:
    before, after = SUBJECTS[0].video().frames, frames_under(DAMAGES["frame swaps"], 1.0, SUBJECTS[0])
    assert (after == before[np.arange(16) ^ 1]).all()


def test_dropped_frames_are_as_many_as_it_says() -> None:
    before, after = SUBJECTS[1].video().frames, frames_under(DAMAGES["frame drops"], 0.5, SUBJECTS[1])
    assert (after[0] == before[0]).all()
    repeats = sum(bool((after[i] == after[i - 1]).all()) for i in range(1, 16))
    assert repeats >= round(0.5 * 15)


@pytest.mark.parametrize("name", ["object swap", "scene swap"])
def test_a_swap_shows_the_other_clip_at_the_end_alone(name: str) -> None:
    subject = SUBJECTS[2]
    other = subject.with_another_object() if name == "object swap" else subject.with_another_scene()
    frames = frames_under(DAMAGES[name], 0.4, subject)
    own = round(0.6 * 16)
    assert (frames[:own] == subject.video().frames[:own]).all()
    assert (frames[own:] == other.frames[own:]).all()
    assert (other.frames != subject.video().frames).any()


def test_speed_up_shows_the_same_motion_sooner() -> None:
    subject = SUBJECTS[0]
    twice = subject.faster(2.0)
    assert twice
    # Around the middle: what was at 4 and 12 frames is now at 6 and 10.
    assert (twice.frames[[6, 8, 10]] == subject.video().frames[[4, 8, 12]]).all()
    assert subject.faster(3.0) is None


def test_a_wrong_caption_is_wronger_by_its_grade_and_leaves_the_video() -> None:
    subject = SUBJECTS[3]
    captions = []
    for grade in DAMAGES["wrong caption"].grades:
        shown = DAMAGES["wrong caption"].apply(subject, grade)
        assert shown
        assert (shown.video.frames == subject.video().frames).all()
        assert (shown.sample.objects, shown.sample.scene) == (subject.sample.objects, subject.sample.scene)
        captions.append(shown.sample.prompt)
    right = set(subject.sample.prompt.split())
    wrong = [len(set(caption.split()) - right) for caption in captions]
    assert wrong == sorted(wrong)
    assert wrong[0] >= 1
    assert subject.sample.objects[0] not in captions[0].split()
    assert subject.sample.scene not in captions[2].split()


def test_drawn_subjects_show_one_thing_of_their_words() -> None:
    for subject in SUBJECTS:
        assert subject.sample.objects[0] in KINDS
        assert subject.sample.scene in SCENES
        assert " and " not in subject.sample.prompt
    assert len(CAMERAS) == 7


class TestRealClips:
    def test_they_have_no_swaps(self) -> None:
        for name in ("identity drift", "object swap", "scene swap"):
            assert DAMAGES[name].apply(REAL[0], 0.5) is None

    def test_their_wrong_captions_end_as_anothers(self) -> None:
        own, other = (subject.sample.prompt for subject in REAL)
        half = REAL[0].wrong_caption(0.5)
        assert half
        assert half.split()[0] == own.split()[0]
        assert half.split()[-1] != own.split()[-1]
        assert REAL[0].wrong_caption(1.0) in [sample.prompt for sample in bundled_samples()]
        assert other != own

    def test_speed_up_needs_a_longer_clip(self) -> None:
        found = [subject.faster(4.0) for subject in REAL]
        assert None in found
        slow = REAL[0].faster(1.25)
        assert slow is None or slow.frames.shape == (16, 48, 64, 3)


def test_ranks_share_ties_and_know_nothing_of_constants() -> None:
    assert spearman([0, 1, 2, 3], [1, 10, 100, 1000]) == pytest.approx(1)
    assert spearman([0, 1, 2, 3], [4, 3, 2, 1]) == pytest.approx(-1)
    assert spearman([1, 2, 3, 4], [1, 2, 2, 4]) == pytest.approx(0.9486832980505138)  # by hand: 4.5 / sqrt(5 * 4.5)
    assert math.isnan(spearman([1, 2, 3], [5, 5, 5]))
