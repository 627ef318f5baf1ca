"""The paths of three people: every command of their pages is run, and prints what the page shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Cli
from tests.paths.walking import walk


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """An empty folder."""
    folder = tmp_path / "desk"
    folder.mkdir()
    return folder


def write_mp4(path: Path, texture: np.ndarray, speed: float, num_frames: int = 49, fps: int = 25) -> None:  # type: ignore[type-arg]
    """A window of 512 x 288 that slides over a picture, as a research repository would write it: lossy, at 25 fps."""
    import av

    path.parent.mkdir(exist_ok=True)
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 512, 288, "yuv420p"
        for t in range(num_frames):
            left = round(speed * t)
            frame = np.ascontiguousarray(texture[:288, left : left + 512])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def test_one_number_for_tonight(desk: Path, cli: Cli) -> None:
    names = ("dog-on-beach", "cat_v2", "pizza-00012", "steam train (final)", "waves", "candle")
    for seed, name in enumerate(names):
        rng = np.random.default_rng(seed)
        coarse = Image.fromarray(rng.integers(0, 256, (9, 24, 3), dtype=np.uint8))
        texture = np.asarray(coarse.resize((768, 288), Image.Resampling.BICUBIC))
        write_mp4(desk / "ours" / f"{name}.mp4", texture, 0.5)
        write_mp4(desk / "theirs" / f"{name}.mp4", texture, 1.5)
        write_mp4(desk / "short" / f"{name.split()[0]}.mp4", texture, 0.5, num_frames=16)
        (desk / "mine").mkdir(exist_ok=True)
        Image.fromarray(texture[:, :512]).save(desk / "mine" / f"{name.split()[0]}.png")
    walk("docs/tonight.md", desk, cli)


def test_a_new_model_from_the_adapter_to_the_board(desk: Path, cli: Cli) -> None:
    Image.fromarray(np.full((300, 400, 3), 128, np.uint8)).save(desk / "photo.png")
    walk(
        "docs/new-model.md", desk, cli, {"--metrics all --profile tiny": "--metrics temporal_flickering --profile tiny"}
    )


def test_a_table_that_is_doubted(desk: Path, cli: Cli) -> None:
    made = ("--metrics", "temporal_flickering", "--dataset", "demo", "--quiet", "--device", "cpu")
    assert cli("run", "--model", "pan", "--model", "static", *made, "--out", "theirs", cwd=desk).returncode == 0
    assert cli("submit", "theirs", "--with-videos", "--anyway", cwd=desk).returncode == 0
    assert cli("run", "--model", "pan", *made, "--out", "another", cwd=desk).returncode == 0
    shutil.rmtree(desk / "theirs")
    walk("docs/doubts.md", desk, cli)
