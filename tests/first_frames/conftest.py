"""A text-to-image pipeline, one for all tests of a module."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.text_to_image import save_sd


@pytest.fixture(scope="module")
def sd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_sd(tmp_path_factory.mktemp("pipelines") / "sd")
