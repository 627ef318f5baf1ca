"""`adapter check` finds each way of breaking the contract, and nothing in a model that keeps it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from i2vbench.adapter.check import check_model
from i2vbench.datasets.demo import bundled_samples
from i2vbench.errors import UserError
from i2vbench.models.base import Model
from i2vbench.models.baselines import Pan
from i2vbench.profiles import Profile
from i2vbench.types import ModelInfo, Request, Video

INFO = ModelInfo(name="m", title="", max_batch=2)


class Noise(Model):
    """Keeps the contract: noise from the request's seed."""

    info = INFO

    def generate(self, requests: Sequence[Request]) -> list[Video]:
        return [self.one(r) for r in requests]

    def one(self, r: Request) -> Video:
        rng = np.random.default_rng(r.seed)
        frames = rng.integers(0, 256, (r.num_frames, r.height, r.width, 3), dtype=np.uint8)
        frames[0] = r.first_frame
        return Video(frames, r.fps)


class GlobalRandomness(Noise):
    def one(self, r: Request) -> Video:
        return Video(np.random.randint(0, 256, (r.num_frames, r.height, r.width, 3), dtype=np.uint8), r.fps)


class BatchNoise(Noise):
    """One generator for the whole batch: the second request's video depends on the first."""

    def generate(self, requests: Sequence[Request]) -> list[Video]:
        rng = np.random.default_rng(requests[0].seed)
        return [Video(rng.integers(0, 256, super(BatchNoise, self).one(r).frames.shape, dtype=np.uint8), r.fps)
                for r in requests]  # fmt: skip


class TooShort(Noise):
    def one(self, r: Request) -> Video:
        return Video(super().one(r).frames[1:], r.fps)


class WrongRate(Noise):
    def one(self, r: Request) -> Video:
        return Video(super().one(r).frames, 25.0)


class TooMany(Noise):
    def generate(self, requests: Sequence[Request]) -> list[Video]:
        return [*super().generate(requests), super().one(requests[0])]


class NotVideos(Noise):
    def generate(self, requests: Sequence[Request]) -> list[Video]:
        return [super(NotVideos, self).one(r).frames for r in requests]  # type: ignore[misc]


class Meddles(Noise):
    def one(self, r: Request) -> Video:
        video = super().one(r)
        r.first_frame[:] = 0
        return video


class Raises(Noise):
    def one(self, r: Request) -> Video:
        raise RuntimeError("no weights")


class Nameless(Noise):
    info = None  # type: ignore[assignment]


@pytest.mark.parametrize("model", [Noise(), Pan()])
def test_a_model_that_keeps_the_contract(model: Model, small_profile: Profile) -> None:
    report = check_model(model, bundled_samples(), small_profile.protocol)
    assert report.faults == []
    assert any("equal to the byte" in line for line in report.passed)
    assert any("another order" in line for line in report.passed)


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        (GlobalRandomness(), "the same request twice"),
        (BatchNoise(), "batch"),
        (TooShort(), "returned 3 frames"),
        (WrongRate(), "25 fps"),
        (TooMany(), "expected a list of 1 videos, got 2 videos"),
        (NotVideos(), "returned ndarray"),
        (Meddles(), "read-only"),
        (Raises(), "RuntimeError: no weights"),
        (Nameless(), "ModelInfo"),
    ],
)
def test_each_breach_is_named(model: Model, fault: str, small_profile: Profile) -> None:
    report = check_model(model, bundled_samples(), small_profile.protocol)
    assert any(fault in line for line in report.faults), report


def test_what_the_model_asks_the_user_for_is_no_fault_of_it(small_profile: Profile) -> None:
    class LacksWeights(Noise):
        def load(self, device: str, dtype: str) -> None:
            raise UserError("fetch the weights")

    with pytest.raises(UserError, match="fetch the weights"):
        check_model(LacksWeights(), bundled_samples(), small_profile.protocol)

    class Refuses(Noise):
        def one(self, r: Request) -> Video:
            raise UserError("not this one")

    assert check_model(Refuses(), bundled_samples(), small_profile.protocol).faults == ["refused: not this one"]


def test_what_a_model_holds_is_let_go_of_whatever_it_raises(small_profile: Profile) -> None:
    """A repository's server would go on without it."""
    let_go = []

    class Holds(Raises):
        def unload(self) -> None:
            let_go.append(True)

    assert any("no weights" in line for line in check_model(Holds(), bundled_samples(), small_profile.protocol).faults)
    assert let_go == [True]


def test_rounding_in_a_batch_is_allowed(small_profile: Profile) -> None:
    class Rounds(Noise):
        def generate(self, requests: Sequence[Request]) -> list[Video]:
            videos = super().generate(requests)
            if len(requests) > 1:
                for video in videos:
                    video.frames[0, 0, 0, 0] ^= 1
            return videos

    assert check_model(Rounds(), bundled_samples(), small_profile.protocol).faults == []
