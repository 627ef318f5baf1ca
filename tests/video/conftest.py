"""Videos that several tests read."""

from pathlib import Path

import pytest

from tests.video import files as videos
from tests.video.reading import Made


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Makes a kind of file once."""
    folder = tmp_path_factory.mktemp("videos")

    def make(kind: str) -> Path:
        path = folder / kind
        return path if path.exists() else videos.KINDS[kind](path)

    return make
