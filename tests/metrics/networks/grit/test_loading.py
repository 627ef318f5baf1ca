"""Which checkpoints GRiT takes, and that its norms are the published ones."""

from __future__ import annotations

import pytest
import torch

from i2vbench.checkpoints import CheckpointError
from i2vbench.metrics.networks import grit
from i2vbench.metrics.networks.grit import GRiT
from tests.metrics.networks.grit.small import HEAD, SMALL, TEXT, network, state
from tests.reference.cases import bundled_json


class TestLoading:
    def test_every_published_key_is_a_tensor_of_ours_or_of_the_masks(self) -> None:
        shapes = {key: spec["shape"] for key, spec in bundled_json("grit/keys.json").items()}
        with torch.device("meta"):
            ours = {key: list(tensor.shape) for key, tensor in GRiT().state_dict().items()}
        assert {key: shape for key, shape in shapes.items() if not key.startswith("roi_heads.mask_head.")} == ours

    @pytest.mark.parametrize("missing", ["backbone.bottom_up.pos_embed", f"{TEXT}output.bias"])
    def test_tensors_that_do_not_fit_are_named_each(self, missing: str) -> None:
        spoilt = {**state(), f"{HEAD}scales.3.scale": torch.zeros(7)}
        del spoilt[missing]
        with pytest.raises(CheckpointError) as caught:
            grit.load(spoilt, SMALL)
        assert caught.value.missing == [missing]
        assert f"1 of another shape: {HEAD}scales.3.scale ([7] instead of [1])" in str(caught.value)

    def test_what_else_is_in_it_is_left_out_and_named(self) -> None:
        with pytest.warns(
            UserWarning, match=r"checkpoint of GRiT: 2 unknown and left out: another.bias, extra.weight$"
        ):
            grit.load({**state(), "extra.weight": torch.zeros(1), "another.bias": torch.zeros(1)}, SMALL)

    @pytest.mark.filterwarnings("error")
    def test_it_loads_what_is_wrapped_half_and_has_masks(self) -> None:
        half = {f"module.{key}": tensor.half() for key, tensor in state().items()}
        half |= {"module.roi_heads.mask_head.deconv.bias": torch.zeros(2), "module.pixel_mean": torch.zeros(3, 1, 1)}
        loaded = grit.load({"model": half, "iteration": 7}, SMALL)
        assert {tensor.dtype for tensor in loaded.state_dict().values()} == {torch.float32}
        assert not loaded.training
        assert not any(parameter.requires_grad for parameter in loaded.parameters())

    def test_the_two_names_of_the_word_embedding_are_one_tensor(self) -> None:
        loaded = grit.load({key: tensor.clone() for key, tensor in state().items()}, SMALL)
        assert loaded.text.embedding["words"].weight is loaded.text.output.weight

    def test_another_models_checkpoint_is_called_so(self) -> None:
        with pytest.raises(CheckpointError, match="checkpoint of another model than GRiT"):
            grit.load({"a": torch.zeros(1)}, SMALL)


def test_every_norm_has_the_published_epsilon() -> None:
    found: dict[str, set[float]] = {}
    for name, module in network().named_modules():
        if hasattr(module, "eps"):
            text = "text embedding" if "textual.embedding" in name else "text layers"
            part = (
                "blocks"
                if ".blocks." in name
                else text
                if "textual." in name and "projection" not in name
                else "others"
            )
            found.setdefault(part, set()).add(module.eps)
    assert found == {"blocks": {1e-6}, "text embedding": {1e-8}, "text layers": {1e-12}, "others": {1e-5}}
