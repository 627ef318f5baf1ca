"""A checkpoint folder in the published layout with the tiny networks of the recorded cases, filled by the recipe."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from safetensors.numpy import save_file

from tests.reference import recipe
from tests.reference.cases import bundled_json

REFERENCE = Path(recipe.__file__).resolve().parent / "consisti2v"
FRAMES, SIDE = 4, 32
"""Frames the tiny U-Net was made for, and the side of its pictures; latents are 8 x 8."""

_INDEX = {
    "_class_name": "ConditionalAnimationPipeline",
    "_diffusers_version": "0.21.2",
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["consisti2v.models.videoldm_unet", "VideoLDMUNet3DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}


def save_tiny_checkpoint(folder: Path, seed: int = 0) -> Path:
    """Write the folder (unet, vae, text_encoder, tokenizer, scheduler, model_index.json) and return it.

    Args:
        folder: Where to; made if need be.
        seed: Of the recipe.
    """
    tensors = {
        "unet": ("diffusion_pytorch_model", recipe.unet_state(_read("unet_tiny_keys.json"), seed)),
        "vae": ("diffusion_pytorch_model", recipe.state(_read("vae_tiny_keys.json"), seed)),
        "text_encoder": ("model", recipe.state(_read("text_tiny_keys.json"), seed)),
    }
    configs = {"unet": "unet_tiny_config", "vae": "vae_tiny_config", "text_encoder": "text_tiny_config"}
    for part, (name, state) in tensors.items():
        (folder / part).mkdir(parents=True, exist_ok=True)
        save_file(state, folder / part / f"{name}.safetensors")
        shutil.copyfile(REFERENCE / f"{configs[part]}.json", folder / part / "config.json")
    (folder / "scheduler").mkdir(exist_ok=True)
    shutil.copyfile(REFERENCE / "scheduler_config.json", folder / "scheduler" / "scheduler_config.json")
    shutil.copytree(REFERENCE / "tokenizer_tiny", folder / "tokenizer", dirs_exist_ok=True)
    (folder / "model_index.json").write_text(json.dumps(_INDEX, indent=2))
    return folder


def _read(name: str) -> dict[str, Any]:
    return bundled_json(f"consisti2v/{name}")
