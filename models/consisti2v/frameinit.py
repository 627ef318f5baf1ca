"""FrameInit: layout-guided initial noise (Section 3.5, equations 5 to 7)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import torch
from torch import Tensor

FilterMethod = Literal["gaussian", "butterworth", "ideal", "box"]
_AXES = (-3, -2, -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameInit:
    """Settings of FrameInit.

    Attributes:
        tau: Step up to which the layout video is noised.
        d_s: Stop frequency in space, as a share of the highest one; the paper's D0 is both.
        d_t: Stop frequency in time.
        method: Shape of the low-pass filter. The paper has the Gaussian one alone.
        order: Steepness of "butterworth".
        centred: Put the filter's centre at zero frequency for odd sizes too, where the published filter is off it.
    """

    tau: int = 850
    d_s: float = 0.25
    d_t: float = 0.25
    method: FilterMethod = "gaussian"
    order: int = 4
    centred: bool = False


def initialise(layout: Tensor, noise: Tensor, frameinit: FrameInit, alphas_cumprod: Tensor) -> tuple[Tensor, Tensor]:
    """Noise whose low frequencies are those of a noised layout video.

    Args:
        layout: Latents [b, c, T, h, w]: the first frame repeated T times, or a synthetic camera motion.
        noise: [b, c, T, h, w]; noises the layout, and gives the high frequencies.
        frameinit: Settings.
        alphas_cumprod: The scheduler's, [number of training steps].

    Returns:
        (z_tau, the initial noise), [b, c, T, h, w] each.

    Raises:
        ValueError: A tau that is no training step, or an unknown filter.
    """
    if not 0 <= frameinit.tau < len(alphas_cumprod):
        raise ValueError(f"tau: expected a step from 0 to {len(alphas_cumprod) - 1}, got {frameinit.tau}")
    kept = alphas_cumprod[frameinit.tau].to(noise.device)
    z_tau = kept.sqrt() * layout.float() + (1 - kept).sqrt() * noise.float()
    low_pass = low_pass_filter(
        (noise.shape[-3], noise.shape[-2], noise.shape[-1]),
        frameinit.d_s,
        frameinit.d_t,
        frameinit.method,
        frameinit.order,
        frameinit.centred,
    )
    return z_tau.to(noise.dtype), mix_frequencies(z_tau, noise, low_pass)


def mix_frequencies(low: Tensor, high: Tensor, low_pass: Tensor) -> Tensor:
    """The low frequencies of one video and the high ones of another, equations (5) to (7).

    Args:
        low: [..., T, h, w].
        high: The same shape; the result has its dtype.
        low_pass: G, [T, h, w], zero frequency at index n // 2.
    """
    low_pass = low_pass.to(high.device)
    f_low, f_high = (torch.fft.fftshift(torch.fft.fftn(x.float(), dim=_AXES), dim=_AXES) for x in (low, high))
    mixed = torch.fft.ifftshift(f_low * low_pass + f_high * (1 - low_pass), dim=_AXES)
    # Complex only where an odd size put the filter off centre; the published code drops that part too.
    return torch.fft.ifftn(mixed, dim=_AXES).real.to(high.dtype)


@lru_cache(maxsize=16)
def low_pass_filter(
    shape: tuple[int, int, int],
    d_s: float,
    d_t: float,
    method: FilterMethod = "gaussian",
    order: int = 4,
    centred: bool = False,
) -> Tensor:
    """G, float32 [T, h, w] in 0..1, zero frequency at index n // 2.

    Args:
        shape: (T, h, w).
        d_s: Stop frequency in space; 0 lets nothing through.
        d_t: Stop frequency in time; 0 lets nothing through.
        method: Shape of the filter.
        order: Steepness of "butterworth".
        centred: As in `FrameInit`.

    Raises:
        ValueError: An unknown method.
    """
    if method not in get_args(FilterMethod):
        raise ValueError(f"filter '{method}': expected one of {', '.join(get_args(FilterMethod))}")
    if d_s == 0 or d_t == 0:
        return torch.zeros(shape)
    if method == "box":
        return _box(shape, d_s, d_t)
    t, y, x = (_frequencies(size, centred) for size in shape)
    squares = (d_s / d_t * t[:, None, None]) ** 2 + y[:, None] ** 2 + x**2  # [T, h, w], distance from zero frequency
    if method == "gaussian":
        low_pass = torch.exp(-squares / (2 * d_s**2))
    elif method == "butterworth":
        low_pass = 1 / (1 + (squares / d_s**2) ** order)
    else:
        low_pass = (squares <= 2 * d_s).double()  # as published; a radius would be d_s squared
    return low_pass.float()


def _frequencies(size: int, centred: bool) -> Tensor:
    """Index n of a shifted spectrum as a share of the highest frequency, float64 [size]."""
    n = torch.arange(size, dtype=torch.float64)
    return 2 * (n - size // 2) / size if centred else 2 * n / size - 1


def _box(shape: tuple[int, int, int], d_s: float, d_t: float) -> Tensor:
    """A box around zero frequency, as published: both spatial sides come from the height.

    Where half a side is more than half an axis, the published slice begins before 0 and so, counted from the end,
    holds other frequencies, or none.
    """
    low_pass = torch.zeros(shape)
    half_t, half_s = round(shape[0] // 2 * d_t), round(shape[1] // 2 * d_s)
    t, y, x = (
        slice(size // 2 - half, size // 2 + half) for size, half in zip(shape, (half_t, half_s, half_s), strict=True)
    )
    low_pass[t, y, x] = 1
    return low_pass
