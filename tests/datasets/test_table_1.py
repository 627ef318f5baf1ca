"""UCF-101 and MSR-VTT as Table 1 measures them: what is drawn, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from i2vbench.clips import read_to_protocol
from i2vbench.datasets import drawn, msrvtt, ucf101
from i2vbench.datasets.msrvtt import MSRVTT, choose_caption
from i2vbench.datasets.ucf101 import UCF101, choose_videos, read_classes, video_key
from i2vbench.errors import UserError
from i2vbench.generate import build_request
from i2vbench.models.baselines import Static
from i2vbench.profiles import load_profile, load_protocol
from i2vbench.progress import Quiet
from i2vbench.run import run
from i2vbench.settings import RunConfig, config_of
from i2vbench.types import Frames, Video
from i2vbench.video import write_video


def numbered(num_frames: int) -> Frames:
    """Frame i has the grey value 4 i."""
    return np.stack([np.full((32, 40, 3), 4 * i, np.uint8) for i in range(num_frames)])


def test_the_classes_are_the_papers() -> None:
    rows = read_classes()
    assert len(rows) == 101
    assert rows[0]["class"] == "ApplyEyeMakeup"
    assert rows[-1]["class"] == "YoYo"
    assert sum(int(row["videos"]) for row in rows) == 13_320
    assert sum(int(row["quota_2048"]) for row in rows) == 2048


def test_quotas_follow_the_number_of_videos_of_a_class() -> None:
    """floor(2048 N / 13320), and the 47 missing ones to the largest fractions, ties in the classes' order."""
    shares = [2048 * int(row["videos"]) / 13_320 for row in read_classes()]
    quotas = [int(share) for share in shares]
    largest = sorted(range(101), key=lambda c: (-(shares[c] - quotas[c]), c))[: 2048 - sum(quotas)]
    assert len(largest) == 47
    for c in largest:
        quotas[c] += 1
    assert quotas == [int(row["quota_2048"]) for row in read_classes()]


def test_starts_are_those_of_the_protocol() -> None:
    names = ["v_ApplyEyeMakeup_g01_c01", "v_ApplyEyeMakeup_g01_c04", "v_ApplyEyeMakeup_g03_c01"]
    assert [drawn.choose_start(video_key(name, 0), 50) for name in names] == [21, 47, 3]


def test_what_is_drawn_depends_on_the_names_alone() -> None:
    names = [f"v_Archery_g{g:02}_c{c:02}" for g in range(1, 26) for c in range(1, 5)]
    chosen = choose_videos(names, 22, 0)
    assert chosen == sorted(chosen) == choose_videos(names[::-1], 22, 0)
    assert chosen != choose_videos(names, 22, 1)
    assert set(choose_videos(names, 21, 0)) < set(chosen)


@pytest.mark.parametrize(
    ("num_frames", "stride", "expected"), [(46, 3, 3), (45, 3, 2), (31, 3, 2), (30, 3, 1), (16, 3, 1), (15, 3, 0)]
)
def test_a_short_video_has_the_largest_stride_that_fits(num_frames: int, stride: int, expected: int) -> None:
    assert drawn.longest_stride(num_frames, stride) == expected


@pytest.fixture
def ucf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two classes of three videos each, of which two are drawn."""
    (tmp_path / "classes.csv").write_text(
        "index,class,prompt,videos,quota_2048\n1,Archery,archery,3,2\n37,HandstandPushups,doing handstand pushups,3,2\n"
    )
    monkeypatch.setattr(ucf101, "_CLASSES", tmp_path / "classes.csv")
    for folder, name in (("Archery", "Archery"), ("HandstandPushups", "HandStandPushups")):
        for c in range(1, 4):
            path = tmp_path / "UCF-101" / folder / f"v_{name}_g01_c0{c}.avi"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_video(path.with_suffix(".mp4"), Video(numbered(50), 25.0))
            path.with_suffix(".mp4").rename(path)
    return tmp_path / "UCF-101"


def test_ucf101_gives_the_clip_its_first_frame_and_its_stride(ucf: Path) -> None:
    samples = UCF101(str(ucf)).samples()
    assert [sample.category for sample in samples] == ["Archery"] * 2 + ["HandstandPushups"] * 2
    assert samples[2].prompt == "doing handstand pushups"
    protocol = load_protocol("ucf101")
    for sample in samples:
        assert sample.reference is not None
        start = drawn.choose_start(video_key(sample.id, 0), 50 - 45)
        video = read_to_protocol(sample.reference, protocol)
        frames = video.frames
        assert video.fps == pytest.approx(25 / 3)
        np.testing.assert_allclose(frames[:, 0, 0, 0], [4 * (start + 3 * k) for k in range(16)], atol=3)
        request = build_request(sample, 0, Static.info, protocol, "pyav")
        assert request.frame_stride == 3, "a model that is told a stride is told the clip's"
        assert np.array_equal(request.first_frame, frames[0]), "the same pixels are condition and real clip"
    dense = UCF101(f"stride-1={ucf}")
    assert dense.name == "ucf101-stride-1"
    assert all(sample.reference is not None and sample.reference.stride == 1 for sample in dense.samples())
    assert build_request(dense.samples()[0], 0, Static.info, protocol, "pyav").frame_stride == 1
    assert "at a stride of 1" in dense.note


def test_a_part_of_ucf101_is_refused_with_the_classes(ucf: Path) -> None:
    next((ucf / "Archery").iterdir()).unlink()
    with pytest.raises(UserError, match=r"not whole are 1 classes: Archery \(2 of 3\)"):
        UCF101(str(ucf)).samples()


def test_a_video_without_16_frames_is_named(ucf: Path) -> None:
    for path in (ucf / "Archery").iterdir():
        write_video(path.with_suffix(".mp4"), Video(numbered(12), 25.0))
        path.with_suffix(".mp4").rename(path)
    with pytest.raises(UserError, match=r"2 videos cannot be drawn from: .*has 12 frames, fewer than 16"):
        UCF101(str(ucf)).samples()


def test_its_protocol_goes_with_the_data_set(ucf: Path, tmp_path: Path) -> None:
    config = RunConfig(
        models=("static",),
        metrics=("temporal_flickering",),
        dataset=f"ucf101:{ucf}",
        device="cpu",
        out=tmp_path / "run",
    )  # fmt: skip
    assert run(config, Quiet()).failed == 0
    recorded = json.loads((tmp_path / "run" / "run.json").read_text())["profile"]["protocol"]
    assert (recorded["name"], recorded["sampling"]) == ("ucf101", "first")
    assert "fvd" in recorded["metrics"]
    assert run(config_of(tmp_path / "run"), Quiet()).failed == 0


def test_a_protocol_may_be_asked_for_and_a_profiles_own_stays() -> None:
    assert load_profile("paper").protocol.name == "i2v-bench"
    assert load_profile("paper").under("msrvtt").protocol.metrics == ("fvd", "clipsim", "fvd_infinity")
    with pytest.raises(UserError, match="unknown protocol 'ucf-101': did you mean ucf101"):
        load_profile("paper").under("ucf-101")


@pytest.fixture
def vtt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(msrvtt, "TEST_SPLIT", range(7010, 7013))
    folder = tmp_path / "MSRVTT"
    (folder / "TestVideo").mkdir(parents=True)
    for number in (7010, 7012):
        write_video(folder / "TestVideo" / f"video{number}.mp4", Video(numbered(60), 15.0))
    sentences = [
        {"video_id": f"video{number}", "caption": f"caption {k} of {number}", "sen_id": k}
        for k in range(5)
        for number in (7010, 7011, 7012)
    ]
    videos = [{"video_id": f"video{number}", "category": number - 7010} for number in (7010, 7011, 7012)]
    (folder / "train_val_videodatainfo.json").write_text(
        json.dumps({"sentences": [{"video_id": "video0", "caption": "x"}], "videos": []})
    )
    (folder / "test_videodatainfo.json").write_text(json.dumps({"sentences": sentences, "videos": videos}))
    return folder


def test_msrvtt_has_a_caption_and_a_clip_a_video(vtt: Path) -> None:
    dataset = MSRVTT(str(vtt))
    samples = dataset.samples()
    assert [sample.id for sample in samples] == ["video7010", "video7012"]
    assert "16 frames at a stride of 3" in dataset.note
    assert dataset.note.endswith("1 of MSR-VTT's 3 test videos are not here and left out")
    assert [sample.category for sample in samples] == ["music", "gaming"]
    for sample in samples:
        key = drawn.key_of(f"msrvtt:0:{sample.id}")
        number = sample.id.removeprefix("video")
        assert sample.prompt == f"caption {int.from_bytes(key[:8], 'big') % 5} of {number}"
        assert sample.reference is not None
        assert sample.reference.start == pytest.approx(int.from_bytes(key[8:16], "big") % 15 / 15, abs=1e-3)
    assert choose_caption(["a", "b"], bytes(7) + b"\x03" + bytes(24)) == "b"


def test_msrvtt_leaves_out_what_cannot_be_read_and_counts_it(vtt: Path) -> None:
    (vtt / "TestVideo" / "video7010.mp4").write_bytes(b"no video")
    dataset = MSRVTT(str(vtt))
    assert [sample.id for sample in dataset.samples()] == ["video7012"]
    assert "2 of MSR-VTT's 3 test videos are not here and left out (1 cannot be read or are too short:" in dataset.note


def test_msrvtt_without_captions_or_videos_is_refused(vtt: Path, tmp_path: Path) -> None:
    (vtt / "test_videodatainfo.json").unlink()
    with pytest.raises(UserError, match="expected the captions of the test split"):
        MSRVTT(str(vtt)).samples()
    with pytest.raises(UserError, match="expected the folder of its videos"):
        MSRVTT("stride-1")
