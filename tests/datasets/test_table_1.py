"""UCF-101 and MSR-VTT as Table 1 measures them: what is drawn, and what is refused."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from i2vbench.clips import read_to_protocol
from i2vbench.datasets import drawn, msrvtt, ucf101
from i2vbench.datasets.listing import list_samples
from i2vbench.datasets.msrvtt import MSRVTT, choose_caption
from i2vbench.datasets.ucf101 import UCF101, choose_videos, read_classes, video_key
from i2vbench.errors import UserError
from i2vbench.generate import build_request
from i2vbench.models.baselines import Static
from i2vbench.profiles import load_profile, load_protocol
from i2vbench.progress import Quiet
from i2vbench.registry import DATASETS, MODELS
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


# How many clips each of the 25 groups of a class has; they are numbered from 1.
CLIPS_OF_GROUPS = {"ApplyEyeMakeup": "6467777575566575554655677", "YoYo": "7565544565645446646466645"}


def names_of(name: str) -> list[str]:
    groups = enumerate(CLIPS_OF_GROUPS[name], start=1)
    return [f"v_{name}_g{g:02}_c{c:02}" for g, clips in groups for c in range(1, int(clips) + 1)]


def test_the_draw_begins_and_ends_as_the_protocol_says() -> None:
    rows = {row["class"]: row for row in read_classes()}
    assert {name: len(names_of(name)) for name in CLIPS_OF_GROUPS} == {
        name: int(rows[name]["videos"]) for name in CLIPS_OF_GROUPS
    }
    first = choose_videos(names_of("ApplyEyeMakeup"), int(rows["ApplyEyeMakeup"]["quota_2048"]), 0)
    assert first[:3] == ["v_ApplyEyeMakeup_g01_c01", "v_ApplyEyeMakeup_g01_c04", "v_ApplyEyeMakeup_g03_c01"]
    assert choose_videos(names_of("YoYo"), int(rows["YoYo"]["quota_2048"]), 0)[-1] == "v_YoYo_g24_c01"


@pytest.mark.parametrize(
    ("seed", "sha256"),
    [
        (0, "b4ea120c2655a208247c9639ef7d0981d269717dd70661e90062013a70af4822"),
        (1, "b850c2b7e5d23006ba699d13a5766e02a869282a583d3f0ec4a7b5d256dd4c1c"),
    ],
)
def test_the_whole_draw_is_the_protocols(seed: int, sha256: str) -> None:
    """I2VBENCH_UCF101_LISTS is a folder with trainlist01.txt and testlist01.txt, as UCF-101's site has them."""
    folder = os.environ.get("I2VBENCH_UCF101_LISTS")
    if not folder:
        pytest.skip("I2VBENCH_UCF101_LISTS names no folder with UCF-101's lists")
    by_class: dict[str, list[str]] = {}
    for name in ("trainlist01.txt", "testlist01.txt"):
        for line in (Path(folder) / name).read_text().splitlines():
            if line.strip():
                of_class, _, file = line.split()[0].partition("/")
                by_class.setdefault(of_class.lower(), []).append(file.removesuffix(".avi"))
    assert sum(map(len, by_class.values())) == 13_320
    drawn_names = [
        name
        for row in read_classes()
        for name in choose_videos(by_class[row["class"].lower()], int(row["quota_2048"]), seed)
    ]
    assert hashlib.sha256("\n".join(drawn_names).encode()).hexdigest() == sha256


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


def test_a_part_of_ucf101_is_refused_with_the_classes_and_where_the_rest_is(ucf: Path) -> None:
    next((ucf / "Archery").iterdir()).unlink()
    with pytest.raises(UserError, match=r"not whole are 1 classes: Archery \(2 of 3\); UCF101.rar \(6.5 GB\) is to"):
        UCF101(str(ucf)).samples()


def test_a_folder_that_is_not_there_is_said_first(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"data set ucf101: there is no folder {tmp_path / 'no'}; UCF101.rar"):
        UCF101(str(tmp_path / "no")).samples()
    with pytest.raises(UserError, match=rf"data set msrvtt: there is no folder {tmp_path / 'no'}; .*MSRVTT.zip"):
        MSRVTT(str(tmp_path / "no")).samples()
    with pytest.raises(UserError, match="there is no folder '/no'; docs/table-1.md says what to download"):
        DATASETS.create("ucf101:/no")
    with pytest.raises(UserError, match=r"needs an argument: msrvtt:.*; docs/table-1.md says what to download"):
        DATASETS.create("msrvtt")


@pytest.mark.parametrize(
    ("words", "name", "stride", "seed"),
    [
        ("", "ucf101", 3, 0),
        ("seed-0=", "ucf101", 3, 0),
        ("stride-1=", "ucf101-stride-1", 1, 0),
        ("seed-12=", "ucf101-seed-12", 3, 12),
        ("stride-1,seed-1=", "ucf101-stride-1-seed-1", 1, 1),
        ("seed-1,stride-1=", "ucf101-stride-1-seed-1", 1, 1),
    ],
)
def test_stride_and_seed_may_both_stand_before_the_path(
    ucf: Path, words: str, name: str, stride: int, seed: int
) -> None:
    data_set = DATASETS.create(f"ucf101:{words}{ucf}")
    assert data_set.name == name
    for sample in data_set.samples():
        assert sample.reference is not None
        starts = 50 - (drawn.NUM_FRAMES - 1) * stride
        assert sample.reference.stride == stride
        assert sample.reference.start == pytest.approx(
            drawn.choose_start(video_key(sample.id, seed), starts) / 25, abs=1e-3
        )
    assert DATASETS.absolute(f"ucf101:{words}{ucf}") == f"ucf101:{words}{ucf}"
    assert UCF101(str(ucf), seed).name == ("ucf101" if seed == 0 else f"ucf101-seed-{seed}")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("seed-N", "there is no variant 'seed-N'"),
        ("seed-01", "there is no variant 'seed-01': did you mean seed-N"),
        ("seed--1", "there is no variant 'seed--1'"),
        ("stride-2", "there is no variant 'stride-2': did you mean stride-1"),
        ("stride-1,", "there is no variant ''"),
        ("stride-1,sed-1", "there is no variant 'sed-1': did you mean seed-N"),
        ("seed-1,seed-2", "expected stride-1, seed-N or both before the path, got 'seed-1,seed-2'"),
    ],
)
def test_other_words_are_refused(ucf: Path, words: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        DATASETS.create(f"ucf101:{words}={ucf}")
    with pytest.raises(UserError, match="expected stride-1, seed-N or both|there is no folder"):
        UCF101(f"{words}={ucf}").samples()


def test_models_variants_do_not_stand_together(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no variant 'no-frameinit,paper-noise'"):
        MODELS.check_name(f"consisti2v:no-frameinit,paper-noise={tmp_path}")


def test_what_was_drawn_is_written_out_the_same_each_time(ucf: Path) -> None:
    table = list_samples(UCF101(str(ucf)), hashes=True)
    assert table == list_samples(UCF101(str(ucf)), hashes=True)
    assert table != list_samples(UCF101(f"seed-1={ucf}"), hashes=True)
    rows = list(csv.DictReader(table.splitlines()))
    assert len(rows) == 4
    for row in rows:
        start = drawn.choose_start(video_key(row["id"], 0), 5)
        assert (row["first_frame"], row["stride"], row["num_frames"]) == (str(start), "3", "16")
        assert row["file"].startswith(f"{row['category']}/v_")
        assert row["sha256"] == hashlib.sha256((ucf / row["file"]).read_bytes()).hexdigest()


def test_a_video_without_16_frames_is_named(ucf: Path) -> None:
    for path in (ucf / "Archery").iterdir():
        write_video(path.with_suffix(".mp4"), Video(numbered(12), 25.0))
        path.with_suffix(".mp4").rename(path)
    with pytest.raises(UserError, match=r"can be drawn of some videos: 2 faults:\n.*has 12 frames, fewer than 16"):
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


def as_coco(captions: dict[str, list[str]]) -> object:
    """As the zip of Frozen in Time's authors has it."""
    entries = [
        {"id": k, "image_id": name, "caption": text} for name, some in captions.items() for k, text in enumerate(some)
    ]
    return {"info": {}, "images": [{"id": name} for name in captions], "annotations": entries, "licenses": []}


def as_list(captions: dict[str, list[str]]) -> object:
    return [{"video": f"all/{name}.mp4", "caption": some, "category": 2} for name, some in captions.items()]


def as_list_of_single_captions(captions: dict[str, list[str]]) -> object:
    return [
        {"video_id": name, "video": f"{name}.mp4", "caption": text} for name, some in captions.items() for text in some
    ]


CAPTIONS = {f"video{n}": [f"caption {k} of {n}" for k in range(20)] for n in (0, 7010, 7011, 7012)}


@pytest.mark.parametrize("make", [as_coco, as_list, as_list_of_single_captions])
def test_msrvtt_takes_the_other_files_that_circulate(vtt: Path, make: Callable[[dict[str, list[str]]], object]) -> None:
    (vtt / "test_videodatainfo.json").unlink()
    (vtt / "annotation").mkdir()
    (vtt / "TestVideo").rename(vtt / "videos")
    (vtt / "annotation" / "MSR_VTT.json").write_text(json.dumps(make(CAPTIONS)))
    (vtt / "other.json").write_text('{"version": 1}')
    (vtt / "broken.json").write_text('{"sentences": [')
    dataset = MSRVTT(str(vtt))
    samples = dataset.samples()
    assert [sample.id for sample in samples] == ["video7010", "video7012"]
    assert {sample.category for sample in samples} == {"gaming" if make is as_list else "MSR-VTT"}
    for sample in samples:
        assert sample.prompt == choose_caption(CAPTIONS[sample.id], drawn.key_of(f"msrvtt:0:{sample.id}"))
    assert "captions of MSR_VTT.json;" in dataset.note
    assert MSRVTT(f"seed-3={vtt}").samples()[0].prompt == choose_caption(
        CAPTIONS["video7010"], drawn.key_of("msrvtt:3:video7010")
    )


def test_of_two_files_the_one_with_captions_of_more_videos_counts_and_the_note_names_it(vtt: Path) -> None:
    one_each = {name: some[:1] for name, some in CAPTIONS.items() if name != "video7011"}
    (vtt / "a_test_1k.json").write_text(json.dumps(as_list(one_each)))
    dataset = MSRVTT(str(vtt))
    dataset.samples()
    assert "captions of test_videodatainfo.json, which has 5 a video and not 20;" in dataset.note


def test_a_file_that_is_not_of_one_kind_to_its_end_is_not_taken(vtt: Path) -> None:
    (vtt / "test_videodatainfo.json").write_text(json.dumps(
        {"sentences": [{"video_id": "video7010", "caption": "a"}, {"video_id": "video7012", "caption": None}]}
    ))  # fmt: skip
    with pytest.raises(
        UserError, match=r"found only JSON of another make \(test_videodatainfo.json\); it is to be down"
    ):
        MSRVTT(str(vtt)).samples()


def test_msrvtt_without_captions_or_videos_is_refused(vtt: Path, tmp_path: Path) -> None:
    (vtt / "test_videodatainfo.json").unlink()
    with pytest.raises(UserError, match="expected the captions of the test split"):
        MSRVTT(str(vtt)).samples()
    with pytest.raises(UserError, match="expected the folder of its videos"):
        MSRVTT("stride-1")
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        UserError, match=r"expected videos video7010 to video7012 below .*empty, found none; it is to be"
    ):
        MSRVTT(str(tmp_path / "empty")).samples()
