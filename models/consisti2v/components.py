"""The networks of a checkpoint folder, each filled with exactly its tensors."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from i2vbench.errors import UserError
from i2vbench.files import write_bytes, write_json
from i2vbench.models.consisti2v.checkpoint import fill, find_checkpoint, read_state
from i2vbench.models.consisti2v.unet import ConsistI2VUNet


def load_components(
    where: str | os.PathLike[str] | None,
    dtype: torch.dtype | None = None,
    unet_config: Mapping[str, Any] | None = None,
    download: bool = False,
) -> dict[str, Any]:
    """The pipeline's components by name, in evaluation mode.

    Args:
        where: Folder or hub name; None is the published checkpoint.
        dtype: Of the networks; as stored if not given.
        unet_config: Settings of the U-Net that win over the stored ones.
        download: Whether to fetch what the local cache lacks.

    Raises:
        UserError: What is missing, in one line; or tensors that are not this model's.
    """
    folder = find_checkpoint(where, download=download)
    return {
        "unet": load_unet(folder / "unet", dtype, unet_config),
        "scheduler": _scheduler(folder),
        **load_frozen(folder, dtype),
    }


def load_unet(
    folder: Path, dtype: torch.dtype | None = None, overrides: Mapping[str, Any] | None = None
) -> ConsistI2VUNet:
    """The U-Net of a folder with config.json and its tensors.

    Raises:
        UserError: A configuration that this U-Net does not have, or other tensors than it needs.
    """
    with torch.device("meta"):
        try:
            unet = ConsistI2VUNet.from_config(_config(folder), **dict(overrides or {}))
        except (TypeError, ValueError) as error:
            raise UserError(f"{folder / 'config.json'} is not of a ConsistI2V U-Net: {error}") from error
    fill(unet, read_state(folder), "the ConsistI2V U-Net", dtype=dtype)
    return unet.eval()


def load_frozen(folder: Path, dtype: torch.dtype | None = None) -> dict[str, Any]:
    """VAE, text encoder and tokenizer of a pipeline folder (ConsistI2V's or Stable Diffusion 2.1-base's).

    Raises:
        UserError: Other tensors than these networks need.
    """
    text_config = {key: value for key, value in _config(folder / "text_encoder").items() if not key.startswith("_")}
    with torch.device("meta"):  # random weights, which are to be replaced, take their time
        vae = AutoencoderKL.from_config(_config(folder / "vae"))
        text_encoder = CLIPTextModel(CLIPTextConfig(**text_config))
    fill(vae, read_state(folder / "vae"), "the VAE", dtype=dtype)
    fill(text_encoder, read_state(folder / "text_encoder"), "the text encoder", dtype=dtype)
    for module in text_encoder.modules():
        if hasattr(module, "position_ids"):  # a buffer that is computed, not stored
            module.position_ids = torch.arange(text_encoder.config.max_position_embeddings)[None]
    return {
        "vae": vae.eval().requires_grad_(False),
        "text_encoder": text_encoder.eval().requires_grad_(False),
        "tokenizer": CLIPTokenizer.from_pretrained(folder / "tokenizer", clean_up_tokenization_spaces=False),
    }


def complete_layout(folder: Path, text_encoder: CLIPTextModel, tokenizer: CLIPTokenizer) -> None:
    """Bring what transformers 5 saves to the published layout, which older versions read too.

    Its text encoder's tensors lack the prefix `text_model.`, and its tokenizer has no vocab.json and merges.txt.
    """
    from safetensors.torch import save_file

    state = {f"text_model.{name.removeprefix('text_model.')}": x for name, x in text_encoder.state_dict().items()}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    save_file(tensors, folder / "text_encoder" / "model.safetensors", metadata={"format": "pt"})
    words = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in words["merges"]]
    write_json(folder / "tokenizer" / "vocab.json", words["vocab"])
    write_bytes(folder / "tokenizer" / "merges.txt", "\n".join(["#version: 0.2", *merges, ""]).encode())


def ddim_scheduler(prediction_type: str = "epsilon") -> DDIMScheduler:
    """The sampler of the published scripts; their betas are linear, the base model's are not."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="linear",
        steps_offset=1,
        clip_sample=False,
        rescale_betas_zero_snr=False,
        timestep_spacing="leading",
        prediction_type=prediction_type,
    )


def _scheduler(folder: Path) -> DDIMScheduler:
    """The published scripts' scheduler, which is not read from the folder; a folder that we saved has its own."""
    index = folder / "model_index.json"
    if index.is_file() and json.loads(index.read_text(encoding="utf-8")).get("_class_name") == "ConsistI2VPipeline":
        return DDIMScheduler.from_pretrained(folder / "scheduler")
    return ddim_scheduler()


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(config, dict):
        raise UserError(f"{path}: expected an object of settings")
    return config
