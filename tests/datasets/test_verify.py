"""`data verify`: a data set, named in any way, is what it says it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from i2vbench.datasets.verify import verify
from i2vbench.datasets.writing import write_metadata
from i2vbench.errors import UserError
from i2vbench.files import file_sha256
from i2vbench.registry import open_dataset
from i2vbench.video import probe
from tests import processes
from tests.conftest import command, environment, make_dataset


@pytest.fixture
def stated(tmp_path: Path) -> Path:
    """Two clips of which everything is stated, and one that is gone."""
    folder = make_dataset(tmp_path / "set", num_clips=2, num_images=0)
    rows: list[dict[str, object]] = []
    for path in sorted(folder.rglob("*.mp4")):
        info = probe(path)
        facts = {"sha256": file_sha256(path), "bytes": path.stat().st_size, "frames": info.num_frames, "fps": info.fps}
        name = path.relative_to(folder).as_posix()
        rows.append({"file_name": name, "id": path.stem, "category": "Pet", "prompt": "a dog.", **facts})
    rows.append({"file_name": "gone.mp4", "id": "gone", "category": "Pet", "missing": "gone: HTTP 404"})
    write_metadata(folder, rows)
    return folder


def run_verify(*args: str) -> tuple[int, str]:
    found = processes.run(command("data", "verify", *args), env=environment())
    assert "Traceback" not in found.stderr, found.stderr
    return found.returncode, found.stdout + found.stderr


def test_a_good_set_is_said_to_be_whole_but_for_what_is_gone(stated: Path) -> None:
    assert run_verify(str(stated)) == (
        0, f"{stated}: 2 clips; 0 faults; 1 is not here (1 gone) (decoded)\n",
    )  # fmt: skip


def test_one_changed_byte_is_found_and_with_quick_only_a_changed_size(stated: Path) -> None:
    path = next(iter(sorted(stated.rglob("*.mp4"))))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    code, text = run_verify(str(stated))
    assert code == 1
    assert f"id '{path.stem}'" in text
    assert "sha256 is" in text
    assert verify(open_dataset(str(stated)), quick=True).faults == []
    path.write_bytes(data + b"x")
    (fault,) = verify(open_dataset(str(stated)), quick=True).faults
    assert f"bytes is {len(data) + 1}; the row states {len(data)}" in fault


def test_a_video_that_no_row_names_is_told(stated: Path) -> None:
    (stated / "more").mkdir()
    (stated / "more" / "stray.mp4").write_bytes(b"x")
    (stated / ".hidden.mp4").write_bytes(b"x")
    report = verify(open_dataset(str(stated)), quick=True)
    assert "in no row: 1 video (more/stray.mp4)" in report.summary
    assert report.faults == []


def test_any_data_set_can_be_named() -> None:
    report = verify(open_dataset("synthetic:2"))
    assert report.faults == []
    assert report.summary == "synthetic: 2 clips, 0 faults"
    with pytest.raises(UserError, match="--quick compares what a metadata"):
        verify(open_dataset("synthetic:2"), quick=True)
    with pytest.raises(UserError, match="unknown data set 'nowhere'"):
        verify(open_dataset("nowhere"))
