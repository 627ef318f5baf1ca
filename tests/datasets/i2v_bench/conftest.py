"""A handful of tiny real videos, and ways to lay them out and import them."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from i2vbench.datasets.i2v_bench.released import bring
from i2vbench.datasets.i2v_bench.report import Outcome
from i2vbench.types import Video
from i2vbench.video import write_video
from tests.conftest import moving_frames


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Twelve videos of four frames, no two alike."""
    folder = tmp_path_factory.mktemp("videos")
    for i in range(12):
        write_video(folder / f"{i}.mp4", Video(moving_frames(4, 16, 24, seed=i), 8.0))
    return [folder / f"{i}.mp4" for i in range(12)]


@dataclass
class Place:
    """A user's copy and what is made of it."""

    source: Path
    out: Path
    videos: list[Path]
    told: list[str] = field(default_factory=list)

    def video(self, name: str, number: int = 0) -> Path:
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # written in place it would change every link to it
        shutil.copyfile(self.videos[number], path)
        return path

    def text(self, name: str, text: str | bytes) -> Path:
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def bring(self, source: Path | None = None) -> Outcome:
        self.told.clear()
        return bring(source or self.source, self.out, self.told.append)

    def rows(self) -> list[dict[str, str]]:
        with open(self.out / "metadata.csv", newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def said(self, *columns: str) -> dict[str, tuple[str, ...]]:
        """Columns of the rows, by id."""
        return {row["id"]: tuple(row.get(name, "") for name in columns) for row in self.rows()}

    def listed(self) -> list[tuple[str, str, str]]:
        if not (self.out / "unmatched.csv").exists():
            return []
        with open(self.out / "unmatched.csv", newline="", encoding="utf-8") as file:
            return [(row["kind"], row["where"], row["reason"]) for row in csv.DictReader(file)]


@pytest.fixture
def place(tmp_path: Path, videos: list[Path]) -> Place:
    return Place(tmp_path / "copy", tmp_path / "out", videos)


Make = Callable[[Place], object]
