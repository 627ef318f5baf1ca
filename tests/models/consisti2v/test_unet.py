"""The U-Net as a whole; that it computes what the published one does is tests/reference's."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from i2vbench.models.consisti2v import ConsistI2VUNet, transformer
from i2vbench.models.consisti2v.transformer import TextAttention
from tests.models.consisti2v.tiny import REFERENCE
from tests.reference import recipe
from tests.reference.cases import bundled_json

CONFIG = bundled_json("consisti2v/unet_tiny_config.json")
KEYS = bundled_json("consisti2v/unet_tiny_keys.json")


def make(**overrides: Any) -> ConsistI2VUNet:
    unet = ConsistI2VUNet.from_config(CONFIG, **overrides).eval()
    unet.load_published(recipe.unet_state(KEYS))
    return unet


@pytest.fixture(scope="module")
def unet() -> ConsistI2VUNet:
    return make()


def inputs(batch: int = 1, frames: int = 4) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "sample": torch.randn(batch, 4, frames - 1, 8, 8, generator=generator),
        "encoder_hidden_states": torch.randn(batch, 7, 32, generator=generator),
        "first_frame_latents": torch.randn(batch, 4, 1, 8, 8, generator=generator),
    }


@torch.no_grad()
def run(unet: ConsistI2VUNet, timestep: Any = 500, frame_stride: Any = 3, **given: Any) -> torch.Tensor:
    return unet(timestep=timestep, frame_stride=frame_stride, **given).sample  # type: ignore[no-any-return,union-attr]


def test_at_real_size_it_has_exactly_the_published_tensors() -> None:
    published = bundled_json("consisti2v/unet_keys.json")
    with torch.device("meta"):
        unet = ConsistI2VUNet.from_config(REFERENCE / "unet_config.json")
    assert {key: list(tensor.shape) for key, tensor in unet.state_dict().items()} == {
        key: spec["shape"] for key, spec in published.items()
    }
    assert sum(parameter.numel() for parameter in unet.parameters()) == 1_249_975_241


def test_a_forward_pass_changes_no_weight(unet: ConsistI2VUNet) -> None:
    before = {key: tensor.clone() for key, tensor in unet.state_dict().items()}
    run(unet, **inputs())
    assert all(torch.equal(tensor, before[key]) for key, tensor in unet.state_dict().items())


def test_a_clip_of_another_length_is_one_clip(unet: ConsistI2VUNet) -> None:
    given = inputs(frames=8)  # twice the four frames of the configuration
    torch.testing.assert_close(run(unet, **given), run(make(n_frames=8), **given))
    halves = [run(unet, **(given | {"sample": part})) for part in given["sample"].split((3, 4), dim=2)]
    assert not torch.allclose(run(unet, **given), torch.cat(halves, dim=2), atol=1e-2)


def test_a_clip_in_a_batch_is_the_clip_alone(unet: ConsistI2VUNet) -> None:
    given = inputs(batch=3)
    together = run(unet, timestep=torch.tensor([1, 400, 900]), frame_stride=torch.tensor([1, 3, 5]), **given)
    for index, (timestep, stride) in enumerate(((1, 1), (400, 3), (900, 5))):
        alone = run(unet, timestep, stride, **{name: x[index : index + 1] for name, x in given.items()})
        torch.testing.assert_close(together[index : index + 1], alone, rtol=1e-4, atol=1e-5)


def test_a_number_per_frame_is_what_one_for_all_is(unet: ConsistI2VUNet) -> None:
    given = inputs(batch=2)
    expected = run(unet, 500, 3, **given)
    for form in (torch.tensor(500), torch.tensor([500]), torch.full((2,), 500), torch.full((8,), 500)):
        torch.testing.assert_close(run(unet, form, 3, **given), expected)


def test_projected_text_stands_for_the_text(unet: ConsistI2VUNet) -> None:
    given = inputs(batch=2)
    projected = unet.project_text(given["encoder_hidden_states"])
    assert len(projected) == 31 == sum(isinstance(module, TextAttention) for module in unet.modules())
    expected = run(unet, **given)
    assert torch.equal(run(unet, **(given | {"encoder_hidden_states": projected})), expected)


def test_what_comes_from_the_first_frame_reaches_every_other(unet: ConsistI2VUNet) -> None:
    given = inputs()
    changed = given | {"first_frame_latents": given["first_frame_latents"] + 1}
    assert ((run(unet, **given) - run(unet, **changed)).abs().amax(dim=(0, 1, 3, 4)) > 1e-3).all()


def test_a_new_unet_does_not_hear_its_frame_stride() -> None:
    unet = ConsistI2VUNet.from_config(CONFIG).eval()
    assert torch.equal(run(unet, frame_stride=1, **inputs()), run(unet, frame_stride=5, **inputs()))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_near(dtype: torch.dtype, unet: ConsistI2VUNet) -> None:
    given = inputs()
    half = run(make().to(dtype), **{name: x.to(dtype) for name, x in given.items()})
    assert half.dtype == dtype
    error = (half.float() - run(unet, **given)).std() / run(unet, **given).std()
    assert error < (0.06 if dtype == torch.bfloat16 else 0.01)


@pytest.mark.slow
def test_it_compiles_as_one_graph(unet: ConsistI2VUNet) -> None:
    given = inputs()
    compiled = torch.compile(unet, backend="eager", fullgraph=True)
    with torch.no_grad():
        text = unet.project_text(given["encoder_hidden_states"])
        for asked in (given, given | {"encoder_hidden_states": text}):  # the second is what sampling passes
            got = compiled(timestep=torch.tensor(500), frame_stride=torch.full((1,), 3), **asked).sample
            torch.testing.assert_close(got, run(unet, **given))


def test_attention_of_more_rows_than_a_gpu_takes_is_made_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [torch.randn(7, 2, 5, 4, generator=torch.Generator().manual_seed(seed)) for seed in range(3)]
    attention = transformer.Attention(8, 2)
    whole = attention.attend(*rows)
    monkeypatch.setattr(transformer, "MOST_ROWS", 3)
    torch.testing.assert_close(attention.attend(*rows), whole)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"first_frame_latents": None}, "needs first_frame_latents"),
        ({"frame_stride": None}, "pass frame_stride"),
        ({"first_frame_latents": torch.zeros(1, 4, 2, 8, 8)}, "expected [1, 4, 1, 8, 8], got [1, 4, 2, 8, 8]"),
        ({"timestep": torch.zeros(3)}, "expected 1, 1 or 4 numbers, got 3"),
    ],
)
def test_inputs_that_cannot_be_are_refused(change: dict[str, Any], says: str, unet: ConsistI2VUNet) -> None:
    with pytest.raises(ValueError, match=says.replace("[", r"\[")):
        run(unet, **(inputs() | change))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"act_fn": "gelu"}, "expected act_fn = 'silu', got 'gelu'"),
        ({"first_frame_condition_mode": "concatenate"}, "expected one of concat, input_only, none, conv2d"),
        ({"temporal_window": 4}, "expected an odd number, got 4"),
        ({"temp_pos_embedding": "learned"}, "expected one of rotary, sinusoidal, rotary-per-head"),
        ({"up_block_types": ["UpBlock2D"]}, "up_block_types: expected 4, one per level, got 1"),
    ],
)
def test_a_configuration_it_does_not_have_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ConsistI2VUNet.from_config(CONFIG, **change)
