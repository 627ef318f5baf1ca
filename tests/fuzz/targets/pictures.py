"""Pictures and checkpoints."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.fuzz.target import target, written


def _pictures(room: Path) -> Sequence[bytes]:
    from PIL import Image

    found = []
    for name in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"):
        file = io.BytesIO()
        Image.new("RGB", (8, 6), "red").save(file, name)
        found.append(file.getvalue())
    moving = io.BytesIO()
    Image.new("P", (8, 6)).save(moving, "GIF", save_all=True, append_images=[Image.new("P", (8, 6), 1)])
    return [*found, moving.getvalue()]


@target(_pictures)
def pictures(room: Path, data: bytes) -> None:
    from i2vbench.video import read_image, read_pictures
    from i2vbench.video.pictures import jpeg_facts

    path = written(room, "picture", data)
    jpeg_facts(path)
    read_image(path)
    read_pictures(path)


def _checkpoints(room: Path) -> Sequence[bytes]:
    import torch
    from safetensors.torch import save

    state = {"a.weight": torch.ones(2, 3), "a.bias": torch.zeros(2)}
    arrays = io.BytesIO()
    np.savez(arrays, **{name: tensor.numpy() for name, tensor in state.items()})
    found = [b"s" + save(state), b"n" + arrays.getvalue()]
    for zipped in (True, False):
        file = io.BytesIO()
        torch.save({"state_dict": state}, file, _use_new_zipfile_serialization=zipped)
        found.append(b"t" + file.getvalue())
    return found


@target(_checkpoints)
def checkpoints(room: Path, data: bytes) -> None:
    from i2vbench.checkpoints import read_state

    suffix = {b"s": ".safetensors", b"n": ".npz"}.get(data[:1], ".pt")
    read_state(written(room, f"weights{suffix}", data[1:]))
