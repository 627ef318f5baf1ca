"""What sample number n is: a function of (seed, n), of the right frames of the right clip."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from itertools import islice, pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from i2vbench.errors import UserError
from i2vbench.models.consisti2v.training import clips as clips_module
from i2vbench.models.consisti2v.training.clips import ClipError, TrainingClip
from i2vbench.models.consisti2v.training.config import TrainConfig
from i2vbench.models.consisti2v.training.data import (
    MOST_TRIES,
    Batch,
    TrainingData,
    UnreadableClips,
    collate,
    frame_indices,
    loader,
    sample_numbers,
    shuffled,
)
from i2vbench.registry import open_dataset
from tests.conftest import make_dataset
from tests.models.consisti2v.training.base import save_clip

SMALL = TrainConfig(num_frames=4, height=32, width=32, strides=(1, 3))


def open_clips(spec: str, video_folder: str = "") -> Sequence[TrainingClip]:
    return clips_module.open_clips(spec, open_dataset, video_folder)


@pytest.fixture
def clips(tmp_path: Path) -> list[TrainingClip]:
    """Three clips of 32 x 32, which nothing is resized or cropped of: frame i has the grey value 10 i in a corner."""
    return [
        TrainingClip(save_clip(tmp_path / f"{i}.mp4", num_frames=10 + i, height=32, width=32), f"clip {i}")
        for i in range(3)
    ]


@given(size=st.integers(1, 300), key=st.text(max_size=5))
def test_a_shuffle_is_a_permutation(size: int, key: str) -> None:
    assert sorted(shuffled(i, size, key) for i in range(size)) == list(range(size))


def test_epochs_have_orders_of_their_own() -> None:
    first, second = ([shuffled(i, 50, f"0:{epoch}") for i in range(50)] for epoch in range(2))
    assert first != second
    assert first != sorted(first)


@given(length=st.integers(1, 200), num_frames=st.integers(2, 20), stride=st.integers(1, 5), seed=st.integers(0, 10**6))
def test_frames_are_a_stride_apart_or_denser_in_a_short_video(
    length: int, num_frames: int, stride: int, seed: int
) -> None:
    taken = frame_indices(length, num_frames, stride, random.Random(seed))
    assert len(taken) == num_frames
    assert 0 <= taken[0] <= taken[-1] < length
    gaps = {after - before for before, after in pairwise(taken)}
    if length > (num_frames - 1) * stride:
        assert gaps == {stride}
    else:
        assert taken[0] == 0
        assert taken[-1] == length - 1
        assert max(gaps) <= stride


def test_frame_positions_are_truncated_as_published() -> None:
    # linspace(0, 9, 4) = 0, 3, 6, 9; linspace(0, 7, 4) = 0, 2.33, 4.67, 7
    assert frame_indices(8, 4, 5, random.Random(0)) == [0, 2, 4, 7]


@given(
    step=st.integers(0, 5), accumulation=st.integers(1, 4), processes=st.integers(1, 4), per_device=st.integers(1, 3)
)
def test_a_step_shows_the_same_samples_however_they_are_spread(
    step: int, accumulation: int, processes: int, per_device: int
) -> None:
    shown = [
        number
        for process in range(processes)
        for batch in islice(sample_numbers(step, accumulation, processes, process, per_device), accumulation)
        for number in batch
    ]
    size = accumulation * processes * per_device
    assert sorted(shown) == list(range(step * size, (step + 1) * size))


def test_a_sample_shows_frames_of_its_clip_a_stride_apart(clips: Sequence[TrainingClip]) -> None:
    strides, mirrored, texts = set(), set(), set()
    for number in range(60):
        sample = TrainingData(clips, SMALL)[number]
        assert sample.pixel_values is not None
        assert sample.pixel_values.shape == (4, 3, 32, 32)
        left, right = sample.pixel_values[:, :, 0, 0], sample.pixel_values[:, :, 0, -1]  # [T, 3]
        is_mirrored = bool((right == right[:, :1]).all())  # the corner is grey
        corner = right if is_mirrored else left
        frames = ((corner[:, 0] + 1) / 2 * 255 / 10).round().long()
        assert torch.equal(frames.diff(), torch.full((3,), sample.stride))
        strides.add(sample.stride)
        mirrored.add(is_mirrored)
        texts.add(sample.text)
    assert strides == {1, 2, 3}
    assert mirrored == {False, True}
    assert texts == {"clip 0", "clip 1", "clip 2"}


def test_every_epoch_shows_every_clip_once(clips: Sequence[TrainingClip]) -> None:
    data = TrainingData(clips, SMALL)
    for epoch in range(3):
        assert {data[3 * epoch + i].text for i in range(3)} == {"clip 0", "clip 1", "clip 2"}


@pytest.mark.parametrize("workers", [0, 2])
def test_neither_workers_nor_where_one_begins_change_a_sample(clips: Sequence[TrainingClip], workers: int) -> None:
    data = TrainingData(clips, SMALL)
    batches = islice(loader(data, sample_numbers(3, 1, 1, 0, 2), workers, pin_memory=False), 3)
    for step, batch in enumerate(batches, start=3):
        expected = collate([data[2 * step], data[2 * step + 1]])
        assert batch.pixel_values is not None
        assert expected.pixel_values is not None
        assert torch.equal(batch.pixel_values, expected.pixel_values)
        assert batch.texts == expected.texts
        assert torch.equal(batch.strides, expected.strides)


def test_another_seed_shows_other_frames(clips: Sequence[TrainingClip]) -> None:
    one, other = (TrainingData(clips, TrainConfig(num_frames=4, height=32, width=32, seed=seed)) for seed in (0, 1))
    shown = [(one[i].text, one[i].stride) for i in range(9)]
    assert shown != [(other[i].text, other[i].stride) for i in range(9)]


def test_a_section_of_a_video_is_kept_to(clips: Sequence[TrainingClip]) -> None:
    # Frames 4, 5, 6 of a video at 8 frames a second.
    section = [TrainingClip(clips[0].path, "", start=0.5, end=0.875)]
    for number in range(10):
        pixels = TrainingData(section, SMALL)[number].pixel_values
        assert pixels is not None
        greys = {round(float(grey + 1) / 2 * 255) for grey in (pixels[:, 0, 0, 0], pixels[:, 0, 0, -1])[0]}
        greys |= {round(float(grey + 1) / 2 * 255) for grey in pixels[:, 0, 0, -1]}
        assert {40, 60} <= greys
        assert 30 not in greys
        assert 70 not in greys


class TestUnreadable:
    def test_another_clip_is_taken_and_the_file_named_once(self, clips: list[TrainingClip], tmp_path: Path) -> None:
        (tmp_path / "bad.mp4").write_bytes(b"not a video")
        data = TrainingData([clips[0], TrainingClip(tmp_path / "bad.mp4", "bad")], SMALL)
        counter, lines = UnreadableClips(1.0), []
        for number in range(12):
            sample = data[number]
            assert sample.text == "clip 0"
            lines += counter.count(collate([sample]))
        assert len(lines) == 1
        assert "bad.mp4" in lines[0]
        assert counter.failed >= 6  # half of every epoch, and some of the replacements
        assert counter.reads == 12 + counter.failed

    def test_the_replacement_is_always_the_same_one(self, clips: list[TrainingClip], tmp_path: Path) -> None:
        data = TrainingData([*clips, TrainingClip(tmp_path / "gone.mp4", "gone")], SMALL)
        for number in range(8):
            first, second = data[number].pixel_values, data[number].pixel_values
            assert first is not None
            assert second is not None
            assert torch.equal(first, second)

    def test_too_many_stop_the_training(self, clips: list[TrainingClip], tmp_path: Path) -> None:
        gone = [TrainingClip(tmp_path / f"gone-{i}.mp4", "") for i in range(9)]
        data, counter = TrainingData([clips[0], *gone], SMALL), UnreadableClips(0.1)

        def go_on() -> None:
            for number in range(100):
                counter.count(collate([data[number]]))

        reason = r"\d+ of \d+ clips .* more than max_unreadable = 0.1 allows; .*no such file"
        with pytest.raises(UserError, match=reason):
            go_on()

    def test_one_of_three_is_no_share_yet(self) -> None:
        counter = UnreadableClips(0.1)
        counter.count(
            Batch(torch.zeros(2, 4, 3, 32, 32), ["", ""], torch.ones(2), (("a.mp4", "a.mp4: is damaged"),), 3)
        )
        assert (counter.reads, counter.failed) == (3, 1)
        with pytest.raises(UserError, match="1 of 3 clips"):
            UnreadableClips(0.0).count(
                Batch(torch.zeros(2, 4, 3, 32, 32), ["", ""], torch.ones(2), (("a.mp4", "a.mp4: is damaged"),), 3)
            )

    def test_nothing_readable_stops_at_once(self, tmp_path: Path) -> None:
        sample = TrainingData([TrainingClip(tmp_path / "gone.mp4", "")], SMALL)[0]
        assert sample.pixel_values is None
        assert len(sample.unreadable) == MOST_TRIES
        with pytest.raises(UserError, match="20 of 20 clips"):
            UnreadableClips(1.0).count(collate([sample]))


class TestFolder:
    def test_samples_with_a_video_are_trained_on(self, tmp_path: Path) -> None:
        found = open_clips(f"folder:{make_dataset(tmp_path / 'data', num_clips=2, num_images=1)}")
        assert [(clip.path.name, clip.text) for clip in found] == [
            ("clip-0.mp4", "clip number 0."),
            ("clip-1.mp4", "clip number 1."),
        ]

    def test_pictures_alone_are_refused(self, tmp_path: Path) -> None:
        folder = make_dataset(tmp_path / "data", num_clips=0, num_images=2)
        with pytest.raises(UserError, match="none of its 2 samples has a video"):
            open_clips(f"folder:{folder}")

    def test_a_folder_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="no such folder"):
            open_clips(f"folder:{tmp_path / 'nowhere'}")


class TestWebVid:
    def write(self, folder: Path, *lines: object) -> str:
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        (folder / "train.jsonl").write_text("\n".join(texts) + "\n")
        return f"webvid:{folder / 'train.jsonl'}"

    def test_the_layout_is_read(self, tmp_path: Path) -> None:
        save_clip(tmp_path / "videos" / "0001" / "a.mp4", height=32, width=32)
        first = {"text": "a cat, sleeping", "time": "PT0M9S", "file": "0001/a.mp4", "fps": 25.0}
        second = {"text": "Ein Bär", "file": "/somewhere/else/b.mp4", "fps": 30}
        found = open_clips(self.write(tmp_path, first, "", second), str(tmp_path / "videos"))
        assert list(found) == [
            TrainingClip(tmp_path / "videos" / "0001" / "a.mp4", "a cat, sleeping"),
            TrainingClip(tmp_path / "videos" / "b.mp4", "Ein Bär"),
        ]
        assert TrainingData(found[:1], SMALL)[0].text == "a cat, sleeping"

    def test_videos_lie_beside_the_file_by_default(self, tmp_path: Path) -> None:
        found = open_clips(self.write(tmp_path, {"text": "a", "file": "a.mp4"}))
        assert found[0].path == tmp_path / "a.mp4"

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("{", "is not JSON"),
            ("[1]", "expected an object with a text and a file"),
            ({"text": "a"}, "expected an object with a text and a file"),
            ({"text": 1, "file": "a.mp4"}, "expected an object with a text and a file"),
            ({"text": "a", "file": "../../secret.mp4"}, "lies outside of the folder"),
        ],
    )
    def test_a_wrong_line_is_named_and_replaced(self, tmp_path: Path, line: object, reason: str) -> None:
        save_clip(tmp_path / "a.mp4", height=32, width=32)
        spec = self.write(tmp_path, {"text": "good", "file": "a.mp4"}, line)
        found = open_clips(spec)
        with pytest.raises(ClipError, match=f"clip 2: .*{reason}"):
            found[1]
        samples = [TrainingData(found, SMALL)[number] for number in range(4)]
        assert {sample.text for sample in samples} == {"good"}
        assert any(reason in fault[1] for sample in samples for fault in sample.unreadable)
        with pytest.raises(UserError, match=reason):  # a file that is not of this layout at all is told at once
            open_clips(self.write(tmp_path, line))

    def test_what_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="no such file"):
            open_clips(f"webvid:{tmp_path / 'none.jsonl'}")
        with pytest.raises(UserError, match="it has no lines"):
            open_clips(self.write(tmp_path, ""))
        with pytest.raises(UserError, match="there is no folder .*nowhere"):
            open_clips(self.write(tmp_path, {"text": "a", "file": "a.mp4"}), str(tmp_path / "nowhere"))
