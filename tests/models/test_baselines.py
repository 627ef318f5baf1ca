"""The rows every table should have, and videos made elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from i2vbench.errors import UserError
from i2vbench.models.base import Preparation
from i2vbench.models.baselines import GroundTruth, Pan, Static
from i2vbench.models.videos import Videos
from i2vbench.profiles import Profile
from i2vbench.types import ClipSource, FrameSource, PlannedClip, Request, Sample, Video
from i2vbench.video import write_video
from tests.conftest import moving_frames
from tests.video.files import KINDS


def request_for(sample_id: str = "a", seed: int = 0, frames: int = 5) -> Request:
    first = moving_frames(1, 32, 48)[0]
    return Request(sample_id, first, "a dog.", frames, 32, 48, 8.0, seed)


def test_static_holds_the_first_frame() -> None:
    request = request_for()
    video = Static().generate([request])[0]
    assert video.frames.shape == (5, 32, 48, 3)
    assert (video.frames == request.first_frame).all()


def test_pan_slides_one_way_by_its_seed() -> None:
    right, left = Pan().generate([request_for(seed=0), request_for(seed=1)])
    assert (right.frames[0] == left.frames[0]).all()
    assert (right.frames[-1] != left.frames[-1]).any()
    # what stood right of the middle moves left when the crop slides right
    assert (right.frames[1:] != right.frames[:-1]).any(axis=(1, 2, 3)).all()


def test_ground_truth_gives_the_frames_nearest_in_time(tmp_path: Path, small_profile: Profile) -> None:
    frames = moving_frames(24, 32, 48)
    write_video(tmp_path / "a.mp4", Video(frames, 24.0))
    sample = Sample("a", "Pet", "", FrameSource(tmp_path / "a.mp4", 0.0), ClipSource(tmp_path / "a.mp4", 0.25, 1.0))
    model = GroundTruth()
    plan = [PlannedClip(sample, 0, 0)]
    model.prepare(Preparation(plan, frozenset({"a"}), small_profile.protocol, "pyav", Path("unused")))
    video = model.generate([request_for(frames=4)])[0]
    assert video.fps == 8.0
    np.testing.assert_array_equal(video.frames, frames[[6, 9, 12, 15]])


def plan_of(*ids: str, seeds: tuple[int, ...] = (0,)) -> list[PlannedClip]:
    samples = [Sample(id_, "Pet", "", FrameSource(Path("x.png"))) for id_ in ids]
    return [PlannedClip(sample, seed, 1000 * seed + i) for i, sample in enumerate(samples) for seed in seeds]


def prepare(folder: Path, plan: list[PlannedClip], profile: Profile, others: tuple[str, ...] = ()) -> Videos:
    model = Videos(str(folder))
    ids = frozenset(planned.sample.id for planned in plan) | set(others)
    model.prepare(Preparation(plan, ids, profile.protocol, "pyav", Path("unused")))
    return model


def write(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for i, name in enumerate(names):
        write_video(folder / name, Video(moving_frames(3, seed=i), 8.0))
    return folder


def test_videos_are_matched_by_id_alone(tmp_path: Path, small_profile: Profile) -> None:
    folder = write(tmp_path / "mine", "b.mp4", "a.mp4", "left-out.mp4")
    model = prepare(folder, plan_of("a", "b"), small_profile, others=("left-out",))
    videos = model.generate([request_for("a", 0), request_for("b", 1)])
    assert (videos[1].frames == moving_frames(3, seed=0)).all()
    assert (videos[0].frames == moving_frames(3, seed=1)).all()
    assert model.info.name == "mine"


def test_videos_of_several_seeds(tmp_path: Path, small_profile: Profile) -> None:
    folder = write(tmp_path / "mine", "a-seed0.mp4", "a-seed7.mp4")
    model = prepare(folder, plan_of("a", seeds=(0, 7)), small_profile)
    assert (model.generate([request_for("a", 7000)])[0].frames == moving_frames(3, seed=1)).all()


def test_videos_of_the_wrong_number_are_all_listed(tmp_path: Path, small_profile: Profile) -> None:
    folder = write(tmp_path / "mine", "a.mp4", "stranger.mp4", "c.mp4", "c-seed0.mp4")
    with pytest.raises(UserError, match="do not match the run's 3 clips") as refusal:
        prepare(folder, plan_of("a", "b", "c"), small_profile)
    assert "missing: b.mp4" in str(refusal.value)
    assert "stranger.mp4" in str(refusal.value)
    assert "more than one for 'c': c-seed0.mp4, c.mp4" in str(refusal.value)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no folder"):
        Videos(str(tmp_path / "nowhere"))


def test_a_folder_may_be_given_a_name_and_may_hold_an_equals_sign(tmp_path: Path) -> None:
    (tmp_path / "cfg=7").mkdir()
    assert Videos(str(tmp_path / "cfg=7")).info.name == "cfg=7"
    assert Videos(f"mine={tmp_path / 'cfg=7'}").info.name == "mine"
    for nowhere in ("mine=", f"mine={tmp_path}/nowhere"):
        with pytest.raises(UserError, match="no folder"):
            Videos(nowhere)


def test_a_variable_rate_is_refused(tmp_path: Path, small_profile: Profile) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    KINDS["variable_rate.mp4"](folder / "a.mp4")
    model = prepare(folder, plan_of("a"), small_profile)
    with pytest.raises(UserError, match="variable frame rate"):
        model.generate([request_for("a", 0)])
