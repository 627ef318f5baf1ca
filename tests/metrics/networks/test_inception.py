"""The Inception of 2015-12-05 is torch-fidelity's, whatever the size of the pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from i2vbench.metrics.networks import inception
from tests.metrics.networks.states import noise, state


def test_it_equals_torch_fidelity(tmp_path: Path) -> None:
    """Growing in one direction, shrinking in the other."""
    extractors = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    weights = tmp_path / "weights.pth"
    torch.save(state("inception_fid"), weights)
    layers = ["64", "192", "768", "2048", "logits_unbiased"]
    theirs = extractors.FeatureExtractorInceptionV3("inception", layers, feature_extractor_weights_path=weights)
    images = noise(2, 40, 333, 3)
    ours = inception.load(state("inception_fid"))(inception.preprocess(images))
    with torch.no_grad():
        expected = theirs(images.permute(0, 3, 1, 2))
    for got, wanted in zip(ours, expected, strict=True):
        assert torch.allclose(got, wanted, rtol=0, atol=1e-5 * wanted.std().item())


def test_the_resize_is_aligned_top_left_and_not_antialiased() -> None:
    """Output i lies at i W / 299: from a ramp of 598 columns every second one is taken as it is."""
    ramp = (torch.arange(598) % 251).to(torch.uint8).view(1, 1, 598, 1).expand(1, 3, 598, 3)
    row = inception.preprocess(ramp)[0, 0, 0] * 128 + 128
    assert torch.equal(row, ramp[0, 0, ::2, 0].float())
