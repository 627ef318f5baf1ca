"""Under the tiny profile every metric answers damage as was stated, and its network knows the truth of drawn clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import pytest

from i2vbench.create import create_metrics
from i2vbench.datasets.synthetic import held_out
from i2vbench.metrics.base import Metric, NetworkMetric
from i2vbench.profiles import load_profile
from i2vbench.progress import Quiet
from i2vbench.settings import RunConfig
from i2vbench.validate.damages import DAMAGES
from i2vbench.validate.study import study
from i2vbench.validate.subjects import DrawnSubject
from i2vbench.validate.truth import Score, against_truth

PROFILE = load_profile("tiny")
SUBJECTS = [DrawnSubject(held_out(i), PROFILE.protocol) for i in range(12)]

CHOSEN: Mapping[str, Sequence[int]] = {
    # By their exact flow one stands still, one moves, and two cross the threshold at twice the pace.
    "dynamic_degree": (0, 8, 10, 11),
    # Of four, single frames and clips weigh so much that what is blind is near the threshold.
    "object_consistency": range(6),
    "clipsim": range(12),
}
"""Of the subjects; four where nothing stands here."""

# An answer is that to the strongest grade; every damaged clip is drawn once for all metrics.
STRONGEST = [replace(damage.strongest(), apply=cache(damage.apply)) for damage in DAMAGES.values()]


def created(id_: str) -> Metric:
    [(metric, _)] = create_metrics(RunConfig(models=(), metrics=(id_,), profile=PROFILE), PROFILE).values()
    return metric


def stated(id_: str) -> dict[str, str]:
    """By damage, how it is to answer."""
    checkpoints = created(id_).info.checkpoints
    expected = {damage.name: damage.expected(id_, checkpoints) for damage in STRONGEST}
    return {name: one.answer for name, one in expected.items() if one and one.answer != "open"}


@pytest.mark.parametrize(
    "id_",
    [
        "background_consistency",
        "clipsim",
        "dynamic_degree",
        "fid",
        "fvd",
        "inception_score",
        "motion_smoothness",
        "object_consistency",
        "overall_consistency",
        "scene_consistency",
        "subject_consistency",
        "temporal_flickering",
    ],
)
def test_it_answers_as_was_stated(id_: str) -> None:
    subjects = [SUBJECTS[i] for i in CHOSEN.get(id_, range(4))]
    found = study({id_: created(id_)}, subjects, Quiet(), STRONGEST, stated_only=True)
    assert {r.damage: r.answer for r in found.reactions} == stated(id_), [
        f"{r.damage}: {r.effect:+.2f} spreads" for r in found.reactions if not r.as_stated
    ]
    assert len(found.reactions) >= 3


class TestTruth:
    """Networks beside simple rivals. Of the small ones the cards say how much they reach on more clips."""

    def scores(self, id_: str) -> list[Score]:
        metric = created(id_)
        assert isinstance(metric, NetworkMetric)
        return against_truth({id_: metric}, [held_out(i) for i in range(6)], PROFILE.protocol, Quiet())

    def test_flow_is_nearer_to_the_truth_than_no_motion(self) -> None:
        [error] = self.scores("dynamic_degree")
        assert error.value < 0.6 * error.rival_value, error

    def test_frames_in_between_are_nearer_to_the_truth_than_blends(self) -> None:
        [decibels] = self.scores("motion_smoothness")
        assert decibels.value > decibels.rival_value + 3, decibels

    def test_things_are_named(self) -> None:
        named, wrong = self.scores("object_consistency")
        assert named.value > max(0.6, 2 * named.rival_value), named
        assert wrong.value < 0.6 * wrong.rival_value, wrong

    def test_captions_tell_the_scene(self) -> None:
        scene, _ = self.scores("scene_consistency")  # its card says that kinds were not learned
        assert scene.value > max(0.9, 2 * scene.rival_value), scene
