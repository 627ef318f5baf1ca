"""The samples of a data set written out: what another one needs to use the same."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest

from i2vbench.clips import read_first_frame
from i2vbench.datasets.demo import DemoDataset
from i2vbench.datasets.folder import FolderDataset
from i2vbench.datasets.listing import COLUMNS, list_samples
from i2vbench.errors import UserError
from i2vbench.video import read_video
from tests.conftest import make_dataset


def rows_of(table: str) -> list[dict[str, str]]:
    return list(csv.DictReader(table.splitlines()))


def test_a_row_finds_its_clip_again(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", num_clips=2, num_images=1)
    text = (data / "metadata.csv").read_text().replace("objects,scene", "objects,scene,start,end")
    lines = text.splitlines()
    (data / "metadata.csv").write_text("\n".join([lines[0], f"{lines[1]},0.25,0.75", *(f"{x},," for x in lines[2:])]))
    data_set = FolderDataset(str(data))
    first, second, picture = rows_of(list_samples(data_set, hashes=True))
    assert tuple(first) == COLUMNS
    assert [first[name] for name in COLUMNS[3:-1]] == ["clip-0.mp4", "0.25", "2", "1", "4", "dog", "park"]
    assert first["sha256"] == hashlib.sha256((data / "clip-0.mp4").read_bytes()).hexdigest()
    assert [second[name] for name in COLUMNS[4:8]] == ["0", "0", "1", "8"]
    assert [picture[name] for name in COLUMNS[3:8]] == ["image-0.png", "", "", "", ""]
    shown = read_first_frame(data_set.samples()[0].first_frame, 40, 56, "bilinear")
    assert np.array_equal(read_video(data / "clip-0.mp4", [int(first["first_frame"])]).frames[0], shown)
    assert "sha256" not in rows_of(list_samples(data_set))[0]


def test_files_are_named_from_the_folder_they_have_in_common_and_not_from_the_disks_root(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", num_clips=1, num_images=0)
    (data / "clips").mkdir()
    (data / "clip-0.mp4").rename(data / "clips" / "clip-0.mp4")
    table = data / "metadata.csv"
    table.write_text(table.read_text().replace("clip-0.mp4", "clips/clip-0.mp4"))
    assert rows_of(list_samples(FolderDataset(str(data))))[0]["file"] == "clips/clip-0.mp4"
    assert not any(row["file"].startswith("/") for row in rows_of(list_samples(DemoDataset())))


def test_text_is_one_line_and_no_formula(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", num_clips=1, num_images=0)
    table = data / "metadata.csv"
    table.write_text(table.read_text().replace("clip number 0.", "=HYPERLINK(1)"))
    assert rows_of(list_samples(FolderDataset(str(data))))[0]["prompt"] == "'=HYPERLINK(1)"


def test_clips_that_cannot_be_read_are_named_together(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", num_clips=3, num_images=0)
    for name in ("clip-0.mp4", "clip-2.mp4"):
        (data / name).write_bytes(b"no video")
    with pytest.raises(UserError, match=r"data set data: 2 faults:\n  clip-0: .*\n  clip-2: .*is not a video"):
        list_samples(FolderDataset(str(data)))
