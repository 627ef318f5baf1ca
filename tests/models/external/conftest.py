"""A stand-in repository with a TOML file, a model of it, and requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from i2vbench.models.base import Preparation
from i2vbench.models.external.adapter import External
from i2vbench.profiles import Profile
from i2vbench.types import Request
from tests.models.external.repositories import make_repository

WAYS = {
    "once": """
[once]
command = ["{python}", "generate.py", "--image={first_frame}", "--prompt={prompt}", "--seed={seed}",
           "--num-frames={num_frames}", "--out={out_dir}/video.mp4"]
video = "{out_dir}/*.mp4"
""",
    "batch": """
[batch]
size = 8
command = ["{python}", "generate.py", "--list={request_dir}/list.jsonl", "--num-frames={num_frames}"]
first_frame = "pictures/{index}.png"
video = "{out_dir}/{index}-*.npy"

[batch.files."list.jsonl"]
each = { image = "{first_frame}", prompt = "{prompt}", seed = "{seed}", out = "{out_dir}/{index}-video.npy" }
""",
    "server": """
[server]
command = ["{python}", "{drivers}/serve.py", "driver.py"]
""",
}

HEAD = """
repository = "plain"
num_frames = 4
[limits]
request_seconds = {seconds}
start_seconds = {seconds}
memory_gb = {memory}
"""

Make = Callable[..., External]


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where stand-ins note what they were asked."""
    monkeypatch.setenv("STANDIN_LOG", str(tmp_path / "log.jsonl"))
    monkeypatch.setenv("I2VBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "log.jsonl"


@pytest.fixture
def plain(tmp_path: Path, log: Path) -> Path:
    """The repository that misbehaves as it is told."""
    return make_repository("plain", tmp_path)


@pytest.fixture
def make(tmp_path: Path, plain: Path, small_profile: Profile) -> Iterator[Make]:
    """A loaded model of it, called in one of the three ways."""
    made: list[External] = []

    def call(mode: str, seconds: float = 60, memory: float = 0, load: bool = True, more: str = "") -> External:
        path = tmp_path / f"{mode}.toml"
        path.write_text(HEAD.format(seconds=seconds, memory=memory) + WAYS[mode] + more)
        model = External(str(path))
        model.prepare(Preparation([], frozenset(), small_profile.protocol, "pyav", tmp_path / "own"))
        if load:
            model.load("cpu", "float32")
            made.append(model)
        return model

    yield call
    for model in made:
        model.unload()


def request(prompt: str = "a dog", seed: int = 0, num_frames: int = 4, height: int = 32, width: int = 48) -> Request:
    """A request of a picture of noise, of its own for each seed."""
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Request("a", picture, prompt, num_frames, height, width, 8.0, seed)
