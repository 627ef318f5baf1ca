"""A small run that the command line has made, and its archive."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from i2vbench.leaderboards.submission.pack import Wish as Packing
from i2vbench.leaderboards.submission.pack import pack
from i2vbench.leaderboards.submission.report import Report
from i2vbench.leaderboards.submission.verify import Wish, verify
from tests.conftest import command, environment
from tests.leaderboards.submission.archives import Edit, put_together, seal, take_apart


@dataclass(frozen=True)
class Submitted:
    """A run, its adapter's file, and its archive with videos and without."""

    run: Path
    adapter: Path
    archive: Path
    bare: Path


@pytest.fixture(scope="session")
def submitted(tmp_path_factory: pytest.TempPathFactory) -> Submitted:
    folder = tmp_path_factory.mktemp("submitted")
    adapter = folder / "rolling.py"
    shutil.copy(Path(__file__).with_name("rolling.py"), adapter)
    metrics = "temporal_flickering,fid,kid,fvd,clipsim"
    made = subprocess.run(
        command(
            *("run", "--model", "static", "--model", f"{adapter}:Rolling", "--metrics", metrics, "--profile", "tiny"),
            *("--dataset", "demo", "--limit", 3, "--device", "cpu", "--out", folder / "run", "--quiet"),
        ),
        cwd=folder, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    for name, videos in (("whole.zip", True), ("bare.zip", False)):
        pack(Packing(run=folder / "run", out=folder / name, videos=videos, contact="A. Author, a@example.org"))
    (folder / "imported").unlink()
    return Submitted(folder / "run", adapter, folder / "whole.zip", folder / "bare.zip")


Look = Callable[..., Report]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """Verifies the bytes of an archive, in this process, without measuring unless asked."""

    def call(contents: bytes, **wish: object) -> Report:
        path, room = tmp_path / "a.zip", tmp_path / "room"
        path.write_bytes(contents)
        shutil.rmtree(room, ignore_errors=True)
        room.mkdir()
        given: dict[str, object] = {"recompute_only": True, "anyway": True, "device": "cpu", "seed": 5} | wish
        return verify(Wish(archive=path, **given), room)  # type: ignore[arg-type]

    return call


Change = Callable[..., bytes]


@pytest.fixture
def changed(submitted: Submitted) -> Change:
    """The archive with something changed, every hash made to fit unless it is careless."""

    def call(*edits: Edit, careless: bool = False, whole: bool = False) -> bytes:
        parts = take_apart(submitted.archive if whole else submitted.bare)
        for edit in edits:
            edit(parts)
        return put_together(parts) if careless else seal(parts)

    return call
