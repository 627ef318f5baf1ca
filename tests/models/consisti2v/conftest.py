"""The tiny ConsistI2V: the published layout at 1/100 of the size, filled by the recipe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from i2vbench.models.consisti2v.components import load_components
from i2vbench.models.consisti2v.pipeline import ConsistI2VPipeline
from i2vbench.types import Image
from tests.models.consisti2v.tiny import save_tiny_checkpoint


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Networks this small lose more by a second thread than they gain, many times so on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder."""
    return save_tiny_checkpoint(tmp_path_factory.mktemp("consisti2v") / "tiny")


@pytest.fixture(scope="session")
def pipeline(tiny: Path) -> ConsistI2VPipeline:
    made = ConsistI2VPipeline(**load_components(tiny))
    made.set_progress_bar_config(disable=True)
    return made


@pytest.fixture
def picture() -> Image:
    """uint8 [48, 64, 3], smooth: a landscape of two waves."""
    y, x = np.mgrid[0:48, 0:64]
    waves = (np.sin(x / 9), np.cos(y / 7), np.sin((x + y) / 11))
    return np.stack([(127.5 + 127 * wave).astype(np.uint8) for wave in waves], axis=-1)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
