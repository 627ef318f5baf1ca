"""Autoregressive long videos (Section 5.5, Figure 8, upper panel).

A chunk is a clip of T frames; the next one is conditioned on its last frame, as a latent that is not decoded and
encoded again, and every chunk is initialised by FrameInit from the frame it goes on from. k chunks of T frames give
k (T - 1) + 1.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def chunks_needed(num_frames: int, chunk_frames: int) -> int:
    """How many chunks of `chunk_frames` frames make a video of at least `num_frames`."""
    return max(1, -(-(num_frames - 1) // (chunk_frames - 1)))


def sample_chunks(first_frame: Tensor, chunks: int, sample: Callable[[Tensor, int], Tensor]) -> Tensor:
    """A long video's latents, [b, c, k (T - 1) + 1, h, w].

    Args:
        first_frame: Latents [b, c, 1, h, w].
        chunks: k.
        sample: Makes chunk number i from the latents of its first frame: frames 2 .. T, [b, c, T-1, h, w].
    """
    video = [first_frame]
    for index in range(chunks):
        video.append(sample(video[-1][:, :, -1:], index))
    return torch.cat(video, dim=2)
