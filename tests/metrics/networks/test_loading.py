"""The networks take every tensor of a published checkpoint or say which do not fit, and compute in float32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from i2vbench.checkpoints import CheckpointError
from i2vbench.metrics.networks import c3d, i3d, inception
from tests.metrics.networks.states import noise, state

MODULES: dict[str, ModuleType] = {"i3d": i3d, "c3d": c3d, "inception_fid": inception}
LAYERS = {"i3d": ("Mixed_4c.b1b.bn.running_var", "logits.conv3d.bias"), "c3d": ("conv3b.weight", "fc8.bias"),
          "inception_fid": ("Mixed_6c.branch7x7_2.bn.running_var", "fc.bias")}  # fmt: skip
INPUTS = {"i3d": (3, 9, 224, 224), "c3d": (3, 16, 112, 112), "inception_fid": (3, 299, 299)}

networks = pytest.mark.parametrize("name", MODULES)


def look(network: nn.Module, x: Tensor) -> Tensor:
    """What the metric takes of the network's output."""
    out: Any = network(x)
    return out if isinstance(out, Tensor) else out.features


def inputs(name: str, count: int) -> Tensor:
    return noise(count, *INPUTS[name]).float() / 128 - 1


@networks
def test_tensors_that_do_not_fit_are_named_each(name: str) -> None:
    missing, misshapen = LAYERS[name]
    spoilt = {**state(name), misshapen: torch.zeros(7), "extra.weight": torch.zeros(1)}
    del spoilt[missing]
    with pytest.raises(CheckpointError) as caught:
        MODULES[name].load(spoilt)
    assert caught.value.missing == [missing]
    assert caught.value.left_over == ["extra.weight"]
    assert f"1 of another shape: {misshapen} ([7] instead of " in str(caught.value)


@networks
def test_it_is_float32_in_evaluation_without_gradients_whatever_the_checkpoint_is(name: str) -> None:
    network = MODULES[name].load({key: value.half() for key, value in state(name).items()})
    assert {tensor.dtype for tensor in network.state_dict().values()} == {torch.float32}
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


@networks
def test_what_is_beside_a_clip_does_not_change_its_features(name: str) -> None:
    network, x = MODULES[name].load(state(name)), inputs(name, 2)
    together = look(network, x)
    alone = torch.cat([look(network, one) for one in x.split(1)])
    assert torch.allclose(together, alone, rtol=0, atol=1e-4 * together.std().item())
    assert (together[0] - together[1]).abs().max() > 100 * (together - alone).abs().max()


@networks
@pytest.mark.parametrize("newer_settings", [False, True], ids=["allow_tf32", "fp32_precision"])
def test_autocast_and_tf32_around_it_change_nothing(name: str, newer_settings: bool) -> None:
    network, x = MODULES[name].load(state(name)), inputs(name, 1)
    expected = look(network, x)
    seen: list[str] = []
    layer = next(module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Conv3d))
    layer.register_forward_hook(lambda *_: seen.extend(precisions()))
    with tf32(newer_settings), torch.autocast("cpu", torch.bfloat16):
        assert "tf32" in precisions()
        assert torch.equal(look(network, x), expected)
        assert "tf32" in precisions()
    assert set(seen) == {"ieee"}


def precisions() -> list[str]:
    backends: Any = torch.backends
    parts = (backends.cudnn.conv, backends.cuda.matmul, backends.mkldnn.conv, backends.mkldnn.matmul)
    return [part.fp32_precision for part in parts]


@contextmanager
def tf32(newer_settings: bool) -> Iterator[None]:
    """TF32 switched on in one of the two ways that PyTorch has, which it does not want mixed."""
    try:
        if newer_settings:
            torch.backends.fp32_precision = "tf32"
        else:
            torch.backends.cudnn.allow_tf32 = True
            torch.set_float32_matmul_precision("high")
        yield
    finally:
        if newer_settings:
            torch.backends.fp32_precision = "none"
        else:
            torch.set_float32_matmul_precision("highest")


@pytest.mark.parametrize("name", ["i3d", "inception_fid"])
def test_checkpoints_with_counters_are_the_same(name: str) -> None:
    variances = [key for key in state(name) if key.endswith("running_var")]
    counters = {key.replace("running_var", "num_batches_tracked"): torch.tensor(3) for key in variances}
    network = MODULES[name].load(state(name) | counters)
    assert network.state_dict().keys() == state(name).keys()


@pytest.mark.parametrize(("name", "size"), [("i3d", (3, 8, 224, 224)), ("c3d", (3, 15, 112, 112))])
def test_forward_refuses_a_length_that_it_cannot_see(name: str, size: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"D: expected clips of .* frames, got \d+$"):
        MODULES[name].load(state(name))(torch.zeros(1, *size))
