"""FrameInit (equations 5 to 7): what holds for every size and setting."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from i2vbench.models.consisti2v.components import ddim_scheduler
from i2vbench.models.consisti2v.frameinit import FrameInit, initialise, low_pass_filter, mix_frequencies

sizes = st.tuples(st.integers(1, 9), st.integers(2, 12), st.integers(2, 12))
even_sizes = st.tuples(*[st.integers(1, 5).map(lambda n: 2 * n)] * 3)
methods = st.sampled_from(["gaussian", "butterworth", "ideal", "box"])
stops = st.floats(0.05, 1)


@given(sizes, stops, stops, methods, st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_filter_lies_between_nothing_and_all(
    shape: tuple[int, int, int], d_s: float, d_t: float, method: str, centred: bool
) -> None:
    low_pass = low_pass_filter(shape, d_s, d_t, method, centred=centred)  # type: ignore[arg-type]
    assert low_pass.shape == shape
    assert 0 <= low_pass.min() <= low_pass.max() <= 1


def test_a_box_wider_than_an_axis_wraps_as_the_published_slice_does() -> None:
    """At 16 x 8 half of 0.75 x 16 / 2 = 6 is more than 8 // 2 = 4: the slice -2:10 of 8 columns is the last two."""
    low_pass = low_pass_filter((4, 16, 8), 0.75, 0.5, "box")
    assert low_pass[2, 8].tolist() == [0, 0, 0, 0, 0, 0, 1, 1]
    assert low_pass[2, :, 7].tolist() == [0] * 2 + [1] * 12 + [0] * 2


@given(even_sizes, stops, st.sampled_from(["gaussian", "butterworth"]))
@settings(max_examples=30, deadline=None)
def test_the_mean_of_the_video_is_the_layouts(shape: tuple[int, int, int], d0: float, method: str) -> None:
    """Zero frequency passes whole, for even sizes; what the filter lets through is at most what was there."""
    layout, noise = torch.randn(1, 2, *shape) + 3, torch.randn(1, 2, *shape)
    mixed = mix_frequencies(layout, noise, low_pass_filter(shape, d0, d0, method))  # type: ignore[arg-type]
    torch.testing.assert_close(mixed.mean(dim=(2, 3, 4)), layout.mean(dim=(2, 3, 4)), rtol=1e-4, atol=1e-4)


@given(sizes)
@settings(max_examples=30, deadline=None)
def test_a_centred_filter_is_symmetric_at_odd_sizes_too(shape: tuple[int, int, int]) -> None:
    odd = (2 * shape[0] + 1, 2 * shape[1] + 1, 2 * shape[2] + 1)
    low_pass = low_pass_filter(odd, 0.3, 0.3, centred=True)
    assert torch.equal(low_pass, low_pass.flip((0, 1, 2)))
    assert low_pass[odd[0] // 2, odd[1] // 2, odd[2] // 2] == 1
    even = tuple(2 * n for n in shape)
    assert torch.equal(low_pass_filter(even, 0.3, 0.3, centred=True), low_pass_filter(even, 0.3, 0.3))  # type: ignore[arg-type]


def test_all_low_frequencies_are_the_layout_and_none_the_noise() -> None:
    layout, noise = torch.randn(2, 4, 4, 6, 6), torch.randn(2, 4, 4, 6, 6)
    torch.testing.assert_close(mix_frequencies(layout, noise, torch.ones(4, 6, 6)), layout)
    torch.testing.assert_close(mix_frequencies(layout, noise, torch.zeros(4, 6, 6)), noise)
    torch.testing.assert_close(mix_frequencies(layout, noise, low_pass_filter((4, 6, 6), 0, 0.3)), noise)


def test_the_noise_keeps_its_strength() -> None:
    """At tau = 850 the layout is nearly noise already, so the mixed noise has nearly the deviation of noise."""
    generator = torch.Generator().manual_seed(0)
    static = torch.randn(1, 4, 1, 32, 32, generator=generator).expand(-1, -1, 16, -1, -1)
    noise = torch.randn(1, 4, 16, 32, 32, generator=generator)
    z_tau, init = initialise(static, noise, FrameInit(), ddim_scheduler().alphas_cumprod)
    assert init.std().item() == pytest.approx(1, abs=0.02)
    assert z_tau.std().item() == pytest.approx(1, abs=0.02)
    alike = torch.nn.functional.cosine_similarity((init - noise).mean(2).flatten(), static[:, :, 0].flatten(), dim=0)
    assert alike > 0.2  # what was added lies along the layout


def test_settings_that_cannot_be_are_refused() -> None:
    noise = torch.zeros(1, 4, 2, 2, 2)
    with pytest.raises(ValueError, match="from 0 to 999, got 1000"):
        initialise(noise, noise, FrameInit(tau=1000), ddim_scheduler().alphas_cumprod)
    with pytest.raises(ValueError, match="expected one of gaussian, butterworth, ideal, box"):
        low_pass_filter((2, 2, 2), 0.2, 0.2, "sharp")  # type: ignore[arg-type]
