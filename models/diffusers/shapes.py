"""Sizes and lengths that a pipeline makes, from its class and the configurations of its parts; nothing is loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from i2vbench.models.diffusers.classes import PipelineClass
from i2vbench.models.diffusers.quiet import quiet_libraries

Configs = Mapping[str, Mapping[str, Any]]

_NETWORKS = ("transformer", "transformer_2", "unet")
_SECTION_LATENTS = 9
"""Latent frames of a section of Framepack, or a chunk of Helios, unless their call says otherwise."""


@dataclass(frozen=True, slots=True)
class Shapes:
    """What a pipeline makes.

    Attributes:
        size_multiple: Height and width are multiples of it.
        frames_step: It makes 1 + k times so many frames; None makes any number.
        sizes: (height, width) of all that it makes, where these are a few; else None.
        height: Native, where the configurations or the call tell; else None.
        width: As height.
        num_frames: As height.
        temporal: Frames per latent frame; None if each frame has its own.
    """

    size_multiple: int
    frames_step: int | None
    sizes: tuple[tuple[int, int], ...] | None
    height: int | None
    width: int | None
    num_frames: int | None
    temporal: int | None


def shapes_of(cls: PipelineClass, configs: Configs) -> Shapes:
    """What pipelines of a class make with parts of these configurations."""
    network = network_of(configs)
    spatial, temporal = vae_scales(configs.get("vae", {}))
    pixels = spatial * _patch(network) * _enlarged(cls, configs)
    sizes = _only_sizes(cls, network, spatial)
    height, width = _native_size(cls, network, spatial)
    if sizes:
        height, width = min(sizes, key=lambda size: abs(size[0] / size[1] - 9 / 16))
    return Shapes(
        size_multiple=math.lcm(cls.kind.multiple, pixels),
        frames_step=_frames_step(cls, network, temporal),
        sizes=sizes or None,
        height=height,
        width=width,
        num_frames=_native_frames(cls, network, temporal),
        temporal=temporal,
    )


def network_of(configs: Configs) -> Mapping[str, Any]:
    """The configuration of the network that denoises."""
    return next((configs[name] for name in _NETWORKS if name in configs), {})


def vae_scales(config: Mapping[str, Any]) -> tuple[int, int | None]:
    """(pixels per latent pixel, frames per latent frame; None if each frame has its own) of a VAE."""
    name = config.get("_class_name")
    if not name:
        return 8, None
    import diffusers
    import torch

    with (
        quiet_libraries(),
        torch.device("meta"),
    ):  # its shape alone, as the pipelines ask it for: many defaults stand in its code
        vae = getattr(diffusers, name).from_config(dict(config))
    spatial = _first(vae, "scale_factor_spatial", "spatial_compression_ratio")
    if spatial is None:
        spatial = 2 ** (len(vae.config.block_out_channels) - 1)
    temporal = _first(vae, "scale_factor_temporal", "temporal_compression_ratio")
    return int(spatial), None if temporal is None else int(temporal)


def _first(vae: Any, *names: str) -> Any:
    for place in (vae.config, vae):
        for name in names:
            value = getattr(place, name, None)
            if isinstance(value, int | float) and not isinstance(value, bool):
                return value
    return None


def _patch(network: Mapping[str, Any]) -> int:
    """Latent pixels per token: a patch is one number, or (frames, height, width); a U-Net has none."""
    size = network.get("patch_size") or 1
    return int(size) if isinstance(size, int) else math.lcm(*(int(side) for side in list(size)[-2:]))


def _enlarged(cls: PipelineClass, configs: Configs) -> int:
    """How many times a side grows from the first stage to the last: Helios' pyramid doubles it from one to the next."""
    stages = int(configs.get("scheduler", {}).get("stages", 3)) if cls.kind.pyramid else 1
    return 1 << (stages - 1)


def _frames_step(cls: PipelineClass, network: Mapping[str, Any], temporal: int | None) -> int | None:
    if temporal is None:
        return None
    if cls.kind.frames == "partition":
        return (_native_frames(cls, network, temporal) or 2) - 1
    if cls.kind.frames == "pairs":  # the VAE decodes latent frames in pairs, and a pair that is split makes more
        return 2 * temporal
    return temporal


def _native_frames(cls: PipelineClass, network: Mapping[str, Any], temporal: int | None) -> int | None:
    default = cls.defaults[cls.length]
    if cls.kind.frames == "partition":
        latents = sum(network.get("chunk_partition") or ())
        return (latents - 1) * (temporal or 1) + 1 if latents else None
    if not isinstance(default, int):
        default = network.get("num_frames") or network.get("sample_frames") or cls.kind.num_frames
    if cls.kind.frames in ("chunks", "sections"):
        return made_of(cls, int(default), temporal or 1)
    drops = dropped_frames(cls, network)
    return int(default) - drops


def made_of(cls: PipelineClass, asked: int, temporal: int) -> int:
    """How many frames a pipeline that works in chunks returns when it is asked for so many."""
    window = (_SECTION_LATENTS - 1) * temporal + 1
    chunks = max(1, math.ceil(asked / window))
    if cls.kind.frames == "sections":
        return chunks * _SECTION_LATENTS * temporal + 1
    return (chunks * window - 1) // temporal * temporal + 1


def frames_to_ask(cls: PipelineClass, wanted: int, network: Mapping[str, Any], temporal: int | None) -> int:
    """What to ask a pipeline for, to have at least `wanted` frames."""
    if cls.kind.frames not in ("chunks", "sections"):
        return wanted + dropped_frames(cls, network)
    window = (_SECTION_LATENTS - 1) * (temporal or 1) + 1
    chunks = 1
    while made_of(cls, chunks * window, temporal or 1) < wanted:
        chunks += 1
    return chunks * window


def dropped_frames(cls: PipelineClass, network: Mapping[str, Any]) -> int:
    """Frames that are made and not returned: HunyuanVideo-I2V of 33 channels drops the first four."""
    concat = network.get("image_condition_type") == "latent_concat"
    return 4 if cls.name == "HunyuanVideoImageToVideoPipeline" and concat else 0


def _native_size(cls: PipelineClass, network: Mapping[str, Any], spatial: int) -> tuple[int | None, int | None]:
    """By the call's defaults; else by the latent size that the network's configuration tells."""
    found: list[int | None] = []
    for name in ("height", "width"):
        default = cls.defaults.get(name)
        if isinstance(default, int):
            found.append(default)
            continue
        latent = network.get(f"sample_{name}") or network.get("sample_size")
        found.append(int(latent) * spatial if isinstance(latent, int) else None)
    return found[0], found[1]


def _only_sizes(cls: PipelineClass, network: Mapping[str, Any], spatial: int) -> tuple[tuple[int, int], ...]:
    """The sizes of a network that makes a few alone.

    CogVideoX 1.0 has learned the places of its pixels: it makes one. HunyuanVideo 1.5 takes the one of its list whose
    shape is nearest to the picture's.
    """
    if network.get("use_learned_positional_embeddings"):
        return ((int(network.get("sample_height", 60)) * spatial, int(network.get("sample_width", 90)) * spatial),)
    target = network.get("target_size")
    if cls.sized or not target:
        return ()
    from diffusers.pipelines.hunyuan_video1_5.image_processor import (
        HunyuanVideo15ImageProcessor,
        generate_crop_size_list,
    )

    nearest = HunyuanVideo15ImageProcessor(vae_scale_factor=spatial).calculate_default_height_width
    listed = generate_crop_size_list(int(target), spatial)
    return tuple(sorted(size for size in listed if nearest(*size, target) == size))  # of some it takes a neighbour
