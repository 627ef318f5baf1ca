"""A small run that the command line has made, and its archive."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from i2vbench.leaderboards.submission.pack import Wish as Packing
from i2vbench.leaderboards.submission.pack import pack
from tests import processes
from tests.conftest import command, environment


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
    shutil.copy(Path(__file__).parent / "submission" / "rolling.py", adapter)
    metrics = "temporal_flickering,fid,kid,fvd,clipsim"
    made = processes.run(
        command(
            *("run", "--model", "static", "--model", f"{adapter}:Rolling", "--metrics", metrics, "--profile", "tiny"),
            *("--dataset", "demo", "--limit", 3, "--device", "cpu", "--out", folder / "run", "--quiet"),
        ),
        cwd=folder, env=environment(),
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    for name, videos in (("whole.zip", True), ("bare.zip", False)):
        pack(Packing(run=folder / "run", out=folder / name, videos=videos, contact="A. Author, a@example.org"))
    (folder / "imported").unlink()
    return Submitted(folder / "run", adapter, folder / "whole.zip", folder / "bare.zip")
