"""Bringing frames to a device: once for all metrics, and without waiting for what the device is at.

A GPU takes copies from pinned memory. Those of frames have a stream of their own, so that the next clips come while a
network is at work on the last ones. On a CPU nothing is brought anywhere.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from i2vbench.types import Frames

KEPT_OF_FREE = 32
"""A clip's frames stay on a GPU, for the next metric, if they take no more than this part of its free memory: those of
a group of eight clips a quarter. Others are copied each time. Nothing that is computed depends on it."""

_KEPT: dict[tuple[int, str], Tensor] = {}
"""Frames on GPUs, by the array they were copied from, as long as that lives."""


def take(chosen: Sequence[tuple[Frames, int]], device: str) -> Tensor:
    """Frames of clips of one size, side by side on a device.

    Args:
        chosen: (frames of a clip, uint8 [T, H, W, 3]; the position of one of them) each. Clips are read-only: a GPU is
            given them once.
        device: As torch names it.

    Returns:
        uint8 [N, H, W, 3].
    """
    if torch.device(device).type == "cuda":
        whole = {id(frames): _kept(frames, device) for frames, _ in chosen}
        there = [clip[place] for (frames, place) in chosen if (clip := whole[id(frames)]) is not None]
        if len(there) == len(chosen):
            return torch.stack(there)
        return _copied(np.stack([frames[place] for frames, place in chosen]), device)
    return torch.from_numpy(np.stack([frames[place] for frames, place in chosen])).to(device)


def put(few: Tensor, device: torch.device | str) -> Tensor:
    """A few numbers of the CPU on a device: `torch.tensor(..., device="cuda")` would wait until the GPU is done."""
    if torch.device(device).type == "cuda" and few.device.type == "cpu":
        return pinned(few).to(device, non_blocking=True)
    return few.to(device)


def pinned(tensor: Tensor) -> Tensor:
    """A copy in memory that a GPU reads by itself; torch keeps it until it has been read."""
    return tensor.pin_memory()


def _kept(frames: Frames, device: str) -> Tensor | None:
    """All frames of a clip on a GPU; None if they would take too much of its memory."""
    key = id(frames), device
    if key not in _KEPT:
        if frames.nbytes * KEPT_OF_FREE > _free_bytes(device):
            return None
        _KEPT[key] = _copied(frames, device)
        weakref.finalize(frames, _KEPT.pop, key, None)
    return _KEPT[key]


def _copied(frames: Frames, device: str) -> Tensor:
    """Frames on a GPU, for the stream that computes."""
    stream = _copy_stream(device)
    with torch.cuda.stream(stream):
        there = _staged(frames).to(device, non_blocking=True)
    computing = torch.cuda.current_stream(device)
    computing.wait_stream(stream)
    there.record_stream(computing)  # else its memory would be the next copy's as soon as it is let go
    return there


def _staged(frames: Frames) -> Tensor:
    """Frames in pinned memory; not by way of a tensor of theirs, which PyTorch warns of where they are read-only."""
    staged = torch.empty(frames.shape, dtype=torch.uint8, pin_memory=True)
    np.copyto(staged.numpy(), frames)
    return staged


@functools.cache
def _copy_stream(device: str) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)


def _free_bytes(device: str) -> int:
    """What the driver has, and what torch holds and does not use."""
    return torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
