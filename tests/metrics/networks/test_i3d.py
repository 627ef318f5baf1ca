"""I3D's variants: TATS' names and eps, and those of the port that StyleGAN-V's file was made from."""

from __future__ import annotations

import re

import pytest
import torch

from i2vbench.checkpoints import CheckpointError
from i2vbench.metrics.networks import i3d
from tests.metrics.networks.states import state
from tests.reference.cases import BUNDLED, Case

BRANCHES = {"b0": "branch_0", "b1a": "branch_1.0", "b1b": "branch_1.1", "b2a": "branch_2.0", "b2b": "branch_2.1",
            "b3b": "branch_3.1"}  # fmt: skip


def name_in_port(name: str) -> str:
    name = name.replace("logits.", "conv3d_0c_1x1.").replace("Conv3d_", "conv3d_").replace("Mixed_", "mixed_")
    return re.sub(r"(?<=\.)b\d[ab]?(?=\.)", lambda found: BRANCHES[found[0]], name).replace(".bn.", ".batch3d.")


def test_the_port_is_another_eps_and_changes_the_logits_by_8_percent() -> None:
    ported = {name_in_port(key): value for key, value in state("i3d").items()}
    assert "mixed_3b.branch_1.0.batch3d.weight" in ported
    network = i3d.load(ported | {"conv3d_1a_7x7.batch3d.num_batches_tracked": torch.tensor(0)}, "stylegan-v")
    case = Case(BUNDLED, "i3d/case-1")
    logits = network(i3d.preprocess(case.input("videos")))
    change = (logits - case.tensors["logits"]).norm() / case.tensors["logits"].norm()
    assert change.item() == pytest.approx(0.084, abs=5e-4)  # as the published networks differ: 8.4 %


def test_larger_frames_are_sampled_and_not_averaged() -> None:
    """Output i lies at 2 i + 1/2 of 448 columns: the mean of two. An antialiased one would be of four."""
    row = torch.randint(256, (448,), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    seen = i3d.preprocess(row.view(1, 1, 1, 448, 1).expand(1, 9, 448, 448, 3))[0, 0, 0, 5]
    torch.testing.assert_close(seen, row.float().view(224, 2).mean(1) * 2 / 255 - 1, rtol=0, atol=1e-6)


def test_each_variant_wants_its_own_names() -> None:
    ported = {name_in_port(key): value for key, value in state("i3d").items()}
    with pytest.raises(CheckpointError, match="another model than I3D: it has 0 of its 287 tensors"):
        i3d.load(ported)
    del ported["mixed_5c.branch_3.1.batch3d.running_mean"]
    with pytest.raises(CheckpointError) as caught:
        i3d.load(ported | {"mixed_5c.branch_4.conv3d.weight": torch.zeros(1)}, "stylegan-v")
    assert caught.value.missing == ["Mixed_5c.b3b.bn.running_mean"]
    assert caught.value.left_over == ["Mixed_5c.branch_4.conv3d.weight"]


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(ValueError, match="expected tats or stylegan-v, got 'tf'"):
        i3d.load({}, "tf")  # type: ignore[arg-type]
