"""Correlated noise (equations 9 and 10)."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from i2vbench.models.consisti2v.noise import NoiseMethod, draw_shapes, initial_noise
from tests.models.consisti2v.conftest import seeded


@given(st.sampled_from(["pyoco_mixed", "pyoco_progressive", "vanilla"]), st.floats(0, 3), st.integers(0, 2**31 - 1))
@settings(max_examples=25, deadline=None)
def test_frames_have_variance_one_and_share_what_alpha_says(method: NoiseMethod, alpha: float, seed: int) -> None:
    noise = initial_noise((1, 4, 3, 80, 80), method, alpha, seeded(seed))
    frames = noise[0].transpose(0, 1).flatten(1)  # [T, 25600]
    assert frames.var(dim=1).tolist() == pytest.approx([1] * 3, abs=0.06)
    assert frames.mean(dim=1).abs().max() < 0.05
    shared = alpha**2 / (1 + alpha**2)
    first_second, first_third = {
        "vanilla": (0.0, 0.0),
        "pyoco_mixed": (shared, shared),
        "pyoco_progressive": (shared**0.5, shared),
    }[method]
    correlation = torch.corrcoef(frames)
    assert correlation[0, 1].item() == pytest.approx(first_second, abs=0.05)
    assert correlation[0, 2].item() == pytest.approx(first_third, abs=0.05)


@pytest.mark.parametrize("method", ["pyoco_mixed", "pyoco_progressive", "vanilla"])
def test_a_clip_with_its_own_generator_is_the_same_alone(method: NoiseMethod) -> None:
    together = initial_noise((3, 4, 4, 2, 2), method, 1.0, [seeded(7), seeded(8), seeded(9)])
    assert together.shape == (3, 4, 4, 2, 2)
    for index, seed in enumerate((7, 8, 9)):
        alone = initial_noise((1, 4, 4, 2, 2), method, 1.0, [seeded(seed)])
        assert torch.equal(together[index : index + 1], alone)


def test_without_a_generator_torchs_own_is_drawn_from() -> None:
    torch.manual_seed(5)
    drawn = initial_noise((1, 4, 2, 3, 3))
    assert torch.equal(drawn, initial_noise((1, 4, 2, 3, 3), generator=seeded(5)))


def test_unknown_methods_and_too_few_generators_are_refused() -> None:
    with pytest.raises(ValueError, match="expected one of pyoco_mixed, pyoco_progressive, vanilla"):
        draw_shapes((1, 4, 2, 3, 3), "pyoco")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one generator per clip, 2, got 1"):
        initial_noise((2, 4, 2, 3, 3), generator=[seeded(0)])
