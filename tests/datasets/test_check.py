"""Checking a folder opens every file, and names the row and id of each that is not what the table says."""

from __future__ import annotations

import hashlib
import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from i2vbench.datasets.check import check_folder
from i2vbench.datasets.demo import bundled_samples
from i2vbench.video import probe

HEADER = "file_name,id,category,prompt,start,end,sha256"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a real clip of 43 frames at 15 fps (2.867 s) and a picture."""
    tree = next(s for s in bundled_samples() if s.id == "tree-in-wind")
    shutil.copy(tree.first_frame.path, tmp_path / "tree.mp4")
    Image.fromarray(np.full((8, 8, 3), 128, np.uint8)).save(tmp_path / "grey.png")
    return tmp_path


def check(folder: Path, *lines: str) -> list[str]:
    (folder / "metadata.csv").write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    return check_folder(folder)


def encode(path: Path, num_frames: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(10))
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for level in range(num_frames):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 10 * level, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_a_valid_folder_has_no_fault(folder: Path) -> None:
    digest = hashlib.sha256((folder / "tree.mp4").read_bytes()).hexdigest()
    lines = [f"tree.mp4,whole,Pet,a,,,{digest}", "tree.mp4,part,Pet,a,0.5,2.867,", "grey.png,grey,Food,a,,,"]
    assert check(folder, *lines) == []
    assert check_folder(str(folder)) == []


def test_what_loading_would_refuse_is_listed_without_a_limit(folder: Path) -> None:
    found = check(folder, *[f"tree.mp4,x{i},Pet,,,," for i in range(60)])
    assert len(found) == 60
    assert found[-1] == "row 61: id 'x59': prompt is empty"
    (folder / "metadata.csv").unlink()
    assert [line for line in check_folder(folder) if "has no metadata.csv" in line] == check_folder(folder)
    assert check_folder(folder / "nowhere") == [f"data set {folder / 'nowhere'}: no such folder"]


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ("tree.mp4,x,Pet,a,3,,", "tree.mp4: start 3 s is beyond the clip's end at 2.867 s"),
        ("tree.mp4,x,Pet,a,1,3.5,", "tree.mp4: end 3.5 s is beyond the clip's end at 2.867 s; leave it empty"),
        ("tree.mp4,x,Pet,a,1,1.01,", "tree.mp4: has 1 frame in this section; expected at least 2"),
        ("tree.mp4,x,Pet,a,1.01,1.05,", "tree.mp4: has no frame from 1.01 s to 1.05 s"),
        ("one.mp4,x,Pet,a,,,", "one.mp4: has 1 frame in this section; expected at least 2"),
        ("text.mp4,x,Pet,a,,,", "text.mp4: "),
        ("text.png,x,Pet,a,,,", "text.png: "),
        (f"tree.mp4,x,Pet,a,,,{'0' * 64}", "tree.mp4: sha256 is "),
        (f"grey.png,x,Pet,a,,,{'0' * 64}", "grey.png: sha256 is "),
    ],
)
def test_each_fault_names_its_row_and_id(folder: Path, row: str, line: str) -> None:
    encode(folder / "one.mp4", 1)
    (folder / "text.mp4").write_text("no video")
    (folder / "text.png").write_text("no picture")
    found = check(folder, "tree.mp4,good,Pet,a,,,", row)
    assert len(found) == 1, found
    assert found[0].startswith(f"row 3: id 'x': {line}"), found[0]
    assert str(folder) not in found[0]


def test_every_frame_of_a_section_is_decoded(folder: Path) -> None:
    data = bytearray((folder / "tree.mp4").read_bytes())
    length = len(data)
    data[length * 6 // 10 : length * 6 // 10 + 2000] = bytes(2000)  # within the pictures, not the index
    (folder / "broken.mp4").write_bytes(data)
    lines = ["broken.mp4,early,Pet,a,0,0.2,", "broken.mp4,whole,Pet,a,,,"]
    (found,) = check(folder, *lines)
    assert found.startswith("row 3: id 'whole': broken.mp4: ")


def test_a_clip_that_was_cut_short_is_found(folder: Path) -> None:
    data = (folder / "tree.mp4").read_bytes()
    (folder / "tree.mp4").write_bytes(data[: len(data) // 2])
    (found,) = check(folder, "tree.mp4,x,Pet,a,,,")
    assert found.startswith("row 2: id 'x': tree.mp4: ")


def test_faults_of_table_and_files_come_in_the_order_of_the_rows(folder: Path) -> None:
    found = check(folder, "tree.mp4,a,Pet,a,9,,", "tree.mp4,b,Pet,,,,", f"tree.mp4,c,Pet,a,,,{'0' * 64}")
    assert [line.split(":")[0] for line in found] == ["row 2", "row 3", "row 4"]


def test_progress_counts_files(folder: Path) -> None:
    check(folder, "tree.mp4,a,Pet,a,,,", "grey.png,b,Pet,a,,,", "tree.mp4,c,Pet,a,1,2,")
    calls: list[tuple[int, int]] = []
    check_folder(folder, lambda done, total: calls.append((done, total)))
    assert calls == [(1, 2), (2, 2)]


def test_what_rows_state_of_their_files_is_compared(folder: Path) -> None:
    clip = folder / "tree.mp4"
    size = clip.stat().st_size
    (folder / "metadata.csv").write_text(
        "file_name,id,category,prompt,fps,bytes,width,height,frames\n"
        f"tree.mp4,good,Pet,a,15,{size},{probe(clip).width},{probe(clip).height},43\n"
        f"tree.mp4,bad,Pet,a,14.9,{size + 1},384,512,44\n"
        "grey.png,grey,Food,a,,,8,9,\n"
    )
    assert check_folder(folder) == [
        f"row 3: id 'bad': tree.mp4: bytes is {size}; the row states {size + 1}",
        "row 3: id 'bad': tree.mp4: width is 342; the row states 384",
        "row 3: id 'bad': tree.mp4: height is 256; the row states 512",
        "row 3: id 'bad': tree.mp4: frames is 43; the row states 44",
        "row 3: id 'bad': tree.mp4: fps is 14.9999; the row states 14.9",
        "row 4: id 'grey': grey.png: height is 8; the row states 9",
    ]
    assert check_folder(folder, quick=True) == [
        f"row 3: id 'bad': tree.mp4: bytes is {size}; the row states {size + 1}"
    ]


def test_a_cut_file_is_found_though_its_row_states_nothing(folder: Path) -> None:
    whole = (folder / "tree.mp4").read_bytes()
    (folder / "tree.mp4").write_bytes(whole[: len(whole) // 2])
    (fault,) = check(folder, "tree.mp4,a,Pet,a,,,", "grey.png,b,Pet,b,,,")
    assert fault.startswith("row 2: id 'a': tree.mp4: ")
