"""The convolution with fewer multiplications is the convolution."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from i2vbench.metrics.networks.winograd import WinogradConv

kernels = st.sampled_from([(3, 3), (1, 5), (5, 1), (5, 5), (3, 1)])


@settings(max_examples=40, deadline=None)
@given(kernels, st.integers(1, 3), st.integers(1, 21), st.integers(1, 21), st.booleans(), st.integers(0, 9))
def test_it_is_the_convolution_at_any_size(
    kernel: tuple[int, int], count: int, height: int, width: int, biased: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 6, height, width, generator=generator)
    weight = torch.randn(5, 6, *kernel, generator=generator)
    bias = torch.randn(5, generator=generator) if biased else None
    expected = F.conv2d(x, weight, bias, padding=(kernel[0] // 2, kernel[1] // 2))
    with torch.no_grad():
        ours = WinogradConv(weight, bias)(x)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-3)
    assert ours.shape == expected.shape


@pytest.mark.parametrize("kernel", [(3, 3), (1, 5), (5, 1)])
def test_its_rounding_is_that_of_float32(kernel: tuple[int, int]) -> None:
    """At RAFT's widths, against float64, in units of the outputs' deviation."""
    generator = torch.Generator().manual_seed(0)
    x, weight = torch.randn(1, 256, 16, 18, generator=generator), torch.randn(64, 256, *kernel, generator=generator)
    exact = F.conv2d(x.double(), weight.double(), padding=(kernel[0] // 2, kernel[1] // 2))
    with torch.no_grad():
        error = (WinogradConv(weight)(x) - exact) / exact.std()
    assert error.std() < 5e-6
    assert error.abs().max() < 1e-4
