"""How tensors come from files into modules: read without running anything, and every key accounted for.

Nothing is unpickled: .safetensors and .npz files are read as arrays, all others by torch's weights-only reader.
"""

from __future__ import annotations

import os
import pickle
import pickletools
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor, nn

from i2vbench.errors import UserError

WEIGHT_FILES = (
    "diffusion_pytorch_model.safetensors",
    "model.safetensors",
    "diffusion_pytorch_model.bin",
    "pytorch_model.bin",
)
_WRAPPINGS = ("state_dict", "model")
"""Under which training loops save a network's tensors, beside an optimizer's."""

LONGEST_WORD = 10_000
"""Characters of a word in a pickled checkpoint, be it in a name or a note."""

MOST_UNPACKED = 10
"""Times the size of a .npz that its arrays may have; weights hardly shrink."""

_LEGACY_PICKLES = 5
"""In a row, in torch's format before 1.6: a mark, the version, the system, the tensors, the names of storages."""

_COUNTER = ".num_batches_tracked"
"""Ends the names of batch norms' counters: no parameters, and some files of one checkpoint have them, others not."""


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


def weight_file(folder: Path) -> Path | None:
    """The file of a component's folder that holds its tensors; safetensors are preferred."""
    return next((folder / name for name in WEIGHT_FILES if (folder / name).is_file()), None)


def read_state(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The tensors of a file, or of the folder that holds one, by name.

    Args:
        path: .safetensors; .npz (arrays alone, no pickled objects); anything else by torch's weights-only reader.

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
        if file.suffix == ".npz":
            return _read_arrays(file)
        _check_pickle(file)
        state = torch.load(file, map_location="cpu", weights_only=True, mmap=_is_zip(file))
    except UserError:
        raise
    except pickle.UnpicklingError as error:  # torch's own words advise to trust the file
        raise UserError(
            f"checkpoint file {file} holds pickled objects, which are not loaded: expected tensors"
        ) from error
    except Exception as error:  # safetensors and zipfile raise their own kinds
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(f"checkpoint file {file} cannot be read as tensors: {reason}") from error
    state = _innermost(state)
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"checkpoint file {file}: expected tensors by name, got something else")
    return dict(state)


def unwrap(state: Mapping[str, Any]) -> dict[str, Any]:
    """A checkpoint out of its wrapping and without the prefix `module.` of data-parallel training."""
    return {key.removeprefix("module."): value for key, value in _innermost(state).items()}


def _innermost(state: Any) -> Any:
    if isinstance(state, Mapping):
        return next((state[name] for name in _WRAPPINGS if isinstance(state.get(name), Mapping)), state)
    return state


def fill(module: nn.Module, state: Mapping[str, Any], what: str, *, dtype: torch.dtype | None = None) -> None:
    """Give a module the tensors of a checkpoint; every key is accounted for.

    A wrapping `state_dict` or `model` and the prefix `module.` are taken off, and counters of batch norms that the
    module does not keep are left out. A module on the meta device takes the tensors themselves, any other copies them
    into its own.

    Args:
        state: Tensors or arrays by name.
        what: The module, as messages call it.
        dtype: Cast to this first, for a module on the meta device.

    Raises:
        CheckpointError: Naming every key that is missing, left over or of another shape; for a checkpoint that
            shares less than half of the keys only that it is another model's.
    """
    own = module.state_dict()
    given = {
        key: torch.as_tensor(value) for key, value in unwrap(state).items() if key in own or not key.endswith(_COUNTER)
    }
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


def _read_arrays(file: Path) -> dict[str, Tensor]:
    """Every array of a .npz file; numpy refuses those that hold objects.

    Raises:
        UserError: It unpacks to many times its size.
    """
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > MOST_UNPACKED * max(file.stat().st_size, 1 << 20):
        raise UserError(f"checkpoint file {file} unpacks to {unpacked:,} bytes, more than weights do")
    with np.load(file, allow_pickle=False) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def _check_pickle(file: Path) -> None:
    """Refuse a word that no checkpoint has, before torch meets it: it says what it dislikes, and looks through what it
    says with an expression that takes time by the square of a word's length (50,000 letters: minutes).

    Raises:
        UserError: There is one.
        Exception: What pickletools and zipfile raise on damage of a zip.
    """
    with ExitStack() as stack:
        stream: IO[bytes] = stack.enter_context(open(file, "rb"))
        pickles = _LEGACY_PICKLES
        if _is_zip(file):
            archive = stack.enter_context(zipfile.ZipFile(stream))
            # The code of TorchScript may be compressed; torch reads none of it here, and refuses such a file by name.
            kept = [member for member in archive.infolist() if "/code/" not in member.filename]
            if any(member.compress_type != zipfile.ZIP_STORED for member in kept):
                raise UserError(f"checkpoint file {file} is compressed, which torch's are not: it may be of any size")
            names = [name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl"]
            if not names:
                raise UserError(f"checkpoint file {file} cannot be read as tensors: it has no data.pkl")
            stream, pickles = stack.enter_context(archive.open(names[0])), 1
        for _ in range(pickles):
            for _, argument, _ in _operations(stream):
                if isinstance(argument, (str, bytes)) and len(argument) > LONGEST_WORD:
                    longest = max(map(len, argument.split()), default=0)
                    if longest > LONGEST_WORD:
                        raise UserError(
                            f"checkpoint file {file} holds a word of {longest:,} characters; expected names of "
                            f"tensors, of at most {LONGEST_WORD:,}"
                        )


def _operations(stream: IO[bytes]) -> Iterator[tuple[Any, Any, int | None]]:
    """What a pickle does, up to where it is damaged: that is torch's to say."""
    with suppress(ValueError):
        yield from pickletools.genops(stream)


def _is_zip(file: Path) -> bool:
    """Whether torch can map the file: its format since 1.6 is a zip archive."""
    with open(file, "rb") as stream:
        return stream.read(2) == b"PK"
