"""The U-Net's arithmetic: no more than is needed, counted without memory, beside the numbers of others."""

from __future__ import annotations

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from i2vbench.models.consisti2v.cost import REPORTED, count_flops
from i2vbench.models.consisti2v.runtime import random_pipeline
from i2vbench.models.consisti2v.sampling import VARIANTS
from tests.models.consisti2v.tiny import FRAMES, SIDE
from tests.reference.cases import bundled_json

RECORDED = bundled_json("consisti2v/flops.json")
NAMES = {
    "": "full",
    "no-frameinit": "full",
    "no-frameinit-no-temporal": "no_tcond",
    "no-frameinit-no-temporal-no-spatial": "no_tcond_no_scond",
}


@pytest.mark.parametrize("variant", ["", "no-frameinit-no-temporal", "no-frameinit-no-temporal-no-spatial"])
def test_a_forward_pass_at_real_size_does_nothing_twice(variant: str) -> None:
    flops = count_flops(**VARIANTS[variant].unet)
    recorded = RECORDED["exactly_equivalent"][NAMES[variant]]["total"]
    assert flops.total <= 4.33e12
    assert flops.total <= recorded * 1.003
    official = RECORDED["official"][NAMES[variant]]
    assert flops.attention <= official["attention_products"]
    assert flops.without_attention < 0.81 * official["convolutions_and_linears"]
    assert flops.text == pytest.approx(0.0075e12, rel=0.02)


@pytest.mark.parametrize("variant", ["", "no-frameinit-no-temporal-no-spatial"])
def test_counting_on_the_meta_device_is_counting_a_real_forward(variant: str) -> None:
    config = bundled_json("consisti2v/unet_tiny_config.json")
    size = {"num_frames": FRAMES, "height": SIDE, "width": SIDE, "vae_factor": 4, "text_tokens": 16}
    # The plain products: torch before 2.14 does not count its fused attention on a CPU.
    with sdpa_kernel(SDPBackend.MATH):
        counts = [count_flops(config, device=device, **size, **VARIANTS[variant].unet) for device in ("meta", "cpu")]
    assert counts[0] == counts[1]
    assert counts[0].attention > 0


def test_what_others_report_is_what_was_recorded() -> None:
    for variant, reported in REPORTED.items():
        official = RECORDED["official"][NAMES[variant]]
        assert reported.code == round(official["total"] / 1e12, 3)
        assert reported.code_without_attention == round(official["convolutions_and_linears"] / 1e12, 3)
        assert reported.paper == RECORDED["paper_tflops"][NAMES[variant]]
    assert list(REPORTED) == [word for word in VARIANTS if word != "paper-noise"]


def test_random_weights_have_the_published_shapes() -> None:
    pipeline = random_pipeline({}, "meta", torch.bfloat16)
    for name, keys in (("unet", "unet_keys"), ("vae", "vae_keys"), ("text_encoder", "text_encoder_keys")):
        recorded = bundled_json(f"consisti2v/{keys}.json")
        shapes = {key.removeprefix("text_model."): spec["shape"] for key, spec in recorded.items()}
        ours = getattr(pipeline, name).state_dict()
        assert {key.removeprefix("text_model."): list(value.shape) for key, value in ours.items()} == shapes
        assert {value.dtype for value in ours.values()} == {torch.bfloat16}
    tokens = pipeline.tokenizer("a dog", padding="max_length", truncation=True).input_ids
    assert len(tokens) == 77
    assert max(tokens) < pipeline.text_encoder.config.vocab_size
    assert torch.get_default_dtype() == torch.float32
