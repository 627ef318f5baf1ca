"""The published files: where they are, and what their tensors are called in our modules."""

from __future__ import annotations

import os
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import torch
from torch import nn

from i2vbench import checkpoints
from i2vbench.checkpoints import WEIGHT_FILES, weight_file
from i2vbench.errors import UserError
from i2vbench.names import is_hub_name
from i2vbench.weights import hub
from i2vbench.weights.catalogue import entry

PUBLISHED = entry("consisti2v")
HUB_ID = PUBLISHED.repository
LICENCE = PUBLISHED.licence

_NEEDED = ("unet/config.json", "vae/config.json", "text_encoder/config.json")
_TOKENIZERS = (("vocab.json", "merges.txt"), ("tokenizer.json",))

_OLD_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""What Stable Diffusion's own VAE files call the projections of the middle attention."""

_COUNTERS = frozenset({"embeddings.position_ids", "text_model.embeddings.position_ids"})
"""An index buffer that transformers before 4.31 stored among the weights."""


def find_checkpoint(where: str | os.PathLike[str] | None = None, *, download: bool = False) -> Path:
    """The folder of a checkpoint in the published layout.

    Args:
        where: A folder, or a name on the Hugging Face hub, looked for in the local cache; None is the published one.
        download: Whether to fetch what the cache lacks.

    Raises:
        UserError: In one line: what to fetch, from where, how large, under which licence; or what a folder lacks.
    """
    name = os.fspath(where or HUB_ID)
    try:
        folder = find_folder(name, download=download)
    except FileNotFoundError as error:
        if name == HUB_ID:
            raise UserError(_missing_line(f"the ConsistI2V checkpoint {error}")) from error
        fetch = f": fetch it with `hf download {name}`, or name the folder it is in" if is_hub_name(name) else ""
        raise UserError(f"checkpoint '{name}' {error}{fetch}") from error
    lacking = lacking_files(folder)
    if lacking and name == HUB_ID:
        raise UserError(_missing_line(f"the ConsistI2V checkpoint is only in part here ({', '.join(lacking)} missing)"))
    if lacking:
        raise UserError(f"checkpoint {name}: {', '.join(lacking)} missing; expected a ConsistI2V pipeline folder")
    return folder


def find_folder(name: str, *, download: bool = False) -> Path:
    """A pipeline's folder, by its path or its name on the Hugging Face hub.

    Args:
        name: A folder, or OWNER/REPO[@REVISION], looked for in the local cache.
        download: Whether to fetch what the cache lacks.

    Raises:
        FileNotFoundError: With what is wrong, in words that go on from the name.
    """
    if download and is_hub_name(name):
        from huggingface_hub import snapshot_download

        repo, revision = hub.split_hub_name(name)
        try:
            return Path(snapshot_download(repo, revision=revision, allow_patterns=list(PUBLISHED.patterns)))
        except OSError as error:  # no network, no such repository, no permission
            raise FileNotFoundError(f"could not be fetched ({str(error).splitlines()[0]})") from error
    try:
        folder = hub.find_folder(name)
    except UserError as error:
        raise FileNotFoundError("is not a folder") from error
    if folder is None:
        raise FileNotFoundError("is not here")
    return folder


def lacking_files(folder: Path) -> list[str]:
    """What a pipeline's folder lacks of configurations, weights and tokenizer, by name."""
    lacking = [file for file in _NEEDED if not (folder / file).is_file()]
    lacking += [
        f"{part}/{WEIGHT_FILES[0]}" for part in ("unet", "vae", "text_encoder") if not weight_file(folder / part)
    ]
    if not any(all((folder / "tokenizer" / file).is_file() for file in files) for files in _TOKENIZERS):
        lacking += [f"tokenizer/{file}" for file in _TOKENIZERS[0] if not (folder / "tokenizer" / file).is_file()]
    return lacking


def fill(module: nn.Module, state: Mapping[str, Any], what: str, *, dtype: torch.dtype | None = None) -> None:
    """As `checkpoints.fill`, and converts names.

    Converted are Stable Diffusion's older names of the VAE's attention, and the prefix `text_model.` that CLIP's text
    encoder has in files and lost in transformers 5.

    Raises:
        CheckpointError: As `checkpoints.fill`.
    """
    checkpoints.fill(module, _renamed(checkpoints.unwrap(state), module.state_dict().keys()), what, dtype=dtype)


def _renamed(state: Mapping[str, Any], expected: Set[str]) -> dict[str, Any]:
    """The checkpoint's tensors under the module's names where these are known to differ."""
    renamed = {}
    for name, value in state.items():
        if name in _COUNTERS and name not in expected:
            continue
        if name not in expected:
            parts = name.split(".")
            if len(parts) > 1 and parts[-2] in _OLD_ATTENTION:
                name = ".".join((*parts[:-2], _OLD_ATTENTION[parts[-2]], parts[-1]))
            elif name.removeprefix("text_model.") in expected:
                name = name.removeprefix("text_model.")
            elif f"text_model.{name}" in expected:
                name = f"text_model.{name}"
        renamed[name] = value
    return renamed


def _missing_line(problem: str) -> str:
    """One line: what is wrong, what to fetch, from where, how large, under which licence."""
    return (
        f"{problem}: fetch {HUB_ID} from the Hugging Face hub ({PUBLISHED.size_text}; {LICENCE}) with "
        f"`i2vbench weights fetch {PUBLISHED.name}` or `hf download {HUB_ID}`, or name the folder it is in"
    )
