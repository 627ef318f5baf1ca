"""A fingerprint stands for what samples show: every fact, every byte, the order, and nothing else."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from i2vbench.datasets.base import fingerprint_samples
from i2vbench.errors import UserError
from i2vbench.files import file_sha256
from i2vbench.types import ClipSource, FrameSource, Sample


def clip(path: Path, start: float = 0.5, end: float | None = 2.0) -> dict[str, Any]:
    return {"first_frame": FrameSource(path, start), "reference": ClipSource(path, start, end)}


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(b"contents of " + name.encode())
    return Sample("x", "Pet", "a dog.", fps=25.0, objects=("dog", "ball"), scene="lake", **clip(tmp_path / "a.mp4"))


@pytest.mark.parametrize(
    "change",
    [
        {"id": "y"},
        {"category": "Food"},
        {"prompt": "a dog"},
        {"fps": 24.0},
        {"fps": None},
        {"size": (256, 256)},
        {"objects": ("ball", "dog")},
        {"objects": ("dog;ball",)},
        {"scene": "sea"},
        {"reference": None},
    ],
)
def test_every_fact_counts(sample: Sample, change: dict[str, Any]) -> None:
    assert fingerprint_samples([replace(sample, **change)]) != fingerprint_samples([sample])


def test_sections_and_contents_count(sample: Sample, tmp_path: Path) -> None:
    a, b = tmp_path / "a.mp4", tmp_path / "b.mp4"
    image = {"first_frame": FrameSource(a, None)}
    changes = [clip(a, start=0.6), clip(a, end=None), clip(b), image]
    prints = [fingerprint_samples([s]) for s in (sample, *(replace(sample, **change) for change in changes))]
    assert len(set(prints)) == 5
    assert all(re.fullmatch("[0-9a-f]{64}", one) for one in prints)
    a.write_bytes(b"other contents")
    assert fingerprint_samples([sample]) not in prints


def test_order_and_number_count(sample: Sample) -> None:
    other = replace(sample, id="y")
    prints = {fingerprint_samples(samples) for samples in ([], [sample], [sample, other], [other, sample])}
    assert len(prints) == 4


def test_paths_do_not_count(sample: Sample, tmp_path: Path) -> None:
    (tmp_path / "moved").mkdir()
    renamed = tmp_path / "moved" / "renamed.webm"
    shutil.copy(tmp_path / "a.mp4", renamed)
    assert fingerprint_samples([replace(sample, **clip(renamed))]) == fingerprint_samples([sample])


def test_a_file_shared_by_samples_is_hashed_once(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = tmp_path / "a.mp4", tmp_path / "b.mp4"
    samples = [sample, replace(sample, id="y"), replace(sample, id="z", **clip(b))]
    expected, stated = fingerprint_samples(samples), {b: file_sha256(b)}
    read: list[Path] = []

    def count(path: Path) -> str:
        read.append(path)
        return file_sha256(path)

    monkeypatch.setattr("i2vbench.datasets.base.file_sha256", count)
    assert fingerprint_samples(samples, stated) == expected
    assert read == [a, b]


def test_a_file_that_went_away_is_named(sample: Sample) -> None:
    sample.first_frame.path.unlink()
    with pytest.raises(UserError, match=r"a\.mp4: cannot be read: "):
        fingerprint_samples([sample])
