"""The networks of a checkpoint folder, each filled with exactly its tensors."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from i2vbench.checkpoints import read_state
from i2vbench.errors import UserError
from i2vbench.files import write_bytes, write_json
from i2vbench.models.consisti2v.checkpoint import fill, find_checkpoint
from i2vbench.models.consisti2v.unet import ConsistI2VUNet
from i2vbench.names import nearest
from i2vbench.parsing import parse_json


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
    scheduler = _scheduler(folder)
    frozen = load_frozen(folder, dtype)  # the small files first: what is wrong with them is told at once
    return {"scheduler": scheduler, **frozen, "unet": load_unet(folder / "unet", dtype, unet_config)}


def load_unet(
    folder: Path, dtype: torch.dtype | None = None, overrides: Mapping[str, Any] | None = None
) -> ConsistI2VUNet:
    """The U-Net of a folder with config.json and its tensors.

    Raises:
        UserError: A configuration that this U-Net does not have, or other tensors than it needs.
    """
    settings = inspect.signature(ConsistI2VUNet.__init__).parameters
    for name in overrides or ():
        if name not in settings:
            raise UserError(f"the ConsistI2V U-Net has no setting '{name}': {nearest(name, list(settings)[1:])}")
    with torch.device("meta"), _told(folder / "config.json", "a ConsistI2V U-Net"):
        unet = ConsistI2VUNet.from_config(_config(folder), **dict(overrides or {}))
    fill(unet, read_state(folder), "the ConsistI2V U-Net", dtype=dtype)
    return unet.eval()


def load_frozen(folder: Path, dtype: torch.dtype | None = None) -> dict[str, Any]:
    """VAE, text encoder and tokenizer of a pipeline folder (ConsistI2V's or Stable Diffusion 2.1-base's).

    Raises:
        UserError: Other tensors than these networks need.
    """
    text_config = {key: value for key, value in _config(folder / "text_encoder").items() if not key.startswith("_")}
    with torch.device("meta"), _told(folder / "text_encoder" / "config.json", "CLIP's text encoder"):
        text_encoder = CLIPTextModel(CLIPTextConfig(**text_config))
    with _told(folder / "tokenizer", "CLIP's tokenizer"):
        tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer", clean_up_tokenization_spaces=False)
    vae = load_vae(folder / "vae", dtype)
    fill(text_encoder, read_state(folder / "text_encoder"), "the text encoder", dtype=dtype)
    for module in text_encoder.modules():
        if hasattr(module, "position_ids"):  # a buffer that is computed, not stored
            module.position_ids = torch.arange(text_encoder.config.max_position_embeddings)[None]
    return {
        "vae": vae,
        "text_encoder": text_encoder.eval().requires_grad_(False),
        "tokenizer": tokenizer,
    }


def load_vae(folder: Path, dtype: torch.dtype | None = None) -> AutoencoderKL:
    """The VAE of a folder with config.json and its tensors.

    Raises:
        UserError: Other tensors than it needs.
    """
    # On the meta device: random weights, which are to be replaced, take their time.
    with torch.device("meta"), _told(folder / "config.json", "a VAE"):
        vae = AutoencoderKL.from_config(_config(folder))
    fill(vae, read_state(folder), "the VAE", dtype=dtype)
    return vae.eval().requires_grad_(False)


def complete_layout(folder: Path, text_encoder: CLIPTextModel, tokenizer: CLIPTokenizer) -> None:
    """Bring what transformers 5 saves to the published layout, which older versions read too.

    Its text encoder's tensors lack the prefix `text_model.`, and its tokenizer has no vocab.json and merges.txt.
    """
    from safetensors.torch import save_file

    state = {f"text_model.{name.removeprefix('text_model.')}": x for name, x in text_encoder.state_dict().items()}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    save_file(tensors, folder / "text_encoder" / "model.safetensors", metadata={"format": "pt"})
    words = parse_json(tokenizer.backend_tokenizer.to_str())["model"]
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
    if index.is_file() and read_json(index).get("_class_name") == "ConsistI2VPipeline":
        with _told(folder / "scheduler", "a DDIM scheduler"):
            return DDIMScheduler.from_pretrained(folder / "scheduler")
    return ddim_scheduler()


@contextmanager
def _told(path: Path, what: str) -> Iterator[None]:
    """Say in a line that a library could make nothing of a file.

    Raises:
        UserError: For whatever it raised.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # tokenizers, diffusers and transformers each raise what they like
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise UserError(f"{path} is not of {what}: {reason}") from error


def _config(folder: Path) -> dict[str, Any]:
    return read_json(folder / "config.json")


def read_json(path: Path) -> dict[str, Any]:
    """The settings in a file.

    Raises:
        UserError: It cannot be read, or is something else.
    """
    try:
        config = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(config, dict):
        raise UserError(f"{path}: expected an object of settings")
    return config
