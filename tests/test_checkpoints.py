"""Tensors come in without running anything, and every key of a checkpoint is accounted for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from i2vbench.checkpoints import CheckpointError, fill, read_state
from i2vbench.errors import UserError


def test_arrays_of_an_npz_file_are_read_by_name(tmp_path: Path) -> None:
    arrays = {"conv1a/W": np.arange(6, dtype=np.float32).reshape(2, 3), "conv1a/b": np.ones(2, np.float32)}
    np.savez(tmp_path / "weights.npz", **arrays)
    state = read_state(tmp_path / "weights.npz")
    assert state.keys() == arrays.keys()
    assert all(np.array_equal(state[key].numpy(), array) for key, array in arrays.items())


class Trap:
    """Leaves a file behind if it is ever unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_objects_in_an_npz_file_are_not_unpickled(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    np.savez(tmp_path / "evil.npz", mean=np.array([Trap(sprung)], dtype=object))
    with pytest.raises(UserError, match="evil.npz cannot be read as tensors: Object arrays cannot be loaded") as caught:
        read_state(tmp_path / "evil.npz")
    assert "\n" not in str(caught.value)
    assert not sprung.exists()


def test_counters_of_batch_norms_are_left_out_where_the_module_keeps_none() -> None:
    plain = torch.nn.Sequential(torch.nn.Linear(2, 1))
    state = {key: torch.ones_like(value) for key, value in plain.state_dict().items()}
    fill(plain, state | {"0.num_batches_tracked": torch.tensor(7)}, "a layer")
    assert plain[0].weight.tolist() == [[1, 1]]
    with pytest.raises(CheckpointError, match="1 left over: 0.num_batches"):
        fill(plain, state | {"0.num_batches": torch.tensor(7)}, "a layer")
    norm = torch.nn.BatchNorm1d(2)
    fill(norm, norm.state_dict() | {"num_batches_tracked": torch.tensor(7)}, "a batch norm")
    assert norm.num_batches_tracked == 7


@pytest.mark.parametrize("name", ["state_dict", "model"])
def test_tensors_are_found_in_what_a_training_loop_saved(name: str, tmp_path: Path) -> None:
    state = {"weight": torch.ones(1, 2), "bias": torch.ones(1)}
    torch.save({name: state, "epoch": 3}, tmp_path / "last.pth")
    assert read_state(tmp_path / "last.pth").keys() == state.keys()
    layer = torch.nn.Linear(2, 1)
    fill(layer, {name: {f"module.{key}": value for key, value in state.items()}, "epoch": 3}, "a layer")
    assert layer.bias.tolist() == [1]


def test_a_tensor_called_model_is_a_tensor(tmp_path: Path) -> None:
    torch.save({"model": torch.ones(2), "other": torch.ones(1)}, tmp_path / "last.pth")
    assert read_state(tmp_path / "last.pth").keys() == {"model", "other"}
