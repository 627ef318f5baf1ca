"""The published files: where they are, and how their tensors come into our modules.

Nothing is unpickled: .safetensors files are read as such, .bin files by torch's weights-only reader.
"""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from i2vbench.errors import UserError
from i2vbench.weights.catalogue import entry

PUBLISHED = entry("consisti2v")
HUB_ID = PUBLISHED.repository
LICENCE = PUBLISHED.licence

WEIGHT_FILES = (
    "diffusion_pytorch_model.safetensors",
    "model.safetensors",
    "diffusion_pytorch_model.bin",
    "pytorch_model.bin",
)
_NEEDED = ("unet/config.json", "vae/config.json", "text_encoder/config.json")
_TOKENIZERS = (("vocab.json", "merges.txt"), ("tokenizer.json",))
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")

_OLD_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""What Stable Diffusion's own VAE files call the projections of the middle attention."""

_COUNTERS = frozenset({"embeddings.position_ids", "text_model.embeddings.position_ids"})
"""An index buffer that transformers before 4.31 stored among the weights."""


class CheckpointError(UserError):
    """A checkpoint's tensors are not those that a module needs.

    Attributes:
        missing: Keys that the module needs and the checkpoint lacks.
        left_over: Keys of the checkpoint that the module has no place for.
        misshapen: Keys whose shapes differ.
    """

    def __init__(self, message: str, missing: list[str], left_over: list[str], misshapen: list[str]) -> None:
        super().__init__(message)
        self.missing, self.left_over, self.misshapen = missing, left_over, misshapen


def find_checkpoint(where: str | os.PathLike[str] | None = None, *, download: bool = False) -> Path:
    """The folder of a checkpoint in the published layout.

    Args:
        where: A folder, or a name on the Hugging Face hub, looked for in the local cache; None is the published one.
        download: Whether to fetch what the cache lacks.

    Raises:
        UserError: In one line: what to fetch, from where, how large, under which licence; or what a folder lacks.
    """
    name = os.fspath(where or HUB_ID)
    folder = Path(name).expanduser()
    if not folder.is_dir():
        if not _HUB_NAME.fullmatch(name) or folder.exists():
            raise UserError(f"checkpoint '{name}': expected a folder in the published layout, and it is none")
        folder = _snapshot(name, download)
    lacking = [file for file in _NEEDED if not (folder / file).is_file()]
    lacking += [
        f"{part}/{WEIGHT_FILES[0]}" for part in ("unet", "vae", "text_encoder") if not weight_file(folder / part)
    ]
    if not any(all((folder / "tokenizer" / file).is_file() for file in files) for files in _TOKENIZERS):
        lacking += [f"tokenizer/{file}" for file in _TOKENIZERS[0] if not (folder / "tokenizer" / file).is_file()]
    if lacking and name == HUB_ID:
        raise UserError(missing_line(f"the ConsistI2V checkpoint is only in part here ({', '.join(lacking)} missing)"))
    if lacking:
        raise UserError(f"checkpoint {name}: {', '.join(lacking)} missing; expected a ConsistI2V pipeline folder")
    return folder


def missing_line(problem: str) -> str:
    """One line: what is wrong, what to fetch, from where, how large, under which licence."""
    return (
        f"{problem}: fetch {HUB_ID} from the Hugging Face hub ({PUBLISHED.size_text}; {LICENCE}) with "
        f"`i2vbench weights fetch {PUBLISHED.name}` or `hf download {HUB_ID}`, or name the folder it is in"
    )


def weight_file(folder: Path) -> Path | None:
    """The file of a component's folder that holds its tensors; safetensors are preferred."""
    return next((folder / name for name in WEIGHT_FILES if (folder / name).is_file()), None)


def read_state(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The tensors of a .safetensors or .bin file, or of the folder that holds one, by name.

    Raises:
        UserError: No such file, a damaged one, or one that holds more than tensors.
    """
    file = Path(path)
    if file.is_dir():
        found = weight_file(file)
        if found is None:
            raise UserError(f"checkpoint folder {file}: expected one of {', '.join(WEIGHT_FILES)}")
        file = found
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(file)
        state = torch.load(file, map_location="cpu", weights_only=True, mmap=_is_zip(file))
    except pickle.UnpicklingError as error:  # torch's own words advise to trust the file
        raise UserError(
            f"checkpoint file {file} holds pickled objects, which are not loaded: expected tensors"
        ) from error
    except Exception as error:  # safetensors and zipfile raise their own kinds
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(f"checkpoint file {file} cannot be read as tensors: {reason}") from error
    state = state.get("state_dict", state) if isinstance(state, Mapping) else state
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"checkpoint file {file}: expected tensors by name, got something else")
    return dict(state)


def fill(module: nn.Module, state: Mapping[str, Any], what: str, *, dtype: torch.dtype | None = None) -> None:
    """Give a module the tensors of a checkpoint; every key is accounted for.

    Converted are the prefix `module.`, a wrapping `state_dict`, Stable Diffusion's older names of the VAE's
    attention, and the prefix `text_model.` that CLIP's text encoder has in files and lost in transformers 5. A module
    on the meta device takes the tensors themselves, any other copies them into its own.

    Args:
        state: Tensors or arrays by name.
        what: The module, as messages call it.
        dtype: Cast to this first, for a module on the meta device.

    Raises:
        CheckpointError: Naming every key that is missing, left over or of another shape; for a checkpoint that
            shares less than half of the keys only that it is another model's.
    """
    own = module.state_dict()
    given = _renamed(state.get("state_dict", state), own)
    missing, left_over = sorted(set(own) - set(given)), sorted(set(given) - set(own))
    misshapen = [
        f"{key} ({list(given[key].shape)} instead of {list(own[key].shape)})"
        for key in sorted(set(own) & set(given))
        if given[key].shape != own[key].shape
    ]
    if missing or left_over or misshapen:
        raise CheckpointError(_mismatch(what, len(own), missing, left_over, misshapen), missing, left_over, misshapen)
    on_meta = any(tensor.is_meta for tensor in own.values())
    module.load_state_dict(
        {key: value.to(dtype or value.dtype) if on_meta else value for key, value in given.items()}, assign=on_meta
    )


def _renamed(state: Mapping[str, Any], own: Iterable[str]) -> dict[str, Tensor]:
    """The checkpoint's tensors under the module's names where these are known to differ."""
    expected = set(own)
    renamed = {}
    for key, value in state.items():
        name = key.removeprefix("module.")
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
        renamed[name] = torch.as_tensor(value)
    return renamed


def _mismatch(what: str, size: int, missing: list[str], left_over: list[str], misshapen: list[str]) -> str:
    fitting = size - len(missing) - len(misshapen)
    if fitting < size / 2:
        return (
            f"this is a checkpoint of another model than {what}: it has {fitting} of its {size} tensors, "
            f"and {len(left_over) + len(misshapen)} others (the first that does not fit is {(missing + misshapen)[0]})"
        )
    lists = (("missing", missing), ("left over", left_over), ("of another shape", misshapen))
    return f"checkpoint of {what}: " + "; ".join(
        f"{len(keys)} {name}: {', '.join(keys)}" for name, keys in lists if keys
    )


def _snapshot(name: str, download: bool) -> Path:
    """The folder of a repository of the hub in the local cache."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=list(PUBLISHED.patterns), local_files_only=not download))
    except LocalEntryNotFoundError as error:
        raise UserError(_fetch_line(name, "is not here")) from error
    except OSError as error:  # no network, no such repository, no permission
        raise UserError(_fetch_line(name, f"could not be fetched ({str(error).splitlines()[0]})")) from error


def _fetch_line(name: str, problem: str) -> str:
    """As `missing_line`, of any name on the hub; size and licence are known of the published one alone."""
    if name == HUB_ID:
        return missing_line(f"the ConsistI2V checkpoint {problem}")
    return f"checkpoint '{name}' {problem}: fetch it with `hf download {name}`, or name the folder it is in"


def _is_zip(file: Path) -> bool:
    """Whether torch can map the file: its format since 1.6 is a zip archive."""
    with open(file, "rb") as stream:
        return stream.read(2) == b"PK"
