"""Scores of clips that have little to score; what the networks reach is in test_answers.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from i2vbench.create import create_metrics
from i2vbench.datasets.synthetic import draw_clip, held_out
from i2vbench.metrics.base import NetworkMetric
from i2vbench.profiles import load_profile
from i2vbench.progress import Quiet
from i2vbench.settings import RunConfig
from i2vbench.validate import truth
from i2vbench.validate.truth import Score, against_truth

PROFILE = load_profile("tiny")


def scores(id_: str, frames: int) -> list[Score]:
    [(metric, _)] = create_metrics(RunConfig(models=(), metrics=(id_,), profile=PROFILE), PROFILE).values()
    assert isinstance(metric, NetworkMetric)
    return against_truth({id_: metric}, [held_out(0)], replace(PROFILE.protocol, num_frames=frames), Quiet())


@pytest.mark.parametrize("frames", [2, 3])
def test_flow_of_short_clips(frames: int) -> None:
    [score] = scores("dynamic_degree", frames)
    assert np.isfinite([score.value, score.rival_value]).all()


@pytest.mark.parametrize(("frames", "count"), [(2, 0), (3, 1)])
def test_frames_in_between_of_short_clips(frames: int, count: int) -> None:
    assert len(scores("motion_smoothness", frames)) == count


class Naming:
    """Names the same in every frame."""

    info = SimpleNamespace(id="object_consistency")

    def __init__(self, *names: str) -> None:
        self.names = names

    def look(self, video: Any) -> Sequence[Any]:
        return [SimpleNamespace(names=list(self.names)) for _ in video.frames]


def test_where_nothing_is_in_sight_there_is_no_score_of_names() -> None:
    clip = draw_clip(held_out(0), 2, 8, 64, 64)
    empty: Any = SimpleNamespace(things=clip.things, video=clip.video, layers=np.zeros_like(clip.layers))
    for metric in (Naming(), Naming("boat")):
        assert truth._names(metric, [empty], "cpu") == []
        named, wrong = truth._names(metric, [clip, empty], "cpu")
        assert np.isfinite([named.value, wrong.value, named.rival_value]).all()
