"""ConsistI2V-tiny as a folder in the published layout, laid out once from the bundled files: `--checkpoint tiny`."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from i2vbench import weights
from i2vbench.errors import UserError
from i2vbench.models.consisti2v.checkpoint import find_checkpoint
from i2vbench.models.consisti2v.sampling import Variant
from i2vbench.models.consisti2v.tiny import UNETS, VAE
from i2vbench.weights.places import cache_folder

TINY = "tiny"
"""As a checkpoint: the small networks that come with i2vbench; a folder of that name is written ./tiny."""

LAYOUT = 1
"""Counted up when the folder is written otherwise, so that old ones are left alone."""


def find_variant(where: str | os.PathLike[str] | None, variant: Variant) -> Path:
    """As `find_checkpoint`, for one of the ablations: of the small networks each has a folder with its own U-Net.

    Args:
        where: As `find_checkpoint`, or `TINY`.
        variant: One of `sampling.VARIANTS`.
    """
    if where != TINY:
        return find_checkpoint(where)
    return checkpoint_folder(variant.unet)


def checkpoint_folder(changed: Mapping[str, Any] | None = None) -> Path:
    """The folder of the U-Net that was trained with these settings.

    It lies in the cache folder, under a hash of the bundled files, and takes its name when all of it is there.

    Args:
        changed: Settings in which the U-Net differs from the published one, as `VARIANTS` has them.

    Raises:
        UserError: No U-Net was trained so; or a bundled file is damaged.
    """
    name = _trained_so(UNETS, changed or {})
    folder = cache_folder() / "tiny" / f"{name}-{_key(name)}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder.parent))
    try:
        _write(name, partial)
        os.replace(partial, folder)
    except OSError:
        if not folder.is_dir():  # else another process was faster, with the same files
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _trained_so(names: tuple[str, ...], changed: Mapping[str, Any]) -> str:
    """The U-Net whose conditioning differs from the published one's in these settings."""
    conditioning = ("augment_temporal_attention", "first_frame_condition_mode")
    for name in names:
        sizes = weights.entry(name).sizes
        if {key: sizes[key] for key in conditioning if key in sizes} == dict(changed):
            return name
    raise UserError(f"ConsistI2V-tiny has no U-Net trained with {dict(changed)}")


def _key(name: str) -> str:
    files = [weights.sha256_of(part) for part in (name, VAE, "tiny_clip")]
    return hashlib.sha256(" ".join([str(LAYOUT), *files]).encode()).hexdigest()[:16]


def _write(name: str, folder: Path) -> None:
    from transformers.utils import logging

    from i2vbench.models.consisti2v.components import ddim_scheduler
    from i2vbench.models.consisti2v.pipeline import ConsistI2VPipeline
    from i2vbench.models.consisti2v.tiny.networks import PREDICTION, load_unet, load_vae
    from i2vbench.models.consisti2v.tiny.text import read_text_encoder

    logging.disable_progress_bar()  # else it says on the terminal that it writes "model shards"
    text_encoder, tokenizer = read_text_encoder()
    ConsistI2VPipeline(
        vae=load_vae(weights.read(VAE)),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=load_unet(name, weights.read(name)),
        scheduler=ddim_scheduler(PREDICTION),
    ).save_pretrained(folder)
