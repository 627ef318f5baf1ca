"""`images:FOLDER`: a picture for each sample, by its id and nothing else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from i2vbench.errors import UserError
from i2vbench.files import file_sha256
from i2vbench.first_frames.images import Images
from i2vbench.run_file import read_settings
from i2vbench.store import Store
from i2vbench.video import read_image, read_video, resize_and_crop
from tests.conftest import Go, moving_frames
from tests.parts import LOG


class OfAFile(Images):
    """Somebody's own, which takes no argument."""

    def __init__(self) -> None:
        super().__init__(str(Path(os.environ[LOG]).with_name("pixart")))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """One for each of the six samples, in several formats and sizes."""
    folder = tmp_path / "pixart"
    folder.mkdir()
    for i, name in enumerate(("clip-0.png", "clip-1.jpg", "clip-2.webp", "clip-3.jpeg", "clip-4.PNG", "image-0.png")):
        Image.fromarray(moving_frames(1, 30 + i, 60, seed=50 + i)[0]).save(folder / name)
    (folder / "prompts.txt").write_text("what they were made from")
    return folder


def test_models_are_shown_the_pictures_of_the_folder(go: Go, pictures: Path) -> None:
    outcome = go(["static"], first_frame=f"images:{pictures}")
    assert outcome.failed == 0
    with Store.open(outcome.folder) as store:
        for clip in store.clips("static"):
            picture = next(pictures.glob(f"{clip.sample_id}.*"))
            shown = resize_and_crop(read_image(picture)[np.newaxis], 32, 48, "bilinear")
            np.testing.assert_array_equal(read_video(outcome.folder / clip.video, [0]).frames, shown)
    assert read_settings(outcome.folder)["first_frames"]["title"] == "pictures made elsewhere (pixart)"


def test_what_does_not_match_is_refused_with_a_list(go: Go, pictures: Path, tmp_path: Path) -> None:
    (pictures / "clip-2.webp").unlink()
    shutil.copy(pictures / "clip-0.png", pictures / "clip-9.png")
    shutil.copy(pictures / "clip-0.png", pictures / "clip-3.png")
    with pytest.raises(UserError, match="the run's 6 samples, one file per sample named by its id") as refusal:
        go(["static"], first_frame=f"images:{pictures}")
    assert str(refusal.value).splitlines()[1:] == [
        "  missing: clip-2.png",
        "  more than one for 'clip-3': clip-3.jpeg, clip-3.png",
        "  belongs to no sample of the data set: clip-9.png",
    ]
    assert not (tmp_path / "run").exists()


def test_pictures_of_samples_that_a_run_leaves_out_may_lie_there(go: Go, pictures: Path) -> None:
    assert go(["static"], first_frame=f"images:{pictures}", limit=2).failed == 0


def test_a_run_is_not_gone_on_with_once_a_picture_has_changed(go: Go, pictures: Path) -> None:
    go(["static"], first_frame=f"images:{pictures}", limit=2)
    shutil.copy(pictures / "clip-4.PNG", pictures / "clip-3.jpeg")  # of another sample
    assert go(["static"], first_frame=f"images:{pictures}", limit=2).failed == 0
    shutil.copy(pictures / "clip-4.PNG", pictures / "clip-0.png")
    with pytest.raises(UserError, match="first frames .*: their files .* have changed since"):
        go(["static"], first_frame=f"images:{pictures}", limit=2)


def test_pictures_that_cannot_be_read_are_refused_before_any_work(go: Go, pictures: Path, tmp_path: Path) -> None:
    (pictures / "clip-1.jpg").write_text("no picture")
    with pytest.raises(UserError, match=r"(?s)1 of the pictures in .* cannot be read:.*clip-1\.jpg.*not a picture"):
        go(["static"], first_frame=f"images:{pictures}")


def test_a_folder_may_be_given_another_name(go: Go, pictures: Path) -> None:
    folder = go(["static"], first_frame=f"images:PixArt-α={pictures}").folder
    assert read_settings(folder)["first_frames"]["title"] == "pictures made elsewhere (PixArt-α)"
    assert go(["static"], first_frame=f"images:{pictures}").failed == 0, "it is no other run for that"


def test_first_frames_may_come_from_a_class_in_a_file(go: Go, pictures: Path) -> None:
    outcome = go(["static"], first_frame=f"{__file__}:OfAFile")
    assert outcome.failed == 0
    record = read_settings(outcome.folder)["first_frames"]
    assert record["source_sha256"] == file_sha256(Path(__file__))
    assert record["spec"] == f"{__file__}:OfAFile"
