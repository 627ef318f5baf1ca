"""C3D's published files: two archives of plain arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from i2vbench.checkpoints import CheckpointError, read_state
from i2vbench.errors import UserError
from i2vbench.metrics.networks import c3d
from tests.metrics.networks.states import state


def test_it_takes_the_published_names() -> None:
    arrays = {key.replace(".weight", "/W").replace(".bias", "/b"): value for key, value in state("c3d").items()}
    network = c3d.load(arrays)
    assert all(torch.equal(tensor, state("c3d")[key]) for key, tensor in network.state_dict().items())


@pytest.mark.parametrize("width", [128, 171])
def test_the_mean_is_cropped_from_8_not_at_its_centre(width: int, tmp_path: Path) -> None:
    row, column = np.arange(128, dtype=np.float32)[:, None], 1000 * np.arange(width, dtype=np.float32)
    np.savez(tmp_path / "mean2.npz", mean=np.broadcast_to(row + column, (3, 16, 128, width)))
    mean = c3d.load_mean(read_state(tmp_path / "mean2.npz"))
    assert mean.shape == (3, 16, 112, 112)
    assert mean[0, 0, 0, 0] == 8008
    assert mean[2, 15, -1, -1] == 119119


def test_a_mean_of_one_colour_is_the_same_everywhere() -> None:
    mean = c3d.load_mean({"mean": torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1, 1)})
    assert mean.shape == (3, 16, 112, 112)
    assert (mean == torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1, 1)).all()


def test_a_mean_that_is_another_thing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"expected \[3, 16, H, W\] with H, W >= 120, got \[3, 16, 112, 112\]"):
        c3d.load_mean({"mean": torch.zeros(3, 16, 112, 112)})
    with pytest.raises(CheckpointError, match="expected mean alone, got average"):
        c3d.load_mean({"average": torch.zeros(3, 16, 128, 128)})
    np.savez(tmp_path / "mean2.npz", mean=np.array([print], dtype=object))
    with pytest.raises(UserError, match="cannot be read as tensors: Object arrays cannot be loaded"):
        read_state(tmp_path / "mean2.npz")
