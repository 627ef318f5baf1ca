"""A video site of one's own: the server, what talks to it, and videos to serve."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from i2vbench.datasets.download.site import Site
from tests.datasets.download.asking import QUICK
from tests.datasets.download.manifests import Manifest
from tests.datasets.download.videos import long_video, short_video
from tests.site import Site as Web
from tests.site import serving


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as web:
        yield web


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site(QUICK) as site:
        yield site


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Two seconds at 10 frames per second, 128 x 64."""
    return short_video(tmp_path_factory.mktemp("videos") / "clip.mp4")


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Thirty seconds at 10 frames per second, a key frame every seven seconds."""
    return long_video(tmp_path_factory.mktemp("videos") / "film.mp4")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "video"


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return Manifest(tmp_path)
